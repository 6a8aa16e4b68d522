//! Asynchronous I/O: traits, helpers, and the types that they need.
//!
//! Sockets and files implement the traits of `futures::io`. This module re-exports them, with their
//! extension traits for `read_to_end`, `lines` and the like.
//!
//! # The budget of a task
//!
//! [`copy`], [`copy_buf`], [`copy_bidirectional`], [`duplex`], [`simplex`], [`empty`], [`repeat`] and
//! [`sink`] are functions of this crate. Like all its operations they charge the task's
//! [budget](crate::task::coop), so a task that copies without end does not starve others. [`split`]
//! and [`join`] charge what the streams charge that they are made from.
//!
//! The re-exports from `futures` do not charge the budget themselves: [`BufReader`], [`BufWriter`],
//! [`Cursor`] and the methods of [`AsyncReadExt`], [`AsyncBufReadExt`], [`AsyncWriteExt`] and
//! [`AsyncSeekExt`]. The sockets and files below them do. A long loop over data in memory, such as
//! the lines of a [`Cursor`], yields only if it calls
//! [`consume_budget`](crate::task::coop::consume_budget).

mod copy;
mod duplex;
mod join;
mod pipe;
pub(crate) mod source;
mod split;
mod trivial;

pub use copy::{copy, copy_bidirectional, copy_bidirectional_with_sizes, copy_buf};
pub use duplex::{DuplexStream, SimplexStream, duplex, simplex};
pub use futures::io::{
    AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncSeek, AsyncSeekExt, AsyncWrite,
    AsyncWriteExt, BufReader, BufWriter, Cursor,
};
pub use join::{Join, join};
pub use split::{ReadHalf, WriteHalf, split};
pub use std::io::{Error, ErrorKind, IoSlice, IoSliceMut, Result, SeekFrom};
pub use trivial::{Empty, Repeat, Sink, empty, repeat, sink};
