//! Where no system call reads from the page cache alone, nothing is read on the loop.

use std::fs::File;
use std::path::Path;

use rustix::fs::{self, OFlags};
use rustix::io::Errno;

use super::{Kernel, Stat};

/// The kernel of this platform.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OsKernel;

impl Kernel for OsKernel {
    type File = File;

    fn is_supported(&self) -> bool {
        false
    }

    fn is_permitted(&self) -> bool {
        false
    }

    fn open(&self, _path: &Path) -> Result<File, Errno> {
        Err(Errno::NOSYS)
    }

    fn look_up(&self, _path: &Path) -> Result<File, Errno> {
        Err(Errno::NOSYS)
    }

    fn stat(&self, _file: &File) -> Result<Stat, Errno> {
        Err(Errno::NOSYS)
    }

    fn read(&self, _file: &File, _buf: &mut [u8], _offset: Option<u64>) -> Result<usize, Errno> {
        Err(Errno::NOSYS)
    }

    fn try_read(&self, _file: &File) -> Result<(), Errno> {
        Err(Errno::NOSYS)
    }

    fn is_buffered(&self, _file: &File) -> bool {
        false
    }

    fn set_blocking(&self, file: &File) -> Result<(), Errno> {
        fs::fcntl_setfl(file, OFlags::empty())
    }
}
