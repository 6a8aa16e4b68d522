//! Sockets on Apple's systems, where a property of the socket, and not of a write, suppresses
//! SIGPIPE. socket2 and std set close-on-exec, and socket2 that property on the sockets that it
//! makes.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};

use rustix::net::SendFlags;
use socket2::{Domain, Protocol, SockRef, Socket, Type};

/// The flags of each write.
pub(in crate::net) const SEND_FLAGS: SendFlags = SendFlags::empty();

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
    SockRef::from(&stream).set_nosigpipe(true)?;
    Ok((stream, addr))
}
