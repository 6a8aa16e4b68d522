//! The descriptor of a standard stream, which others use, too.
//!
//! Sockets are told with each call not to block. For pipes, Linux can be told the same, and what
//! cannot (a FIFO, and terminals) is opened again there, because a description of one's own may be
//! non-blocking.

#[cfg_attr(
    any(quintet_portable, not(any(target_os = "linux", target_os = "android"))),
    path = "descriptor/os/portable.rs"
)]
mod os;

use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, fstat};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{RecvFlags, recv, send};

/// A duplicate of the descriptor of a standard stream.
#[derive(Debug)]
pub(super) struct StandardFd {
    duplicate: os::Duplicate,
    kind: StreamKind,
    /// Where the poller does not report the readiness of the stream: a socket in its place, and the
    /// other end of it. Nothing is sent.
    placeholder: Option<(UnixStream, UnixStream)>,
}

/// What a standard stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StreamKind {
    Socket,
    /// A pipe or FIFO.
    Pipe,
    Terminal,
    /// Another character device, and whatever else has a descriptor.
    Device,
    /// A regular file, directory or disk.
    Plain,
}

impl StreamKind {
    fn of(fd: &OwnedFd) -> io::Result<Self> {
        let stat = fstat(fd)?;
        Ok(match FileType::from_raw_mode(stat.st_mode) {
            FileType::Socket => StreamKind::Socket,
            FileType::Fifo => StreamKind::Pipe,
            FileType::RegularFile | FileType::Directory | FileType::BlockDevice => {
                StreamKind::Plain
            }
            FileType::CharacterDevice if fd.is_terminal() && !os::is_master(&stat) => {
                StreamKind::Terminal
            }
            _ => StreamKind::Device,
        })
    }
}

impl StandardFd {
    /// # Errors
    ///
    /// Returns an error if descriptors have run out.
    #[inline]
    pub(super) fn new(fd: OwnedFd) -> io::Result<Self> {
        let kind = StreamKind::of(&fd)?;
        let placeholder = os::needs_placeholder(kind)
            .then(UnixStream::pair)
            .transpose()?;
        Ok(StandardFd {
            duplicate: os::Duplicate::new(fd),
            kind,
            placeholder,
        })
    }

    /// Returns whether it is read and written by jobs, whatever the poller says.
    pub(super) fn is_plain(&self) -> bool {
        os::is_plain(self.kind)
    }

    /// Returns another duplicate.
    pub(super) fn duplicate(&self) -> io::Result<OwnedFd> {
        self.duplicate.fd.try_clone()
    }

    /// Reads what is there, or returns `None` if that might block the thread.
    #[inline]
    pub(super) fn try_read(&self, buf: &mut [u8]) -> io::Result<Option<usize>> {
        if self.kind == StreamKind::Socket {
            let (len, _) = recv(&self.duplicate.fd, buf, RecvFlags::DONTWAIT)?;
            return Ok(Some(len));
        }
        Ok(self.duplicate.try_read(self.kind, buf)?)
    }

    /// Writes as much as there is room for, or returns `None` if that might block the thread.
    #[inline]
    pub(super) fn try_write(&self, buf: &[u8]) -> io::Result<Option<usize>> {
        if self.kind == StreamKind::Socket {
            let len = send(&self.duplicate.fd, buf, os::SEND_FLAGS)?;
            return Ok(Some(len));
        }
        Ok(self.duplicate.try_write(self.kind, buf)?)
    }

    /// Reads, and blocks the thread.
    pub(super) fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        Ok(retry_on_intr(|| {
            rustix::io::read(&self.duplicate.fd, &mut *buf)
        })?)
    }

    /// Writes, and blocks the thread.
    pub(super) fn write(&self, buf: &[u8]) -> io::Result<usize> {
        Ok(retry_on_intr(|| {
            rustix::io::write(&self.duplicate.fd, buf)
        })?)
    }
}

impl AsFd for StandardFd {
    /// What is registered with the poller.
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.placeholder {
            Some((socket, _)) => socket.as_fd(),
            None => self.duplicate.fd.as_fd(),
        }
    }
}

/// Returns whether an error says that the descriptor is not open for this operation. As in the
/// standard library, such an input is at its end, and such an output discards what is written.
pub(super) fn is_closed(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::BADF)
}

/// How long [`wait`] waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PollLimit {
    Zero,
    Unlimited,
}

/// Blocks the thread until an operation would not block, or has failed. Returns whether that is so.
/// Where the OS cannot say, it returns true.
pub(super) fn wait(fd: impl AsFd, flags: PollFlags, limit: PollLimit) -> bool {
    let zero = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let timeout = (limit == PollLimit::Zero).then_some(&zero);
    let mut fds = [PollFd::new(&fd, flags)];
    retry_on_intr(|| poll(&mut fds, timeout)) != Ok(0)
}
