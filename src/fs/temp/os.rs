//! Files without a name on Linux.

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::retry_on_intr;

pub(super) fn open(dir: &Path) -> io::Result<File> {
    // With `EXCL` it cannot be given a name later.
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::EXCL | OFlags::CLOEXEC;
    match retry_on_intr(|| openat(CWD, dir, flags, Mode::RUSR | Mode::WUSR)) {
        Ok(fd) => Ok(File::from(fd)),
        // If only such files are not supported, this succeeds. Otherwise its error is the clearer
        // one.
        Err(_) => super::open_unlinked(dir),
    }
}
