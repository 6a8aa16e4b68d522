//! The kernel sets close-on-exec on received descriptors, on Linux.

use std::io;
use std::os::fd::OwnedFd;

use rustix::net::RecvFlags;

pub(super) const RECV_FLAGS: RecvFlags = RecvFlags::CMSG_CLOEXEC;

pub(super) fn set(_fds: &[OwnedFd]) -> io::Result<()> {
    Ok(())
}
