//! A TCP socket that accepts connections.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use futures::Stream;
use socket2::SockRef;

use super::addr::{self, ToSocketAddrs};
use super::readiness::impl_readiness;
use super::{TcpStream, socket};
use crate::blocking::called_here;
use crate::io::source::{OpOutput, Source};
use crate::phase::poll::Direction;

/// A TCP socket server, which listens for connections.
///
/// Dropping the listener closes it. It belongs to the loop on which one of its operations is first
/// polled; on another loop its operations return an error of kind [`Other`](io::ErrorKind::Other).
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
    /// Whether connections may wait that were established before `TCP_NODELAY` was set, and so have
    /// not inherited it.
    has_older: AtomicBool,
}

impl TcpListener {
    /// Creates a listener that is bound to an address.
    ///
    /// If `addr` yields several addresses, each is tried in turn until one can be bound. With port
    /// 0 the OS chooses a free port; [`local_addr`](TcpListener::local_addr) returns it.
    /// `SO_REUSEADDR` is set, so a server can be restarted at once.
    ///
    /// # Errors
    ///
    /// Returns the error of the last address, with that address in its message; the error of the
    /// system call is its [`source`](std::error::Error::source). Common kinds are:
    ///
    /// - [`AddrInUse`](io::ErrorKind::AddrInUse): another socket listens there.
    /// - [`AddrNotAvailable`](io::ErrorKind::AddrNotAvailable): no interface of this host has the
    ///   address.
    /// - [`PermissionDenied`](io::ErrorKind::PermissionDenied): the port is reserved for privileged
    ///   processes.
    ///
    /// If there is no address to listen on, the errors are those of
    /// [`lookup_host`](super::lookup_host).
    #[track_caller]
    pub fn bind(addr: impl ToSocketAddrs) -> impl Future<Output = io::Result<Self>> {
        called_here(async move {
            let listener =
                addr::on_any("listen on", addr, async |addr| socket::listen(addr)).await?;
            Ok(TcpListener::from_listening(listener, false))
        })
    }

    /// Wraps a socket that is non-blocking already. With `may_linger` it may have a linger time,
    /// which the connections that it accepts inherit.
    pub(super) fn from_listening(listener: std::net::TcpListener, may_linger: bool) -> Self {
        let source = Source::new(listener);
        if may_linger {
            source.set_closes_slowly();
        }
        TcpListener {
            source,
            has_older: AtomicBool::new(false),
        }
    }

    /// Sets `TCP_NODELAY` for all connections that are accepted from now on. They inherit it, so
    /// that none of them makes a call, except those that have been established before.
    ///
    /// # Errors
    ///
    /// Returns the error of the OS.
    pub(crate) fn set_nodelay(&self) -> io::Result<()> {
        SockRef::from(self.source.get()).set_tcp_nodelay(true)?;
        self.has_older.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Accepts a connection, and returns it with the address of the remote end.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call. The listener stays usable, and the next call tries
    /// again:
    ///
    /// - [`ConnectionAborted`](io::ErrorKind::ConnectionAborted) and errors of the network concern
    ///   one connection only.
    /// - If the process or the system has run out of descriptors (`EMFILE`, `ENFILE`), the
    ///   connection stays in the backlog. Wait before the next call, so that some can be closed.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: if the future is dropped before it completes, no connection was
    /// accepted.
    pub fn accept(&self) -> impl Future<Output = io::Result<(TcpStream, SocketAddr)>> {
        self.source
            .operate(Direction::Read, |listener| self.accept_from(listener))
    }

    /// Polls for a connection.
    ///
    /// If there is none, the task of `cx` is woken when there may be one. Spurious wake-ups are
    /// possible.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`accept`](TcpListener::accept).
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        self.source
            .poll_operate(cx, Direction::Read, |listener| self.accept_from(listener))
    }

    /// Accepts a connection without waiting.
    ///
    /// # Errors
    ///
    /// Returns an error of kind [`WouldBlock`](io::ErrorKind::WouldBlock) if there is none, and the
    /// errors of [`accept`](TcpListener::accept).
    pub fn try_accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        self.source
            .try_operate(Direction::Read, |listener| self.accept_from(listener))
    }

    /// Returns a stream of accepted connections. It never ends; after an error, the next item is
    /// another attempt to accept.
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming { listener: self }
    }

    /// Returns the local address that the listener is bound to.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.source.get().local_addr()
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

    /// Keeps the runtime alive while a task waits for this listener. This is the default.
    ///
    /// It reverses [`unref`](TcpListener::unref). Both may be called from any thread, any number of
    /// times; the last call counts. See [`Runtime::run`](crate::runtime::Runtime::run).
    pub fn ref_(&self) {
        self.source.set_ref(true);
    }

    /// Allows the runtime to end even while a task waits for this listener.
    pub fn unref(&self) {
        self.source.set_ref(false);
    }

    /// Returns whether the listener keeps the runtime alive while a task waits for it.
    pub fn has_ref(&self) -> bool {
        self.source.is_ref()
    }

    /// Closes the listener and waits for the close phase of the tick.
    ///
    /// The descriptor is closed by the first poll of the future, and the port is free then.
    /// Dropping the listener closes it, too.
    pub async fn close(self) {
        self.source.close().await;
    }

    /// Converts a listener of the standard library, and makes it non-blocking.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call that makes the socket non-blocking.
    pub fn from_std(listener: std::net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        // Connections inherit it. Asked once, so that not each of them has to be asked at its end.
        let linger = SockRef::from(&listener).linger();
        let may_linger = linger.map_or(true, |time| time.is_some());
        Ok(TcpListener::from_listening(listener, may_linger))
    }

    /// Converts the listener into one of the standard library, which no longer belongs to a loop.
    ///
    /// The socket stays non-blocking; see
    /// [`set_nonblocking`](std::net::TcpListener::set_nonblocking).
    ///
    /// # Errors
    ///
    /// This method currently never fails.
    pub fn into_std(self) -> io::Result<std::net::TcpListener> {
        Ok(self.source.into_inner())
    }

    /// Returns the socket as the type of the crate `socket2`, for options that have no method here.
    ///
    /// `SockRef` is a type of `socket2` 0.6, which is a public dependency.
    pub fn sock_ref(&self) -> SockRef<'_> {
        self.source.set_closes_slowly();
        SockRef::from(self)
    }

    fn accept_from(
        &self,
        listener: &std::net::TcpListener,
    ) -> io::Result<OpOutput<(TcpStream, SocketAddr)>> {
        let accepted = socket::accept(listener);
        if self.has_older.load(Ordering::Relaxed) {
            match &accepted {
                // Without it, the connection works as well.
                Ok((stream, _)) => drop(stream.set_nodelay(true)),
                // None is left that is older.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.has_older.store(false, Ordering::Relaxed);
                }
                Err(_) => {}
            }
        }
        let (stream, addr) = accepted?;
        let stream = TcpStream::from_connected(stream, self.source.may_close_slowly());
        Ok(OpOutput::new((stream, addr)))
    }
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

/// The same as [`from_std`](TcpListener::from_std).
impl TryFrom<std::net::TcpListener> for TcpListener {
    type Error = io::Error;

    fn try_from(listener: std::net::TcpListener) -> io::Result<Self> {
        TcpListener::from_std(listener)
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

/// A stream of accepted connections, returned by [`TcpListener::incoming`].
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

impl_readiness! { TcpListener, "listener"; }

assert_impl!(TcpListener: Send + Sync);
