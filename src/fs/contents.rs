//! Operations on whole files: read, write, copy.

use std::fs::{File, Metadata};
use std::future::poll_fn;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags};
use rustix::io::retry_on_intr;

use super::cached;
use super::job;
use super::path_error::{cannot, cannot_both};
use crate::blocking::called_here;
use crate::page_cache::{Kernel, NotFound, OsKernel, PartialRead, Probe};

/// The maximum capacity that is reserved because of the length in a file's metadata. The stated
/// length of some files is more than they contain, for example of sparse files.
const TRUSTED_LEN_MAX: usize = 16 << 20;

/// The capacity that is reserved for contents beyond the stated length. Files of `/proc` state the
/// length 0.
const RESERVE_LEN_MIN: usize = 8 << 10;

/// The number of bytes that are copied before a job checks whether its future still exists. Large,
/// because a file system that shares blocks does so in whole extents.
const COPY_CHUNK: u64 = 64 << 20;

/// Reads the entire contents of a file into a byte vector.
///
/// Reads on the loop if the kernel has the file in memory, see [cached files](super#cached-files),
/// and otherwise on a worker.
///
/// Reading a file without an end, such as `/dev/zero`, fails only when there is no more memory. For
/// paths from an untrusted source use [`read_limited`].
///
/// # Errors
///
/// Returns the error of the system call, with the path:
///
/// - the kinds of [every function with a path](super#errors);
/// - [`IsADirectory`](io::ErrorKind::IsADirectory): `path` is a directory;
/// - [`OutOfMemory`](io::ErrorKind::OutOfMemory): there is not enough memory for the contents.
///
/// # Cancel safety
///
/// Cancel safe: no data is changed. A worker stops after its current system call.
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
    called_here(async move { read_as(path, usize::MAX, |_, contents| Ok(contents)).await })
}

/// Reads the entire contents of a file into a byte vector, if there are at most `max_len` bytes.
///
/// Runs on the loop or on a worker, as [`read`] does. The length in the file's metadata is not
/// trusted: at most `max_len` bytes and one more are read, and as many are allocated.
///
/// # Errors
///
/// Returns the errors of [`read`], and [`FileTooLarge`](io::ErrorKind::FileTooLarge) if there are
/// more than `max_len` bytes.
///
/// # Cancel safety
///
/// Cancel safe, as [`read`] is.
///
/// # Examples
///
/// ```
/// use std::io::ErrorKind;
///
/// # quintet::block_on(async {
/// let error = quintet::fs::read_limited("/dev/zero", 1 << 20).await.unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::FileTooLarge);
/// # });
/// ```
#[track_caller]
pub fn read_limited(
    path: impl AsRef<Path>,
    max_len: usize,
) -> impl Future<Output = io::Result<Vec<u8>>> {
    called_here(async move { read_as(path, max_len, |_, contents| Ok(contents)).await })
}

/// Reads the entire contents of a file into a string.
///
/// Runs on the loop or on a worker, as [`read`] does.
///
/// # Errors
///
/// Returns the errors of [`read`], and [`InvalidData`](io::ErrorKind::InvalidData) if the contents
/// are not valid UTF-8.
///
/// # Cancel safety
///
/// Cancel safe, as [`read`] is.
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
        read_as(path, usize::MAX, text).await
    })
}

/// Reads a whole file and converts its contents, on the loop if it is cached, or else on a worker.
async fn read_as<T: Send + 'static>(
    path: impl AsRef<Path>,
    max_len: usize,
    make: fn(&Path, Vec<u8>) -> io::Result<T>,
) -> io::Result<T> {
    poll_fn(cached::poll_proceed).await;
    let partial = match cached::read(path.as_ref()) {
        Probe::Read(contents) => {
            check_len(&contents, max_len).map_err(cannot("read", path.as_ref()))?;
            return make(path.as_ref(), contents);
        }
        Probe::NotFound => return Err(cannot("open", path.as_ref())(NotFound.into())),
        Probe::Partial(partial) => Some(partial),
        Probe::NotTried => None,
    };
    let path = path.as_ref().to_owned();
    let work = move || {
        let read = match partial {
            Some(partial) => continue_read(partial, max_len).map_err(cannot("read", &path)),
            None => read_blocking(&path, max_len),
        };
        make(&path, read?)
    };
    job::read(work).await
}

fn read_blocking(path: &Path, max_len: usize) -> io::Result<Vec<u8>> {
    let file = File::open(path).map_err(cannot("open", path))?;
    let stated_len = file.metadata().map_or(0, |metadata| metadata.len());
    let contents = read_to_end(&file, Vec::new(), (stated_len, max_len));
    contents.map_err(cannot("read", path))
}

/// Continues a read that was begun on the loop. This may block.
fn continue_read(partial: PartialRead<File>, max_len: usize) -> io::Result<Vec<u8>> {
    let file = partial.file;
    let is_fifo = partial.is_fifo.unwrap_or_else(|| {
        let metadata = file.metadata();
        metadata.is_ok_and(|metadata| metadata.file_type().is_fifo())
    });
    if is_fifo {
        // A blocking open would have waited for a writer. Before the first writer opens the FIFO, a
        // read would report the end.
        retry_on_intr(|| rustix::event::poll(&mut [PollFd::new(&file, PollFlags::IN)], None))?;
    }
    OsKernel.set_blocking(&file)?;
    let lens = (partial.stated_len, max_len);
    read_to_end(&file, partial.contents, lens)
}

/// Appends to `contents` the rest of a file. Its metadata states the length `stated_len`, and it
/// must not be longer than `max_len`.
fn read_to_end(
    file: &File,
    mut contents: Vec<u8>,
    (stated_len, max_len): (u64, usize),
) -> io::Result<Vec<u8>> {
    let stated_len = usize::try_from(stated_len).unwrap_or(usize::MAX);
    loop {
        check_len(&contents, max_len)?;
        if contents.len() == contents.capacity() {
            // One byte more than is allowed shows that the file is longer.
            let allowed = (max_len - contents.len()).saturating_add(1);
            let len = reserve_len(contents.len(), stated_len).min(allowed);
            contents.try_reserve_exact(len)?;
        }
        let n = retry_on_intr(|| rustix::io::read(file, spare_capacity(&mut contents)))?;
        if n == 0 {
            return Ok(contents);
        }
        job::check_alive()?;
    }
}

fn check_len(contents: &[u8], max_len: usize) -> io::Result<()> {
    if contents.len() <= max_len {
        return Ok(());
    }
    let text = format!("it is longer than {max_len} bytes");
    Err(io::Error::new(io::ErrorKind::FileTooLarge, text))
}

/// Returns how many bytes to reserve when `len` bytes have been read of a file whose metadata
/// states the length `stated_len`.
fn reserve_len(len: usize, stated_len: usize) -> usize {
    // At most doubles what was really there.
    let trusted = len.max(TRUSTED_LEN_MAX);
    match stated_len.saturating_sub(len) {
        0 => len.max(RESERVE_LEN_MIN),
        // One byte more, so that the read that finds the end needs no further allocation.
        rest => rest.min(trusted) + 1,
    }
}

/// Writes `contents` to a file. Creates the file if it does not exist, and replaces its contents if
/// it does.
///
/// Runs on a worker. `contents` is copied once, because the worker must own it.
///
/// # Errors
///
/// Returns the error of the system call, with the path:
///
/// - the kinds of [every function with a path](super#errors);
/// - [`IsADirectory`](io::ErrorKind::IsADirectory): `path` is a directory;
/// - [`StorageFull`](io::ErrorKind::StorageFull), [`QuotaExceeded`](io::ErrorKind::QuotaExceeded):
///   there is no space left; some of `contents` may have been written;
/// - [`ReadOnlyFilesystem`](io::ErrorKind::ReadOnlyFilesystem): the file system is read-only.
///
/// # Cancel safety
///
/// Not cancel safe: if the future is dropped, the file may have been written, completely or in
/// part.
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

/// Copies the contents and the permission bits of a file to another one. Returns the number of
/// bytes copied.
///
/// The contents of `to` are replaced. On Linux the kernel copies (`copy_file_range`), and on file
/// systems that support it, the copy shares the blocks of the original. Runs on a worker.
///
/// # Errors
///
/// Returns the error of the system call that failed, with both paths:
///
/// - the kinds of [every function with a path](super#errors), for either path;
/// - [`InvalidInput`](io::ErrorKind::InvalidInput): `from` is not a regular file, or both paths
///   refer to the same file. The file is not changed. ([`std::fs::copy`] truncates it and returns
///   `Ok(0)`.)
/// - [`IsADirectory`](io::ErrorKind::IsADirectory): `to` is a directory;
/// - [`StorageFull`](io::ErrorKind::StorageFull), [`QuotaExceeded`](io::ErrorKind::QuotaExceeded):
///   there is no space left; some bytes may have been copied;
/// - [`ReadOnlyFilesystem`](io::ErrorKind::ReadOnlyFilesystem): the file system of `to` is
///   read-only.
///
/// # Cancel safety
///
/// Not cancel safe: if the future is dropped, `to` may have been replaced, completely or in part. A
/// worker that has begun stops after up to 64 MiB more.
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

/// As [`std::fs::copy`], but checks whether both paths are the same file before it truncates `to`.
fn copy_blocking(from: &Path, to: &Path) -> io::Result<u64> {
    let invalid = |text| io::Error::new(io::ErrorKind::InvalidInput, text);
    let regular = |source: Metadata| match source.is_file() {
        true => Ok(source),
        false => Err(invalid("the source is not a regular file")),
    };
    // Checked before the open too, because opening a FIFO waits for a writer.
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
    // A device or a FIFO has no length, and keeps its permissions.
    if target.is_file() {
        // Not a file that is empty: what was truncated to nothing, ext4 writes to the disk when it
        // is closed. With nothing to copy it is truncated nevertheless, which sets its time.
        if target.len() > 0 || source.len() == 0 {
            writer.set_len(0)?;
        }
        writer.set_permissions(source.permissions())?;
    }
    let mut copied = 0;
    loop {
        // On Linux this is `copy_file_range`, which shares blocks where the file system can.
        let mut chunk = io::Read::take(&mut reader, COPY_CHUNK);
        let n = io::copy(&mut chunk, &mut writer)?;
        copied += n;
        if n < COPY_CHUNK {
            return Ok(copied);
        }
        job::check_alive()?;
    }
}

#[cfg(test)]
mod tests {
    use super::{RESERVE_LEN_MIN, TRUSTED_LEN_MAX, reserve_len};

    #[test]
    fn a_correct_length_is_allocated_once() {
        assert_eq!(reserve_len(0, 1), 2);
        assert_eq!(reserve_len(0, TRUSTED_LEN_MAX), TRUSTED_LEN_MAX + 1);
    }

    #[test]
    fn a_huge_stated_length_is_not_allocated_at_once() {
        assert_eq!(reserve_len(0, usize::MAX), TRUSTED_LEN_MAX + 1);
        // At most doubles what was read.
        assert_eq!(reserve_len(1 << 30, usize::MAX), (1 << 30) + 1);
        assert_eq!(reserve_len(1 << 30, (1 << 30) + 5), 6);
    }

    #[test]
    fn a_file_longer_than_stated_is_read_in_pieces_that_double() {
        assert_eq!(reserve_len(0, 0), RESERVE_LEN_MIN);
        assert_eq!(reserve_len(10, 10), RESERVE_LEN_MIN);
        assert_eq!(reserve_len(1 << 20, 10), 1 << 20);
    }
}
