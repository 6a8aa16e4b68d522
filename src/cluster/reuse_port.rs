//! Several listeners for one address, on Linux.

use std::io;

use crate::net::TcpSocket;

/// Makes the kernel divide the connections among all listeners with this option.
pub(super) fn divide(socket: &TcpSocket) -> io::Result<()> {
    socket.set_reuseport(true)
}
