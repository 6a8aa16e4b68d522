//! tokio's I/O traits for files.

use std::io::{self, IoSlice, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll};

use ::tokio::io::{AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};
use futures::io as futures_io;

use super::poll_read;
use crate::fs::File;

impl_read_write!(File);

/// As tokio's trait asks, the seek begins with `start_seek`, if no other operation at the cursor
/// runs.
impl AsyncSeek for File {
    fn start_seek(mut self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        self.start_seek_cursor(position)
    }

    /// Resolves to the new position, or to 0 if no seek was started.
    fn poll_complete(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        self.poll_started_seek(cx)
    }
}
