//! Streams in memory: two ends that are connected, and a pipe of one direction.

use std::io::{self, IoSlice, IoSliceMut};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::io::{AsyncRead, AsyncWrite};

use super::pipe::Pipe;
use super::split::{ReadHalf, WriteHalf, split};
use crate::coop;

/// Creates two streams in memory that are connected with each other, like the two ends of a socket.
///
/// What is written to one end is read from the other. Each direction buffers up to `max_buf_size`
/// bytes, and a write waits while its buffer is full. The memory is allocated as it is needed.
///
/// Reads and writes charge the task's [budget](crate::task::coop).
///
/// # Panics
///
/// Panics if `max_buf_size` is 0.
///
/// # Examples
///
/// A test of a protocol, without a socket:
///
/// ```
/// use quintet::io::{AsyncReadExt, AsyncWriteExt, duplex};
///
/// # quintet::block_on(async {
/// let (mut client, mut server) = duplex(64);
/// client.write_all(b"ping").await?;
///
/// let mut request = [0; 4];
/// server.read_exact(&mut request).await?;
/// assert_eq!(&request, b"ping");
///
/// server.write_all(b"pong").await?;
/// drop(server);
/// let mut response = String::new();
/// client.read_to_string(&mut response).await?;
/// assert_eq!(response, "pong");
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[track_caller]
pub fn duplex(max_buf_size: usize) -> (DuplexStream, DuplexStream) {
    let one = Arc::new(Pipe::new(max_buf_size));
    let two = Arc::new(Pipe::new(max_buf_size));
    let first = DuplexStream {
        read: Arc::clone(&one),
        write: Arc::clone(&two),
    };
    let second = DuplexStream {
        read: two,
        write: one,
    };
    (first, second)
}

/// Creates a pipe in memory, and returns its reader and its writer.
///
/// It buffers up to `max_buf_size` bytes. The reader reaches the end of the stream after the writer
/// was [closed](AsyncWrite::poll_close); that one of them is dropped is not noticed by the other.
/// [`unsplit`](ReadHalf::unsplit) joins them to a [`SimplexStream`].
///
/// Reads and writes charge the task's [budget](crate::task::coop).
///
/// # Panics
///
/// Panics if `max_buf_size` is 0.
///
/// # Examples
///
/// ```
/// use quintet::io::{AsyncReadExt, AsyncWriteExt, simplex};
///
/// # quintet::block_on(async {
/// let (mut reader, mut writer) = simplex(64);
/// writer.write_all(b"hello").await?;
/// writer.close().await?;
///
/// let mut text = String::new();
/// reader.read_to_string(&mut text).await?;
/// assert_eq!(text, "hello");
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[track_caller]
pub fn simplex(max_buf_size: usize) -> (ReadHalf<SimplexStream>, WriteHalf<SimplexStream>) {
    split(SimplexStream::new_unsplit(max_buf_size))
}

/// One of two connected streams in memory; returned by [`duplex`].
///
/// When it is dropped, the other end reads what is still in the buffer and then the end of the
/// stream, and its writes return an error of kind [`BrokenPipe`](io::ErrorKind::BrokenPipe). To end
/// only the direction that it writes, close it as an [`AsyncWrite`].
///
/// # Cancel safety
///
/// A read or a write that is dropped while it waits has moved no data.
#[derive(Debug)]
pub struct DuplexStream {
    read: Arc<Pipe>,
    write: Arc<Pipe>,
}

/// A pipe in memory: what is written to it is read from it. Created by [`new_unsplit`], or by
/// [`simplex`] as its two halves.
///
/// [`new_unsplit`]: SimplexStream::new_unsplit
///
/// # Cancel safety
///
/// A read or a write that is dropped while it waits has moved no data.
#[derive(Debug)]
pub struct SimplexStream {
    pipe: Pipe,
}

assert_impl!(DuplexStream: Send + Sync + Unpin);
assert_impl!(SimplexStream: Send + Sync + Unpin);

impl SimplexStream {
    /// Creates a pipe that buffers up to `max_buf_size` bytes.
    ///
    /// # Panics
    ///
    /// Panics if `max_buf_size` is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// use quintet::io::{AsyncReadExt, AsyncWriteExt, SimplexStream};
    ///
    /// # quintet::block_on(async {
    /// let mut stream = SimplexStream::new_unsplit(64);
    /// stream.write_all(b"hello").await?;
    ///
    /// let mut buf = [0; 5];
    /// stream.read_exact(&mut buf).await?;
    /// assert_eq!(&buf, b"hello");
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[track_caller]
    pub fn new_unsplit(max_buf_size: usize) -> Self {
        SimplexStream {
            pipe: Pipe::new(max_buf_size),
        }
    }
}

impl Drop for DuplexStream {
    fn drop(&mut self) {
        self.write.close_writer();
        self.read.close_reader();
    }
}

macro_rules! impl_io {
    ($stream:ty, $read:ident, $write:ident) => {
        impl AsyncRead for $stream {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                self.$read.poll_read(cx, &mut [IoSliceMut::new(buf)])
            }

            fn poll_read_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &mut [IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                self.$read.poll_read(cx, bufs)
            }
        }

        impl AsyncWrite for $stream {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                self.$write.poll_write(cx, &[IoSlice::new(buf)])
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                self.$write.poll_write(cx, bufs)
            }

            /// Does nothing: what is written can be read at once.
            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                coop::poll_operate(cx).map(Ok)
            }

            /// Ends what is written: the reader finds the end of the stream, and writes fail.
            fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                ready!(coop::poll_operate(cx));
                self.$write.close_writer();
                Poll::Ready(Ok(()))
            }
        }
    };
}

impl_io!(DuplexStream, read, write);
impl_io!(SimplexStream, pipe, pipe);
