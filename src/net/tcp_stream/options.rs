//! Socket options.

use std::io;
use std::time::Duration;

use socket2::SockRef;

use super::TcpStream;

impl TcpStream {
    /// Returns whether Nagle's algorithm is off (`TCP_NODELAY`).
    ///
    /// # Errors
    ///
    /// Returns the error of the system call.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.source.get().nodelay()
    }

    /// Turns Nagle's algorithm off or on (`TCP_NODELAY`).
    ///
    /// If `nodelay` is true, small writes are sent at once. Otherwise they are collected while
    /// earlier data is not acknowledged. The default is false.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.source.get().set_nodelay(nodelay)
    }

    /// Returns for how long closing the socket waits for unsent data (`SO_LINGER`), or `None` if it
    /// does not wait.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        SockRef::from(self).linger()
    }

    /// Sets for how long closing the socket waits for unsent data (`SO_LINGER`).
    ///
    /// `None`, the default, does not wait: the OS sends the data in the background. Zero discards
    /// unsent data and resets the connection. Any other duration, rounded down to whole seconds,
    /// **blocks the thread** that closes or drops the stream, and with it the loop.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call.
    pub fn set_linger(&self, duration: Option<Duration>) -> io::Result<()> {
        SockRef::from(self).set_linger(duration)
    }

    /// Returns the time to live of sent packets (`IP_TTL`).
    ///
    /// # Errors
    ///
    /// Returns the error of the system call.
    pub fn ttl(&self) -> io::Result<u32> {
        self.source.get().ttl()
    }

    /// Sets the time to live of sent packets (`IP_TTL`).
    ///
    /// # Errors
    ///
    /// Returns the error of the system call: [`InvalidInput`](io::ErrorKind::InvalidInput) if `ttl`
    /// is not between 1 and 255.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.source.get().set_ttl(ttl)
    }

    /// Takes the pending error of the socket (`SO_ERROR`), if there is one.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call that asks for it.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.source.get().take_error()
    }
}
