//! POSIX has no call that reads or writes a pipe or terminal without blocking and without a change
//! of its description, so a thread does it.

use std::os::fd::OwnedFd;

use rustix::fs::Stat;
use rustix::io::Errno;
use rustix::net::SendFlags;

use super::StreamKind;

/// Not each system has `NOSIGNAL`.
pub(super) const SEND_FLAGS: SendFlags = SendFlags::DONTWAIT;

/// It makes no difference here.
pub(super) fn is_master(_: &Stat) -> bool {
    false
}

/// A thread reports when the others are ready, also where the poller would do so: not each one does
/// it for terminals.
pub(super) fn needs_placeholder(kind: StreamKind) -> bool {
    matches!(kind, StreamKind::Pipe | StreamKind::Terminal)
}

/// Not each poller refuses devices that are always ready.
pub(super) fn is_plain(kind: StreamKind) -> bool {
    matches!(kind, StreamKind::Plain | StreamKind::Device)
}

/// A duplicate of the descriptor of a standard stream.
#[derive(Debug)]
pub(super) struct Duplicate {
    pub(super) fd: OwnedFd,
}

impl Duplicate {
    pub(super) fn new(fd: OwnedFd) -> Self {
        Duplicate { fd }
    }

    pub(super) fn try_read(&self, _: StreamKind, _: &mut [u8]) -> Result<Option<usize>, Errno> {
        Ok(None)
    }

    pub(super) fn try_write(&self, _: StreamKind, _: &[u8]) -> Result<Option<usize>, Errno> {
        Ok(None)
    }
}
