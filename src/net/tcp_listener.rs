//! A socket that accepts connections.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::Stream;

use super::addr::{self, ToSocketAddrs};
use super::{TcpStream, socket};
use crate::blocking::called_here;
use crate::io::source::{OpOutput, Source};
use crate::phase::poll::Direction;

/// Accepts TCP connections.
///
/// # Examples
///
/// ```
/// use quintet::net::{TcpListener, TcpStream};
///
/// # quintet::block_on(async {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let client = TcpStream::connect(listener.local_addr()?).await?;
/// let (server, peer) = listener.accept().await?;
/// assert_eq!(peer, client.local_addr()?);
/// # drop(server);
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub struct TcpListener {
    source: Source<std::net::TcpListener>,
}

impl TcpListener {
    /// Listens on the first of the addresses that can be bound. Port 0 lets the OS choose one; see
    /// [`local_addr`](TcpListener::local_addr).
    ///
    /// # Errors
    ///
    /// Returns the error for the last of the addresses, which it names:
    /// [`AddrInUse`](io::ErrorKind::AddrInUse),
    /// [`PermissionDenied`](io::ErrorKind::PermissionDenied) and others. Returns the errors of the
    /// look-up of a name, too.
    #[track_caller]
    pub fn bind(addr: impl ToSocketAddrs) -> impl Future<Output = io::Result<Self>> {
        called_here(async move {
            let listener =
                addr::on_any("listen on", addr, async |addr| socket::listen(addr)).await?;
            Ok(TcpListener {
                source: Source::new(listener),
            })
        })
    }

    /// Waits for a connection and returns it with the address of the other end.
    ///
    /// # Errors
    ///
    /// The OS's. Most say something of one connection, or that descriptors have run out; the
    /// listener is still good, and a new call tries again. After running out, give others time to
    /// close something before that.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no connection.
    pub fn accept(&self) -> impl Future<Output = io::Result<(TcpStream, SocketAddr)>> {
        self.source.operate(Direction::Read, accept)
    }

    /// Polls for a connection; see [`accept`](TcpListener::accept).
    ///
    /// # Errors
    ///
    /// Those of [`accept`](TcpListener::accept).
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        self.source.poll_operate(cx, Direction::Read, accept)
    }

    /// Returns a stream of connections, which never ends.
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming { listener: self }
    }

    /// Returns the address that it listens on.
    ///
    /// # Errors
    ///
    /// The OS's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.source.get().local_addr()
    }

    /// Returns the time to live of packets that it sends.
    ///
    /// # Errors
    ///
    /// The OS's.
    pub fn ttl(&self) -> io::Result<u32> {
        self.source.get().ttl()
    }

    /// Sets the time to live of packets that it sends.
    ///
    /// # Errors
    ///
    /// The OS's.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.source.get().set_ttl(ttl)
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

    /// Closes it. The port is free at once; this ends in the close phase of the tick.
    pub async fn close(self) {
        self.source.close().await;
    }

    /// Takes over a listener of the standard library, and makes it non-blocking.
    ///
    /// # Errors
    ///
    /// The OS's.
    pub fn from_std(listener: std::net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(TcpListener {
            source: Source::new(listener),
        })
    }

    /// Takes it from its loop. The listener is still non-blocking.
    ///
    /// # Errors
    ///
    /// None at present.
    pub fn into_std(self) -> io::Result<std::net::TcpListener> {
        Ok(self.source.into_inner())
    }
}

fn accept(listener: &std::net::TcpListener) -> io::Result<OpOutput<(TcpStream, SocketAddr)>> {
    let (stream, addr) = socket::accept(listener)?;
    Ok(OpOutput::new((TcpStream::from_connected(stream), addr)))
}

impl AsFd for TcpListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.source.get().as_fd()
    }
}

impl AsRawFd for TcpListener {
    fn as_raw_fd(&self) -> RawFd {
        self.source.get().as_raw_fd()
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

/// A stream of connections; made by [`TcpListener::incoming`].
#[derive(Debug)]
#[must_use = "streams do nothing unless they are polled"]
pub struct Incoming<'a> {
    listener: &'a TcpListener,
}

impl Stream for Incoming<'_> {
    type Item = io::Result<TcpStream>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let accepted = self.listener.poll_accept(cx);
        accepted.map(|result| Some(result.map(|(stream, _)| stream)))
    }
}

assert_impl!(TcpListener: Send + Sync);
