//! Sockets where the flags are set one by one. socket2 and std set close-on-exec.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;

use rustix::net::SendFlags;
use socket2::{Domain, Protocol, Socket, Type};

/// The flags of each write: no SIGPIPE.
pub(in crate::net) const SEND_FLAGS: SendFlags = SendFlags::NOSIGNAL;

/// Makes a socket that is non-blocking and closed on exec.
pub(super) fn socket(domain: Domain, kind: Type, protocol: Option<Protocol>) -> io::Result<Socket> {
    let socket = Socket::new(domain, kind, protocol)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Makes two connected Unix sockets.
pub(super) fn pair(kind: Type) -> io::Result<(Socket, Socket)> {
    let (one, other) = Socket::pair(Domain::UNIX, kind, None)?;
    one.set_nonblocking(true)?;
    other.set_nonblocking(true)?;
    Ok((one, other))
}

/// Accepts a connection.
pub(in crate::net) fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let (stream, addr) = listener.accept()?;
    stream.set_nonblocking(true)?;
    Ok((stream, addr))
}

/// Suppresses SIGPIPE on an accepted Unix socket: the flags of each write do.
pub(super) fn suppress_sigpipe(_stream: &UnixStream) -> io::Result<()> {
    Ok(())
}
