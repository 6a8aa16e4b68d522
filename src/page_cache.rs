//! Files that the kernel has in memory are read on the loop.
//!
//! A trip to a worker takes several times as long as reading a small file that is in the page cache.
//! So the kernel is asked first, in ways that do not wait: to open what it finds in its cache of
//! names, and to read what it finds in its cache of pages. Where it says no, a worker goes on, with
//! the descriptor if there is one, from where this came to.
//!
//! It is bounded: [`LEN_MAX`] for one read, [`BYTES_PER_TICK`] for all of a tick. What comes of it is
//! what a worker would come to. Of errors only "not found" is answered from here, for it is what a
//! program may well ask for; all others are left to the worker, who finds the true one.
//!
//! This is the part that decides. What it asks is [`Kernel`]; what it is for is in `fs`.

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
pub(crate) use kernel::{Kernel, Linux};

/// The most that is read at once. It takes some 15 µs, and a worker's wake-up no longer shows in the
/// time of more than this.
const LEN_MAX: usize = 256 << 10;

/// What all tasks together may read in one tick: copying it takes a fraction of a millisecond. What is
/// more is for the workers, who copy it beside the loop. Only bytes count, for what an attempt costs
/// apart from them is no more than to hand it to a worker.
const BYTES_PER_TICK: usize = 4 << 20;

/// The devices are here. To open one may do anything, even wait.
const DEVICES: &[u8] = b"/dev/";

/// The cached files of a loop.
#[derive(Debug)]
pub(crate) struct PageCache {
    is_on: bool,
    /// The tick that is meant by `left`.
    tick: u64,
    /// How many bytes are left to this tick.
    left: usize,
    directories: Directories,
}

/// What came of an attempt to read a whole file.
#[derive(Debug)]
pub(crate) enum Probe<F> {
    Read(Vec<u8>),
    NotFound,
    /// It is open, and the rest may wait.
    Partial(PartialRead<F>),
    /// Nothing was done.
    NotTried,
}

/// There is nothing of this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotFound;

impl From<NotFound> for io::Error {
    /// The OS's error.
    fn from(_: NotFound) -> Self {
        Errno::NOENT.into()
    }
}

/// A file that is to be read on.
#[derive(Debug)]
pub(crate) struct PartialRead<F> {
    pub(crate) file: F,
    /// Up to where the file's cursor is.
    pub(crate) contents: Vec<u8>,
    /// How long it says it is.
    pub(crate) stated_len: u64,
    /// Whether its other end must be opened first, if that is known.
    pub(crate) is_fifo: Option<bool>,
}

/// How much of a read was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) len: usize,
    /// Why it is not more. Without an error it is as much as there was room for, or all up to the end
    /// of the file.
    error: Option<Errno>,
}

impl Part {
    pub(crate) fn is_whole(&self) -> bool {
        self.error.is_none()
    }
}

/// Whether an open file can be read from the cache. It is found out by trying.
#[derive(Debug, Default)]
pub(crate) struct Suitability(AtomicU8);

impl Suitability {
    const UNKNOWN: u8 = 0;
    const SUITABLE: u8 = 1;
    const UNSUITABLE: u8 = 2;

    fn get_or_probe<K: Kernel>(&self, kernel: &K, file: &K::File) -> bool {
        // Relaxed: nothing else depends on it, and whoever asks twice gets the same answer.
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
            left: BYTES_PER_TICK,
            directories: Directories::new(),
        }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.is_on
    }

    /// Says which tick it is.
    pub(crate) fn at_tick(&mut self, tick: u64) -> &mut Self {
        if tick != self.tick {
            self.tick = tick;
            self.left = BYTES_PER_TICK;
        }
        self
    }

    /// Whether to try at all.
    fn should_try<K: Kernel>(&mut self, kernel: &K) -> bool {
        self.is_on = self.is_on && kernel.is_supported();
        self.is_on && self.left > 0
    }

    fn may_open<K: Kernel>(&mut self, kernel: &K, path: &Path) -> bool {
        let is_device = path.as_os_str().as_bytes().starts_with(DEVICES);
        !is_device && self.should_try(kernel) && self.directories.should_try(path)
    }

    fn spend(&mut self, bytes: usize) {
        self.left = self.left.saturating_sub(bytes);
    }

    /// Reads a whole file.
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
        // Whoever waits at the other end of a FIFO has seen that it was opened. So it is not closed, to
        // be opened again by the worker: the one at the other end would take that for the end.
        if stat.kind != FileType::RegularFile {
            return Probe::Partial(partial);
        }
        let len = usize::try_from(stat.len).unwrap_or(usize::MAX);
        if len > LEN_MAX {
            self.probe_file_system(kernel, path, &partial.file);
            return Probe::Partial(partial);
        }
        // With one byte more a file that has grown shows.
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
        // It has become shorter or longer, or the rest is not there.
        if part.len != len || part.error.is_some() {
            return Probe::Partial(partial);
        }
        Probe::Read(partial.contents)
    }

    /// Whether an attempt to read from an open file would be made.
    pub(crate) fn may_read<K: Kernel>(
        &mut self,
        kernel: &K,
        (file, suitability): (&K::File, &Suitability),
        len: usize,
    ) -> bool {
        let is_sensible = (1..=LEN_MAX).contains(&len);
        is_sensible && self.should_try(kernel) && suitability.get_or_probe(kernel, file)
    }

    /// Fills `buf` with what an open file has at `offset`.
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

    /// The same for up to `len` bytes, of which there is nothing else in `buf` then. Whatever was in it
    /// need not be initialised again.
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

    /// Reads at the cursor: at least a byte, or that the file ends there.
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

    /// Opens a regular file for reading. It is as if it had been opened in the usual way.
    pub(crate) fn open<K: Kernel>(
        &mut self,
        kernel: &K,
        path: &Path,
    ) -> Option<Result<(K::File, Suitability), NotFound>> {
        if !self.may_open(kernel, path) {
            return None;
        }
        // Whoever opens a FIFO waits for its other end, which a worker must do; and to have opened it
        // before would look to the other end as if somebody had come and gone.
        match self.classify(kernel, path, kernel.look_up(path))? {
            Ok(found) if self.is_regular(kernel, &found) => {}
            Ok(_) => return None,
            Err(NotFound) => return Some(Err(NotFound)),
        }
        match self.classify(kernel, path, kernel.open(path))? {
            // The name may have come to mean something else.
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

    /// Whether there is something of this name, if the kernel knows.
    pub(crate) fn exists<K: Kernel>(&mut self, kernel: &K, path: &Path) -> Option<bool> {
        if !self.may_open(kernel, path) {
            return None;
        }
        let found = self.classify(kernel, path, kernel.look_up(path))?;
        Some(found.is_ok())
    }

    /// What is known of an open file.
    fn stat<K: Kernel>(&mut self, kernel: &K, file: &K::File) -> Option<Stat> {
        let stat = kernel.stat(file);
        self.is_on &= !stat.is_err_and(may_be_seccomp);
        stat.ok()
    }

    fn is_regular<K: Kernel>(&mut self, kernel: &K, file: &K::File) -> bool {
        let stat = self.stat(kernel, file);
        stat.is_some_and(|stat| stat.kind == FileType::RegularFile)
    }

    /// What the search for a name came to, if that is the answer. Learns from it.
    fn classify<K: Kernel>(
        &mut self,
        kernel: &K,
        path: &Path,
        found: Result<K::File, Errno>,
    ) -> Option<Result<K::File, NotFound>> {
        let answer = match found {
            Ok(file) => Ok(file),
            Err(Errno::NOENT) => Err(NotFound),
            Err(error) => {
                if error == Errno::AGAIN {
                    self.directories.note_uncached(path);
                } else if may_be_seccomp(error) {
                    // It may be the file system's, too.
                    self.is_on = kernel.is_permitted();
                }
                return None;
            }
        };
        self.directories.remove(path);
        Some(answer)
    }

    /// Learns from a file that is not to be read here whether its file system can do that. If it
    /// cannot, opening may have asked a server; the next time a worker does.
    fn probe_file_system<K: Kernel>(&mut self, kernel: &K, path: &Path, file: &K::File) -> bool {
        let error = kernel.try_read(file).err();
        self.note_read(path, error);
        error != Some(Errno::OPNOTSUPP)
    }

    /// Learns from what reading came to.
    fn note_read(&mut self, path: &Path, error: Option<Errno>) {
        if error == Some(Errno::OPNOTSUPP) {
            self.directories.note_unsupported(path);
        }
        self.is_on &= !error.is_some_and(may_be_seccomp);
    }
}

/// Whether this may mean that the process must not make this call: then it is the filter's answer.
fn may_be_seccomp(error: Errno) -> bool {
    matches!(error, Errno::NOSYS | Errno::PERM)
}

/// Reads `enough` into `buf`, or more, or up to the end of the file, as far as that is in the cache.
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
