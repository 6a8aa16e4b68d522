//! Close-on-exec is set on each received descriptor.

use std::io;
use std::os::fd::OwnedFd;

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::net::RecvFlags;

pub(super) const RECV_FLAGS: RecvFlags = RecvFlags::empty();

pub(super) fn set(fds: &[OwnedFd]) -> io::Result<()> {
    for fd in fds {
        fcntl_setfd(fd, FdFlags::CLOEXEC)?;
    }
    Ok(())
}
