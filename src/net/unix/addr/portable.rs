//! Unixes without abstract names.

use std::io;
use std::os::unix::net::SocketAddr as StdSocketAddr;
use std::path::Path;

use rustix::net::SocketAddrUnix;

pub(super) fn of_path(path: &Path) -> io::Result<StdSocketAddr> {
    StdSocketAddr::from_pathname(path)
}

pub(super) fn raw_addr(addr: &StdSocketAddr) -> io::Result<SocketAddrUnix> {
    Ok(SocketAddrUnix::new(
        addr.as_pathname().unwrap_or(Path::new("")),
    )?)
}

pub(super) fn shown(_addr: &StdSocketAddr) -> Option<String> {
    None
}
