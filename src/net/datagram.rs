//! What sockets of datagrams share: UDP and Unix datagrams.
//!
//! No result of a call shows that a socket of datagrams is drained: a datagram may be shorter than
//! the buffer while others wait. So an operation that succeeds leaves the readiness as it is.

use std::io;
use std::os::fd::AsFd;

use rustix::net::{RecvFlags, SocketAddrAny};

use super::socket::SEND_FLAGS;
use crate::io::source::OpOutput;

/// A call that moved one datagram of `bytes`.
pub(super) fn moved<R>(value: R, bytes: usize) -> OpOutput<R> {
    OpOutput {
        value,
        bytes,
        is_drained: false,
    }
}

pub(super) fn recv(
    socket: &impl AsFd,
    buf: &mut [u8],
    flags: RecvFlags,
) -> io::Result<OpOutput<usize>> {
    let (len, _) = rustix::net::recv(socket, buf, flags)?;
    Ok(moved(len, len))
}

pub(super) fn recv_from(
    socket: &impl AsFd,
    buf: &mut [u8],
    flags: RecvFlags,
) -> io::Result<(usize, Option<SocketAddrAny>)> {
    let (len, _, addr) = rustix::net::recvfrom(socket, buf, flags)?;
    Ok((len, addr))
}

pub(super) fn send(socket: &impl AsFd, buf: &[u8]) -> io::Result<OpOutput<usize>> {
    let len = rustix::net::send(socket, buf, SEND_FLAGS)?;
    Ok(moved(len, len))
}

/// The methods that UDP sockets and Unix datagram sockets share. `source` is a field.
macro_rules! impl_datagram {
    ($socket:ty) => {
        impl $socket {
            /// Sends a datagram to the address that the socket is connected to, and returns its
            /// length.
            ///
            /// The future waits until the send buffer has room. A datagram is sent as a whole or
            /// not at all; it may be empty.
            ///
            /// # Errors
            ///
            /// Returns the error of the system call. Common kinds are:
            ///
            /// - [`ConnectionRefused`](io::ErrorKind::ConnectionRefused): an earlier datagram has
            ///   reached no socket. This one was not sent.
            /// - [`NotConnected`](io::ErrorKind::NotConnected) or `EDESTADDRREQ`: the socket is
            ///   not connected.
            /// - `EMSGSIZE`: the datagram is too large.
            ///
            /// # Cancel safety
            ///
            /// This method is cancel safe: if the future is dropped before it completes, nothing
            /// was sent.
            pub fn send(&self, buf: &[u8]) -> impl Future<Output = io::Result<usize>> {
                self.source
                    .operate(Direction::Write, move |socket| datagram::send(socket, buf))
            }

            /// Polls to send a datagram to the address that the socket is connected to.
            ///
            /// If there is no room, the task of `cx` is woken when there may be some. Spurious
            /// wake-ups are possible.
            ///
            /// # Errors
            ///
            /// Returns the errors of [`send`](Self::send).
            pub fn poll_send(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                self.source
                    .poll_operate(cx, Direction::Write, |socket| datagram::send(socket, buf))
            }

            /// Sends a datagram to the address that the socket is connected to, without waiting.
            ///
            /// # Errors
            ///
            /// Returns an error of kind [`WouldBlock`](io::ErrorKind::WouldBlock) if there is no
            /// room, and the errors of [`send`](Self::send).
            pub fn try_send(&self, buf: &[u8]) -> io::Result<usize> {
                self.source
                    .try_operate(Direction::Write, |socket| datagram::send(socket, buf))
            }

            /// Receives a datagram into `buf`, and returns how many bytes of it are there.
            ///
            /// A datagram that is larger than `buf` is cut, and its rest is lost. An empty datagram
            /// is received as 0, which does not mean that there is an end. If the socket is
            /// connected, it only receives from that address.
            ///
            /// # Errors
            ///
            /// Returns the error of the system call:
            /// [`ConnectionRefused`](io::ErrorKind::ConnectionRefused) if the socket is connected
            /// and a datagram that it sent has reached no socket. The socket stays usable.
            ///
            /// # Cancel safety
            ///
            /// This method is cancel safe: if the future is dropped before it completes, no
            /// datagram was received.
            pub fn recv(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
                self.source.operate(Direction::Read, move |socket| {
                    datagram::recv(socket, buf, RecvFlags::empty())
                })
            }

            /// Polls to receive a datagram into `buf`.
            ///
            /// If there is none, the task of `cx` is woken when there may be one. Spurious wake-ups
            /// are possible. tokio's method fills a `ReadBuf`; this one returns how many bytes of
            /// `buf` it has filled.
            ///
            /// # Errors
            ///
            /// Returns the errors of [`recv`](Self::recv).
            pub fn poll_recv(
                &self,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                self.source.poll_operate(cx, Direction::Read, |socket| {
                    datagram::recv(socket, buf, RecvFlags::empty())
                })
            }

            /// Receives a datagram into `buf` without waiting.
            ///
            /// # Errors
            ///
            /// Returns an error of kind [`WouldBlock`](io::ErrorKind::WouldBlock) if there is none,
            /// and the errors of [`recv`](Self::recv).
            pub fn try_recv(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.source.try_operate(Direction::Read, |socket| {
                    datagram::recv(socket, buf, RecvFlags::empty())
                })
            }

            /// Copies the next datagram into `buf` without removing it from the queue, and returns
            /// how many bytes of it are there.
            ///
            /// # Errors
            ///
            /// Returns the errors of [`recv`](Self::recv).
            ///
            /// # Cancel safety
            ///
            /// This method is cancel safe: it never consumes a datagram.
            pub fn peek(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
                self.source.operate(Direction::Read, move |socket| {
                    datagram::recv(socket, buf, RecvFlags::PEEK)
                })
            }

            /// Polls to copy the next datagram into `buf` without removing it from the queue.
            ///
            /// # Errors
            ///
            /// Returns the errors of [`recv`](Self::recv).
            pub fn poll_peek(
                &self,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                self.source.poll_operate(cx, Direction::Read, |socket| {
                    datagram::recv(socket, buf, RecvFlags::PEEK)
                })
            }

            /// Copies the next datagram into `buf` without waiting, and without removing it from
            /// the queue.
            ///
            /// # Errors
            ///
            /// Returns an error of kind [`WouldBlock`](io::ErrorKind::WouldBlock) if there is none,
            /// and the errors of [`recv`](Self::recv).
            pub fn try_peek(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.source.try_operate(Direction::Read, |socket| {
                    datagram::recv(socket, buf, RecvFlags::PEEK)
                })
            }

            /// Takes the pending error of the socket (`SO_ERROR`), if there is one.
            ///
            /// # Errors
            ///
            /// Returns the error of the system call that asks for it.
            pub fn take_error(&self) -> io::Result<Option<io::Error>> {
                self.source.get().take_error()
            }
        }
    };
}
pub(super) use impl_datagram;

/// What each type with a field `source` has: whether it keeps the runtime alive, `close`, its
/// descriptor, and the conversions to and from the type `$std` of the standard library.
macro_rules! impl_source {
    ($socket:ident, $std:ty, $what:literal) => {
        impl $socket {
            #[doc = concat!("Converts a ", $what, " of the standard library, and makes it \
                non-blocking.")]
            ///
            /// # Errors
            ///
            /// Returns the error of the system call that makes the socket non-blocking.
            pub fn from_std(socket: $std) -> io::Result<Self> {
                socket.set_nonblocking(true)?;
                Ok($socket {
                    source: Source::new(socket),
                })
            }

            #[doc = concat!("Converts the ", $what, " into one of the standard library, which no \
                longer belongs to a loop.")]
            ///
            /// The socket stays non-blocking.
            ///
            /// # Errors
            ///
            /// This method currently never fails.
            pub fn into_std(self) -> io::Result<$std> {
                Ok(self.source.into_inner())
            }

            #[doc = concat!("Keeps the runtime alive while a task waits for this ", $what, ". \
                This is the default.")]
            ///
            /// It reverses [`unref`](Self::unref). Both may be called from any thread, any number
            /// of times; the last call counts. See
            /// [`Runtime::run`](crate::runtime::Runtime::run).
            pub fn ref_(&self) {
                self.source.set_ref(true);
            }

            #[doc = concat!("Allows the runtime to end even while a task waits for this ", $what,
                ".")]
            pub fn unref(&self) {
                self.source.set_ref(false);
            }

            #[doc = concat!("Returns whether the ", $what, " keeps the runtime alive while a task \
                waits for it.")]
            pub fn has_ref(&self) -> bool {
                self.source.is_ref()
            }

            /// Returns the socket as the type of the crate `socket2`, for options that have no
            /// method here.
            ///
            /// `SockRef` is a type of `socket2` 0.6, which is a public dependency.
            pub fn sock_ref(&self) -> ::socket2::SockRef<'_> {
                ::socket2::SockRef::from(self)
            }

            #[doc = concat!("Closes the ", $what, " and waits for the close phase of the tick.")]
            ///
            /// The descriptor is closed by the first poll of the future. A drop closes it, too.
            pub async fn close(self) {
                self.source.close().await;
            }
        }

        impl TryFrom<$std> for $socket {
            type Error = io::Error;

            /// The same as `from_std`.
            fn try_from(socket: $std) -> io::Result<Self> {
                $socket::from_std(socket)
            }
        }

        impl AsFd for $socket {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.source.get().as_fd()
            }
        }

        impl AsRawFd for $socket {
            fn as_raw_fd(&self) -> RawFd {
                self.source.get().as_raw_fd()
            }
        }

        impl fmt::Debug for $socket {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.source.fmt(f)
            }
        }

        assert_impl!($socket: Send + Sync);
    };
}
pub(super) use impl_source;
