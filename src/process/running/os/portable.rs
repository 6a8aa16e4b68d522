//! Where there are no pidfds: signals are sent by id.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::process::Child as StdChild;

use rustix::process::{Pid, Signal, kill_process};

/// Opens a pidfd of a child: never.
pub(super) fn open_pidfd(_: &StdChild) -> io::Result<Option<OwnedFd>> {
    Ok(None)
}

/// Sends a signal to a child whose status has not been asked for since it has ended. Until then no
/// other process has its id.
pub(super) fn send_signal(
    child: &StdChild,
    _: Option<BorrowedFd<'_>>,
    signal: Signal,
) -> io::Result<()> {
    Ok(kill_process(Pid::from_child(child), signal)?)
}
