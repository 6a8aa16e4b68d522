//! A UDP socket.

#[cfg(all(not(quintet_portable), any(target_os = "linux", target_os = "android")))]
mod device;
mod options;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::task::{Context, Poll};

use rustix::net::RecvFlags;

use super::addr::{self, ToSocketAddrs};
use super::datagram::{self, impl_datagram, impl_source};
use super::readiness::{impl_poll_ready, impl_readiness};
use super::socket::{self, SEND_FLAGS};
use crate::blocking::called_here;
use crate::io::source::{OpOutput, Source};
use crate::phase::poll::Direction;

/// A UDP socket, which sends and receives datagrams.
///
/// A socket that is bound by [`bind`](UdpSocket::bind) exchanges datagrams with any address:
/// [`send_to`](UdpSocket::send_to), [`recv_from`](UdpSocket::recv_from). After
/// [`connect`](UdpSocket::connect) it has one peer: [`send`](UdpSocket::send),
/// [`recv`](UdpSocket::recv). Then it also learns that a datagram has reached no socket, and its
/// operations return [`ConnectionRefused`](io::ErrorKind::ConnectionRefused) once.
///
/// All methods take `&self`, so one task may send while another receives; share the socket by an
/// [`Rc`](std::rc::Rc) or an [`Arc`](std::sync::Arc). Dropping it closes it. It belongs to the loop
/// on which one of its operations is first polled. On another loop its operations return an error
/// of kind [`Other`](io::ErrorKind::Other).
///
/// # Examples
///
/// ```
/// use quintet::net::UdpSocket;
///
/// # quintet::block_on(async {
/// let server = UdpSocket::bind("127.0.0.1:0").await?;
/// let client = UdpSocket::bind("127.0.0.1:0").await?;
/// client.connect(server.local_addr()?).await?;
///
/// client.send(b"ping").await?;
/// let mut buf = [0; 1500];
/// let (n, peer) = server.recv_from(&mut buf).await?;
/// assert_eq!(&buf[..n], b"ping");
///
/// server.send_to(b"pong", peer).await?;
/// let n = client.recv(&mut buf).await?;
/// assert_eq!(&buf[..n], b"pong");
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub struct UdpSocket {
    source: Source<std::net::UdpSocket>,
}

impl UdpSocket {
    /// Creates a socket that is bound to an address.
    ///
    /// If `addr` yields several addresses, each is tried in turn until one can be bound. With port
    /// 0 the OS chooses a free port; [`local_addr`](UdpSocket::local_addr) returns it.
    ///
    /// # Errors
    ///
    /// Returns the error of the last address, with that address in its message; the error of the
    /// system call is its [`source`](std::error::Error::source). Common kinds are:
    ///
    /// - [`AddrInUse`](io::ErrorKind::AddrInUse): another socket has the port.
    /// - [`AddrNotAvailable`](io::ErrorKind::AddrNotAvailable): no interface of this host has the
    ///   address.
    /// - [`PermissionDenied`](io::ErrorKind::PermissionDenied): the port is reserved for privileged
    ///   processes.
    ///
    /// If there is no address to bind, the errors are those of
    /// [`lookup_host`](super::lookup_host).
    #[track_caller]
    pub fn bind(addr: impl ToSocketAddrs) -> impl Future<Output = io::Result<Self>> {
        called_here(async move {
            let socket = addr::on_any("bind to", addr, async |addr| socket::bind_udp(addr)).await?;
            Ok(UdpSocket {
                source: Source::new(socket),
            })
        })
    }

    /// Connects the socket to an address: [`send`](UdpSocket::send) sends to it, and only its
    /// datagrams are received.
    ///
    /// If `addr` yields several addresses, each is tried in turn. Nothing is sent, so a success
    /// does not mean that there is a socket at the address. The socket may be connected again.
    ///
    /// # Errors
    ///
    /// Returns the error of the last address, with that address in its message; the error of the
    /// system call is its [`source`](std::error::Error::source). A common kind is
    /// [`NetworkUnreachable`](io::ErrorKind::NetworkUnreachable): there is no route to it. If there
    /// is no address to connect to, the errors are those of [`lookup_host`](super::lookup_host).
    #[track_caller]
    pub fn connect(&self, addr: impl ToSocketAddrs) -> impl Future<Output = io::Result<()>> {
        let socket = self.source.get();
        called_here(addr::on_any("connect to", addr, async |addr| {
            socket.connect(addr)
        }))
    }

    /// Sends a datagram to an address, and returns its length.
    ///
    /// If `target` yields several addresses, it is sent to the first. The future waits until the
    /// send buffer has room. A datagram is sent as a whole or not at all; it may be empty.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call, for example `EMSGSIZE` if the datagram is too large,
    /// or an error if the address is of another family than the socket's. If there is no address to
    /// send to, the errors are those of [`lookup_host`](super::lookup_host).
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: if the future is dropped before it completes, nothing was sent.
    #[track_caller]
    pub fn send_to(
        &self,
        buf: &[u8],
        target: impl ToSocketAddrs,
    ) -> impl Future<Output = io::Result<usize>> {
        called_here(async move {
            let target = addr::first(target).await?;
            let send = self
                .source
                .operate(Direction::Write, move |socket| send_to(socket, buf, target));
            send.await
        })
    }

    /// Polls to send a datagram to an address.
    ///
    /// If there is no room, the task of `cx` is woken when there may be some. Spurious wake-ups are
    /// possible.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`send_to`](UdpSocket::send_to).
    pub fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        buf: &[u8],
        target: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        self.source
            .poll_operate(cx, Direction::Write, |socket| send_to(socket, buf, target))
    }

    /// Sends a datagram to an address without waiting.
    ///
    /// # Errors
    ///
    /// Returns an error of kind [`WouldBlock`](io::ErrorKind::WouldBlock) if there is no room, and
    /// the errors of [`send_to`](UdpSocket::send_to).
    pub fn try_send_to(&self, buf: &[u8], target: SocketAddr) -> io::Result<usize> {
        self.source
            .try_operate(Direction::Write, |socket| send_to(socket, buf, target))
    }

    /// Receives a datagram into `buf`. Returns how many bytes of it are there, and the address of
    /// its sender.
    ///
    /// A datagram that is larger than `buf` is cut, and its rest is lost. An empty datagram is
    /// received as 0.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`recv`](UdpSocket::recv).
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: if the future is dropped before it completes, no datagram was
    /// received.
    pub fn recv_from(
        &self,
        buf: &mut [u8],
    ) -> impl Future<Output = io::Result<(usize, SocketAddr)>> {
        self.source.operate(Direction::Read, move |socket| {
            recv_from(socket, buf, RecvFlags::empty())
        })
    }

    /// Polls to receive a datagram into `buf`, with the address of its sender.
    ///
    /// If there is none, the task of `cx` is woken when there may be one. Spurious wake-ups are
    /// possible. tokio's method fills a `ReadBuf`; this one returns how many bytes of `buf` it has
    /// filled.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`recv`](UdpSocket::recv).
    pub fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        self.source.poll_operate(cx, Direction::Read, |socket| {
            recv_from(socket, buf, RecvFlags::empty())
        })
    }

    /// Receives a datagram into `buf` without waiting, with the address of its sender.
    ///
    /// # Errors
    ///
    /// Returns an error of kind [`WouldBlock`](io::ErrorKind::WouldBlock) if there is none, and the
    /// errors of [`recv`](UdpSocket::recv).
    pub fn try_recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.source.try_operate(Direction::Read, |socket| {
            recv_from(socket, buf, RecvFlags::empty())
        })
    }

    /// Copies the next datagram into `buf` without removing it from the queue. Returns how many
    /// bytes of it are there, and the address of its sender.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`recv`](UdpSocket::recv).
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: it never consumes a datagram.
    pub fn peek_from(
        &self,
        buf: &mut [u8],
    ) -> impl Future<Output = io::Result<(usize, SocketAddr)>> {
        self.source.operate(Direction::Read, move |socket| {
            recv_from(socket, buf, RecvFlags::PEEK)
        })
    }

    /// Polls to copy the next datagram into `buf` without removing it from the queue.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`recv`](UdpSocket::recv).
    pub fn poll_peek_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        self.source.poll_operate(cx, Direction::Read, |socket| {
            recv_from(socket, buf, RecvFlags::PEEK)
        })
    }

    /// Copies the next datagram into `buf` without waiting, and without removing it from the queue.
    ///
    /// # Errors
    ///
    /// Returns an error of kind [`WouldBlock`](io::ErrorKind::WouldBlock) if there is none, and the
    /// errors of [`recv`](UdpSocket::recv).
    pub fn try_peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.source.try_operate(Direction::Read, |socket| {
            recv_from(socket, buf, RecvFlags::PEEK)
        })
    }

    /// Waits for a datagram, and returns the address of its sender. The datagram stays in the
    /// queue.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`recv`](UdpSocket::recv).
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: it never consumes a datagram.
    pub fn peek_sender(&self) -> impl Future<Output = io::Result<SocketAddr>> {
        self.source.operate(Direction::Read, peek_sender)
    }

    /// Polls for the sender of the next datagram, which stays in the queue.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`recv`](UdpSocket::recv).
    pub fn poll_peek_sender(&self, cx: &mut Context<'_>) -> Poll<io::Result<SocketAddr>> {
        self.source.poll_operate(cx, Direction::Read, peek_sender)
    }

    /// Returns the sender of the next datagram, which stays in the queue, without waiting.
    ///
    /// # Errors
    ///
    /// Returns an error of kind [`WouldBlock`](io::ErrorKind::WouldBlock) if there is none, and the
    /// errors of [`recv`](UdpSocket::recv).
    pub fn try_peek_sender(&self) -> io::Result<SocketAddr> {
        self.source.try_operate(Direction::Read, peek_sender)
    }

    /// Returns the address that the socket is bound to.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.source.get().local_addr()
    }

    /// Returns the address that the socket is connected to.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call: [`NotConnected`](io::ErrorKind::NotConnected) if the
    /// socket is not connected.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.source.get().peer_addr()
    }
}

impl_datagram!(UdpSocket);
impl_source!(UdpSocket, std::net::UdpSocket, "socket");
impl_readiness! { UdpSocket, "socket"; }
impl_poll_ready!(UdpSocket, poll_recv_ready, READABLE, "receive");
impl_poll_ready!(UdpSocket, poll_send_ready, WRITABLE, "send");

fn send_to(
    socket: &std::net::UdpSocket,
    buf: &[u8],
    target: SocketAddr,
) -> io::Result<OpOutput<usize>> {
    let len = rustix::net::sendto(socket, buf, SEND_FLAGS, &target)?;
    Ok(datagram::moved(len, len))
}

fn recv_from(
    socket: &std::net::UdpSocket,
    buf: &mut [u8],
    flags: RecvFlags,
) -> io::Result<OpOutput<(usize, SocketAddr)>> {
    let (len, addr) = datagram::recv_from(socket, buf, flags)?;
    let addr = addr.and_then(|addr| SocketAddr::try_from(addr).ok());
    let addr = addr.ok_or_else(|| io::Error::other("a datagram without an IP address"))?;
    Ok(datagram::moved((len, addr), len))
}

fn peek_sender(socket: &std::net::UdpSocket) -> io::Result<OpOutput<SocketAddr>> {
    let peeked = recv_from(socket, &mut [], RecvFlags::PEEK)?;
    Ok(peeked.map(|(_, addr)| addr))
}
