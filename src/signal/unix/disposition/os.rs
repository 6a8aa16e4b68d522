//! The actions of signals on Linux.

use std::fs;
use std::io;

use rustix::io::Errno;

/// Whether SIGIO ends the process by default. signal-hook goes by POSIX, where it does nothing.
pub(super) const SIGIO_ENDS_PROCESS: bool = true;

/// Reads `/proc/self/status`. The result is empty if that does not exist or may not be read.
///
/// # Errors
///
/// Returns an error if descriptors or memory have run out. That is temporary, so it must not decide
/// for good how the signal is treated.
pub(super) fn status() -> io::Result<String> {
    match fs::read_to_string("/proc/self/status") {
        Ok(status) => Ok(status),
        Err(error) => match Errno::from_io_error(&error) {
            Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM) => Err(error),
            _ => Ok(String::new()),
        },
    }
}
