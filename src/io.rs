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
//!
//! # tokio's traits
//!
//! With the feature `tokio-io`, sockets, files and the other types of this crate that implement
//! `AsyncRead`, `AsyncWrite`, `AsyncBufRead` or `AsyncSeek` of `futures` also implement the traits
//! of these names of the crate `tokio`, so that codecs, TLS and protocol libraries which expect
//! them accept these types. Nothing of tokio's runtime is used. `shutdown` of tokio's extension
//! trait is `close` of that of `futures`.
//!
//! ```
//! use quintet::io::duplex;
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! # quintet::block_on(async {
//! let (mut client, mut server) = duplex(64);
//! client.write_u16(7).await?;
//! client.shutdown().await?;
//! assert_eq!(server.read_u16().await?, 7);
//! # std::io::Result::Ok(())
//! # }).unwrap();
//! ```
//!
//! The extension traits of tokio and of `futures` have methods of the same names: where both are
//! imported, calls are ambiguous. Import one of them in each module.

#[cfg(feature = "net")]
pub(crate) mod by_reference;
mod copy;
mod duplex;
mod join;
mod pipe;
#[cfg(any(feature = "hyper", feature = "tokio-io"))]
pub(crate) mod read_buffer;
mod readiness;
pub(crate) mod source;
mod split;
#[cfg(feature = "stdio")]
mod stdio;
mod trivial;
pub mod unix;

pub use copy::{copy, copy_bidirectional, copy_bidirectional_with_sizes, copy_buf};
pub use duplex::{DuplexStream, SimplexStream, duplex, simplex};
pub use futures::io::{
    AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncSeek, AsyncSeekExt, AsyncWrite,
    AsyncWriteExt, BufReader, BufWriter, Cursor,
};
pub use join::{Join, join};
pub use readiness::{Interest, Ready};
pub use split::{ReadHalf, WriteHalf, split};
pub use std::io::{Error, ErrorKind, IoSlice, IoSliceMut, Result, SeekFrom};
#[cfg(feature = "stdio")]
pub use stdio::{
    Lines, Stderr, Stdin, Stdout, WindowChanges, WindowSize, stderr, stdin, stdout, window_changes,
    window_size,
};
pub use trivial::{Empty, Repeat, Sink, empty, repeat, sink};
