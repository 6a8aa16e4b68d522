//! The system calls of the page cache. None of them blocks.

use std::path::Path;

use rustix::fs::FileType;
use rustix::io::Errno;

#[cfg_attr(
    any(quintet_portable, not(any(target_os = "linux", target_os = "android"))),
    path = "kernel/portable.rs"
)]
mod os;

pub(crate) use os::OsKernel;

/// The system calls, as a trait, so that tests can replace the kernel.
pub(crate) trait Kernel {
    type File;

    /// Returns whether this kernel has the system calls below, and they work correctly. Found out
    /// once for each process.
    fn is_supported(&self) -> bool;

    /// Returns whether `openat2` and `statx` are permitted, which a seccomp filter can change.
    fn is_permitted(&self) -> bool;

    /// Opens a file for reading if its path is cached. Does not block on a FIFO or a device either.
    fn open(&self, path: &Path) -> Result<Self::File, Errno>;

    /// Looks the path up in the cache, without opening the file (`O_PATH`).
    fn look_up(&self, path: &Path) -> Result<Self::File, Errno>;

    /// Returns the metadata of an open file that is known without a request to a server.
    fn stat(&self, file: &Self::File) -> Result<Stat, Errno>;

    /// Reads what is cached at `offset`, or at the cursor of the file, which moves then.
    fn read(&self, file: &Self::File, buf: &mut [u8], offset: Option<u64>) -> Result<usize, Errno>;

    /// Tests whether the file system supports reads from the cache. Reads no data.
    fn try_read(&self, file: &Self::File) -> Result<(), Errno>;

    /// Returns whether reads of the file use the page cache (no `O_DIRECT`).
    fn is_buffered(&self, file: &Self::File) -> bool;

    /// Removes `O_NONBLOCK`, which [`open`](Kernel::open) sets.
    fn set_blocking(&self, file: &Self::File) -> Result<(), Errno>;
}

/// The metadata of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) kind: FileType,
    pub(crate) len: u64,
}
