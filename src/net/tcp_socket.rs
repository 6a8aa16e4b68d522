//! A TCP socket whose options are set before it connects or listens.

#[cfg(all(not(quintet_portable), any(target_os = "linux", target_os = "android")))]
mod device;
mod options;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

use socket2::{Domain, SockRef, Socket};

use super::{TcpListener, TcpStream, socket};
use crate::io_error::cannot;

/// A TCP socket that is neither connected nor listening yet, to set its options and its local
/// address.
///
/// [`TcpStream::connect`] and [`TcpListener::bind`] are enough for the default options. The names
/// are those of `tokio::net::TcpSocket`. Options that have no method here are set by
/// [`sock_ref`](TcpSocket::sock_ref).
///
/// Dropping the socket closes it.
///
/// # Examples
///
/// A server with a small receive buffer, and a client that chooses its local address:
///
/// ```
/// use quintet::net::TcpSocket;
///
/// # quintet::block_on(async {
/// let socket = TcpSocket::new_v4()?;
/// socket.set_reuseaddr(true)?;
/// socket.set_recv_buffer_size(16 * 1024)?;
/// socket.bind("127.0.0.1:0".parse().unwrap())?;
/// let listener = socket.listen(128)?;
///
/// let socket = TcpSocket::new_v4()?;
/// socket.set_nodelay(true)?;
/// socket.bind("127.0.0.1:0".parse().unwrap())?;
/// let client = socket.connect(listener.local_addr()?).await?;
/// # drop(client);
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub struct TcpSocket {
    socket: Socket,
    /// Whether the OS has to be asked for a linger time when the socket is closed.
    may_linger: AtomicBool,
    /// A socket of the standard library may be blocking.
    is_of_std: bool,
}

impl TcpSocket {
    /// Creates a socket for IPv4.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call, for example if the process has run out of descriptors.
    pub fn new_v4() -> io::Result<Self> {
        TcpSocket::new(Domain::IPV4)
    }

    /// Creates a socket for IPv6.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call, for example if the process has run out of descriptors.
    pub fn new_v6() -> io::Result<Self> {
        TcpSocket::new(Domain::IPV6)
    }

    fn new(domain: Domain) -> io::Result<Self> {
        Ok(TcpSocket {
            socket: socket::tcp_socket(domain)?,
            may_linger: AtomicBool::new(false),
            is_of_std: false,
        })
    }

    /// Converts a socket that is in the type of a stream of the standard library, but has not been
    /// connected, for example one that the crate `socket2` has made.
    ///
    /// The socket is made non-blocking when it connects or listens.
    pub fn from_std_stream(stream: std::net::TcpStream) -> Self {
        TcpSocket {
            socket: stream.into(),
            may_linger: AtomicBool::new(true),
            is_of_std: true,
        }
    }

    /// Binds the socket to a local address. With port 0 the OS chooses a free port.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call. Common kinds are
    /// [`AddrInUse`](io::ErrorKind::AddrInUse),
    /// [`AddrNotAvailable`](io::ErrorKind::AddrNotAvailable), and
    /// [`PermissionDenied`](io::ErrorKind::PermissionDenied) if the port is reserved for privileged
    /// processes.
    pub fn bind(&self, addr: SocketAddr) -> io::Result<()> {
        let bound = self.socket.bind(&addr.into());
        bound.map_err(|error| cannot(format!("bind to {addr}"), error))
    }

    /// Connects the socket to a remote address.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`TcpStream::connect`], with the address in their message.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the attempt is given up and the socket closed.
    pub async fn connect(self, addr: SocketAddr) -> io::Result<TcpStream> {
        let may_linger = self.may_linger();
        let connect = async {
            let stream = socket::start_connect(self.into_socket()?, addr)?;
            TcpStream::finish_connect(stream, may_linger).await
        };
        let connected = connect.await;
        connected.map_err(|error| cannot(format!("connect to {addr}"), error))
    }

    /// Listens for connections, of which up to `backlog` wait to be accepted. The OS may limit that
    /// further.
    ///
    /// [`bind`](TcpSocket::bind) comes first; otherwise the OS chooses a port. `SO_REUSEADDR` is
    /// not set unless [`set_reuseaddr`](TcpSocket::set_reuseaddr) was called.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call, for example of kind
    /// [`AddrInUse`](io::ErrorKind::AddrInUse) if another socket listens there.
    pub fn listen(self, backlog: u32) -> io::Result<TcpListener> {
        let may_linger = self.may_linger();
        let socket = self.into_socket()?;
        socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
        Ok(TcpListener::from_listening(socket.into(), may_linger))
    }

    /// Returns the local address.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        let addr = self.socket.local_addr()?.as_socket();
        addr.ok_or_else(|| io::Error::other("the socket has no IP address"))
    }

    /// Takes the pending error of the socket (`SO_ERROR`), if there is one.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call that asks for it.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.socket.take_error()
    }

    /// Returns the socket as the type of the crate `socket2`, for options that have no method here.
    ///
    /// `SockRef` is a type of `socket2` 0.6, which is a public dependency.
    pub fn sock_ref(&self) -> SockRef<'_> {
        self.set_may_linger();
        SockRef::from(&self.socket)
    }

    fn set_may_linger(&self) {
        self.may_linger.store(true, Ordering::Relaxed);
    }

    fn may_linger(&self) -> bool {
        self.may_linger.load(Ordering::Relaxed)
    }

    /// Returns the socket, non-blocking.
    fn into_socket(self) -> io::Result<Socket> {
        if self.is_of_std {
            self.socket.set_nonblocking(true)?;
        }
        Ok(self.socket)
    }
}

impl AsFd for TcpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for TcpSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

impl IntoRawFd for TcpSocket {
    fn into_raw_fd(self) -> RawFd {
        self.socket.into_raw_fd()
    }
}

impl From<TcpSocket> for OwnedFd {
    fn from(socket: TcpSocket) -> OwnedFd {
        socket.socket.into()
    }
}

impl fmt::Debug for TcpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket.fmt(f)
    }
}

assert_impl!(TcpSocket: Send + Sync + Unpin);
