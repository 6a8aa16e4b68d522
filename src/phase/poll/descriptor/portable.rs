//! The descriptors of sources, and their descriptions for reports, where there is no `/proc`.
//!
//! Safe code cannot ask the OS about a number, so the addresses of a socket are read when it is
//! registered, while its owner lends the descriptor.

use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::path::{Path, PathBuf};

use socket2::{SockAddr, SockRef, Type};

/// The descriptor of a source, which may have been closed, and what it was when it was registered.
#[derive(Clone, Debug)]
pub(crate) struct Descriptor {
    fd: RawFd,
    socket: Option<SocketInfo>,
}

#[derive(Clone, Debug)]
struct SocketInfo {
    kind: Type,
    local: Option<SocketAddr>,
    peer: Option<SocketAddr>,
    is_unix: bool,
    path: Option<PathBuf>,
}

impl Descriptor {
    pub(super) fn new(fd: BorrowedFd<'_>) -> Self {
        Descriptor {
            fd: fd.as_raw_fd(),
            socket: SocketInfo::new(fd),
        }
    }

    pub(crate) fn number(&self) -> RawFd {
        self.fd
    }
}

impl SocketInfo {
    /// Returns `None` if `fd` is no socket.
    fn new(fd: BorrowedFd<'_>) -> Option<Self> {
        let socket = SockRef::from(&fd);
        let kind = socket.r#type().ok()?;
        let local = socket.local_addr().ok();
        let peer = socket.peer_addr().ok();
        let path = local.as_ref().and_then(SockAddr::as_pathname);
        Some(SocketInfo {
            kind,
            is_unix: local.as_ref().is_some_and(SockAddr::is_unix),
            path: path.map(Path::to_owned),
            local: local.and_then(|addr| addr.as_socket()),
            peer: peer.and_then(|addr| addr.as_socket()),
        })
    }

    fn describe(&self) -> String {
        if self.is_unix {
            return self.describe_unix();
        }
        let protocol = match self.kind {
            Type::STREAM => "TCP",
            Type::DGRAM => "UDP",
            _ => "a socket",
        };
        match (self.local, self.peer) {
            (Some(local), Some(peer)) => format!("{protocol}, {local} to {peer}"),
            // Whether it listens cannot be asked everywhere.
            (Some(local), None) => format!("{protocol}, {local}"),
            (None, _) => "a socket".to_owned(),
        }
    }
}

impl SocketInfo {
    fn describe_unix(&self) -> String {
        let kind = match self.kind {
            Type::STREAM => "Unix stream",
            Type::DGRAM => "Unix datagrams",
            _ => "Unix packets",
        };
        match &self.path {
            Some(path) => format!("{kind}, {}", path.display()),
            None => kind.to_owned(),
        }
    }
}

/// Describes descriptors.
#[derive(Default)]
pub(crate) struct Descriptors {}

impl Descriptors {
    #[expect(
        clippy::unused_self,
        reason = "on Linux it keeps the tables that it has read"
    )]
    pub(crate) fn describe(&mut self, descriptor: &Descriptor) -> String {
        match &descriptor.socket {
            Some(socket) => socket.describe(),
            None => "no socket".to_owned(),
        }
    }
}
