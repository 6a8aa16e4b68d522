//! Several listeners for one address, on FreeBSD, where `SO_REUSEPORT` does not divide the
//! connections.

use std::io;

use socket2::SockRef;

use crate::net::TcpSocket;

/// Makes the kernel divide the connections among all listeners with this option.
pub(super) fn divide(socket: &TcpSocket) -> io::Result<()> {
    SockRef::from(socket).set_reuse_port_lb(true)
}
