//! Asynchronous I/O: traits, helpers, and the types that they need.
//!
//! Sockets and files implement the traits of `futures::io`. This module re-exports them, with their
//! extension traits for `read_to_end`, `lines` and the like.
//!
//! # The budget of a task
//!
//! [`copy`], [`copy_buf`], [`copy_bidirectional`], [`empty`], [`repeat`] and [`sink`] are functions
//! of this crate. Like all its operations they charge the task's [budget](crate::task::coop), so a
//! task that copies without end does not starve others.
//!
//! The re-exports from `futures` do not charge the budget themselves: [`BufReader`], [`BufWriter`],
//! [`Cursor`] and the methods of [`AsyncReadExt`], [`AsyncBufReadExt`], [`AsyncWriteExt`] and
//! [`AsyncSeekExt`]. The sockets and files below them do. A long loop over data in memory, such as
//! the lines of a [`Cursor`], yields only if it calls
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
