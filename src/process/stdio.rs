//! The ends of pipes to a child.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context, Poll};

use futures::io::{AsyncRead, AsyncWrite};

use crate::io::by_reference::{impl_read_by_reference, impl_write_by_reference};
use crate::net::unix::pipe::{Receiver, Sender};

/// The standard input of a child: what is written here is what the child reads.
///
/// The methods take `&self`. It also implements [`AsyncWrite`], and so does `&ChildStdin`. Dropping
/// it ends the input of the child. It converts into a [`Sender`], which has more methods.
///
/// A write to a child that has closed its input returns an error of kind
/// [`BrokenPipe`](io::ErrorKind::BrokenPipe).
pub struct ChildStdin {
    pipe: Sender,
}

/// The standard output of a child: what the child writes is read here.
///
/// The methods take `&self`. It also implements [`AsyncRead`], and so does `&ChildStdout`. A child
/// that writes after this was dropped receives SIGPIPE, or an error. It converts into a
/// [`Receiver`], which has more methods.
pub struct ChildStdout {
    pipe: Receiver,
}

/// The standard error of a child: what the child writes is read here.
///
/// The methods take `&self`. It also implements [`AsyncRead`], and so does `&ChildStderr`. A child
/// that writes after this was dropped receives SIGPIPE, or an error. It converts into a
/// [`Receiver`], which has more methods.
pub struct ChildStderr {
    pipe: Receiver,
}

/// Reads a pipe to its end. Without a pipe the result is empty.
pub(super) async fn read_to_end(pipe: Option<Receiver>) -> io::Result<Vec<u8>> {
    let mut data = Vec::new();
    if let Some(pipe) = pipe {
        pipe.read_to_end(&mut data).await?;
    }
    Ok(data)
}

impl ChildStdin {
    /// Writes some bytes of `buf` and returns how many, waiting until the pipe has room.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Sender::write`].
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: if the future is dropped before it completes, no data was
    /// written.
    pub fn write(&self, buf: &[u8]) -> impl Future<Output = io::Result<usize>> {
        self.pipe.write(buf)
    }

    /// Writes all of `buf`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Sender::write_all`].
    ///
    /// # Cancel safety
    ///
    /// This method is not cancel safe. If the future is dropped before it completes, some of `buf`
    /// may have been written, but it is not known how much.
    pub fn write_all(&self, buf: &[u8]) -> impl Future<Output = io::Result<()>> {
        self.pipe.write_all(buf)
    }

    /// Writes some bytes of `buf` without waiting, and returns how many.
    ///
    /// # Errors
    ///
    /// Returns an error of kind [`WouldBlock`](io::ErrorKind::WouldBlock) if the pipe has no room,
    /// and the errors of [`write`](ChildStdin::write).
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        self.pipe.try_write(buf)
    }

    /// Waits until a write may succeed: the pipe has room, or the child has closed it.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Sender::writable`].
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: it consumes no readiness.
    pub fn writable(&self) -> impl Future<Output = io::Result<()>> {
        self.pipe.writable()
    }
}

impl AsyncWrite for &ChildStdin {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &self.pipe).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &self.pipe).poll_write_vectored(cx, bufs)
    }

    /// Does nothing: a pipe has no buffer in this process.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &self.pipe).poll_flush(cx)
    }

    /// Does nothing, as in tokio: the input of the child ends when this is dropped.
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &self.pipe).poll_close(cx)
    }
}

impl_write_by_reference!(
    ChildStdin,
    flush: "Does nothing: a pipe has no buffer in this process.",
    close: "Does nothing, as in tokio: the input of the child ends when this is dropped."
);

/// The methods of an output of a child.
macro_rules! impl_output {
    ($output:ident) => {
        impl $output {
            /// Reads some bytes into `buf` and returns how many, waiting until there is at least
            /// one. It resolves to 0 if the child, and each process that has inherited the pipe,
            /// has closed it, or if `buf` is empty.
            ///
            /// # Errors
            ///
            /// Returns the errors of [`Receiver::read`].
            ///
            /// # Cancel safety
            ///
            /// This method is cancel safe: if the future is dropped before it completes, no data
            /// was read.
            pub fn read(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
                self.pipe.read(buf)
            }

            /// Reads exactly as many bytes as `buf` holds.
            ///
            /// # Errors
            ///
            /// Returns the errors of [`Receiver::read_exact`].
            ///
            /// # Cancel safety
            ///
            /// This method is not cancel safe. If the future is dropped before it completes, some
            /// bytes may have been read into `buf`, but it is not known how many.
            pub fn read_exact(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<()>> {
                self.pipe.read_exact(buf)
            }

            /// Reads some bytes into `buf` without waiting, and returns how many.
            ///
            /// # Errors
            ///
            /// Returns an error of kind [`WouldBlock`](io::ErrorKind::WouldBlock) if there is no
            /// data, and the errors of [`read`](Self::read).
            pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.pipe.try_read(buf)
            }

            /// Waits until a read may succeed: there is data, or the end.
            ///
            /// # Errors
            ///
            /// Returns the errors of [`Receiver::readable`].
            ///
            /// # Cancel safety
            ///
            /// This method is cancel safe: it consumes no data and no readiness.
            pub fn readable(&self) -> impl Future<Output = io::Result<()>> {
                self.pipe.readable()
            }

            pub(super) fn into_receiver(self) -> Receiver {
                self.pipe
            }
        }

        impl AsyncRead for &$output {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut &self.pipe).poll_read(cx, buf)
            }

            fn poll_read_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &mut [IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut &self.pipe).poll_read_vectored(cx, bufs)
            }
        }

        impl_read_by_reference!($output);
    };
}

impl_output!(ChildStdout);
impl_output!(ChildStderr);

/// What all ends of pipes to a child have.
macro_rules! impl_child_pipe {
    ($end:ident, $pipe:ident) => {
        impl $end {
            /// Converts a pipe of the standard library, and makes it non-blocking.
            ///
            /// # Errors
            ///
            /// Returns the error of the system call that makes it non-blocking.
            pub fn from_std(pipe: std::process::$end) -> io::Result<Self> {
                let pipe = $pipe::from_child(pipe.into())?;
                Ok($end { pipe })
            }

            /// Returns the descriptor, which no longer belongs to a loop, and makes it blocking,
            /// for example to pass it to another child.
            ///
            /// # Errors
            ///
            /// Returns the error of the system call that makes it blocking.
            pub fn into_owned_fd(self) -> io::Result<OwnedFd> {
                self.pipe.into_blocking_fd()
            }

            /// Closes this end of the pipe and waits for the close phase of the tick.
            ///
            /// The descriptor is closed by the first poll of the future. A drop closes it, too.
            pub async fn close(self) {
                self.pipe.close().await;
            }

            /// Keeps the runtime alive while a task waits for this pipe. This is the default.
            ///
            /// It reverses [`unref`](Self::unref). Both may be called from any thread, any number
            /// of times; the last call counts. See
            /// [`Runtime::run`](crate::runtime::Runtime::run).
            pub fn ref_(&self) {
                self.pipe.ref_();
            }

            /// Allows the runtime to end even while a task waits for this pipe.
            pub fn unref(&self) {
                self.pipe.unref();
            }

            /// Returns whether this pipe keeps the runtime alive while a task waits for it.
            pub fn has_ref(&self) -> bool {
                self.pipe.has_ref()
            }
        }

        #[doc = concat!("Leaves the loop, as by [`", stringify!($end), "::into_owned_fd`].")]
        impl TryFrom<$end> for Stdio {
            type Error = io::Error;

            fn try_from(end: $end) -> io::Result<Stdio> {
                end.into_owned_fd().map(Stdio::from)
            }
        }

        impl From<$end> for $pipe {
            fn from(end: $end) -> $pipe {
                end.pipe
            }
        }

        impl AsFd for $end {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.pipe.as_fd()
            }
        }

        impl AsRawFd for $end {
            fn as_raw_fd(&self) -> RawFd {
                self.pipe.as_raw_fd()
            }
        }

        impl fmt::Debug for $end {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($end)).field(&self.pipe).finish()
            }
        }

        assert_impl!($end: Send + Sync + Unpin);
    };
}

impl_child_pipe!(ChildStdin, Sender);
impl_child_pipe!(ChildStdout, Receiver);
impl_child_pipe!(ChildStderr, Receiver);
