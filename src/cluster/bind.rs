//! TCP listeners for all loops.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

use super::dealt::{Dealt, deal};
use super::{PerLoop, assert_has_loops, reuse_port};
use crate::io_error::cannot;
use crate::net::{BACKLOG, TcpListener, TcpSocket};

/// A TCP listener for each loop, all for one address; returned by [`bind_each`] and
/// [`bind_shared`].
pub struct Listeners<L> {
    listeners: PerLoop<L>,
    local_addr: SocketAddr,
}

impl<L> Listeners<L> {
    /// Returns the address that they are bound to.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Takes the listener of the loop with the number `index`.
    ///
    /// # Panics
    ///
    /// If that loop has taken its listener, or if there is none for it.
    #[track_caller]
    pub fn take(&self, index: usize) -> L {
        self.listeners.take(index)
    }
}

impl<L> fmt::Debug for Listeners<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listeners")
            .field("local_addr", &self.local_addr)
            .field("count", &self.listeners.count())
            .finish_non_exhaustive()
    }
}

/// Binds one listener for each of so many loops to one address, and the kernel divides the
/// connections among them (`SO_REUSEPORT`, on FreeBSD `SO_REUSEPORT_LB`).
///
/// With port 0 the OS chooses a free port once, for all of them. If `addr` yields several
/// addresses, each is tried in turn. Looking a name up blocks the thread. Another process of the
/// same user that binds to the address in the same way gets a part of the connections.
///
/// The [module](super#listeners) compares it with [`bind_shared`].
///
/// # Errors
///
/// - [`Unsupported`](io::ErrorKind::Unsupported) on systems that do not divide the connections:
///   all but Linux, Android and FreeBSD.
/// - The error of the last address, with that address in its message, for example of kind
///   [`AddrInUse`](io::ErrorKind::AddrInUse) if another socket listens there.
///
/// # Panics
///
/// If `loops` is 0.
///
/// # Examples
///
/// ```
/// use quintet::cluster;
/// # use std::io::ErrorKind;
///
/// # fn main() -> std::io::Result<()> {
/// # let bound = cluster::bind_each("127.0.0.1:0", 2);
/// # if bound.as_ref().is_err_and(|error| error.kind() == ErrorKind::Unsupported) {
/// #     return Ok(());
/// # }
/// # let _ = bound;
/// let listeners = cluster::bind_each("127.0.0.1:0", 2)?;
/// let addr = listeners.local_addr();
/// cluster::run(2, async |member| {
///     let listener = listeners.take(member.index());
///     assert_eq!(listener.local_addr()?, addr);
///     std::io::Result::Ok(())
/// })?;
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn bind_each(addr: impl ToSocketAddrs, loops: usize) -> io::Result<Listeners<TcpListener>> {
    assert_has_loops(loops);
    on_any(addr, |addr| {
        let first = listen(addr, reuse_port::divide)?;
        // With the port that the OS has chosen.
        let local_addr = first.local_addr()?;
        let mut listeners = vec![first];
        for _ in 1..loops {
            listeners.push(listen(local_addr, reuse_port::divide)?);
        }
        Ok(Listeners {
            listeners: PerLoop::new(listeners),
            local_addr,
        })
    })
}

/// Binds one listener to an address, from which loop 0 accepts and [deals](deal) the connections to
/// so many loops.
///
/// If `addr` yields several addresses, each is tried in turn. Looking a name up blocks the thread.
///
/// The [module](super#listeners) compares it with [`bind_each`].
///
/// # Errors
///
/// Returns the error of the last address, with that address in its message, for example of kind
/// [`AddrInUse`](io::ErrorKind::AddrInUse) if another socket listens there.
///
/// # Panics
///
/// If `loops` is 0.
///
/// # Examples
///
/// ```
/// use quintet::cluster;
/// use quintet::net::TcpStream;
///
/// # fn main() -> std::io::Result<()> {
/// let listeners = cluster::bind_shared("127.0.0.1:0", 2)?;
/// let addr = listeners.local_addr();
/// cluster::run(2, async |member| {
///     let server = quintet::serve(listeners.take(member.index()), async |stream: TcpStream, _| {
///         stream.write_all(b"hello").await
///     });
///     let server = quintet::spawn(server.until(member.shutdown()).into_future());
///     if member.index() == 1 {
///         let client = TcpStream::connect(addr).await?;
///         let mut buf = [0; 5];
///         client.read_exact(&mut buf).await?;
///         member.token().cancel();
///     }
///     server.await.unwrap()
/// })?;
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn bind_shared(
    addr: impl ToSocketAddrs,
    loops: usize,
) -> io::Result<Listeners<Dealt<TcpListener>>> {
    assert_has_loops(loops);
    let listener = on_any(addr, |addr| listen(addr, |_socket| Ok(())))?;
    let local_addr = listener.local_addr()?;
    Ok(Listeners {
        listeners: deal(listener, loops),
        local_addr,
    })
}

/// Tries `bind` with each address.
fn on_any<R>(
    addr: impl ToSocketAddrs,
    bind: impl Fn(SocketAddr) -> io::Result<R>,
) -> io::Result<R> {
    let mut last = None;
    for addr in addr.to_socket_addrs()? {
        match bind(addr) {
            Ok(bound) => return Ok(bound),
            Err(error) => last = Some(cannot(format!("listen on {addr}"), error)),
        }
    }
    let no_address = || io::Error::new(io::ErrorKind::InvalidInput, "no address to listen on");
    Err(last.unwrap_or_else(no_address))
}

/// Makes a listener, with the options that `set` sets.
fn listen(addr: SocketAddr, set: impl Fn(&TcpSocket) -> io::Result<()>) -> io::Result<TcpListener> {
    let socket = match addr {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    set(&socket)?;
    socket.bind(addr)?;
    socket.listen(BACKLOG.unsigned_abs())
}
