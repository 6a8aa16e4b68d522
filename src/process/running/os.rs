//! Pidfds, which only Linux has.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::process::Child as StdChild;

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};

/// Opens a pidfd of a child; `None` if the kernel or a sandbox refuses that.
///
/// # Errors
///
/// Returns an error if descriptors or memory have run out.
pub(super) fn open_pidfd(child: &StdChild) -> io::Result<Option<OwnedFd>> {
    match pidfd_open(Pid::from_child(child), PidfdFlags::empty()) {
        Ok(pidfd) => Ok(Some(pidfd)),
        Err(error @ (Errno::MFILE | Errno::NFILE | Errno::NOMEM)) => Err(error.into()),
        // `NOSYS` of an old kernel, `PERM` of a sandbox, or whatever else that one has chosen.
        Err(_) => Ok(None),
    }
}

/// Sends a signal to a child whose status has not been asked for since it has ended.
pub(super) fn send_signal(
    child: &StdChild,
    pidfd: Option<BorrowedFd<'_>>,
    signal: Signal,
) -> io::Result<()> {
    let by_pidfd = pidfd.map(|pidfd| pidfd_send_signal(pidfd, signal));
    match by_pidfd {
        // Refused, as above, or not permitted: then the other call is not permitted, either.
        None | Some(Err(Errno::NOSYS | Errno::PERM)) => {
            kill_process(Pid::from_child(child), signal)?;
        }
        Some(sent) => sent?,
    }
    Ok(())
}
