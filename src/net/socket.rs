//! System calls of sockets, which are non-blocking, closed on exec and never raise SIGPIPE.

#[cfg_attr(target_vendor = "apple", path = "socket/apple.rs")]
#[cfg_attr(
    all(
        not(target_vendor = "apple"),
        any(quintet_portable, not(any(target_os = "linux", target_os = "android")))
    ),
    path = "socket/portable.rs"
)]
mod os;

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::ops::{Deref, Range};
use std::os::fd::AsFd;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixListener, UnixStream};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SocketAddrUnix, sendmsg};
use socket2::{Domain, Protocol, Socket, Type};

use crate::coop;

pub(super) use os::{SEND_FLAGS, accept};

/// How many connections may wait to be accepted. The limit of the kernel is often higher, but this
/// is enough for a burst that fills an event batch.
pub(crate) const BACKLOG: i32 = 1024;

/// Makes a TCP socket.
pub(super) fn tcp_socket(domain: Domain) -> io::Result<Socket> {
    os::socket(domain, Type::STREAM, Some(Protocol::TCP))
}

/// Makes a listening socket. Its address may still have connections in the state `TIME_WAIT`.
pub(super) fn listen(addr: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = tcp_socket(Domain::for_address(addr))?;
    socket.set_reuse_address(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Makes a UDP socket that is bound to an address.
pub(super) fn bind_udp(addr: SocketAddr) -> io::Result<std::net::UdpSocket> {
    let domain = Domain::for_address(addr);
    let socket = os::socket(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.bind(&addr.into())?;
    Ok(socket.into())
}

/// Begins to connect. The result is known when the socket is writable.
pub(super) fn start_connect(socket: Socket, addr: SocketAddr) -> io::Result<std::net::TcpStream> {
    match socket.connect(&addr.into()) {
        Ok(()) => {}
        Err(error) if error.raw_os_error() == Some(IN_PROGRESS) => {}
        Err(error) => return Err(error),
    }
    Ok(socket.into())
}

/// Makes a Unix socket.
pub(super) fn unix_socket(kind: Type) -> io::Result<Socket> {
    os::socket(Domain::UNIX, kind, None)
}

/// Makes two connected Unix sockets.
pub(super) fn unix_pair(kind: Type) -> io::Result<(Socket, Socket)> {
    os::pair(kind)
}

/// Connects a Unix socket, or begins to: on Linux the connection then exists.
pub(super) fn start_connect_unix(socket: &Socket, addr: &SocketAddrUnix) -> io::Result<()> {
    match rustix::net::connect(socket, addr) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Accepts a connection of a Unix socket. std reads the address: rustix panics on the longest
/// paths, and those are for the other end to choose.
pub(super) fn accept_unix(listener: &UnixListener) -> io::Result<(UnixStream, UnixAddr)> {
    let (stream, addr) = listener.accept()?;
    stream.set_nonblocking(true)?;
    os::suppress_sigpipe(&stream)?;
    Ok((stream, addr))
}

const IN_PROGRESS: i32 = Errno::INPROGRESS.raw_os_error();

/// How many buffers the kernel accepts in one call: `UIO_MAXIOV`.
const IOV_MAX: usize = 1024;

/// Writes several buffers, at most [`IOV_MAX`]. Unlike `writev` it does not raise SIGPIPE.
pub(super) fn send_vectored(socket: impl AsFd, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
    let mut no_ancillary = SendAncillaryBuffer::default();
    let sent = sendmsg(socket, buffers, &mut no_ancillary, SEND_FLAGS)?;
    Ok(sent)
}

/// Returns which buffers are given to one call, which fails if there are more than [`IOV_MAX`].
///
/// If there are more, empty buffers in front are skipped: a call with nothing but empty buffers
/// returns 0, which would look like the end of the stream.
pub(super) fn io_batch<B: Deref<Target = [u8]>>(buffers: &[B]) -> Range<usize> {
    let count = buffers.len();
    if count <= IOV_MAX {
        return 0..count;
    }
    let first = buffers.iter().position(|buffer| !buffer.is_empty());
    let first = first.unwrap_or(0);
    first..count.min(first + IOV_MAX)
}

/// Returns the number of bytes in all buffers.
pub(super) fn total_len<B: Deref<Target = [u8]>>(buffers: &[B]) -> usize {
    buffers.iter().map(|buffer| buffer.len()).sum()
}

/// Completes a read or write of no bytes, without a system call: the OS might report that it would
/// block.
pub(super) fn poll_empty(cx: &Context<'_>) -> Poll<io::Result<usize>> {
    ready!(coop::poll_proceed(cx));
    coop::charge(0);
    Poll::Ready(Ok(0))
}

/// An operation that completes at once if its buffers are empty.
#[must_use = "futures do nothing unless they are awaited"]
pub(super) struct UnlessEmpty<F> {
    is_empty: bool,
    operation: F,
}

impl<F> UnlessEmpty<F> {
    #[inline]
    pub(super) fn new(is_empty: bool, operation: F) -> Self {
        UnlessEmpty {
            is_empty,
            operation,
        }
    }
}

impl<F> Future for UnlessEmpty<F>
where
    F: Future<Output = io::Result<usize>> + Unpin,
{
    type Output = io::Result<usize>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.is_empty {
            return poll_empty(cx);
        }
        Pin::new(&mut self.operation).poll(cx)
    }
}
