//! Whole files.

use std::fs::{File, Metadata};
use std::future::poll_fn;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags};
use rustix::io::retry_on_intr;

use super::cached;
use super::job::{self, FutureRef};
use super::path_error::{cannot, cannot_both};
use crate::blocking::called_here;
use crate::page_cache::{Kernel, Linux, NotFound, PartialRead, Probe};

/// The most that is allocated on the mere word of a file's metadata. Some files say more than they
/// have: those of `/proc`, or sparse ones.
const TRUSTED_LEN_MAX: usize = 16 << 20;

/// Room for what a file says nothing about: those of `/proc` have the length 0.
const RESERVE_LEN_MIN: usize = 8 << 10;

/// Reads a whole file: at once if the kernel has it in memory, see [cached
/// files](super#cached-files), and on a worker otherwise.
///
/// A file without end, `/dev/zero` say, is read until memory runs out; for files that strangers
/// have named use [`File`](super::File), and read as much as you are willing to.
///
/// # Errors
///
/// The OS's; [`OutOfMemory`](io::ErrorKind::OutOfMemory) if the file is too large.
///
/// # Cancel safety
///
/// Dropping the future stops the reading soon.
///
/// # Examples
///
/// ```
/// # quintet::block_on(async {
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("greeting");
/// quintet::fs::write(&path, "hello").await?;
/// assert_eq!(quintet::fs::read(&path).await?, b"hello");
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[track_caller]
pub fn read(path: impl AsRef<Path>) -> impl Future<Output = io::Result<Vec<u8>>> {
    called_here(async move { read_as(path, |_, contents| Ok(contents)).await })
}

/// Reads a whole file of UTF-8 text; see [`read`].
///
/// # Errors
///
/// Those of [`read`]; [`InvalidData`](io::ErrorKind::InvalidData) if it is not UTF-8.
///
/// # Cancel safety
///
/// Dropping the future stops the reading soon.
///
/// # Examples
///
/// ```
/// # quintet::block_on(async {
/// let status = quintet::fs::read_to_string("/proc/self/status").await?;
/// assert!(status.starts_with("Name:"));
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[track_caller]
pub fn read_to_string(path: impl AsRef<Path>) -> impl Future<Output = io::Result<String>> {
    called_here(async move {
        let text = |path: &Path, contents| {
            String::from_utf8(contents).map_err(|_| {
                let error = io::Error::new(io::ErrorKind::InvalidData, "it is not valid UTF-8");
                cannot("read", path)(error)
            })
        };
        read_as(path, text).await
    })
}

/// Reads a whole file and makes something of it: here, if it is in memory, or else on a worker.
async fn read_as<T: Send + 'static>(
    path: impl AsRef<Path>,
    make: fn(&Path, Vec<u8>) -> io::Result<T>,
) -> io::Result<T> {
    poll_fn(cached::poll_proceed).await;
    let partial = match cached::read(path.as_ref()) {
        Probe::Read(contents) => return make(path.as_ref(), contents),
        Probe::NotFound => return Err(cannot("open", path.as_ref())(NotFound.into())),
        Probe::Partial(partial) => Some(partial),
        Probe::NotTried => None,
    };
    let path = path.as_ref().to_owned();
    let work = move |future_ref: &FutureRef| {
        let contents = match partial {
            Some(partial) => continue_read(partial, future_ref).map_err(cannot("read", &path))?,
            None => read_blocking(&path, future_ref)?,
        };
        make(&path, contents)
    };
    job::read_cancellable(work).await
}

fn read_blocking(path: &Path, future_ref: &FutureRef) -> io::Result<Vec<u8>> {
    let file = File::open(path).map_err(cannot("open", path))?;
    let stated_len = file.metadata().map_or(0, |metadata| metadata.len());
    read_to_end(&file, Vec::new(), stated_len, future_ref).map_err(cannot("read", path))
}

/// Reads on what was partial without waiting. From here on it waits.
fn continue_read(partial: PartialRead<File>, future_ref: &FutureRef) -> io::Result<Vec<u8>> {
    let file = partial.file;
    let is_fifo = partial.is_fifo.unwrap_or_else(|| {
        let metadata = file.metadata();
        metadata.is_ok_and(|metadata| metadata.file_type().is_fifo())
    });
    if is_fifo {
        // Opening it would have waited for a writer. Until the first one has come it has neither data
        // nor an end to tell of.
        retry_on_intr(|| rustix::event::poll(&mut [PollFd::new(&file, PollFlags::IN)], None))?;
    }
    Linux.set_blocking(&file)?;
    read_to_end(&file, partial.contents, partial.stated_len, future_ref)
}

/// Reads what follows `contents`, of a file that states a length.
fn read_to_end(
    file: &File,
    mut contents: Vec<u8>,
    stated_len: u64,
    future_ref: &FutureRef,
) -> io::Result<Vec<u8>> {
    let stated_len = usize::try_from(stated_len).unwrap_or(usize::MAX);
    loop {
        if contents.len() == contents.capacity() {
            contents.try_reserve_exact(reserve_len(contents.len(), stated_len))?;
        }
        let n = retry_on_intr(|| rustix::io::read(file, spare_capacity(&mut contents)))?;
        if n == 0 {
            return Ok(contents);
        }
        future_ref.check_alive()?;
    }
}

/// How much room to make when `len` bytes are there, of a file that states a length.
fn reserve_len(len: usize, stated_len: usize) -> usize {
    // With what is there the trust grows.
    let trusted = len.max(TRUSTED_LEN_MAX);
    match stated_len.saturating_sub(len) {
        0 => len.max(RESERVE_LEN_MIN),
        // With one byte more the end shows without another allocation.
        rest => rest.min(trusted) + 1,
    }
}

/// Writes a whole file. Creates it, or replaces what was in it.
///
/// `contents` are copied once, as the worker must own them.
///
/// # Errors
///
/// The OS's.
///
/// # Cancel safety
///
/// None: the file may or may not have been written, or in part.
///
/// # Examples
///
/// ```
/// # quintet::block_on(async {
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("greeting");
/// quintet::fs::write(&path, "hello").await?;
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[track_caller]
pub fn write(
    path: impl AsRef<Path>,
    contents: impl AsRef<[u8]>,
) -> impl Future<Output = io::Result<()>> {
    called_here(async move {
        let path = path.as_ref().to_owned();
        let contents = contents.as_ref().to_owned();
        let work = move || {
            let file = File::create(&path).map_err(cannot("create", &path))?;
            io::Write::write_all(&mut &file, &contents).map_err(cannot("write", &path))
        };
        job::run(work).await
    })
}

/// Copies a file with its permission bits, and returns its length. What was in `to` is replaced.
///
/// Where the file system can, the copy shares the blocks of the original.
///
/// # Errors
///
/// Returns the error of the system call that failed: [`NotFound`](io::ErrorKind::NotFound),
/// [`PermissionDenied`](io::ErrorKind::PermissionDenied) and others;
/// [`InvalidInput`](io::ErrorKind::InvalidInput) if `from` is not a regular file, or if both paths
/// lead to the same file: the same path, or by links. The file stays as it is then.
/// ([`std::fs::copy`] empties it and returns `Ok(0)`.)
///
/// # Cancel safety
///
/// None: a copy that has partial goes on to its end.
///
/// # Examples
///
/// ```
/// # quintet::block_on(async {
/// # let dir = tempfile::tempdir()?;
/// # let (from, to) = (dir.path().join("from"), dir.path().join("to"));
/// quintet::fs::write(&from, "hello").await?;
/// assert_eq!(quintet::fs::copy(&from, &to).await?, 5);
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[track_caller]
pub fn copy(from: impl AsRef<Path>, to: impl AsRef<Path>) -> impl Future<Output = io::Result<u64>> {
    called_here(async move {
        let from = from.as_ref().to_owned();
        let to = to.as_ref().to_owned();
        let work = move || copy_blocking(&from, &to).map_err(cannot_both("copy", &from, "to", &to));
        job::run(work).await
    })
}

/// Does what the standard library does, but looks before it empties the target.
fn copy_blocking(from: &Path, to: &Path) -> io::Result<u64> {
    let invalid = |text| io::Error::new(io::ErrorKind::InvalidInput, text);
    let regular = |source: Metadata| match source.is_file() {
        true => Ok(source),
        false => Err(invalid("the source is not a regular file")),
    };
    // Also before it is opened: to open a FIFO waits for a writer.
    regular(from.metadata()?)?;
    let mut reader = File::open(from)?;
    let source = regular(reader.metadata()?)?;
    let mut options = File::options();
    options.write(true).create(true).mode(source.mode());
    let mut writer = options.open(to)?;
    let target = writer.metadata()?;
    if (source.dev(), source.ino()) == (target.dev(), target.ino()) {
        return Err(invalid("they are the same file"));
    }
    // Of a device or a FIFO neither is to be changed.
    if target.is_file() {
        writer.set_len(0)?;
        writer.set_permissions(source.permissions())?;
    }
    io::copy(&mut reader, &mut writer)
}

#[cfg(test)]
mod tests {
    use super::{RESERVE_LEN_MIN, TRUSTED_LEN_MAX, reserve_len};

    #[test]
    fn a_true_length_is_allocated_once() {
        assert_eq!(reserve_len(0, 1), 2);
        assert_eq!(reserve_len(0, TRUSTED_LEN_MAX), TRUSTED_LEN_MAX + 1);
    }

    #[test]
    fn a_length_that_is_only_stated_is_not_allocated() {
        assert_eq!(reserve_len(0, usize::MAX), TRUSTED_LEN_MAX + 1);
        // Twice as much as was really there, at most.
        assert_eq!(reserve_len(1 << 30, usize::MAX), (1 << 30) + 1);
        assert_eq!(reserve_len(1 << 30, (1 << 30) + 5), 6);
    }

    #[test]
    fn a_file_that_goes_on_behind_its_length_is_read_in_ever_larger_pieces() {
        assert_eq!(reserve_len(0, 0), RESERVE_LEN_MIN);
        assert_eq!(reserve_len(10, 10), RESERVE_LEN_MIN);
        assert_eq!(reserve_len(1 << 20, 10), 1 << 20);
    }
}
