//! Asynchronous I/O: the traits, and what all of this crate's sources share.
//!
//! Sockets and files implement the traits of `futures::io`, which are re-exported here with their
//! extension traits for `read_to_end`, `lines` and the like.
//!
//! # The budget of a task
//!
//! The functions of this module are quintet's own: [`copy`], [`copy_buf`], [`copy_bidirectional`],
//! [`empty`], [`repeat`] and [`sink`] charge the task's [budget](crate::task::coop), like all
//! operations of this crate, so a task that copies without end leaves others their turn.
//!
//! What is re-exported from `futures` does not charge by itself: [`BufReader`], [`BufWriter`],
//! [`Cursor`] and the methods of [`AsyncReadExt`], [`AsyncBufReadExt`], [`AsyncWriteExt`] and
//! [`AsyncSeekExt`]. The sockets and files below them do. But a long loop over what is in memory, say
//! over the lines of a [`Cursor`], gives way to other tasks only if it is told to, by
//! [`consume_budget`](crate::task::coop::consume_budget).

mod copy;
pub(crate) mod source;
mod trivial;

pub use copy::{copy, copy_bidirectional, copy_buf};
pub use futures::io::{
    AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncSeek, AsyncSeekExt, AsyncWrite,
    AsyncWriteExt, BufReader, BufWriter, Cursor,
};
pub use std::io::{Error, ErrorKind, IoSlice, IoSliceMut, Result, SeekFrom};
pub use trivial::{Empty, Repeat, Sink, empty, repeat, sink};
