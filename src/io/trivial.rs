//! A reader and writers that need no system call.

use std::io::{self, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite};

use crate::coop;

/// Returns a reader that is at its end from the start, and a writer that discards all data.
///
/// Like every operation that resolves at once, its reads and writes are charged to the task's
/// [budget](crate::task::coop).
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

/// Returns a reader that never ends and has nothing but `byte`.
///
/// Like every operation that resolves at once, its reads are charged to the task's
/// [budget](crate::task::coop).
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
/// Like every operation that resolves at once, its writes are charged to the task's
/// [budget](crate::task::coop).
///
/// # Examples
///
/// ```
/// use quintet::io::{copy, sink};
///
/// # quintet::block_on(async {
/// // How much is there to be read?
/// assert_eq!(copy(&b"hello"[..], &mut sink()).await?, 5);
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub const fn sink() -> Sink {
    Sink
}

/// A reader without data; made by [`empty`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Empty;

/// A reader of one byte again and again; made by [`repeat`].
#[derive(Clone, Debug)]
pub struct Repeat {
    byte: u8,
}

/// A writer that discards all data; made by [`sink`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Sink;

/// Resolves an operation that moves so many bytes.
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
    /// Stays at 0, the end.
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
