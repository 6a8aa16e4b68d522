//! The I/O traits of `futures` for a stream socket, as a macro.

/// Implements `AsyncRead` and `AsyncWrite` for a type with a field `source`, and for references to
/// it.
macro_rules! stream_traits {
    ($stream:ident) => {
        impl AsyncRead for &$stream {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                if buf.is_empty() {
                    return socket::poll_empty(cx);
                }
                self.source.poll_operate_inlined(cx, Direction::Read, |stream| {
                    StreamSocket::read(stream, buf)
                })
            }

            fn poll_read_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &mut [IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                if bufs.iter().all(|buf| buf.is_empty()) {
                    return socket::poll_empty(cx);
                }
                self.source.poll_operate(cx, Direction::Read, |stream| {
                    StreamSocket::read_vectored(stream, bufs)
                })
            }
        }

        impl AsyncWrite for &$stream {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                if buf.is_empty() {
                    return socket::poll_empty(cx);
                }
                self.source
                    .poll_operate_inlined(cx, Direction::Write, |stream| stream::write(stream, buf))
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                if bufs.iter().all(|buf| buf.is_empty()) {
                    return socket::poll_empty(cx);
                }
                self.source.poll_operate(cx, Direction::Write, |stream| {
                    stream::write_vectored(stream, bufs)
                })
            }

            /// Does nothing: a stream has no buffer of its own.
            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                coop::poll_operate(cx).map(Ok)
            }

            /// Shuts down the write half of the connection.
            fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                ready!(coop::poll_operate(cx));
                Poll::Ready(stream::ignore_not_connected(
                    self.shutdown_now(Shutdown::Write),
                ))
            }
        }

        $crate::io::by_reference::impl_read_by_reference!($stream);

        $crate::io::by_reference::impl_write_by_reference!(
            $stream,
            flush: "Does nothing: a stream has no buffer of its own.",
            close: "Shuts down the write half; `close` of the stream closes the whole connection."
        );
    };
}
pub(in crate::net) use stream_traits;
