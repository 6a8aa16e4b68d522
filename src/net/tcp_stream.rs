//! A TCP connection.

mod async_io;
mod operations;
mod options;

use std::fmt;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use super::addr::{self, ToSocketAddrs};
use super::socket;
use super::tcp::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use crate::blocking::called_here;
use crate::io::source::{OpOutput, Source};
use crate::phase::poll::Direction;

/// A TCP connection.
///
/// It implements the I/O traits of `futures`, also by reference, so that one task may read while
/// another writes; and the common operations as methods of its own, which take `&self`.
///
/// Dropping it closes the connection.
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
    /// Connects to the first of the addresses that accepts the connection.
    ///
    /// # Errors
    ///
    /// Returns the error for the last of the addresses, which it names:
    /// [`ConnectionRefused`](io::ErrorKind::ConnectionRefused),
    /// [`TimedOut`](io::ErrorKind::TimedOut) and others. The OS's error is its
    /// [`source`](std::error::Error::source). Returns the errors of the look-up of a name, too.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the connection.
    #[track_caller]
    pub fn connect(addr: impl ToSocketAddrs) -> impl Future<Output = io::Result<Self>> {
        called_here(async move { addr::on_any("connect to", addr, TcpStream::connect_to).await })
    }

    async fn connect_to(addr: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::from_connected(socket::start_connect(addr)?);
        let connecting = stream.source.operate(Direction::Write, is_connected);
        connecting.await?;
        Ok(stream)
    }

    /// Takes over a non-blocking socket.
    pub(super) fn from_connected(stream: std::net::TcpStream) -> Self {
        TcpStream {
            source: Source::new(stream),
        }
    }

    /// Takes over a stream of the standard library, and makes it non-blocking.
    ///
    /// # Errors
    ///
    /// The OS's.
    pub fn from_std(stream: std::net::TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(TcpStream::from_connected(stream))
    }

    /// Lets it keep its runtime alive again while a task waits for it, which it does from the start;
    /// see [`Runtime::run`](crate::runtime::Runtime::run).
    ///
    /// Like `unref` this may be called on any thread, and any number of times.
    pub fn ref_(&self) {
        self.source.set_ref(true);
    }

    /// Lets the runtime end though a task waits for this.
    pub fn unref(&self) {
        self.source.set_ref(false);
    }

    /// Returns whether it keeps its runtime alive while a task waits for it.
    pub fn has_ref(&self) -> bool {
        self.source.is_ref()
    }

    /// Takes it from its loop. The stream is still non-blocking.
    ///
    /// # Errors
    ///
    /// None at present.
    pub fn into_std(self) -> io::Result<std::net::TcpStream> {
        Ok(self.source.into_inner())
    }

    /// Shuts one or both directions down. Shutting down the write side is how the other end gets to
    /// know that there will be no more.
    ///
    /// # Errors
    ///
    /// The OS's.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.source.get().shutdown(how)
    }

    /// Closes the connection, both directions of it. The descriptor is closed at once; this ends in
    /// the close phase of the tick.
    pub async fn close(self) {
        self.source.close().await;
    }

    /// Marks it as closed though others still hold it; see `OwnedWriteHalf::close`.
    pub(super) fn end_operations(&self) {
        self.source.end_operations();
    }

    /// Borrows the two directions, for one task to use both at a time.
    pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        (ReadHalf::new(self), WriteHalf::new(self))
    }

    /// Splits it into two halves that can go to different tasks.
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        super::tcp::split(self)
    }

    /// Returns the address of this end.
    ///
    /// # Errors
    ///
    /// The OS's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.source.get().local_addr()
    }

    /// Returns the address of the other end.
    ///
    /// # Errors
    ///
    /// The OS's.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.source.get().peer_addr()
    }
}

/// Whether a socket that began to connect has done so.
fn is_connected(stream: &std::net::TcpStream) -> io::Result<OpOutput<()>> {
    if let Some(error) = stream.take_error()? {
        return Err(error);
    }
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

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

assert_impl!(TcpStream: Send + Sync + Unpin);
