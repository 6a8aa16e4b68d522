//! Abstract names, on Linux.

use std::io;
#[cfg(target_os = "android")]
use std::os::android::net::SocketAddrExt;
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::SocketAddr as StdSocketAddr;
use std::path::Path;

use rustix::net::SocketAddrUnix;

use super::SocketAddr;

impl SocketAddr {
    /// Creates an address that is an abstract name, without a NUL byte in front.
    ///
    /// This function exists on Linux only.
    ///
    /// # Errors
    ///
    /// Returns an error of kind [`InvalidInput`](io::ErrorKind::InvalidInput) if the name is longer
    /// than 107 bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// use quintet::net::unix::SocketAddr;
    /// use quintet::net::{UnixListener, UnixStream};
    ///
    /// # quintet::block_on(async {
    /// let addr = SocketAddr::from_abstract_name("quintet's example")?;
    /// let listener = UnixListener::bind_addr(&addr)?;
    /// let client = UnixStream::connect_addr(&addr).await?;
    /// assert_eq!(client.peer_addr()?.as_abstract_name(), addr.as_abstract_name());
    /// # drop(listener);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    pub fn from_abstract_name(name: impl AsRef<[u8]>) -> io::Result<Self> {
        StdSocketAddr::from_abstract_name(name).map(SocketAddr)
    }

    /// Returns the abstract name, if the address is one, without a NUL byte in front.
    ///
    /// This function exists on Linux only.
    pub fn as_abstract_name(&self) -> Option<&[u8]> {
        self.0.as_abstract_name()
    }
}

pub(super) fn of_path(path: &Path) -> io::Result<StdSocketAddr> {
    match path.as_os_str().as_bytes() {
        [0, name @ ..] => StdSocketAddr::from_abstract_name(name),
        _ => StdSocketAddr::from_pathname(path),
    }
}

pub(super) fn raw_addr(addr: &StdSocketAddr) -> io::Result<SocketAddrUnix> {
    if let Some(path) = addr.as_pathname() {
        return Ok(SocketAddrUnix::new(path)?);
    }
    match addr.as_abstract_name() {
        Some(name) => Ok(SocketAddrUnix::new_abstract_name(name)?),
        None => Ok(SocketAddrUnix::new_unnamed()),
    }
}

/// An abstract name as tools show it.
pub(super) fn shown(addr: &StdSocketAddr) -> Option<String> {
    let name = addr.as_abstract_name()?;
    Some(format!("@{}", name.escape_ascii()))
}
