//! Binding to a network interface, on Linux.

use std::io;

use socket2::SockRef;

use super::UdpSocket;

impl UdpSocket {
    /// Returns the name of the network interface that the socket is bound to (`SO_BINDTODEVICE`).
    ///
    /// This method exists on Linux only.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call.
    pub fn device(&self) -> io::Result<Option<Vec<u8>>> {
        SockRef::from(self).device()
    }

    /// Binds the socket to a network interface, such as `eth0` (`SO_BINDTODEVICE`), or to none.
    ///
    /// Only datagrams of that interface are received and sent. This method exists on Linux only.
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
    /// # quintet::block_on(async {
    /// let socket = quintet::net::UdpSocket::bind("0.0.0.0:67").await?;
    /// socket.bind_device(Some(b"eth0"))?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    pub fn bind_device(&self, interface: Option<&[u8]>) -> io::Result<()> {
        SockRef::from(self).bind_device(interface)
    }
}
