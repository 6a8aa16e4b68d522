//! Several listeners for one address, on systems that do not divide the connections among them.

use std::io;

use crate::net::TcpSocket;

/// Fails: one of the listeners would get all connections.
pub(super) fn divide(_socket: &TcpSocket) -> io::Result<()> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "this system does not divide connections among listeners; use `cluster::bind_shared`",
    ))
}
