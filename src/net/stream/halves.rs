//! The halves of a stream socket, as a macro: those of TCP and Unix streams are types of their own.

/// Gives a half the methods of its stream that read, and `AsyncRead`.
macro_rules! impl_read_half {
    ($half:ty, $stream:ident) => {
        /// The methods of the stream that read.
        impl $half {
            #[doc = concat!("Waits until a read may succeed; see [`", stringify!($stream), "::readable`].")]
            ///
            /// # Errors
            ///
            /// Returns the errors of that method.
            ///
            /// # Cancel safety
            ///
            /// This method is cancel safe: it consumes no data and no readiness.
            pub fn readable(&self) -> impl Future<Output = io::Result<()>> {
                self.stream.readable()
            }

            #[doc = concat!("Polls until a read may succeed; see [`", stringify!($stream), "::poll_read_ready`].")]
            ///
            /// # Errors
            ///
            /// Returns the errors of that method.
            pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.stream.poll_read_ready(cx)
            }

            #[doc = concat!("Reads some bytes without waiting; see [`", stringify!($stream), "::try_read`].")]
            ///
            /// # Errors
            ///
            /// Returns the errors of that method.
            pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.stream.try_read(buf)
            }

            #[doc = concat!("Reads into several buffers without waiting; see [`", stringify!($stream), "::try_read_vectored`].")]
            ///
            /// # Errors
            ///
            /// Returns the errors of that method.
            pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                self.stream.try_read_vectored(bufs)
            }

            #[doc = concat!("Reads without removing what is read; see [`", stringify!($stream), "::peek`].")]
            ///
            /// # Errors
            ///
            /// Returns the errors of that method.
            ///
            /// # Cancel safety
            ///
            /// This method is cancel safe: it never consumes data.
            pub fn peek(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
                self.stream.peek(buf)
            }

            #[doc = concat!("Polls to read without removing what is read; see [`", stringify!($stream), "::poll_peek`].")]
            ///
            /// # Errors
            ///
            /// Returns the errors of that method.
            pub fn poll_peek(
                &self,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                self.stream.poll_peek(cx, buf)
            }
        }

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

pub(in crate::net) use impl_read_half;

/// Gives a half the methods of its stream that write, and `AsyncWrite`.
macro_rules! impl_write_half {
    ($half:ty, $stream:ident) => {
        /// The methods of the stream that write.
        impl $half {
            #[doc = concat!("Waits until a write may succeed; see [`", stringify!($stream), "::writable`].")]
            ///
            /// # Errors
            ///
            /// Returns the errors of that method.
            ///
            /// # Cancel safety
            ///
            /// This method is cancel safe: it consumes no readiness.
            pub fn writable(&self) -> impl Future<Output = io::Result<()>> {
                self.stream.writable()
            }

            #[doc = concat!("Polls until a write may succeed; see [`", stringify!($stream), "::poll_write_ready`].")]
            ///
            /// # Errors
            ///
            /// Returns the errors of that method.
            pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.stream.poll_write_ready(cx)
            }

            #[doc = concat!("Writes some bytes without waiting; see [`", stringify!($stream), "::try_write`].")]
            ///
            /// # Errors
            ///
            /// Returns the errors of that method.
            pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
                self.stream.try_write(buf)
            }

            #[doc = concat!("Writes from several buffers without waiting; see [`", stringify!($stream), "::try_write_vectored`].")]
            ///
            /// # Errors
            ///
            /// Returns the errors of that method.
            pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                self.stream.try_write_vectored(bufs)
            }

            #[doc = concat!("Shuts down the write half of the connection; see [`", stringify!($stream), "::shutdown`].")]
            ///
            /// # Errors
            ///
            /// Returns the errors of that method.
            ///
            /// # Cancel safety
            ///
            /// This method is cancel safe: it completes in its first poll, or has done nothing.
            pub fn shutdown(&self) -> impl Future<Output = io::Result<()>> {
                self.stream.shutdown()
            }
        }

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

pub(in crate::net) use impl_write_half;

/// What all halves have.
macro_rules! impl_half {
    ($half:ty, $stream:ident, $addr:ty) => {
        impl $half {
            /// Returns the address of the local end.
            ///
            /// # Errors
            ///
            /// Returns the error of the system call.
            pub fn local_addr(&self) -> io::Result<$addr> {
                self.stream.local_addr()
            }

            /// Returns the address of the remote end.
            ///
            /// # Errors
            ///
            /// Returns the error of the system call:
            /// [`NotConnected`](io::ErrorKind::NotConnected) if the connection has ended.
            pub fn peer_addr(&self) -> io::Result<$addr> {
                self.stream.peer_addr()
            }

            #[doc = concat!("Waits for one of several events; see [`", stringify!($stream), "::ready`].")]
            ///
            /// # Errors
            ///
            /// Returns the errors of that method.
            ///
            /// # Cancel safety
            ///
            /// This method is cancel safe: it consumes no readiness.
            pub fn ready(&self, interest: Interest) -> impl Future<Output = io::Result<Ready>> {
                self.stream.ready(interest)
            }

            #[doc = concat!("Calls `f` if one of several events is there; see [`", stringify!($stream), "::try_io`].")]
            ///
            /// # Errors
            ///
            /// Returns the errors of that method.
            pub fn try_io<R>(
                &self,
                interest: Interest,
                f: impl FnOnce() -> io::Result<R>,
            ) -> io::Result<R> {
                self.stream.try_io(interest, f)
            }

            #[doc = concat!("Calls `f` until it would not block; see [`", stringify!($stream), "::async_io`].")]
            ///
            /// # Errors
            ///
            /// Returns the errors of that method.
            ///
            /// # Cancel safety
            ///
            /// This method is cancel safe, as that of the stream is.
            pub fn async_io<R>(
                &self,
                interest: Interest,
                f: impl FnMut() -> io::Result<R>,
            ) -> impl Future<Output = io::Result<R>> {
                self.stream.async_io(interest, f)
            }
        }

        impl AsRef<$stream> for $half {
            fn as_ref(&self) -> &$stream {
                &self.stream
            }
        }
    };
}
pub(in crate::net) use impl_half;

/// Declares the halves of a type of streams. `$addr` is the type of its addresses.
macro_rules! stream_halves {
    ($stream:ident, $addr:ty) => {
        #[doc = concat!("The read half of a [`", stringify!($stream), "`], which it borrows; returned by \
            [`split`](", stringify!($stream), "::split).")]
        #[derive(Debug)]
        pub struct ReadHalf<'a> {
            stream: &'a $stream,
        }

        #[doc = concat!("The write half of a [`", stringify!($stream), "`], which it borrows; returned by \
            [`split`](", stringify!($stream), "::split).")]
        #[derive(Debug)]
        pub struct WriteHalf<'a> {
            stream: &'a $stream,
        }

        #[doc = concat!("The owned read half of a [`", stringify!($stream), "`], returned by \
            [`into_split`](", stringify!($stream), "::into_split).")]
        ///
        /// The descriptor is closed when both halves have been dropped.
        #[derive(Debug)]
        pub struct OwnedReadHalf {
            stream: Arc<$stream>,
        }

        #[doc = concat!("The owned write half of a [`", stringify!($stream), "`], returned by \
            [`into_split`](", stringify!($stream), "::into_split).")]
        ///
        /// Dropping it shuts down the write half of the connection: the other end then reads the
        /// end of the stream. [`forget`](OwnedWriteHalf::forget) drops it without that. The
        /// descriptor is closed when both halves have been dropped.
        #[derive(Debug)]
        pub struct OwnedWriteHalf {
            stream: Arc<$stream>,
            /// Whether a drop leaves the write half of the connection open.
            is_forgotten: bool,
        }

        pub(in crate::net) fn split(stream: $stream) -> (OwnedReadHalf, OwnedWriteHalf) {
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
            pub(in crate::net) fn new(stream: &'a $stream) -> Self {
                ReadHalf { stream }
            }
        }

        impl<'a> WriteHalf<'a> {
            pub(in crate::net) fn new(stream: &'a $stream) -> Self {
                WriteHalf { stream }
            }
        }

        impl OwnedReadHalf {
            /// Puts the two halves of a stream back together.
            ///
            /// # Errors
            ///
            /// Returns an error that contains both halves if they are not of the same stream.
            pub fn reunite(self, write: OwnedWriteHalf) -> Result<$stream, ReuniteError> {
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
            pub fn reunite(self, read: OwnedReadHalf) -> Result<$stream, ReuniteError> {
                read.reunite(self)
            }

            /// Drops the write half without shutting down the write half of the connection.
            pub fn forget(mut self) {
                self.is_forgotten = true;
            }

            /// Ends the whole connection, even while the read half is in use.
            ///
            /// Operations on the read half, also one that waits, return an error of kind
            /// [`NotConnected`](io::ErrorKind::NotConnected) from then on. The descriptor is closed
            /// when the read half has been dropped, too.
            pub fn close(self) {
                // It fails only if the connection has ended already.
                let _gone = self.stream.shutdown_now(Shutdown::Both);
                self.stream.end_operations();
            }
        }

        impl Drop for OwnedWriteHalf {
            fn drop(&mut self) {
                if !self.is_forgotten {
                    // It fails only if the connection has ended already.
                    let _gone = self.stream.shutdown_now(Shutdown::Write);
                }
            }
        }

        impl_read_half!(ReadHalf<'_>, $stream);
        impl_read_half!(OwnedReadHalf, $stream);
        impl_write_half!(WriteHalf<'_>, $stream);
        impl_write_half!(OwnedWriteHalf, $stream);
        impl_half!(ReadHalf<'_>, $stream, $addr);
        impl_half!(WriteHalf<'_>, $stream, $addr);
        impl_half!(OwnedReadHalf, $stream, $addr);
        impl_half!(OwnedWriteHalf, $stream, $addr);

        /// The error of [`OwnedReadHalf::reunite`] for halves of different streams; it contains
        /// both.
        #[derive(Debug)]
        pub struct ReuniteError(pub OwnedReadHalf, pub OwnedWriteHalf);

        impl fmt::Display for ReuniteError {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the halves belong to different connections")
            }
        }

        impl Error for ReuniteError {}
    };
}
pub(in crate::net) use stream_halves;
