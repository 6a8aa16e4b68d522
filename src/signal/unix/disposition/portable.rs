//! The actions of signals where no `/proc` tells them.

use std::io;

/// Whether SIGIO ends the process by default.
pub(super) const SIGIO_ENDS_PROCESS: bool = false;

/// The masks of `/proc/self/status`: none, so the prior action of a signal is unknown.
pub(super) fn status() -> io::Result<String> {
    Ok(String::new())
}
