//! Sockets where the flags are set one by one. socket2 and std set close-on-exec.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};

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

/// Accepts a connection.
pub(in crate::net) fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let (stream, addr) = listener.accept()?;
    stream.set_nonblocking(true)?;
    Ok((stream, addr))
}
