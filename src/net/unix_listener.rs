//! A Unix socket that accepts connections.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::Stream;
use socket2::{Socket, Type};

use super::datagram::impl_source;
use super::readiness::impl_readiness;
use super::unix::{PathAddr, SocketAddr, name_of};
use super::{UnixStream, socket};
use crate::io::source::{OpOutput, Source};
use crate::io_error::cannot;
use crate::phase::poll::Direction;

/// A Unix socket server, which listens for connections.
///
/// Dropping the listener closes it, but does not remove its path; see [`unix`](super::unix). It
/// belongs to the loop on which one of its operations is first polled; on another loop its
/// operations return an error of kind [`Other`](io::ErrorKind::Other).
///
/// # Examples
///
/// ```
/// use quintet::net::{UnixListener, UnixStream};
///
/// # quintet::block_on(async {
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("socket");
/// let listener = UnixListener::bind(&path)?;
/// let client = UnixStream::connect(&path).await?;
/// let (server, peer) = listener.accept().await?;
/// assert!(peer.is_unnamed());
/// assert_eq!(server.local_addr()?.as_pathname(), Some(&*path));
/// # drop(client);
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub struct UnixListener {
    source: Source<std::os::unix::net::UnixListener>,
}

impl UnixListener {
    /// Creates a listener that is bound to a path.
    ///
    /// The path must not exist: see [`unix`](super::unix). On Linux a path that begins with a NUL
    /// byte is an abstract name.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call, with the path in its message; it is the
    /// [`source`](std::error::Error::source). Common kinds are:
    ///
    /// - [`AddrInUse`](io::ErrorKind::AddrInUse): the path exists.
    /// - [`NotFound`](io::ErrorKind::NotFound): its directory does not exist.
    /// - [`PermissionDenied`](io::ErrorKind::PermissionDenied): the directory may not be written.
    /// - [`InvalidInput`](io::ErrorKind::InvalidInput): the path is too long.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        bind(PathAddr::of_path(path.as_ref())?)
    }

    /// Creates a listener that is bound to an address.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`bind`](UnixListener::bind).
    pub fn bind_addr(addr: &SocketAddr) -> io::Result<Self> {
        bind(PathAddr::of_addr(addr)?)
    }

    /// Wraps a socket that listens and is non-blocking.
    pub(super) fn from_socket(socket: Socket) -> Self {
        UnixListener {
            source: Source::new(socket.into()),
        }
    }

    /// Accepts a connection, and returns it with the address of the remote end, which is usually
    /// unnamed.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call. The listener stays usable, and the next call tries
    /// again. If the process or the system has run out of descriptors (`EMFILE`, `ENFILE`), the
    /// connection stays in the backlog. Wait before the next call, so that some can be closed.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: if the future is dropped before it completes, no connection was
    /// accepted.
    pub fn accept(&self) -> impl Future<Output = io::Result<(UnixStream, SocketAddr)>> {
        self.source.operate(Direction::Read, accept)
    }

    /// Polls for a connection.
    ///
    /// If there is none, the task of `cx` is woken when there may be one. Spurious wake-ups are
    /// possible.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`accept`](UnixListener::accept).
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(UnixStream, SocketAddr)>> {
        self.source.poll_operate(cx, Direction::Read, accept)
    }

    /// Accepts a connection without waiting.
    ///
    /// # Errors
    ///
    /// Returns an error of kind [`WouldBlock`](io::ErrorKind::WouldBlock) if there is none, and the
    /// errors of [`accept`](UnixListener::accept).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::ErrorKind;
    ///
    /// use quintet::net::{UnixListener, UnixStream};
    ///
    /// # quintet::block_on(async {
    /// # let dir = tempfile::tempdir()?;
    /// let path = dir.path().join("socket");
    /// let listener = UnixListener::bind(&path)?;
    /// let error = listener.try_accept().unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::WouldBlock);
    ///
    /// let _client = UnixStream::connect(&path).await?;
    /// listener.readable().await?;
    /// let (_server, _addr) = listener.try_accept()?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    pub fn try_accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        self.source.try_operate(Direction::Read, accept)
    }

    /// Returns a stream of accepted connections. It never ends; after an error, the next item is
    /// another attempt to accept.
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming { listener: self }
    }

    /// Returns the address that the listener is bound to.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.source.get().local_addr().map(SocketAddr::from)
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

fn bind(addr: PathAddr) -> io::Result<UnixListener> {
    let listen = || {
        let socket = socket::unix_socket(Type::STREAM)?;
        rustix::net::bind(&socket, &addr.raw)?;
        socket.listen(socket::BACKLOG)?;
        Ok(UnixListener::from_socket(socket))
    };
    listen().map_err(|error| cannot(format!("listen on {}", name_of(&addr.std)), error))
}

fn accept(
    listener: &std::os::unix::net::UnixListener,
) -> io::Result<OpOutput<(UnixStream, SocketAddr)>> {
    let (stream, addr) = socket::accept_unix(listener)?;
    let stream = UnixStream::from_connected(stream);
    Ok(OpOutput::new((stream, SocketAddr::from(addr))))
}

/// A stream of accepted connections, returned by [`UnixListener::incoming`].
#[derive(Debug)]
#[must_use = "streams do nothing unless they are polled"]
pub struct Incoming<'a> {
    listener: &'a UnixListener,
}

impl Stream for Incoming<'_> {
    type Item = io::Result<UnixStream>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let accepted = self.listener.poll_accept(cx);
        accepted.map(|result| Some(result.map(|(stream, _)| stream)))
    }
}

impl_readiness! { UnixListener, "listener"; }
impl_source!(UnixListener, std::os::unix::net::UnixListener, "listener");
