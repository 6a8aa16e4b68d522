//! What is asked of the kernel: never to wait.

use std::fs::File;
use std::io::IoSliceMut;
use std::path::Path;
use std::sync::OnceLock;

use rustix::fs::{self, AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, StatxFlags};
use rustix::io::{self, Errno, ReadWriteFlags};

/// Where the kernel says which version it is.
const RELEASE_FILE: &str = "/proc/sys/kernel/osrelease";

/// Stands for the cursor, where an offset is asked for.
const AT_CURSOR: u64 = u64::MAX;

/// There may be a byte at this offset, by the OS's rules; but no file is so long.
const OFFSET_MAX: u64 = i64::MAX as u64 - 1;

/// What decides between the loop and a worker goes by this; its tests put another one in its place.
pub(crate) trait Kernel {
    type File;

    /// Whether the calls below are there, and say the truth. Asked once for each process.
    fn is_supported(&self) -> bool;

    /// Whether opening from the cache, and asking what was opened, is still allowed.
    fn is_permitted(&self) -> bool;

    /// Opens a file for reading if its name is in the cache. What is not a regular file does not
    /// wait either.
    fn open(&self, path: &Path) -> Result<Self::File, Errno>;

    /// Finds a name in the cache, and asks no file system to open it.
    fn look_up(&self, path: &Path) -> Result<Self::File, Errno>;

    /// What is known of an open file without asking a server.
    fn stat(&self, file: &Self::File) -> Result<Stat, Errno>;

    /// Reads what is in the cache at `offset`, or at the file's cursor, which moves on then.
    fn read(&self, file: &Self::File, buf: &mut [u8], offset: Option<u64>) -> Result<usize, Errno>;

    /// Tries whether the file system can read from the cache, and reads nothing.
    fn try_read(&self, file: &Self::File) -> Result<(), Errno>;

    /// Whether reads of the file go by the cache.
    fn is_buffered(&self, file: &Self::File) -> bool;

    /// Makes a file as if it had been opened in the usual way.
    fn set_blocking(&self, file: &Self::File) -> Result<(), Errno>;
}

/// What is known of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) kind: FileType,
    pub(crate) len: u64,
}

/// The kernel that this runs on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Linux;

impl Kernel for Linux {
    type File = File;

    fn is_supported(&self) -> bool {
        // The kernel is the same for all loops of the process.
        static IS_SUPPORTED: OnceLock<bool> = OnceLock::new();
        *IS_SUPPORTED.get_or_init(|| {
            let release = std::fs::read_to_string(RELEASE_FILE);
            release.is_ok_and(|release| is_correct(&release)) && self.is_permitted()
        })
    }

    fn is_permitted(&self) -> bool {
        // The root has no name that could be missing. `EINVAL` is of a kernel that knows no
        // `RESOLVE_CACHED`.
        let refused = [Errno::NOSYS, Errno::PERM, Errno::INVAL];
        let root = self.look_up(Path::new("/"));
        let asked = root.and_then(|root| self.stat(&root));
        !asked.is_err_and(|error| refused.contains(&error))
    }

    fn open(&self, path: &Path) -> Result<File, Errno> {
        // `O_NONBLOCK` is for FIFOs, which would wait for a writer, and for files with a lease, whose
        // holder would be waited for.
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
            // No file is as long as that. A worker hears from the OS what is wrong with it.
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
        // Of what can be set here `O_NONBLOCK` is the only one that it was opened with.
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

/// Whether reading from the cache says the truth in this version of the kernel.
///
/// In 5.9 and 5.10 a read that comes to a page which is not in the cache may answer 0, which is to
/// say that the file ends there (preadv2(2), "BUGS"). Later patches of 5.10 still do, and have
/// opening from the cache, which is of 5.12.
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
    fn the_versions_that_take_a_gap_for_the_end_are_known() {
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
