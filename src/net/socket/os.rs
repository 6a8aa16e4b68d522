//! Sockets on Linux: one system call sets the flags.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;

use rustix::net::{SendFlags, SocketFlags, acceptfrom_with};
use socket2::{Domain, Protocol, Socket, Type};

/// The flags of each write: no SIGPIPE.
pub(in crate::net) const SEND_FLAGS: SendFlags = SendFlags::NOSIGNAL;

/// Makes a socket that is non-blocking and closed on exec.
pub(super) fn socket(domain: Domain, kind: Type, protocol: Option<Protocol>) -> io::Result<Socket> {
    Socket::new(domain, kind.nonblocking().cloexec(), protocol)
}

/// Makes two connected Unix sockets.
pub(super) fn pair(kind: Type) -> io::Result<(Socket, Socket)> {
    Socket::pair(Domain::UNIX, kind.nonblocking().cloexec(), None)
}

/// Accepts a connection.
pub(in crate::net) fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let (socket, addr) = acceptfrom_with(listener, flags)?;
    let addr = addr.and_then(|addr| SocketAddr::try_from(addr).ok());
    let addr = addr.ok_or_else(|| io::Error::other("a TCP connection without an IP address"))?;
    Ok((socket.into(), addr))
}

/// Suppresses SIGPIPE on an accepted Unix socket: the flags of each write do.
pub(super) fn suppress_sigpipe(_stream: &UnixStream) -> io::Result<()> {
    Ok(())
}
