//! Socket activation and readiness, as systemd's services use them. It needs the feature `systemd`.
//!
//! A service manager can open the sockets of a service and pass them on when it starts the service:
//! systemd does for a `.socket` unit, and tools such as `systemd-socket-activate` and `systemfd` do
//! without a service manager. Since the sockets outlive the process, a restart loses no client:
//! clients wait in the backlog until the new process accepts.
//!
//! ```no_run
//! use quintet::io;
//! use quintet::net::{TcpListener, TcpStream};
//! use quintet::systemd::{self, ListenFds};
//!
//! fn main() -> std::io::Result<()> {
//!     // Before other threads are started, since it changes the environment.
//!     let mut inherited = ListenFds::from_env();
//!     quintet::block_on(async {
//!         let listener = match inherited.take_tcp_listener(0)? {
//!             Some(listener) => listener,
//!             None => TcpListener::bind("127.0.0.1:7007").await?,
//!         };
//!         let shutdown = quintet::shutdown()?;
//!         systemd::notify("READY=1").await?;
//!         quintet::serve(listener, async |stream: TcpStream, _peer| {
//!             let (mut reader, mut writer) = stream.into_split();
//!             io::copy(&mut reader, &mut writer).await.map(drop)
//!         })
//!         .until(shutdown)
//!         .await?;
//!         systemd::notify("STOPPING=1").await?;
//!         Ok(())
//!     })
//! }
//! ```
//!
//! With `systemd-socket-activate --listen=127.0.0.1:7007 target/debug/echo` this program is started
//! by its first client.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::fd::FromRawFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use listenfd::ListenFd;
use rustix::net::{AddressFamily, SocketType};

use crate::io_error::cannot;
use crate::net::{TcpListener, UdpSocket, UnixDatagram, UnixListener};

/// The sockets that the process has inherited: `LISTEN_FDS` in its environment says how many, and
/// `LISTEN_PID`, if it is there, for which process they are meant.
///
/// An index counts from 0 in the order of the service's configuration. Each socket can be taken
/// once. Those that are not taken stay open, and are inherited by child processes.
pub struct ListenFds {
    inherited: ListenFd,
}

impl ListenFds {
    /// Takes the sockets of this process from its environment.
    ///
    /// It removes `LISTEN_FDS` and `LISTEN_PID`, so that child processes do not take the sockets
    /// for theirs, and a second call returns none. Call it at the start of `main`: to change the
    /// environment while other threads read it is not safe outside of Rust's standard library.
    pub fn from_env() -> Self {
        ListenFds {
            inherited: ListenFd::from_env(),
        }
    }

    /// Returns the number of sockets that were inherited, whether or not they have been taken.
    pub fn len(&self) -> usize {
        self.inherited.len()
    }

    /// Returns whether no sockets were inherited.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes the TCP listener at `index`. Returns `None` if there is no socket at this index, or it
    /// has been taken.
    ///
    /// # Errors
    ///
    /// Returns an error of kind [`InvalidInput`](io::ErrorKind::InvalidInput) if the descriptor is
    /// not a TCP socket. It stays where it is.
    pub fn take_tcp_listener(&mut self, index: usize) -> io::Result<Option<TcpListener>> {
        self.take_ip::<std::net::TcpListener>(index, SocketType::STREAM, "a TCP listener")?
            .map(TcpListener::from_std)
            .transpose()
    }

    /// Takes the UDP socket at `index`. Returns `None` if there is no socket at this index, or it
    /// has been taken.
    ///
    /// # Errors
    ///
    /// Returns an error of kind [`InvalidInput`](io::ErrorKind::InvalidInput) if the descriptor is
    /// not a UDP socket. It stays where it is.
    pub fn take_udp_socket(&mut self, index: usize) -> io::Result<Option<UdpSocket>> {
        self.take_ip::<std::net::UdpSocket>(index, SocketType::DGRAM, "a UDP socket")?
            .map(UdpSocket::from_std)
            .transpose()
    }

    /// Takes the listener for Unix streams at `index`. Returns `None` if there is no socket at this
    /// index, or it has been taken.
    ///
    /// # Errors
    ///
    /// Returns an error of kind [`InvalidInput`](io::ErrorKind::InvalidInput) if the descriptor is
    /// not a Unix stream socket. It stays where it is.
    pub fn take_unix_listener(&mut self, index: usize) -> io::Result<Option<UnixListener>> {
        let taken = self.inherited.take_unix_listener(index);
        taken
            .map_err(|error| cannot_take(index, "a Unix listener", error))?
            .map(UnixListener::from_std)
            .transpose()
    }

    /// Takes the Unix datagram socket at `index`. Returns `None` if there is no socket at this
    /// index, or it has been taken.
    ///
    /// # Errors
    ///
    /// Returns an error of kind [`InvalidInput`](io::ErrorKind::InvalidInput) if the descriptor is
    /// not a Unix datagram socket. It stays where it is.
    pub fn take_unix_datagram(&mut self, index: usize) -> io::Result<Option<UnixDatagram>> {
        let taken = self.inherited.take_unix_datagram(index);
        taken
            .map_err(|error| cannot_take(index, "a Unix datagram socket", error))?
            .map(UnixDatagram::from_std)
            .transpose()
    }

    /// Takes a socket of either IP version: `listenfd` takes only those of version 4 by itself, and
    /// a service that listens on a port alone has one of version 6.
    fn take_ip<T: FromRawFd>(
        &mut self,
        index: usize,
        socket_type: SocketType,
        what: &'static str,
    ) -> io::Result<Option<T>> {
        // Both are small numbers of the OS.
        let socket_type = socket_type.as_raw() as i32;
        let mut take = |family: AddressFamily| {
            let family = i32::from(family.as_raw());
            self.inherited.take_custom(index, family, socket_type, what)
        };
        take(AddressFamily::INET)
            .or_else(|_wrong_family| take(AddressFamily::INET6))
            .map_err(|error| cannot_take(index, what, error))
    }
}

fn cannot_take(index: usize, what: &'static str, error: io::Error) -> io::Error {
    cannot(format!("take inherited socket {index} as {what}"), error)
}

impl fmt::Debug for ListenFds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListenFds")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

/// Tells the service manager about the state of this process, and returns whether there is one that
/// listens: `NOTIFY_SOCKET` in the environment says where.
///
/// `state` is one or more lines, each an assignment that `sd_notify(3)` lists: `READY=1` when the
/// service has started (for units of `Type=notify`), `STOPPING=1` when it begins to end,
/// `STATUS=…` for people, `WATCHDOG=1` from time to time.
///
/// # Errors
///
/// Returns an error if the service manager cannot be reached at the address in `NOTIFY_SOCKET`.
///
/// # Cancel safety
///
/// If the future is dropped before it completes, nothing was sent.
///
/// # Examples
///
/// ```
/// # quintet::block_on(async {
/// quintet::systemd::notify("READY=1\nSTATUS=accepting connections").await?;
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub async fn notify(state: &str) -> io::Result<bool> {
    let Some(path) = env::var_os("NOTIFY_SOCKET") else {
        return Ok(false);
    };
    let to = match path.as_bytes() {
        // An abstract name, which has a NUL byte in front.
        [b'@', name @ ..] => OsString::from_vec([b"\0", name].concat()),
        _ => path.clone(),
    };
    let sent = async {
        let socket = UnixDatagram::unbound()?;
        socket.send_to(state.as_bytes(), to).await
    };
    match sent.await {
        Ok(_) => Ok(true),
        Err(error) => Err(cannot(
            format!("notify the service manager at {}", path.display()),
            error,
        )),
    }
}
