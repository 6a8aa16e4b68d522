//! Linux reads and writes pipes without blocking and without a change of their description, and
//! opens terminals and FIFOs again by their descriptors.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::OnceLock;

use rustix::fs::{Mode, OFlags, Stat, fstat, makedev, open};
use rustix::io::{Errno, ReadWriteFlags, preadv2, pwritev2, read, write};
use rustix::net::SendFlags;

use super::StreamKind;

pub(super) const SEND_FLAGS: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);

/// The offset that means "no offset".
const AT_CURSOR: u64 = u64::MAX;

/// Returns whether this is the side of a pseudo-terminal that a terminal emulator has: another open
/// would create another pseudo-terminal.
pub(super) fn is_master(stat: &Stat) -> bool {
    stat.st_rdev == makedev(5, 2)
}

/// The poller reports all streams except those that are plain.
pub(super) fn needs_placeholder(_: StreamKind) -> bool {
    false
}

pub(super) fn is_plain(kind: StreamKind) -> bool {
    kind == StreamKind::Plain
}

/// A duplicate of the descriptor of a standard stream.
#[derive(Debug)]
pub(super) struct Duplicate {
    pub(super) fd: OwnedFd,
    /// What the stream was opened again as, or `None` if that was refused.
    reopened: OnceLock<Option<OwnedFd>>,
}

impl Duplicate {
    pub(super) fn new(fd: OwnedFd) -> Self {
        Duplicate {
            fd,
            reopened: OnceLock::new(),
        }
    }

    pub(super) fn try_read(
        &self,
        kind: StreamKind,
        buf: &mut [u8],
    ) -> Result<Option<usize>, Errno> {
        let nowait = self.nowait(kind, |fd| {
            let bufs = &mut [IoSliceMut::new(buf)];
            preadv2(fd, bufs, AT_CURSOR, ReadWriteFlags::NOWAIT)
        });
        if let Some(result) = nowait {
            return result.map(Some);
        }
        let reopened = self.reopened(kind, OFlags::RDONLY);
        reopened.map(|fd| read(fd, buf)).transpose()
    }

    pub(super) fn try_write(&self, kind: StreamKind, buf: &[u8]) -> Result<Option<usize>, Errno> {
        let nowait = self.nowait(kind, |fd| {
            let bufs = &[IoSlice::new(buf)];
            pwritev2(fd, bufs, AT_CURSOR, ReadWriteFlags::NOWAIT)
        });
        if let Some(result) = nowait {
            return result.map(Some);
        }
        let reopened = self.reopened(kind, OFlags::WRONLY);
        reopened.map(|fd| write(fd, buf)).transpose()
    }

    /// Makes a call with `NOWAIT` on the shared description. Returns `None` if the file, the kernel
    /// or a sandbox refuses that.
    fn nowait(
        &self,
        kind: StreamKind,
        call: impl FnOnce(&OwnedFd) -> Result<usize, Errno>,
    ) -> Option<Result<usize, Errno>> {
        // Terminals always refuse it.
        if kind == StreamKind::Terminal || self.reopened.get().is_some() {
            return None;
        }
        match call(&self.fd) {
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::PERM | Errno::INVAL) => None,
            result => Some(result),
        }
    }

    /// Returns the description of our own, which is non-blocking.
    #[inline]
    fn reopened(&self, kind: StreamKind, access: OFlags) -> Option<&OwnedFd> {
        let reopened = self.reopened.get_or_init(|| match kind {
            StreamKind::Terminal | StreamKind::Pipe => reopen(&self.fd, access).ok(),
            // To open a device may have effects of its own.
            StreamKind::Socket | StreamKind::Device | StreamKind::Plain => None,
        });
        reopened.as_ref()
    }
}

/// Opens a file again by its descriptor, non-blocking.
///
/// # Errors
///
/// Returns an error if this process may not open the file, which may belong to another user, or if
/// there is no `/proc`.
#[inline]
fn reopen(fd: &OwnedFd, access: OFlags) -> Result<OwnedFd, Errno> {
    let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
    let flags = access | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let reopened = open(path, flags, Mode::empty())?;
    let [old, new] = [fstat(fd)?, fstat(&reopened)?];
    // Something else may be mounted at `/proc`.
    if (old.st_dev, old.st_ino) != (new.st_dev, new.st_ino) {
        return Err(Errno::STALE);
    }
    Ok(reopened)
}
