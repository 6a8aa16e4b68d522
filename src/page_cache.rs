//! Reads files on the loop if the kernel has them in its caches.
//!
//! A job on a worker takes several times as long as reading a small file from the page cache. So
//! the loop first tries system calls that do not block: to open a file if its path is in the
//! dentry cache, and to read what is in the page cache. If such a call fails, a worker continues,
//! with the descriptor if the file is open, and after the bytes that were read.
//!
//! The work on the loop is bounded by [`LEN_MAX`] for one read and by [`BYTES_PER_TICK`] for a
//! tick. The results are those that a worker would return. Of errors only "not found" is returned
//! from here, because programs often expect it. After any other error the worker repeats the
//! operation and returns its own error.
//!
//! This module decides what to try. The trait [`Kernel`] makes the system calls, and `fs` uses the
//! results.

mod directories;
mod kernel;
#[cfg(test)]
mod tests;

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering};

use rustix::fs::FileType;
use rustix::io::Errno;

use directories::Directories;
use kernel::Stat;
pub(crate) use kernel::{Kernel, OsKernel};

/// The maximum number of bytes of one read. Reading them takes about 15 µs; for larger reads the
/// cost of waking a worker no longer shows.
const LEN_MAX: usize = 256 << 10;

/// The maximum number of bytes that all tasks together read in one tick. Copying them takes a
/// fraction of a millisecond. Workers read the rest, concurrently with the loop. Only bytes are
/// limited, because an attempt without them costs no more than a job for a worker.
const BYTES_PER_TICK: usize = 4 << 20;

/// The directory of devices. Opening a device can have any effect, and can block.
const DEVICES: &[u8] = b"/dev/";

/// Decides which files a loop reads itself.
#[derive(Debug)]
pub(crate) struct PageCache {
    is_on: bool,
    /// The tick that `bytes_left` belongs to.
    tick: u64,
    /// The number of bytes that can still be read in this tick.
    bytes_left: usize,
    directories: Directories,
}

/// The result of an attempt to read a whole file.
#[derive(Debug)]
pub(crate) enum Probe<F> {
    Read(Vec<u8>),
    NotFound,
    /// The file is open, and reading the rest may block.
    Partial(PartialRead<F>),
    /// No file was opened.
    NotTried,
}

/// The path does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotFound;

impl From<NotFound> for io::Error {
    /// Returns the error that the OS reports.
    fn from(_: NotFound) -> Self {
        Errno::NOENT.into()
    }
}

/// An open file that has been read in part.
#[derive(Debug)]
pub(crate) struct PartialRead<F> {
    pub(crate) file: F,
    /// The bytes before the cursor of the file.
    pub(crate) contents: Vec<u8>,
    /// The length in the metadata of the file.
    pub(crate) stated_len: u64,
    /// Whether it is a FIFO, which must wait for a writer; `None` if unknown.
    pub(crate) is_fifo: Option<bool>,
}

/// The result of a read from the page cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) len: usize,
    /// Why the read ended early. `None` if it has filled the buffer or reached the end of the file.
    error: Option<Errno>,
}

impl Part {
    pub(crate) fn is_whole(&self) -> bool {
        self.error.is_none()
    }
}

/// Whether an open file can be read from the page cache. The first attempt finds out.
#[derive(Debug, Default)]
pub(crate) struct Suitability(AtomicU8);

impl Suitability {
    const UNKNOWN: u8 = 0;
    const SUITABLE: u8 = 1;
    const UNSUITABLE: u8 = 2;

    fn get_or_probe<K: Kernel>(&self, kernel: &K, file: &K::File) -> bool {
        // Relaxed: no other data depends on it, and a second probe has the same result.
        match self.0.load(Ordering::Relaxed) {
            Self::UNKNOWN => {
                let stat = kernel.stat(file);
                let is_regular = stat.is_ok_and(|stat| stat.kind == FileType::RegularFile);
                let is_suitable = is_regular && kernel.is_buffered(file);
                self.set(is_suitable);
                is_suitable
            }
            state => state == Self::SUITABLE,
        }
    }

    fn set(&self, is_suitable: bool) {
        let state = if is_suitable {
            Self::SUITABLE
        } else {
            Self::UNSUITABLE
        };
        self.0.store(state, Ordering::Relaxed);
    }
}

impl PageCache {
    pub(crate) fn new(is_on: bool) -> Self {
        PageCache {
            is_on,
            tick: 0,
            bytes_left: BYTES_PER_TICK,
            directories: Directories::new(),
        }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.is_on
    }

    /// Resets the limit if `tick` is a new one.
    pub(crate) fn at_tick(&mut self, tick: u64) -> &mut Self {
        if tick != self.tick {
            self.tick = tick;
            self.bytes_left = BYTES_PER_TICK;
        }
        self
    }

    /// Returns whether reading on the loop is on, and bytes are left in this tick.
    fn should_try<K: Kernel>(&mut self, kernel: &K) -> bool {
        self.is_on = self.is_on && kernel.is_supported();
        self.is_on && self.bytes_left > 0
    }

    fn may_open<K: Kernel>(&mut self, kernel: &K, path: &Path) -> bool {
        let is_device = path.as_os_str().as_bytes().starts_with(DEVICES);
        !is_device && self.should_try(kernel) && self.directories.should_try(path)
    }

    fn spend(&mut self, bytes: usize) {
        self.bytes_left = self.bytes_left.saturating_sub(bytes);
    }

    /// Reads a whole file, as far as it is cached.
    pub(crate) fn read<K: Kernel>(&mut self, kernel: &K, path: &Path) -> Probe<K::File> {
        if !self.may_open(kernel, path) {
            return Probe::NotTried;
        }
        let probe = match self.classify(kernel, path, kernel.open(path)) {
            Some(Ok(file)) => self.read_open(kernel, path, file),
            Some(Err(NotFound)) => Probe::NotFound,
            None => Probe::NotTried,
        };
        if let Probe::Read(contents) | Probe::Partial(PartialRead { contents, .. }) = &probe {
            self.spend(contents.len());
        }
        probe
    }

    fn read_open<K: Kernel>(&mut self, kernel: &K, path: &Path, file: K::File) -> Probe<K::File> {
        let mut partial = PartialRead {
            file,
            contents: Vec::new(),
            stated_len: 0,
            is_fifo: None,
        };
        let Some(stat) = self.stat(kernel, &partial.file) else {
            return Probe::Partial(partial);
        };
        partial.stated_len = stat.len;
        partial.is_fifo = Some(stat.kind == FileType::Fifo);
        // A writer that waits for the other end of a FIFO has been woken by the open. So the
        // worker continues with this descriptor: if it were closed and opened again, the writer
        // would see a reader come and go.
        if stat.kind != FileType::RegularFile {
            return Probe::Partial(partial);
        }
        let len = usize::try_from(stat.len).unwrap_or(usize::MAX);
        if len > LEN_MAX {
            self.probe_file_system(kernel, path, &partial.file);
            return Probe::Partial(partial);
        }
        // One byte more, so that a file that has grown is noticed.
        if partial.contents.try_reserve_exact(len + 1).is_err() {
            return Probe::Partial(partial);
        }
        partial.contents.resize(len + 1, 0);
        let part = fill(
            kernel,
            &partial.file,
            (&mut partial.contents, len.max(1)),
            None,
        );
        self.note_read(path, part.error);
        partial.contents.truncate(part.len);
        // The file has become shorter or longer, or the rest is not cached.
        if part.len != len || part.error.is_some() {
            return Probe::Partial(partial);
        }
        Probe::Read(partial.contents)
    }

    /// Returns whether a read of `len` bytes from an open file would be tried.
    pub(crate) fn may_read<K: Kernel>(
        &mut self,
        kernel: &K,
        (file, suitability): (&K::File, &Suitability),
        len: usize,
    ) -> bool {
        let is_sensible = (1..=LEN_MAX).contains(&len);
        is_sensible && self.should_try(kernel) && suitability.get_or_probe(kernel, file)
    }

    /// Fills `buf` from an open file at `offset`, as far as it is cached.
    pub(crate) fn read_at<K: Kernel>(
        &mut self,
        kernel: &K,
        file: (&K::File, &Suitability),
        buf: &mut [u8],
        offset: u64,
    ) -> Option<Part> {
        let may_read = self.may_read(kernel, file, buf.len());
        let enough = buf.len();
        may_read.then(|| self.fill(kernel, file, (buf, enough), Some(offset)))
    }

    /// As [`read_at`](PageCache::read_at) for up to `len` bytes, which replace the contents of
    /// `buf`. The length that `buf` has need not be initialized again.
    pub(crate) fn read_chunk<K: Kernel>(
        &mut self,
        kernel: &K,
        file: (&K::File, &Suitability),
        (buf, len): (&mut Vec<u8>, usize),
        offset: u64,
    ) -> Option<Part> {
        let missing = len.saturating_sub(buf.len());
        if !self.may_read(kernel, file, len) || buf.try_reserve_exact(missing).is_err() {
            return None;
        }
        buf.resize(len, 0);
        let part = self.fill(kernel, file, (buf, len), Some(offset));
        buf.truncate(part.len);
        Some(part)
    }

    /// Reads at the cursor. Returns 0 at the end of the file, and `None` if no byte is cached.
    pub(crate) fn read_at_cursor<K: Kernel>(
        &mut self,
        kernel: &K,
        file: (&K::File, &Suitability),
        buf: &mut [u8],
    ) -> Option<usize> {
        if !self.may_read(kernel, file, buf.len()) {
            return None;
        }
        let part = self.fill(kernel, file, (buf, 1), None);
        part.is_whole().then_some(part.len)
    }

    fn fill<K: Kernel>(
        &mut self,
        kernel: &K,
        (file, suitability): (&K::File, &Suitability),
        (buf, enough): (&mut [u8], usize),
        offset: Option<u64>,
    ) -> Part {
        let part = fill(kernel, file, (buf, enough), offset);
        if part.error == Some(Errno::OPNOTSUPP) {
            suitability.set(false);
        }
        self.is_on &= !part.error.is_some_and(may_be_seccomp);
        self.spend(part.len);
        part
    }

    /// Opens a regular file for reading. The descriptor has the flags of an ordinary open.
    pub(crate) fn open<K: Kernel>(
        &mut self,
        kernel: &K,
        path: &Path,
    ) -> Option<Result<(K::File, Suitability), NotFound>> {
        if !self.may_open(kernel, path) {
            return None;
        }
        // Opening a FIFO must wait for its other end, which a worker does. So it must not be opened
        // here: the other end would see a reader come and go.
        match self.classify(kernel, path, kernel.look_up(path))? {
            Ok(found) if self.is_regular(kernel, &found) => {}
            Ok(_) => return None,
            Err(NotFound) => return Some(Err(NotFound)),
        }
        match self.classify(kernel, path, kernel.open(path))? {
            // The path may refer to another file by now.
            Ok(file) if self.is_regular(kernel, &file) => {
                kernel.set_blocking(&file).ok()?;
                let suitability = Suitability::default();
                suitability.set(self.probe_file_system(kernel, path, &file));
                Some(Ok((file, suitability)))
            }
            Ok(_) => None,
            Err(NotFound) => Some(Err(NotFound)),
        }
    }

    /// Returns whether the path exists, or `None` if that is not cached.
    pub(crate) fn exists<K: Kernel>(&mut self, kernel: &K, path: &Path) -> Option<bool> {
        if !self.may_open(kernel, path) {
            return None;
        }
        let found = self.classify(kernel, path, kernel.look_up(path))?;
        Some(found.is_ok())
    }

    /// Returns the cached metadata of an open file.
    fn stat<K: Kernel>(&mut self, kernel: &K, file: &K::File) -> Option<Stat> {
        let stat = kernel.stat(file);
        self.is_on &= !stat.is_err_and(may_be_seccomp);
        stat.ok()
    }

    fn is_regular<K: Kernel>(&mut self, kernel: &K, file: &K::File) -> bool {
        let stat = self.stat(kernel, file);
        stat.is_some_and(|stat| stat.kind == FileType::RegularFile)
    }

    /// Returns the result of an open or a lookup if it is final, or `None` if a worker must repeat
    /// it. Remembers what it shows about the directory.
    fn classify<K: Kernel>(
        &mut self,
        kernel: &K,
        path: &Path,
        found: Result<K::File, Errno>,
    ) -> Option<Result<K::File, NotFound>> {
        let result = match found {
            Ok(file) => Ok(file),
            Err(Errno::NOENT) => Err(NotFound),
            Err(error) => {
                if error == Errno::AGAIN {
                    self.directories.note_uncached(path);
                } else if may_be_seccomp(error) {
                    // The error may also come from the file system. Then the calls are still
                    // permitted.
                    self.is_on = kernel.is_permitted();
                }
                return None;
            }
        };
        self.directories.remove(path);
        Some(result)
    }

    /// Finds out whether the file system supports reads from the page cache, with a file that is
    /// not read here. If it does not, opening may do I/O, and workers will open the next files.
    fn probe_file_system<K: Kernel>(&mut self, kernel: &K, path: &Path, file: &K::File) -> bool {
        let error = kernel.try_read(file).err();
        self.note_read(path, error);
        error != Some(Errno::OPNOTSUPP)
    }

    /// Remembers what the error of a read shows about the file system and the process.
    fn note_read(&mut self, path: &Path, error: Option<Errno>) {
        if error == Some(Errno::OPNOTSUPP) {
            self.directories.note_unsupported(path);
        }
        self.is_on &= !error.is_some_and(may_be_seccomp);
    }
}

/// Returns whether a seccomp filter may have returned the error instead of the system call.
fn may_be_seccomp(error: Errno) -> bool {
    matches!(error, Errno::NOSYS | Errno::PERM)
}

/// Reads at least `enough` bytes into `buf`, or up to the end of the file, as far as it is cached.
fn fill<K: Kernel>(
    kernel: &K,
    file: &K::File,
    (buf, enough): (&mut [u8], usize),
    offset: Option<u64>,
) -> Part {
    let mut part = Part {
        len: 0,
        error: None,
    };
    while part.len < enough {
        let offset = offset.map(|offset| offset.saturating_add(part.len as u64));
        match kernel.read(file, &mut buf[part.len..], offset) {
            Ok(0) => break,
            Ok(n) => part.len += n,
            Err(error) => {
                part.error = Some(error);
                break;
            }
        }
    }
    part
}
