//! A Unix socket of datagrams.

use std::fmt;
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::path::Path;
use std::task::{Context, Poll};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{RecvFlags, sendto};
use socket2::{Socket, Type};

use super::datagram::{self, impl_datagram, impl_source};
use super::readiness::{impl_poll_ready, impl_readiness};
use super::socket::{self, SEND_FLAGS};
use super::unix::descriptors::{self, ReceivedFds, impl_descriptors};
use super::unix::{PathAddr, SocketAddr, name_of};
use crate::coop;
use crate::io::source::{OpOutput, Source};
use crate::io_error::cannot;
use crate::phase::poll::Direction;

/// A Unix socket that sends and receives datagrams.
///
/// Datagrams of Unix sockets arrive in order and none is lost: a sender waits until the receiver
/// has room. [`pair`](UnixDatagram::pair) makes two connected sockets. A socket that is bound
/// receives from any other; one that is [`unbound`](UnixDatagram::unbound) can send. The socket can
/// also pass descriptors to another process ([`send_fds`](UnixDatagram::send_fds)).
///
/// Dropping the socket closes it, but does not remove its path; see [`unix`](super::unix). It
/// belongs to the loop on which one of its operations is first polled; on another loop its
/// operations return an error of kind [`Other`](io::ErrorKind::Other).
///
/// # Examples
///
/// ```
/// use quintet::net::UnixDatagram;
///
/// # quintet::block_on(async {
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("socket");
/// let receiver = UnixDatagram::bind(&path)?;
/// let sender = UnixDatagram::unbound()?;
/// sender.send_to(b"hello", &path).await?;
///
/// let mut buf = [0; 16];
/// let (n, from) = receiver.recv_from(&mut buf).await?;
/// assert_eq!(&buf[..n], b"hello");
/// assert!(from.is_unnamed());
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub struct UnixDatagram {
    source: Source<std::os::unix::net::UnixDatagram>,
}

impl UnixDatagram {
    /// Creates a socket that is bound to a path.
    ///
    /// The path must not exist: see [`unix`](super::unix). On Linux a path that begins with a NUL
    /// byte is an abstract name.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call, with the path in its message; it is the
    /// [`source`](std::error::Error::source). Common kinds are
    /// [`AddrInUse`](io::ErrorKind::AddrInUse) if the path exists, and
    /// [`NotFound`](io::ErrorKind::NotFound) if its directory does not.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        bind(PathAddr::of_path(path.as_ref())?)
    }

    /// Creates a socket that is bound to an address.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`bind`](UnixDatagram::bind).
    pub fn bind_addr(addr: &SocketAddr) -> io::Result<Self> {
        bind(PathAddr::of_addr(addr)?)
    }

    /// Creates a socket without a name.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call, for example if the process has no descriptors left.
    pub fn unbound() -> io::Result<Self> {
        let socket = socket::unix_socket(Type::DGRAM)?;
        Ok(UnixDatagram::from_socket(socket))
    }

    /// Creates two connected sockets, which have no names.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call, for example if the process has no descriptors left.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = socket::unix_pair(Type::DGRAM)?;
        let socket = UnixDatagram::from_socket;
        Ok((socket(one), socket(other)))
    }

    /// Wraps a socket that is non-blocking already.
    pub(super) fn from_socket(socket: Socket) -> Self {
        UnixDatagram {
            source: Source::new(socket.into()),
        }
    }

    /// Connects the socket to the one that is bound to a path: [`send`](UnixDatagram::send) sends
    /// to it, and only its datagrams are received. The socket may be connected again.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call, with the path in its message. Common kinds are
    /// [`NotFound`](io::ErrorKind::NotFound) if there is no such file, and
    /// [`ConnectionRefused`](io::ErrorKind::ConnectionRefused) if no socket has it any longer.
    pub fn connect(&self, path: impl AsRef<Path>) -> io::Result<()> {
        self.connect_raw(&PathAddr::of_path(path.as_ref())?)
    }

    /// Connects the socket to the one that is bound to an address.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`connect`](UnixDatagram::connect).
    pub fn connect_addr(&self, addr: &SocketAddr) -> io::Result<()> {
        self.connect_raw(&PathAddr::of_addr(addr)?)
    }

    fn connect_raw(&self, addr: &PathAddr) -> io::Result<()> {
        let result = rustix::net::connect(self, &addr.raw);
        result.map_err(|error| cannot(format!("connect to {}", name_of(&addr.std)), error.into()))
    }

    /// Sends a datagram to the socket that is bound to a path, and returns its length.
    ///
    /// The future waits until there is room. A datagram is sent as a whole or not at all; it may be
    /// empty.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call. Common kinds are:
    ///
    /// - [`NotFound`](io::ErrorKind::NotFound): there is no such file.
    /// - [`ConnectionRefused`](io::ErrorKind::ConnectionRefused): no socket has it any longer.
    /// - `EMSGSIZE`: the datagram is too large.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: if the future is dropped before it completes, nothing was sent.
    pub fn send_to(
        &self,
        buf: &[u8],
        target: impl AsRef<Path>,
    ) -> impl Future<Output = io::Result<usize>> {
        let addr = PathAddr::of_path(target.as_ref());
        self.send_to_raw(buf, addr)
    }

    /// Sends a datagram to the socket that is bound to an address, and returns its length.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`send_to`](UnixDatagram::send_to).
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: if the future is dropped before it completes, nothing was sent.
    pub fn send_to_addr(
        &self,
        buf: &[u8],
        target: &SocketAddr,
    ) -> impl Future<Output = io::Result<usize>> {
        self.send_to_raw(buf, PathAddr::of_addr(target))
    }

    async fn send_to_raw(&self, buf: &[u8], addr: io::Result<PathAddr>) -> io::Result<usize> {
        let addr = match addr {
            Ok(addr) => addr,
            Err(error) => {
                coop::operate().await;
                return Err(error);
            }
        };
        loop {
            let send = self.source.operate(Direction::Write, |socket| {
                send_unless_full(socket, buf, &addr)
            });
            if let Some(len) = send.await? {
                return Ok(len);
            }
            wait_for_receiver(&addr).await?;
        }
    }

    /// Polls to send a datagram to the socket that is bound to a path.
    ///
    /// If there is no room, the task of `cx` is woken when there may be some. Spurious wake-ups are
    /// possible. If others have filled the queue of the receiver, Linux reports room in it only to
    /// sockets that are connected to it, and wakes the task of this one again and again. So
    /// [`connect`](UnixDatagram::connect) it, or use [`send_to`](UnixDatagram::send_to), which
    /// waits without that.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`send_to`](UnixDatagram::send_to).
    pub fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        buf: &[u8],
        target: impl AsRef<Path>,
    ) -> Poll<io::Result<usize>> {
        self.source.poll_operate(cx, Direction::Write, |socket| {
            send_to(socket, buf, &PathAddr::of_path(target.as_ref())?)
        })
    }

    /// Sends a datagram to the socket that is bound to a path, without waiting.
    ///
    /// # Errors
    ///
    /// Returns an error of kind [`WouldBlock`](io::ErrorKind::WouldBlock) if there is no room, and
    /// the errors of [`send_to`](UnixDatagram::send_to).
    pub fn try_send_to(&self, buf: &[u8], target: impl AsRef<Path>) -> io::Result<usize> {
        self.source.try_operate(Direction::Write, |socket| {
            send_to(socket, buf, &PathAddr::of_path(target.as_ref())?)
        })
    }

    /// Receives a datagram into `buf`. Returns how many bytes of it are there, and the address of
    /// its sender.
    ///
    /// A datagram that is larger than `buf` is cut, and its rest is lost. An empty datagram is
    /// received as 0.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`recv`](UnixDatagram::recv).
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: if the future is dropped before it completes, no datagram was
    /// received.
    pub fn recv_from(
        &self,
        buf: &mut [u8],
    ) -> impl Future<Output = io::Result<(usize, SocketAddr)>> {
        self.source
            .operate(Direction::Read, move |socket| recv_from(socket, buf))
    }

    /// Polls to receive a datagram into `buf`, with the address of its sender.
    ///
    /// If there is none, the task of `cx` is woken when there may be one. Spurious wake-ups are
    /// possible. tokio's method fills a `ReadBuf`; this one returns how many bytes of `buf` it has
    /// filled.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`recv`](UnixDatagram::recv).
    pub fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        self.source
            .poll_operate(cx, Direction::Read, |socket| recv_from(socket, buf))
    }

    /// Receives a datagram into `buf` without waiting, with the address of its sender.
    ///
    /// # Errors
    ///
    /// Returns an error of kind [`WouldBlock`](io::ErrorKind::WouldBlock) if there is none, and the
    /// errors of [`recv`](UnixDatagram::recv).
    pub fn try_recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.source
            .try_operate(Direction::Read, |socket| recv_from(socket, buf))
    }

    /// Returns the address that the socket is bound to.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.source.get().local_addr().map(SocketAddr::from)
    }

    /// Returns the address that the socket is connected to.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call: [`NotConnected`](io::ErrorKind::NotConnected) if the
    /// socket is not connected.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.source.get().peer_addr().map(SocketAddr::from)
    }

    /// Shuts down receiving, sending, or both.
    ///
    /// Afterwards the other end cannot send, or this one; their error is of kind
    /// [`BrokenPipe`](io::ErrorKind::BrokenPipe). A task that waits to receive is not woken on
    /// Linux: datagrams have no end.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call: [`NotConnected`](io::ErrorKind::NotConnected) on some
    /// systems if the socket is not connected.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.source.get().shutdown(how)
    }
}

fn bind(addr: PathAddr) -> io::Result<UnixDatagram> {
    let bind = || {
        let socket = socket::unix_socket(Type::DGRAM)?;
        rustix::net::bind(&socket, &addr.raw)?;
        Ok(UnixDatagram::from_socket(socket))
    };
    bind().map_err(|error| cannot(format!("bind to {}", name_of(&addr.std)), error))
}

fn send_to(
    socket: &std::os::unix::net::UnixDatagram,
    buf: &[u8],
    target: &PathAddr,
) -> io::Result<OpOutput<usize>> {
    let len = sendto(socket, buf, SEND_FLAGS, &target.raw)?;
    Ok(datagram::moved(len, len))
}

/// Returns `None` if it would block because the queue of the receiver is full, and not because too
/// much of what this socket has sent is under way.
fn send_unless_full(
    socket: &std::os::unix::net::UnixDatagram,
    buf: &[u8],
    target: &PathAddr,
) -> io::Result<OpOutput<Option<usize>>> {
    match send_to(socket, buf, target) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock && has_room(socket)? => {
            Ok(OpOutput::new(None))
        }
        result => Ok(result?.map(Some)),
    }
}

/// Returns whether the send buffer of a socket has room.
fn has_room(socket: &std::os::unix::net::UnixDatagram) -> io::Result<bool> {
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let mut sockets = [PollFd::new(socket, PollFlags::OUT)];
    Ok(poll(&mut sockets, Some(&now))? > 0)
}

/// Waits until the queue of a receiver has room.
///
/// When others have filled it, Linux has no event for that on a socket that is not connected to the
/// receiver. Worse, each attempt that fails is an event, so the loop would try without pause. A
/// socket that is connected has the right event, so one is made to wait.
async fn wait_for_receiver(addr: &PathAddr) -> io::Result<()> {
    let connected = UnixDatagram::unbound()?;
    rustix::net::connect(&connected, &addr.raw)?;
    connected.writable().await
}

fn recv_from(
    socket: &std::os::unix::net::UnixDatagram,
    buf: &mut [u8],
) -> io::Result<OpOutput<(usize, SocketAddr)>> {
    let (len, addr) = socket.recv_from(buf)?;
    Ok(datagram::moved((len, SocketAddr::from(addr)), len))
}

impl_datagram!(UnixDatagram);
impl_readiness! { UnixDatagram, "socket"; }
impl_poll_ready!(UnixDatagram, poll_recv_ready, READABLE, "receive");
impl_poll_ready!(UnixDatagram, poll_send_ready, WRITABLE, "send");
impl_descriptors!(UnixDatagram, true, "");
impl_source!(UnixDatagram, std::os::unix::net::UnixDatagram, "socket");
