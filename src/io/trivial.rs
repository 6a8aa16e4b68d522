//! Readers and writers that need no system call.

use std::io::{self, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite};

use crate::coop;

/// Returns a value that is always at the end of the stream when read, and discards all data written
/// to it.
///
/// Its reads and writes charge the task's [budget](crate::task::coop).
///
/// # Examples
///
/// ```
/// use quintet::io::{AsyncReadExt, empty};
///
/// # quintet::block_on(async {
/// let mut contents = Vec::new();
/// empty().read_to_end(&mut contents).await?;
/// assert!(contents.is_empty());
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub const fn empty() -> Empty {
    Empty
}

/// Returns a reader that yields `byte` without end.
///
/// Its reads charge the task's [budget](crate::task::coop).
///
/// # Examples
///
/// ```
/// use quintet::io::{AsyncReadExt, repeat};
///
/// # quintet::block_on(async {
/// let mut buf = [0; 3];
/// repeat(b'x').read_exact(&mut buf).await?;
/// assert_eq!(&buf, b"xxx");
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub const fn repeat(byte: u8) -> Repeat {
    Repeat { byte }
}

/// Returns a writer that discards all data.
///
/// Its writes charge the task's [budget](crate::task::coop).
///
/// # Examples
///
/// ```
/// use quintet::io::{copy, sink};
///
/// # quintet::block_on(async {
/// // Counts the bytes.
/// assert_eq!(copy(&b"hello"[..], &mut sink()).await?, 5);
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub const fn sink() -> Sink {
    Sink
}

/// An empty reader, and a writer that discards all data; returned by [`empty`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Empty;

/// A reader that yields one byte without end; returned by [`repeat`].
#[derive(Clone, Debug)]
pub struct Repeat {
    byte: u8,
}

/// A writer that discards all data; returned by [`sink`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Sink;

/// Completes an operation that moves so many bytes.
fn poll_moved(cx: &Context<'_>, bytes: usize) -> Poll<io::Result<usize>> {
    ready!(coop::poll_proceed(cx));
    coop::charge(bytes);
    Poll::Ready(Ok(bytes))
}

impl AsyncRead for Empty {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        _: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        poll_moved(cx, 0)
    }
}

impl AsyncBufRead for Empty {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        ready!(poll_moved(cx, 0))?;
        Poll::Ready(Ok(&[]))
    }

    fn consume(self: Pin<&mut Self>, _: usize) {}
}

impl AsyncSeek for Empty {
    /// Returns 0 for every position.
    fn poll_seek(self: Pin<&mut Self>, cx: &mut Context<'_>, _: SeekFrom) -> Poll<io::Result<u64>> {
        ready!(poll_moved(cx, 0))?;
        Poll::Ready(Ok(0))
    }
}

impl AsyncRead for Repeat {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let n = ready!(poll_moved(cx, buf.len()))?;
        buf.fill(self.byte);
        Poll::Ready(Ok(n))
    }
}

macro_rules! impl_discarding {
    ($writer:ty) => {
        impl AsyncWrite for $writer {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                poll_moved(cx, buf.len())
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[io::IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                poll_moved(cx, bufs.iter().map(|buf| buf.len()).sum())
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                poll_moved(cx, 0).map_ok(|_| ())
            }

            fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                poll_moved(cx, 0).map_ok(|_| ())
            }
        }
    };
}

impl_discarding!(Empty);
impl_discarding!(Sink);
