//! A TCP connection.

mod options;

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::io::{AsyncRead, AsyncWrite};
use socket2::Domain;

use super::addr::ToSocketAddrs;
use super::connect;
use super::linger;
use super::readiness::{impl_poll_ready, impl_readiness};
use super::socket::{self, UnlessEmpty};
use super::stream::{self, StreamSocket, stream_operations, stream_traits};
use super::tcp::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use crate::blocking::called_here;
use crate::coop;
use crate::io::source::{OpOutput, Source};
use crate::phase::poll::Direction;

/// A TCP connection between a local and a remote socket.
///
/// A connection is made by [`connect`](TcpStream::connect), or accepted by
/// [`TcpListener::accept`](super::TcpListener::accept). Dropping the stream closes it.
///
/// The methods take `&self`, so one task may read while another writes. The stream also implements
/// [`AsyncRead`](crate::io::AsyncRead) and [`AsyncWrite`](crate::io::AsyncWrite), and so does
/// `&TcpStream`. [`split`](TcpStream::split) and [`into_split`](TcpStream::into_split) make a read
/// half and a write half.
///
/// A stream belongs to the loop on which one of its operations is first polled. On another loop its
/// operations return an error of kind [`Other`](io::ErrorKind::Other).
///
/// # Examples
///
/// ```
/// use quintet::net::{TcpListener, TcpStream};
///
/// # quintet::block_on(async {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let client = TcpStream::connect(listener.local_addr()?).await?;
/// let (server, _) = listener.accept().await?;
///
/// client.write_all(b"ping").await?;
/// let mut buf = [0; 16];
/// let n = server.read(&mut buf).await?;
/// assert_eq!(&buf[..n], b"ping");
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub struct TcpStream {
    source: Source<std::net::TcpStream>,
}

impl TcpStream {
    /// Opens a connection to a remote host.
    ///
    /// If `addr` yields several addresses, they are tried by "happy eyeballs" ([RFC 8305]): IPv6
    /// and IPv4 addresses take turns, beginning with the family of the first address. The next
    /// attempt begins when one has failed, or 250 ms after the last one began. The first connection
    /// wins, and the sockets of all other attempts are closed. So an address that does not respond,
    /// or a network without IPv6, costs little. The order of the attempts is fixed, and their time
    /// is that of the loop's clock.
    ///
    /// There is no limit on how long this takes, except that of the OS, which gives up a host that
    /// does not respond after about two minutes on Linux. See
    /// [`connect_timeout`](TcpStream::connect_timeout).
    ///
    /// # Errors
    ///
    /// If there is one address, returns its error, with the address in the message. If there are
    /// several, the message has each address and its error, up to 8. The kind is that of the first
    /// address in the order of the attempts; an address to which this host has no route, or of
    /// whose family it has no address, counts only if there is no other. The error of the system
    /// call is the [`source`](std::error::Error::source). Common kinds are:
    ///
    /// - [`ConnectionRefused`](io::ErrorKind::ConnectionRefused): nothing listens on the port.
    /// - [`TimedOut`](io::ErrorKind::TimedOut): the host did not respond.
    /// - [`NetworkUnreachable`](io::ErrorKind::NetworkUnreachable) and
    ///   [`HostUnreachable`](io::ErrorKind::HostUnreachable): there is no route to it.
    ///
    /// If there is no address to connect to, the errors are those of
    /// [`lookup_host`](super::lookup_host).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, all attempts are given up and their sockets closed.
    ///
    /// # Examples
    ///
    /// Nothing listens on port 1:
    ///
    /// ```
    /// use std::net::SocketAddr;
    ///
    /// use quintet::net::{TcpListener, TcpStream};
    ///
    /// # quintet::block_on(async {
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let addr = listener.local_addr()?;
    /// let addrs = [SocketAddr::from(([127, 0, 0, 1], 1)), addr];
    /// let stream = TcpStream::connect(&addrs[..]).await?;
    /// assert_eq!(stream.peer_addr()?, addr);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// [RFC 8305]: https://www.rfc-editor.org/rfc/rfc8305
    #[track_caller]
    pub fn connect(addr: impl ToSocketAddrs) -> impl Future<Output = io::Result<Self>> {
        called_here(async move { connect::connect(addr.target()).await })
    }

    /// Opens a connection to a remote host, but gives up after `timeout`.
    ///
    /// It is [`connect`](TcpStream::connect) with a limit, which includes the look-up of the host
    /// name and the attempts of all addresses, and begins when the future is first polled. It takes
    /// everything that `connect` takes; a `&SocketAddr` as `std` does, too. With
    /// [`Duration::ZERO`] only a connection that can be made at once succeeds; `std` returns an
    /// error.
    ///
    /// # Errors
    ///
    /// Returns the errors of `connect`. If the time is over, the kind is
    /// [`TimedOut`](io::ErrorKind::TimedOut), and the message says what has become of each address,
    /// or which name could not be looked up.
    ///
    /// # Cancel safety
    ///
    /// That of `connect`. When the time is over, the sockets of all attempts have been closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use quintet::net::{TcpListener, TcpStream};
    ///
    /// # quintet::block_on(async {
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let addr = listener.local_addr()?;
    /// let stream = TcpStream::connect_timeout(&addr, Duration::from_secs(5)).await?;
    /// assert_eq!(stream.peer_addr()?, addr);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[track_caller]
    pub fn connect_timeout(
        addr: impl ToSocketAddrs,
        timeout: Duration,
    ) -> impl Future<Output = io::Result<Self>> {
        called_here(async move { connect::connect_timeout(addr.target(), timeout).await })
    }

    /// Connects to one address. The error does not name it.
    pub(super) async fn connect_to(addr: SocketAddr) -> io::Result<Self> {
        let socket = socket::tcp_socket(Domain::for_address(addr))?;
        TcpStream::finish_connect(socket::start_connect(socket, addr)?, false).await
    }

    /// Waits until a connection that was begun has been made.
    pub(super) async fn finish_connect(
        stream: std::net::TcpStream,
        may_linger: bool,
    ) -> io::Result<Self> {
        let stream = TcpStream::from_connected(stream, may_linger);
        let connecting = stream.source.operate(Direction::Write, is_connected);
        connecting.await?;
        Ok(stream)
    }

    /// Wraps a socket that is non-blocking already. With `may_linger` it may have a linger time.
    pub(super) fn from_connected(stream: std::net::TcpStream, may_linger: bool) -> Self {
        TcpStream {
            source: linger::source(stream, may_linger),
        }
    }

    /// Converts a stream of the standard library, and makes it non-blocking.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call that makes the socket non-blocking.
    pub fn from_std(stream: std::net::TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(TcpStream::from_connected(stream, true))
    }

    /// Converts the stream into one of the standard library, which no longer belongs to a loop.
    ///
    /// The socket stays non-blocking; see
    /// [`set_nonblocking`](std::net::TcpStream::set_nonblocking).
    ///
    /// # Errors
    ///
    /// This method currently never fails.
    pub fn into_std(self) -> io::Result<std::net::TcpStream> {
        Ok(self.source.into_inner())
    }

    /// Keeps the runtime alive while a task waits for this stream. This is the default.
    ///
    /// It reverses [`unref`](TcpStream::unref). Both may be called from any thread, any number of
    /// times; the last call counts. See [`Runtime::run`](crate::runtime::Runtime::run).
    pub fn ref_(&self) {
        self.source.set_ref(true);
    }

    /// Allows the runtime to end even while a task waits for this stream.
    pub fn unref(&self) {
        self.source.set_ref(false);
    }

    /// Returns whether the stream keeps the runtime alive while a task waits for it.
    pub fn has_ref(&self) -> bool {
        self.source.is_ref()
    }

    /// Closes the connection and waits for the close phase of the tick.
    ///
    /// The descriptor is closed by the first poll of the future. Dropping the stream closes it,
    /// too. If it has a [linger time](TcpStream::set_linger), a worker closes it, and the future
    /// waits for that.
    pub async fn close(self) {
        self.source.close().await;
    }

    /// Ends the operations of other owners of the stream; see `OwnedWriteHalf::close`.
    pub(super) fn end_operations(&self) {
        self.source.end_operations();
    }

    /// Splits the stream into a read half and a write half, which borrow it.
    ///
    /// This is cheaper than [`into_split`](TcpStream::into_split), but both halves stay in one
    /// task.
    pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        (ReadHalf::new(self), WriteHalf::new(self))
    }

    /// Splits the stream into a read half and a write half, which can be moved to different tasks.
    ///
    /// Dropping the write half shuts down the write half of the connection.
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        super::tcp::split(self)
    }

    /// Returns the address of the local end.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.source.get().local_addr()
    }

    /// Returns the address of the remote end.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call: [`NotConnected`](io::ErrorKind::NotConnected) if the
    /// connection has ended, for example because the other end has reset it.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.source.get().peer_addr()
    }
}

/// Finishes a connection attempt, or returns `WouldBlock` while it is in progress.
fn is_connected(stream: &std::net::TcpStream) -> io::Result<OpOutput<()>> {
    if let Some(error) = stream.take_error()? {
        return Err(error);
    }
    // A spurious wake-up looks like success to `take_error`. Only a connected socket has a peer.
    match stream.peer_addr() {
        Ok(_) => Ok(OpOutput::new(())),
        Err(error) if error.kind() == io::ErrorKind::NotConnected => {
            Err(io::ErrorKind::WouldBlock.into())
        }
        Err(error) => Err(error),
    }
}

impl AsFd for TcpStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.source.get().as_fd()
    }
}

impl AsRawFd for TcpStream {
    fn as_raw_fd(&self) -> RawFd {
        self.source.get().as_raw_fd()
    }
}

/// The same as [`from_std`](TcpStream::from_std).
impl TryFrom<std::net::TcpStream> for TcpStream {
    type Error = io::Error;

    fn try_from(stream: std::net::TcpStream) -> io::Result<Self> {
        TcpStream::from_std(stream)
    }
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl_readiness! {
    TcpStream, "stream";
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::ErrorKind;
    ///
    /// use quintet::net::{TcpListener, TcpStream};
    ///
    /// # quintet::block_on(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let client = TcpStream::connect(listener.local_addr()?).await?;
    /// # let (stream, _) = listener.accept().await?;
    /// # client.write_all(b"ping").await?;
    /// let mut buf = [0; 16];
    /// let n = loop {
    ///     stream.readable().await?;
    ///     match stream.try_read(&mut buf) {
    ///         // A spurious wake-up.
    ///         Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
    ///         result => break result?,
    ///     }
    /// };
    /// assert_eq!(&buf[..n], b"ping");
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
}
impl_poll_ready!(TcpStream, poll_read_ready, READABLE, "read");
impl_poll_ready!(TcpStream, poll_write_ready, WRITABLE, "write");

stream_operations!(TcpStream, "crate::net::tcp");
stream_traits!(TcpStream);

assert_impl!(TcpStream: Send + Sync + Unpin);
