//! The descriptors of sources, and their descriptions for reports, where there is no `/proc`.
//!
//! Safe code cannot ask the OS about a number, so the addresses of a socket are read when it is
//! registered, while its owner lends the descriptor.

use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use socket2::{SockRef, Type};

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
        Some(SocketInfo {
            kind,
            local: local.and_then(|addr| addr.as_socket()),
            peer: peer.and_then(|addr| addr.as_socket()),
        })
    }

    fn describe(&self) -> String {
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
