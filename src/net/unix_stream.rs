//! A Unix stream socket.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::io::{AsyncRead, AsyncWrite};
use socket2::{Socket, Type};

use super::datagram::impl_source;
use super::readiness::{impl_poll_ready, impl_readiness};
use super::socket::{self, UnlessEmpty};
use super::stream::{self, StreamSocket, stream_operations, stream_traits};
use super::unix::descriptors::{self, ReceivedFds, impl_descriptors};
use super::unix::{
    self, OwnedReadHalf, OwnedWriteHalf, PathAddr, ReadHalf, SocketAddr, UCred, WriteHalf, name_of,
};
use crate::coop;
use crate::io::source::{OpOutput, Source};
use crate::io_error::cannot;
use crate::phase::poll::Direction;

/// A connection between two Unix sockets.
///
/// A connection is made by [`connect`](UnixStream::connect), or accepted by
/// [`UnixListener::accept`](super::UnixListener::accept); [`pair`](UnixStream::pair) makes both
/// ends. Dropping the stream closes it.
///
/// It is used as a [`TcpStream`](super::TcpStream) is: the methods take `&self`, the stream and
/// references to it implement [`AsyncRead`](crate::io::AsyncRead) and
/// [`AsyncWrite`](crate::io::AsyncWrite), [`split`](UnixStream::split) and
/// [`into_split`](UnixStream::into_split) make halves, and it belongs to the loop on which one of
/// its operations is first polled. In addition it can pass descriptors to another process
/// ([`send_fds`](UnixStream::send_fds)). Descriptors that come with bytes that are read otherwise
/// are closed by the kernel.
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
/// let (server, _) = listener.accept().await?;
///
/// client.write_all(b"ping").await?;
/// let mut buf = [0; 16];
/// let n = server.read(&mut buf).await?;
/// assert_eq!(&buf[..n], b"ping");
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub struct UnixStream {
    source: Source<std::os::unix::net::UnixStream>,
}

impl UnixStream {
    /// Connects to the listener that is bound to a path.
    ///
    /// On Linux a path that begins with a NUL byte is an abstract name; see [`unix`](super::unix).
    ///
    /// # Errors
    ///
    /// Returns the error of the system call, with the path in its message; it is the
    /// [`source`](std::error::Error::source). Common kinds are:
    ///
    /// - [`NotFound`](io::ErrorKind::NotFound): there is no such file.
    /// - [`ConnectionRefused`](io::ErrorKind::ConnectionRefused): no socket listens there any
    ///   longer, or the file is not a socket.
    /// - [`PermissionDenied`](io::ErrorKind::PermissionDenied): the file may not be written.
    /// - [`WouldBlock`](io::ErrorKind::WouldBlock): the backlog of the listener is full. Linux has
    ///   no event for room in it, so this method does not wait, as in tokio. Try again later.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the socket is closed.
    pub fn connect(path: impl AsRef<Path>) -> impl Future<Output = io::Result<Self>> {
        connect(new_socket, PathAddr::of_path(path.as_ref()))
    }

    /// Connects to the listener that is bound to an address.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`connect`](UnixStream::connect).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the socket is closed.
    pub fn connect_addr(addr: &SocketAddr) -> impl Future<Output = io::Result<Self>> {
        connect(new_socket, PathAddr::of_addr(addr))
    }

    /// Creates two connected sockets, which have no names.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call, for example if the process has no descriptors left.
    ///
    /// # Examples
    ///
    /// ```
    /// use quintet::net::UnixStream;
    ///
    /// # quintet::block_on(async {
    /// let (one, other) = UnixStream::pair()?;
    /// one.write_all(b"x").await?;
    /// assert_eq!(other.read(&mut [0; 8]).await?, 1);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    pub fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = socket::unix_pair(Type::STREAM)?;
        let stream = |socket: Socket| UnixStream::from_connected(socket.into());
        Ok((stream(one), stream(other)))
    }

    /// Wraps a socket that is non-blocking already.
    pub(super) fn from_connected(stream: std::os::unix::net::UnixStream) -> Self {
        UnixStream {
            source: Source::new(stream),
        }
    }

    /// Ends the operations of other owners of the stream; see `OwnedWriteHalf::close`.
    pub(super) fn end_operations(&self) {
        self.source.end_operations();
    }

    /// Splits the stream into a read half and a write half, which borrow it.
    ///
    /// This is cheaper than [`into_split`](UnixStream::into_split), but both halves stay in one
    /// task.
    pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        (ReadHalf::new(self), WriteHalf::new(self))
    }

    /// Splits the stream into a read half and a write half, which can be moved to different tasks.
    ///
    /// Dropping the write half shuts down the write half of the connection.
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        unix::split(self)
    }

    /// Returns the address of the local end. That of a client is usually unnamed.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.source.get().local_addr().map(SocketAddr::from)
    }

    /// Returns the address of the remote end.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call: [`NotConnected`](io::ErrorKind::NotConnected) on some
    /// systems if the connection has ended.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.source.get().peer_addr().map(SocketAddr::from)
    }

    /// Returns the credentials of the process that called `connect`, `listen` or `pair` at the
    /// other end.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call, and [`Unsupported`](io::ErrorKind::Unsupported) on
    /// systems other than Linux.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(target_os = "linux")] {
    /// let (one, _other) = quintet::net::UnixStream::pair()?;
    /// assert_eq!(one.peer_cred()?.pid(), i32::try_from(std::process::id()).ok());
    /// # }
    /// # std::io::Result::Ok(())
    /// ```
    pub fn peer_cred(&self) -> io::Result<UCred> {
        unix::peer_cred(self)
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

fn new_socket() -> io::Result<Socket> {
    socket::unix_socket(Type::STREAM)
}

/// Connects what `socket` returns.
pub(super) async fn connect(
    socket: impl FnOnce() -> io::Result<Socket>,
    addr: io::Result<PathAddr>,
) -> io::Result<UnixStream> {
    coop::operate().await;
    let addr = addr?;
    let name = || format!("connect to {}", name_of(&addr.std));
    let socket = socket().map_err(|error| cannot(name(), error))?;
    socket::start_connect_unix(&socket, &addr.raw).map_err(|error| cannot(name(), error))?;
    let stream = UnixStream::from_connected(socket.into());
    // On Linux the connection exists by now; other systems may take some time.
    if stream.source.get().peer_addr().is_err() {
        let connecting = stream.source.operate(Direction::Write, is_connected);
        connecting.await.map_err(|error| cannot(name(), error))?;
    }
    Ok(stream)
}

/// Finishes a connection attempt, or returns `WouldBlock` while it is in progress.
fn is_connected(stream: &std::os::unix::net::UnixStream) -> io::Result<OpOutput<()>> {
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

impl_readiness! { UnixStream, "stream"; }
impl_poll_ready!(UnixStream, poll_read_ready, READABLE, "read");
impl_poll_ready!(UnixStream, poll_write_ready, WRITABLE, "write");
stream_operations!(UnixStream, "crate::net::unix");
stream_traits!(UnixStream);
impl_descriptors!(
    UnixStream,
    false,
    "The kind is [`InvalidInput`](io::ErrorKind::InvalidInput) if `buf` is empty."
);
impl_source!(UnixStream, std::os::unix::net::UnixStream, "stream");
