//! One source of each kind from which something can be read, and the end that a test writes to.

use std::io::{self, Read, Write};
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixDatagram as StdDatagram, UnixStream as StdStream};

use quintet::io::Interest;
use quintet::io::unix::AsyncFd;
use quintet::net::unix::pipe;
use quintet::net::{TcpStream, UdpSocket, UnixDatagram, UnixStream};
use rustix::event::{PollFd, PollFlags, Timespec};

use crate::support::cases::connection;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Tcp,
    UnixStream,
    Udp,
    UnixDatagram,
    Pipe,
    AsyncFd,
}

pub(crate) const KINDS: [Kind; 6] = [
    Kind::Tcp,
    Kind::UnixStream,
    Kind::Udp,
    Kind::UnixDatagram,
    Kind::Pipe,
    Kind::AsyncFd,
];

/// The loop's end. It has not been used; only that of an `AsyncFd` is known to the poller.
#[derive(Debug)]
pub(crate) enum Own {
    Tcp(TcpStream),
    UnixStream(UnixStream),
    Udp(UdpSocket),
    UnixDatagram(UnixDatagram),
    Pipe(pipe::Receiver),
    AsyncFd(AsyncFd<StdStream>),
}

/// The test's end. What it writes in one call is a message, or the bytes of one.
#[derive(Debug)]
pub(crate) struct Peer(std::fs::File);

impl Kind {
    /// Whether the loop's end can write, too.
    pub(crate) fn writes(self) -> bool {
        self != Kind::Pipe
    }

    /// Whether a write may have to wait until the other end has read.
    pub(crate) fn write_may_wait(self) -> bool {
        !matches!(self, Kind::Pipe | Kind::Udp)
    }

    /// Both ends. A loop must be current.
    pub(crate) fn open(self) -> (Own, Peer) {
        let (own, peer): (Own, OwnedFd) = match self {
            Kind::Tcp => {
                let (own, peer) = connection();
                (Own::Tcp(own), peer.into())
            }
            Kind::UnixStream => {
                let (own, peer) = StdStream::pair().expect("a pair");
                let own = UnixStream::from_std(own);
                (Own::UnixStream(own.expect("non-blocking")), peer.into())
            }
            Kind::Udp => {
                let [own, peer] = udp_pair();
                let own = UdpSocket::from_std(own);
                (Own::Udp(own.expect("non-blocking")), peer.into())
            }
            Kind::UnixDatagram => {
                let (own, peer) = StdDatagram::pair().expect("a pair");
                let own = UnixDatagram::from_std(own);
                (Own::UnixDatagram(own.expect("non-blocking")), peer.into())
            }
            Kind::Pipe => {
                let (sender, receiver) = pipe::pipe().expect("a pipe");
                let peer = sender.into_blocking_fd().expect("it is a pipe");
                (Own::Pipe(receiver), peer)
            }
            Kind::AsyncFd => {
                let (own, peer) = StdStream::pair().expect("a pair");
                own.set_nonblocking(true).expect("non-blocking");
                let own = AsyncFd::new(own).expect("a loop is current");
                (Own::AsyncFd(own), peer.into())
            }
        };
        (own, Peer(peer.into()))
    }
}

fn udp_pair() -> [std::net::UdpSocket; 2] {
    let bind = || std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let pair = [bind(), bind()];
    for (one, other) in [(0, 1), (1, 0)] {
        let addr = pair[other].local_addr().expect("it is bound");
        pair[one].connect(addr).expect("it is local");
    }
    pair
}

impl Own {
    /// Reads some bytes, or a message.
    pub(crate) async fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Own::Tcp(own) => own.read(buf).await,
            Own::UnixStream(own) => own.read(buf).await,
            Own::Udp(own) => own.recv(buf).await,
            Own::UnixDatagram(own) => own.recv(buf).await,
            Own::Pipe(own) => own.read(buf).await,
            Own::AsyncFd(own) => {
                own.async_io(Interest::READABLE, |mut own| own.read(buf))
                    .await
            }
        }
    }

    pub(crate) async fn readable(&self) -> io::Result<()> {
        match self {
            Own::Tcp(own) => own.readable().await,
            Own::UnixStream(own) => own.readable().await,
            Own::Udp(own) => own.readable().await,
            Own::UnixDatagram(own) => own.readable().await,
            Own::Pipe(own) => own.readable().await,
            Own::AsyncFd(own) => own.readable().await.map(drop),
        }
    }

    pub(crate) fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Own::Tcp(own) => own.try_read(buf),
            Own::UnixStream(own) => own.try_read(buf),
            Own::Udp(own) => own.try_recv(buf),
            Own::UnixDatagram(own) => own.try_recv(buf),
            Own::Pipe(own) => own.try_read(buf),
            Own::AsyncFd(own) => own.try_io(Interest::READABLE, |mut own| own.read(buf)),
        }
    }

    pub(crate) async fn write(&self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Own::Tcp(own) => own.write(buf).await,
            Own::UnixStream(own) => own.write(buf).await,
            Own::Udp(own) => own.send(buf).await,
            Own::UnixDatagram(own) => own.send(buf).await,
            Own::Pipe(_) => Err(io::ErrorKind::Unsupported.into()),
            Own::AsyncFd(own) => {
                own.async_io(Interest::WRITABLE, |mut own| own.write(buf))
                    .await
            }
        }
    }

    pub(crate) fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Own::Tcp(own) => own.try_write(buf),
            Own::UnixStream(own) => own.try_write(buf),
            Own::Udp(own) => own.try_send(buf),
            Own::UnixDatagram(own) => own.try_send(buf),
            Own::Pipe(_) => Err(io::ErrorKind::Unsupported.into()),
            Own::AsyncFd(own) => own.try_io(Interest::WRITABLE, |mut own| own.write(buf)),
        }
    }
}

impl AsFd for Own {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Own::Tcp(own) => own.as_fd(),
            Own::UnixStream(own) => own.as_fd(),
            Own::Udp(own) => own.as_fd(),
            Own::UnixDatagram(own) => own.as_fd(),
            Own::Pipe(own) => own.as_fd(),
            Own::AsyncFd(own) => own.as_fd(),
        }
    }
}

impl AsFd for Peer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Peer {
    /// Sends a message, and holds the thread until the loop's end, which was empty, has it.
    pub(crate) fn deliver(&self, own: &impl AsFd, message: &[u8]) {
        self.send(message);
        let mut fds = [PollFd::new(own, PollFlags::IN)];
        rustix::event::poll(&mut fds, None).expect("a descriptor");
    }

    /// Sends a message, or waits for room.
    pub(crate) fn send(&self, message: &[u8]) {
        (&self.0).write_all(message).expect("the other end is open");
    }

    /// Whether there are some bytes, or a message.
    pub(crate) fn is_readable(&self) -> bool {
        let mut fds = [PollFd::new(&self.0, PollFlags::IN)];
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        rustix::event::poll(&mut fds, Some(&now)).expect("a descriptor") > 0
    }

    /// Waits for some bytes, or for a message, and reads them.
    pub(crate) fn read(&self, buf: &mut [u8]) -> usize {
        (&self.0).read(buf).expect("the other end is open")
    }
}
