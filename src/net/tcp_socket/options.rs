//! Options of a TCP socket that is neither connected nor listening yet.

use std::io;
use std::time::Duration;

use super::TcpSocket;

impl TcpSocket {
    /// Returns whether the OS checks an idle connection (`SO_KEEPALIVE`).
    ///
    /// # Errors
    ///
    /// Returns the error of the system call.
    pub fn keepalive(&self) -> io::Result<bool> {
        self.socket.keepalive()
    }

    /// Sets whether the OS checks an idle connection (`SO_KEEPALIVE`).
    ///
    /// The times between the checks are set by [`sock_ref`](TcpSocket::sock_ref).
    ///
    /// # Errors
    ///
    /// Returns the error of the system call.
    pub fn set_keepalive(&self, keepalive: bool) -> io::Result<()> {
        self.socket.set_keepalive(keepalive)
    }

    /// Returns whether the socket may bind to an address that still has connections in the
    /// state `TIME_WAIT` (`SO_REUSEADDR`).
    ///
    /// # Errors
    ///
    /// Returns the error of the system call.
    pub fn reuseaddr(&self) -> io::Result<bool> {
        self.socket.reuse_address()
    }

    /// Sets whether the socket may bind to an address that still has connections in the
    /// state `TIME_WAIT` (`SO_REUSEADDR`).
    ///
    /// # Errors
    ///
    /// Returns the error of the system call.
    pub fn set_reuseaddr(&self, reuseaddr: bool) -> io::Result<()> {
        self.socket.set_reuse_address(reuseaddr)
    }

    /// Returns whether several sockets may bind to one address (`SO_REUSEPORT`).
    ///
    /// # Errors
    ///
    /// Returns the error of the system call.
    pub fn reuseport(&self) -> io::Result<bool> {
        self.socket.reuse_port()
    }

    /// Sets whether several sockets may bind to one address (`SO_REUSEPORT`).
    ///
    /// If all of them listen, the OS divides the connections among them, for example among the
    /// loops of a program.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call.
    pub fn set_reuseport(&self, reuseport: bool) -> io::Result<()> {
        self.socket.set_reuse_port(reuseport)
    }

    /// Returns the size of the send buffer in bytes (`SO_SNDBUF`).
    ///
    /// # Errors
    ///
    /// Returns the error of the system call.
    pub fn send_buffer_size(&self) -> io::Result<u32> {
        self.socket.send_buffer_size().map(as_u32)
    }

    /// Sets the size of the send buffer in bytes (`SO_SNDBUF`).
    ///
    /// The OS has limits, and Linux doubles the number.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call.
    pub fn set_send_buffer_size(&self, size: u32) -> io::Result<()> {
        self.socket.set_send_buffer_size(size as usize)
    }

    /// Returns the size of the receive buffer in bytes (`SO_RCVBUF`).
    ///
    /// # Errors
    ///
    /// Returns the error of the system call.
    pub fn recv_buffer_size(&self) -> io::Result<u32> {
        self.socket.recv_buffer_size().map(as_u32)
    }

    /// Sets the size of the receive buffer in bytes (`SO_RCVBUF`).
    ///
    /// The OS has limits, and Linux doubles the number.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call.
    pub fn set_recv_buffer_size(&self, size: u32) -> io::Result<()> {
        self.socket.set_recv_buffer_size(size as usize)
    }

    /// Returns for how long closing the socket waits for unsent data (`SO_LINGER`), or `None` if it
    /// does not wait.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        self.socket.linger()
    }

    /// Sets for how long closing the connection waits for unsent data (`SO_LINGER`). See
    /// [`TcpStream::set_linger`](crate::net::TcpStream::set_linger).
    ///
    /// If the socket listens, the connections that it accepts have the same option.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call.
    pub fn set_linger(&self, duration: Option<Duration>) -> io::Result<()> {
        self.set_may_linger();
        self.socket.set_linger(duration)
    }

    /// Makes closing the connection discard unsent data and reset the connection: a linger time of
    /// zero. It never blocks.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call.
    pub fn set_zero_linger(&self) -> io::Result<()> {
        self.set_linger(Some(Duration::ZERO))
    }

    /// Returns whether Nagle's algorithm is off (`TCP_NODELAY`).
    ///
    /// # Errors
    ///
    /// Returns the error of the system call.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.socket.tcp_nodelay()
    }

    /// Sets whether Nagle's algorithm is off (`TCP_NODELAY`).
    ///
    /// # Errors
    ///
    /// Returns the error of the system call.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.socket.set_tcp_nodelay(nodelay)
    }

    /// Returns the type of service of sent IPv4 packets (`IP_TOS`).
    ///
    /// # Errors
    ///
    /// Returns the error of the system call.
    pub fn tos_v4(&self) -> io::Result<u32> {
        self.socket.tos_v4()
    }

    /// Sets the type of service of sent IPv4 packets (`IP_TOS`).
    ///
    /// # Errors
    ///
    /// Returns the error of the system call.
    pub fn set_tos_v4(&self, tos: u32) -> io::Result<()> {
        self.socket.set_tos_v4(tos)
    }

    /// Returns the traffic class of sent IPv6 packets (`IPV6_TCLASS`).
    ///
    /// # Errors
    ///
    /// Returns the error of the system call.
    pub fn tclass_v6(&self) -> io::Result<u32> {
        self.socket.tclass_v6()
    }

    /// Sets the traffic class of sent IPv6 packets (`IPV6_TCLASS`).
    ///
    /// # Errors
    ///
    /// Returns the error of the system call.
    pub fn set_tclass_v6(&self, class: u32) -> io::Result<()> {
        self.socket.set_tclass_v6(class)
    }
}

fn as_u32(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}
