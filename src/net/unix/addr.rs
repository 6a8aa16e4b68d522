//! Addresses of Unix sockets.

#[cfg_attr(
    any(quintet_portable, not(any(target_os = "linux", target_os = "android"))),
    path = "addr/portable.rs"
)]
mod abstract_name;

use std::fmt;
use std::io;
use std::os::unix::net::SocketAddr as StdSocketAddr;
use std::path::Path;

use rustix::net::SocketAddrUnix;

/// The address of a Unix socket: a path, an abstract name (on Linux), or nothing.
///
/// # Examples
///
/// ```
/// use quintet::net::UnixDatagram;
/// use quintet::net::unix::SocketAddr;
///
/// # quintet::block_on(async {
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("socket");
/// let socket = UnixDatagram::bind(&path)?;
/// let addr: SocketAddr = socket.local_addr()?;
/// assert_eq!(addr.as_pathname(), Some(&*path));
/// assert!(UnixDatagram::unbound()?.local_addr()?.is_unnamed());
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct SocketAddr(StdSocketAddr);

impl SocketAddr {
    /// Creates an address that is a path.
    ///
    /// # Errors
    ///
    /// Returns an error of kind [`InvalidInput`](io::ErrorKind::InvalidInput) if the path is longer
    /// than the OS allows (107 bytes on Linux), or contains a NUL byte.
    pub fn from_pathname(path: impl AsRef<Path>) -> io::Result<Self> {
        StdSocketAddr::from_pathname(path).map(SocketAddr)
    }

    /// Returns whether the socket is bound to no address.
    pub fn is_unnamed(&self) -> bool {
        self.0.is_unnamed()
    }

    /// Returns the path, if the address is one.
    pub fn as_pathname(&self) -> Option<&Path> {
        self.0.as_pathname()
    }
}

impl From<StdSocketAddr> for SocketAddr {
    fn from(addr: StdSocketAddr) -> Self {
        SocketAddr(addr)
    }
}

impl From<SocketAddr> for StdSocketAddr {
    fn from(addr: SocketAddr) -> Self {
        addr.0
    }
}

impl fmt::Debug for SocketAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An address to bind, connect or send to.
pub(in crate::net) struct PathAddr {
    pub(in crate::net) std: StdSocketAddr,
    pub(in crate::net) raw: SocketAddrUnix,
}

impl PathAddr {
    /// The address of a path; on Linux, one that begins with a NUL byte is an abstract name.
    pub(in crate::net) fn of_path(path: &Path) -> io::Result<Self> {
        PathAddr::new(abstract_name::of_path(path)?)
    }

    pub(in crate::net) fn of_addr(addr: &SocketAddr) -> io::Result<Self> {
        PathAddr::new(addr.0.clone())
    }

    fn new(std: StdSocketAddr) -> io::Result<Self> {
        let raw = abstract_name::raw_addr(&std)?;
        Ok(PathAddr { std, raw })
    }
}

/// The address as messages of errors show it.
pub(in crate::net) fn name_of(addr: &StdSocketAddr) -> String {
    match addr.as_pathname() {
        Some(path) => path.display().to_string(),
        None => abstract_name::shown(addr).unwrap_or_else(|| "an empty path".to_owned()),
    }
}
