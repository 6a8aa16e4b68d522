//! The operations of a stream socket, as a macro: TCP and Unix streams have the same.

/// Adds to a type with a field `source` the methods that read and write. `$halves` is the path of
/// the module with its halves.
macro_rules! stream_operations {
    ($stream:ident, $halves:literal) => {
        impl $stream {
            /// Reads some bytes into `buf` and returns how many.
            ///
            /// The future waits until there is at least one byte. It resolves to 0 if the other end
            /// has shut down its write half, or if `buf` is empty.
            ///
            /// # Errors
            ///
            /// Returns the error of the system call. Common kinds are
            /// [`ConnectionReset`](io::ErrorKind::ConnectionReset), if the other end has reset the
            /// connection, and [`TimedOut`](io::ErrorKind::TimedOut), if the other end no longer
            /// responds.
            #[doc = concat!("After [`OwnedWriteHalf::close`](", $halves, "::OwnedWriteHalf::close) the kind is")]
            /// [`NotConnected`](io::ErrorKind::NotConnected).
            ///
            /// # Cancel safety
            ///
            /// This method is cancel safe: if the future is dropped before it completes, no data
            /// was read.
            pub fn read(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
                let is_empty = buf.is_empty();
                let operation = self
                    .source
                    .operate(Direction::Read, move |stream| StreamSocket::read(stream, buf));
                UnlessEmpty::new(is_empty, operation)
            }

            /// Reads some bytes into several buffers, filling each before the next, and returns how
            /// many.
            ///
            /// # Errors
            ///
            /// Returns the errors of [`read`](Self::read).
            ///
            /// # Cancel safety
            ///
            /// This method is cancel safe: if the future is dropped before it completes, no data
            /// was read.
            pub fn read_vectored(
                &self,
                bufs: &mut [IoSliceMut<'_>],
            ) -> impl Future<Output = io::Result<usize>> {
                let is_empty = bufs.iter().all(|buf| buf.is_empty());
                let operation = self
                    .source
                    .operate(Direction::Read, move |stream| StreamSocket::read_vectored(stream, bufs));
                UnlessEmpty::new(is_empty, operation)
            }

            /// Reads exactly as many bytes as `buf` holds.
            ///
            /// # Errors
            ///
            /// Returns an error of kind [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) if the
            /// other end shuts down its write half before `buf` is full, and the errors of
            /// [`read`](Self::read). Some bytes may have been read into `buf` then.
            ///
            /// # Cancel safety
            ///
            /// This method is not cancel safe. If the future is dropped before it completes, some
            /// bytes may have been read into `buf`, but it is not known how many.
            pub fn read_exact(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<()>> {
                let wanted = buf.len();
                let mut filled = 0;
                self.source
                    .operate_until_done(Direction::Read, wanted == 0, move |stream| {
                        let output = StreamSocket::read(stream, &mut buf[filled..])?;
                        if output.value == 0 {
                            return Err(io::ErrorKind::UnexpectedEof.into());
                        }
                        filled += output.value;
                        Ok(output.map(|_| filled == wanted))
                    })
            }

            /// Reads some bytes into `buf` without removing them from the stream, and returns how
            /// many.
            ///
            /// The next read returns the same bytes again.
            ///
            /// # Errors
            ///
            /// Returns the errors of [`read`](Self::read).
            ///
            /// # Cancel safety
            ///
            /// This method is cancel safe: it never consumes data.
            pub fn peek(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
                let is_empty = buf.is_empty();
                let operation = self.source.operate(Direction::Read, move |stream| {
                    stream::peek(stream, buf)
                });
                UnlessEmpty::new(is_empty, operation)
            }

            /// Writes some bytes of `buf` and returns how many.
            ///
            /// The future waits until the send buffer of the socket has room. It may write less
            /// than all of `buf`; see [`write_all`](Self::write_all).
            ///
            /// # Errors
            ///
            /// Returns the error of the system call. Common kinds are
            /// [`BrokenPipe`](io::ErrorKind::BrokenPipe), if the write half was shut down or the
            /// connection has ended before, and
            /// [`ConnectionReset`](io::ErrorKind::ConnectionReset), if the other end has reset the
            /// connection. After
            #[doc = concat!("[`OwnedWriteHalf::close`](", $halves, "::OwnedWriteHalf::close) the kind is")]
            /// [`NotConnected`](io::ErrorKind::NotConnected).
            ///
            /// # Cancel safety
            ///
            /// This method is cancel safe: if the future is dropped before it completes, no data
            /// was written.
            pub fn write(&self, buf: &[u8]) -> impl Future<Output = io::Result<usize>> {
                let is_empty = buf.is_empty();
                let operation = self
                    .source
                    .operate(Direction::Write, move |stream| stream::write(stream, buf));
                UnlessEmpty::new(is_empty, operation)
            }

            /// Writes some bytes from several buffers, in order, and returns how many.
            ///
            /// # Errors
            ///
            /// Returns the errors of [`write`](Self::write).
            ///
            /// # Cancel safety
            ///
            /// This method is cancel safe: if the future is dropped before it completes, no data
            /// was written.
            pub fn write_vectored(&self, bufs: &[IoSlice<'_>]) -> impl Future<Output = io::Result<usize>> {
                let is_empty = bufs.iter().all(|buf| buf.is_empty());
                let operation = self
                    .source
                    .operate(Direction::Write, move |stream| stream::write_vectored(stream, bufs));
                UnlessEmpty::new(is_empty, operation)
            }

            /// Writes all of `buf`.
            ///
            /// # Errors
            ///
            /// Returns the errors of [`write`](Self::write), and an error of kind
            /// [`WriteZero`](io::ErrorKind::WriteZero) if a system call writes nothing. Some of
            /// `buf` may have been written then.
            ///
            /// # Cancel safety
            ///
            /// This method is not cancel safe. If the future is dropped before it completes, some
            /// of `buf` may have been written, but it is not known how much.
            pub fn write_all(&self, mut buf: &[u8]) -> impl Future<Output = io::Result<()>> {
                self.source
                    .operate_until_done(Direction::Write, buf.is_empty(), move |stream| {
                        let output = stream::write(stream, buf)?;
                        if output.value == 0 {
                            return Err(io::ErrorKind::WriteZero.into());
                        }
                        buf = &buf[output.value..];
                        Ok(output.map(|_| buf.is_empty()))
                    })
            }

            /// Reads some bytes into `buf` without waiting, and returns how many.
            ///
            /// 0 means that the other end has shut down its write half, or that `buf` is empty. The
            /// socket need not be drained; see [`readable`](Self::readable).
            ///
            /// # Errors
            ///
            /// Returns an error of kind [`WouldBlock`](io::ErrorKind::WouldBlock) if there is no
            /// data, and the errors of [`read`](Self::read).
            pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
                if buf.is_empty() {
                    return Ok(0);
                }
                self.source
                    .try_operate(Direction::Read, |stream| StreamSocket::read(stream, buf))
            }

            /// Writes some bytes of `buf` without waiting, and returns how many.
            ///
            /// # Errors
            ///
            /// Returns an error of kind [`WouldBlock`](io::ErrorKind::WouldBlock) if the send
            /// buffer has no room, and the errors of [`write`](Self::write).
            pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
                if buf.is_empty() {
                    return Ok(0);
                }
                self.source
                    .try_operate(Direction::Write, |stream| stream::write(stream, buf))
            }

            /// Reads some bytes into several buffers without waiting, filling each before the next,
            /// and returns how many.
            ///
            /// # Errors
            ///
            /// Returns the errors of [`try_read`](Self::try_read).
            pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                if bufs.iter().all(|buf| buf.is_empty()) {
                    return Ok(0);
                }
                self.source.try_operate(Direction::Read, |stream| {
                    StreamSocket::read_vectored(stream, bufs)
                })
            }

            /// Writes some bytes from several buffers without waiting, in order, and returns how
            /// many.
            ///
            /// # Errors
            ///
            /// Returns the errors of [`try_write`](Self::try_write).
            pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                if bufs.iter().all(|buf| buf.is_empty()) {
                    return Ok(0);
                }
                self.source.try_operate(Direction::Write, |stream| {
                    stream::write_vectored(stream, bufs)
                })
            }

            /// Polls to read some bytes into `buf` without removing them from the stream.
            ///
            /// If there are none, the task of `cx` is woken when there may be some. Spurious
            /// wake-ups are possible. tokio's method fills a `ReadBuf`; this one returns how many
            /// bytes of `buf` it has filled.
            ///
            /// # Errors
            ///
            /// Returns the errors of [`read`](Self::read).
            pub fn poll_peek(
                &self,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                if buf.is_empty() {
                    return socket::poll_empty(cx);
                }
                self.source
                    .poll_operate(cx, Direction::Read, |stream| stream::peek(stream, buf))
            }

            /// Shuts down the write half of the connection: the other end reads the data that was
            /// sent before, and then the end of the stream.
            ///
            /// It does not wait for the other end. If the connection has ended already, it does
            /// nothing. It is the method of tokio's `AsyncWriteExt`;
            /// [`shutdown_now`](Self::shutdown_now) is the function of the standard library, and
            /// [`close`](Self::close) closes the whole connection.
            ///
            /// # Errors
            ///
            /// Returns the error of the system call.
            ///
            /// # Cancel safety
            ///
            /// This method is cancel safe: it completes in its first poll, or has done nothing.
            pub async fn shutdown(&self) -> io::Result<()> {
                coop::operate().await;
                stream::ignore_not_connected(self.shutdown_now(Shutdown::Write))
            }

            /// Shuts down the read half, the write half, or both halves of the connection, without
            /// waiting.
            ///
            /// After the write half is shut down, the other end reads the data that was sent
            /// before, and then the end of the stream. After the read half is shut down, a read
            /// that would wait returns 0.
            ///
            /// # Errors
            ///
            /// Returns the error of the system call:
            /// [`NotConnected`](io::ErrorKind::NotConnected) if the connection has already ended,
            /// for example because the other end has reset it.
            pub fn shutdown_now(&self, how: Shutdown) -> io::Result<()> {
                self.source.get().shutdown(how)
            }
        }
    };
}
pub(in crate::net) use stream_operations;
