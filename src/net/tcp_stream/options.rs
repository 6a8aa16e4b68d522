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
    /// blocks the thread that closes the socket. So a worker closes it, and a runtime that is shut
    /// down waits for that. Only where no runtime is current, or after the runtime has been shut
    /// down, a drop of the stream blocks its thread.
    ///
    /// A linger time that is set by this method, or that may be set by
    /// [`sock_ref`](TcpStream::sock_ref), is known to the runtime. One that is set by other means,
    /// on the descriptor or a duplicate of it, is not: then closing the stream blocks the loop.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call.
    pub fn set_linger(&self, duration: Option<Duration>) -> io::Result<()> {
        self.source.set_closes_slowly();
        SockRef::from(self).set_linger(duration)
    }

    /// Makes closing the socket discard unsent data and reset the connection: a linger time of
    /// zero.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call.
    pub fn set_zero_linger(&self) -> io::Result<()> {
        self.set_linger(Some(Duration::ZERO))
    }

    /// Returns the socket as the type of the crate `socket2`, for options that have no method here.
    ///
    /// `SockRef` is a type of `socket2` 0.6, which is a public dependency. Since it can set a
    /// linger time, the socket is asked for one when the stream is closed; see
    /// [`set_linger`](TcpStream::set_linger).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use quintet::net::{TcpListener, TcpStream};
    /// use socket2::TcpKeepalive;
    ///
    /// # quintet::block_on(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(60));
    /// stream.sock_ref().set_tcp_keepalive(&keepalive)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    pub fn sock_ref(&self) -> SockRef<'_> {
        self.source.set_closes_slowly();
        SockRef::from(self)
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
