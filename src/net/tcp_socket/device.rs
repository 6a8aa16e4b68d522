//! Binding to a network interface, on Linux.

use std::io;

use super::TcpSocket;

impl TcpSocket {
    /// Returns the name of the network interface that the socket is bound to (`SO_BINDTODEVICE`).
    ///
    /// This method exists on Linux only.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call.
    pub fn device(&self) -> io::Result<Option<Vec<u8>>> {
        self.socket.device()
    }

    /// Binds the socket to a network interface, such as `eth0` (`SO_BINDTODEVICE`), or to none.
    ///
    /// Only packets of that interface are received and sent. This method exists on Linux only.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call: `ENODEV` if there is no such interface, and
    /// [`PermissionDenied`](io::ErrorKind::PermissionDenied) if the socket is bound to one already
    /// and the process has not the capability `CAP_NET_RAW`.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// let socket = quintet::net::TcpSocket::new_v4()?;
    /// socket.bind_device(Some(b"eth0"))?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn bind_device(&self, interface: Option<&[u8]>) -> io::Result<()> {
        self.socket.bind_device(interface)
    }
}
