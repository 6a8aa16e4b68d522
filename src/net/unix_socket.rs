//! A Unix socket that is not yet a stream, a listener or a socket of datagrams.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::path::Path;

use socket2::{Socket, Type};

use super::unix::{PathAddr, name_of};
use super::{UnixDatagram, UnixListener, UnixStream, socket, unix_stream};
use crate::io_error::cannot;

/// A Unix socket that can be configured before it is connected, or before it listens.
///
/// Most programs need only [`UnixStream::connect`], [`UnixListener::bind`] and
/// [`UnixDatagram::bind`]. With this type a client can be bound to a path, a listener can have
/// another backlog, and options can be set by a crate such as `socket2`.
///
/// # Examples
///
/// ```
/// use quintet::net::{UnixListener, UnixSocket};
///
/// # quintet::block_on(async {
/// # let dir = tempfile::tempdir()?;
/// let socket = UnixSocket::new_stream()?;
/// socket.bind(dir.path().join("server"))?;
/// let listener: UnixListener = socket.listen(8)?;
///
/// let socket = UnixSocket::new_stream()?;
/// socket.bind(dir.path().join("client"))?;
/// let client = socket.connect(dir.path().join("server")).await?;
/// let (_server, peer) = listener.accept().await?;
/// assert_eq!(peer.as_pathname(), client.local_addr()?.as_pathname());
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct UnixSocket {
    socket: Socket,
    kind: SocketKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SocketKind {
    Stream,
    Datagram,
}

impl UnixSocket {
    /// Creates a stream socket.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call, for example if the process has no descriptors left.
    pub fn new_stream() -> io::Result<Self> {
        Ok(UnixSocket {
            socket: socket::unix_socket(Type::STREAM)?,
            kind: SocketKind::Stream,
        })
    }

    /// Creates a socket of datagrams.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call, for example if the process has no descriptors left.
    pub fn new_datagram() -> io::Result<Self> {
        Ok(UnixSocket {
            socket: socket::unix_socket(Type::DGRAM)?,
            kind: SocketKind::Datagram,
        })
    }

    /// Binds the socket to a path.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`UnixListener::bind`].
    pub fn bind(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let addr = PathAddr::of_path(path.as_ref())?;
        let result = rustix::net::bind(&self.socket, &addr.raw);
        result.map_err(|error| cannot(format!("bind to {}", name_of(&addr.std)), error.into()))
    }

    /// Converts a stream socket that is bound into a listener.
    ///
    /// `backlog` is how many connections may wait to be accepted. When there are more, `connect`
    /// fails at the other end.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call, and an error of kind
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if this is a socket of datagrams.
    pub fn listen(self, backlog: u32) -> io::Result<UnixListener> {
        self.check(SocketKind::Stream, "a socket of datagrams cannot listen")?;
        let backlog = i32::try_from(backlog).unwrap_or(i32::MAX);
        self.socket.listen(backlog)?;
        Ok(UnixListener::from_socket(self.socket))
    }

    /// Connects a stream socket to the listener that is bound to a path.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`UnixStream::connect`], and an error of kind
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if this is a socket of datagrams.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the socket is closed.
    pub fn connect(self, path: impl AsRef<Path>) -> impl Future<Output = io::Result<UnixStream>> {
        let addr = PathAddr::of_path(path.as_ref());
        let connect = move || {
            self.check(SocketKind::Stream, "it is a socket of datagrams")?;
            Ok(self.socket)
        };
        unix_stream::connect(connect, addr)
    }

    /// Converts a socket of datagrams.
    ///
    /// # Errors
    ///
    /// Returns an error of kind [`InvalidInput`](io::ErrorKind::InvalidInput) if this is a stream
    /// socket.
    pub fn datagram(self) -> io::Result<UnixDatagram> {
        self.check(SocketKind::Datagram, "a stream socket has no datagrams")?;
        Ok(UnixDatagram::from_socket(self.socket))
    }

    fn check(&self, kind: SocketKind, message: &'static str) -> io::Result<()> {
        if self.kind == kind {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::InvalidInput, message))
    }
}

impl AsFd for UnixSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for UnixSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

assert_impl!(UnixSocket: Send + Sync);
