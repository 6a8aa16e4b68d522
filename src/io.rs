//! Asynchronous I/O: the traits, and what all of this crate's sources share.
//!
//! Sockets and files implement the traits of `futures::io`, which are re-exported here, with their
//! extension traits for `read_to_end`, `lines`, `copy` and the like.

pub(crate) mod source;

pub use futures::io::{
    AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncSeek, AsyncSeekExt, AsyncWrite,
    AsyncWriteExt, BufReader, BufWriter, Cursor, copy, copy_buf, empty, repeat, sink,
};
pub use std::io::{Error, ErrorKind, IoSlice, IoSliceMut, Result, SeekFrom};
