//! Streams between hyper's traits and those of `futures`.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ::hyper::rt::{self, ReadBuf, ReadBufCursor};
use futures::io::{AsyncRead, AsyncWrite};
use pin_project_lite::pin_project;

use crate::io::read_buffer;

pin_project! {
    /// A stream with the I/O traits of another kind.
    ///
    /// Around a stream with the traits of `futures` it has hyper's, for example around a TLS
    /// stream that a connection of hyper is to use. Around one with hyper's traits it has those of
    /// `futures`, for example around [`Upgraded`](hyper::upgrade::Upgraded), on which a protocol
    /// is to run. With the feature `tokio-io` this second kind also has tokio's.
    ///
    /// The streams of [`net`](crate::net) have all of these traits themselves.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::{AsyncReadExt, AsyncWriteExt};
    /// use hyper::upgrade::Upgraded;
    /// use quintet::hyper::Io;
    ///
    /// async fn echo(upgraded: Upgraded) -> std::io::Result<()> {
    ///     let mut stream = Io::new(upgraded);
    ///     let mut buf = [0; 1024];
    ///     loop {
    ///         let n = stream.read(&mut buf).await?;
    ///         if n == 0 {
    ///             return stream.close().await;
    ///         }
    ///         stream.write_all(&buf[..n]).await?;
    ///     }
    /// }
    /// ```
    #[derive(Clone, Copy, Debug, Default)]
    pub struct Io<T> {
        #[pin]
        stream: T,
    }
}

impl<T> Io<T> {
    /// Wraps a stream.
    pub fn new(stream: T) -> Self {
        Io { stream }
    }

    /// Returns the stream.
    pub fn get_ref(&self) -> &T {
        &self.stream
    }

    /// Returns the stream.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.stream
    }

    /// Returns the stream, without the wrapper. Nothing is buffered in this.
    pub fn into_inner(self) -> T {
        self.stream
    }
}

impl<T: AsyncRead> rt::Read for Io<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let room = cursor.remaining();
        read_buffer::poll_read(self.project().stream, cx, room, |data| {
            cursor.put_slice(data);
        })
    }
}

// Without vectored writes, of which a stream of `futures` does not say whether it has them: hyper
// then copies small buffers into one.
impl<T: AsyncWrite> rt::Write for Io<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.project().stream.poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().stream.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().stream.poll_close(cx)
    }
}

impl<T: rt::Read> AsyncRead for Io<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buf = ReadBuf::new(buf);
        ready!(self.project().stream.poll_read(cx, buf.unfilled()))?;
        Poll::Ready(Ok(buf.filled().len()))
    }
}

impl<T: rt::Write> AsyncWrite for Io<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.project().stream.poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.project().stream.poll_write_vectored(cx, bufs)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().stream.poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().stream.poll_shutdown(cx)
    }
}
