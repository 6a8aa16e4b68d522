//! The read half and the write half of a TCP connection.

use std::error::Error;
use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Shutdown, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::io::{AsyncRead, AsyncWrite};

use super::TcpStream;

/// The read half of a [`TcpStream`], which it borrows; returned by [`TcpStream::split`].
#[derive(Debug)]
pub struct ReadHalf<'a> {
    stream: &'a TcpStream,
}

/// The write half of a [`TcpStream`], which it borrows; returned by [`TcpStream::split`].
#[derive(Debug)]
pub struct WriteHalf<'a> {
    stream: &'a TcpStream,
}

/// The owned read half of a [`TcpStream`], returned by [`TcpStream::into_split`].
///
/// The descriptor is closed when both halves have been dropped.
#[derive(Debug)]
pub struct OwnedReadHalf {
    stream: Arc<TcpStream>,
}

/// The owned write half of a [`TcpStream`], returned by [`TcpStream::into_split`].
///
/// Dropping it shuts down the write half of the connection: the other end then reads the end of the
/// stream. [`forget`](OwnedWriteHalf::forget) drops it without that. The descriptor is closed when
/// both halves have been dropped.
#[derive(Debug)]
pub struct OwnedWriteHalf {
    stream: Arc<TcpStream>,
    /// Whether a drop leaves the write half of the connection open.
    is_forgotten: bool,
}

pub(super) fn split(stream: TcpStream) -> (OwnedReadHalf, OwnedWriteHalf) {
    let stream = Arc::new(stream);
    let read = OwnedReadHalf {
        stream: Arc::clone(&stream),
    };
    let write = OwnedWriteHalf {
        stream,
        is_forgotten: false,
    };
    (read, write)
}

impl<'a> ReadHalf<'a> {
    pub(super) fn new(stream: &'a TcpStream) -> Self {
        ReadHalf { stream }
    }
}

impl<'a> WriteHalf<'a> {
    pub(super) fn new(stream: &'a TcpStream) -> Self {
        WriteHalf { stream }
    }
}

impl OwnedReadHalf {
    /// Puts the two halves of a stream back together.
    ///
    /// # Errors
    ///
    /// Returns an error that contains both halves if they are not of the same stream.
    pub fn reunite(self, write: OwnedWriteHalf) -> Result<TcpStream, ReuniteError> {
        if !Arc::ptr_eq(&self.stream, &write.stream) {
            return Err(ReuniteError(self, write));
        }
        write.forget();
        match Arc::into_inner(self.stream) {
            Some(stream) => Ok(stream),
            None => unreachable!("a stream has two halves, and the other one has been dropped"),
        }
    }
}

impl OwnedWriteHalf {
    /// Puts the two halves of a stream back together.
    ///
    /// # Errors
    ///
    /// Returns an error that contains both halves if they are not of the same stream.
    pub fn reunite(self, read: OwnedReadHalf) -> Result<TcpStream, ReuniteError> {
        read.reunite(self)
    }

    /// Drops the write half without shutting down the write half of the connection.
    pub fn forget(mut self) {
        self.is_forgotten = true;
    }

    /// Ends the whole connection, even while the read half is in use.
    ///
    /// Operations on the read half, also one that waits, return an error of kind
    /// [`NotConnected`](io::ErrorKind::NotConnected) from then on. The descriptor is closed when
    /// the read half has been dropped, too.
    pub fn close(self) {
        // It fails only if the connection has ended already.
        let _gone = self.stream.shutdown(Shutdown::Both);
        self.stream.end_operations();
    }
}

impl Drop for OwnedWriteHalf {
    fn drop(&mut self) {
        if !self.is_forgotten {
            // It fails only if the connection has ended already.
            let _gone = self.stream.shutdown(Shutdown::Write);
        }
    }
}

macro_rules! impl_read {
    ($half:ty) => {
        impl AsyncRead for $half {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut &*self.stream).poll_read(cx, buf)
            }

            fn poll_read_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &mut [IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut &*self.stream).poll_read_vectored(cx, bufs)
            }
        }
    };
}

macro_rules! impl_write {
    ($half:ty) => {
        impl AsyncWrite for $half {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut &*self.stream).poll_write(cx, buf)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut &*self.stream).poll_write_vectored(cx, bufs)
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Pin::new(&mut &*self.stream).poll_flush(cx)
            }

            /// Shuts down the write half of the connection.
            fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Pin::new(&mut &*self.stream).poll_close(cx)
            }
        }
    };
}

macro_rules! impl_common {
    ($half:ty) => {
        impl $half {
            /// Returns the address of the local end.
            ///
            /// # Errors
            ///
            /// Returns the error of the system call.
            pub fn local_addr(&self) -> io::Result<SocketAddr> {
                self.stream.local_addr()
            }

            /// Returns the address of the remote end.
            ///
            /// # Errors
            ///
            /// Returns the error of the system call:
            /// [`NotConnected`](io::ErrorKind::NotConnected) if the connection has ended.
            pub fn peer_addr(&self) -> io::Result<SocketAddr> {
                self.stream.peer_addr()
            }
        }

        impl AsRef<TcpStream> for $half {
            fn as_ref(&self) -> &TcpStream {
                &self.stream
            }
        }
    };
}

impl_read!(ReadHalf<'_>);
impl_read!(OwnedReadHalf);
impl_write!(WriteHalf<'_>);
impl_write!(OwnedWriteHalf);
impl_common!(ReadHalf<'_>);
impl_common!(WriteHalf<'_>);
impl_common!(OwnedReadHalf);
impl_common!(OwnedWriteHalf);

/// The error of [`OwnedReadHalf::reunite`] for halves of different streams; it contains both.
#[derive(Debug)]
pub struct ReuniteError(pub OwnedReadHalf, pub OwnedWriteHalf);

impl fmt::Display for ReuniteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the halves belong to different connections")
    }
}

impl Error for ReuniteError {}
