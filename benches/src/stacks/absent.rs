//! A build without the crates.

use std::io;
use std::net::SocketAddr;

use super::{Drive, Stack};

/// No runtime has such a server.
pub(crate) fn serve(_name: &str, _stack: Stack) -> Option<io::Result<()>> {
    None
}

/// Does not connect.
///
/// # Errors
///
/// Always.
pub(crate) fn connect(_stack: Stack, _addr: SocketAddr, _connections: u64) -> io::Result<Drive> {
    Err(io::ErrorKind::Unsupported.into())
}
