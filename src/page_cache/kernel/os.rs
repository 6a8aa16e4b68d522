//! The page cache of Linux.

use std::fs::File;
use std::io::IoSliceMut;
use std::path::Path;
use std::sync::OnceLock;

use rustix::fs::{self, AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, StatxFlags};
use rustix::io::{self, Errno, ReadWriteFlags};

use super::{Kernel, Stat};

/// The file that contains the version of the kernel.
const RELEASE_FILE: &str = "/proc/sys/kernel/osrelease";

/// The offset that means "at the cursor".
const AT_CURSOR: u64 = u64::MAX;

/// The largest offset at which a file can have a byte. No file is that long.
const OFFSET_MAX: u64 = i64::MAX as u64 - 1;

/// The kernel of this machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OsKernel;

impl Kernel for OsKernel {
    type File = File;

    fn is_supported(&self) -> bool {
        // All loops of a process have the same kernel.
        static IS_SUPPORTED: OnceLock<bool> = OnceLock::new();
        *IS_SUPPORTED.get_or_init(|| {
            let release = std::fs::read_to_string(RELEASE_FILE);
            release.is_ok_and(|release| is_correct(&release)) && self.is_permitted()
        })
    }

    fn is_permitted(&self) -> bool {
        // The root directory is always cached. A kernel without `RESOLVE_CACHED` returns `EINVAL`.
        let refused = [Errno::NOSYS, Errno::PERM, Errno::INVAL];
        let root = self.look_up(Path::new("/"));
        let stat = root.and_then(|root| self.stat(&root));
        !stat.is_err_and(|error| refused.contains(&error))
    }

    fn open(&self, path: &Path) -> Result<File, Errno> {
        // Without `O_NONBLOCK` opening a FIFO would wait for a writer, and opening a file with a
        // lease for the process that holds the lease.
        openat2(path, OFlags::RDONLY | OFlags::NONBLOCK)
    }

    fn look_up(&self, path: &Path) -> Result<File, Errno> {
        openat2(path, OFlags::PATH)
    }

    fn stat(&self, file: &File) -> Result<Stat, Errno> {
        let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
        let stat = fs::statx(file, c"", flags, StatxFlags::TYPE | StatxFlags::SIZE)?;
        Ok(Stat {
            kind: FileType::from_raw_mode(stat.stx_mode.into()),
            len: stat.stx_size,
        })
    }

    fn read(&self, file: &File, buf: &mut [u8], offset: Option<u64>) -> Result<usize, Errno> {
        let offset = match offset {
            None => AT_CURSOR,
            // This offset has another meaning in `preadv2`. The worker gets the error from the OS.
            Some(AT_CURSOR) => return Err(Errno::INVAL),
            Some(offset) => offset,
        };
        preadv2(file, buf, offset)
    }

    fn try_read(&self, file: &File) -> Result<(), Errno> {
        preadv2(file, &mut [0], OFFSET_MAX).map(|_| ())
    }

    fn is_buffered(&self, file: &File) -> bool {
        fs::fcntl_getfl(file).is_ok_and(|flags| !flags.intersects(OFlags::DIRECT | OFlags::PATH))
    }

    fn set_blocking(&self, file: &File) -> Result<(), Errno> {
        // Of the flags that this call can change, the file has only `O_NONBLOCK`.
        fs::fcntl_setfl(file, OFlags::empty())
    }
}

fn preadv2(file: &File, buf: &mut [u8], offset: u64) -> Result<usize, Errno> {
    let buf = IoSliceMut::new(buf);
    io::preadv2(file, &mut [buf], offset, ReadWriteFlags::NOWAIT)
}

fn openat2(path: &Path, flags: OFlags) -> Result<File, Errno> {
    let flags = flags | OFlags::CLOEXEC;
    let file = fs::openat2(CWD, path, flags, Mode::empty(), ResolveFlags::CACHED)?;
    Ok(File::from(file))
}

/// Returns whether reads from the cache work correctly in this version of the kernel.
///
/// In Linux 5.9 and 5.10 a read at a page that is not cached may return 0, as at the end of the
/// file (see "BUGS" in preadv2(2)). Later patches of 5.10 still have this bug, and some also have
/// `RESOLVE_CACHED`, which is from 5.12.
fn is_correct(release: &str) -> bool {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    let mut next = || numbers.next()?.parse::<u32>().ok();
    match (next(), next()) {
        (Some(major), Some(minor)) => !matches!((major, minor), (5, 9 | 10)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_correct;

    #[test]
    fn versions_that_report_a_gap_as_the_end_are_excluded() {
        for wrong in [
            "5.9.0",
            "5.9.16-arch1",
            "5.10.0-16-cloud-arm64",
            "5.10",
            "5.10.200\n",
        ] {
            assert!(!is_correct(wrong), "{wrong}");
        }
        for right in [
            "5.8.18",
            "5.11.0-rc1",
            "5.12",
            "5.100.1",
            "6.9.3",
            "6.10.2",
            "15.9.1",
        ] {
            assert!(is_correct(right), "{right}");
        }
        for unknown in ["", "linux", "5", "x5.12", "99999999999.1"] {
            assert!(!is_correct(unknown), "{unknown}");
        }
    }
}
