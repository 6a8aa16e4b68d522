//! An open file: opening, metadata, and what is neither an operation at the cursor nor at an
//! offset.

mod changes;
mod convert;
mod cursor;
mod lock;
mod open_file;
mod positional;
mod run;
#[cfg(feature = "net")]
mod send;
#[cfg(feature = "tokio-io")]
mod start_seek;
mod stream;
mod vectored;

use std::fmt;
use std::fs::{FileTimes, Metadata, Permissions};
use std::future::poll_fn;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::path::Path;
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

pub use self::lock::TryLockError;

use self::cursor::{CallId, Cursor};
use self::open_file::OpenFile;
use super::in_flight::{self, InFlight};
use super::path_error::cannot;
use super::{OpenOptions, cached};
use crate::blocking::{Purpose, called_here};
use crate::coop;

/// An open file.
///
/// A file can be used in two ways.
///
/// *At an offset*, with [`read_at`](File::read_at), [`write_at`](File::write_at) and similar
/// methods. They take `&self`, do not use the cursor, and several of them can run concurrently.
///
/// *At the cursor*, with [`read`](File::read), [`write`](File::write), [`seek`](File::seek), or the
/// traits [`AsyncRead`](crate::io::AsyncRead), [`AsyncWrite`](crate::io::AsyncWrite) and
/// [`AsyncSeek`](crate::io::AsyncSeek). These operations run one after the other.
///
/// - *Reads* of a regular file read up to 64 KiB ahead, so that small reads do not each need a
///   job on a worker, as with a built-in [`BufReader`](std::io::BufReader). (Of a [cached
///   file](super#cached-files) only reads of less than 4 KiB read ahead.) Reads of a pipe, a
///   terminal or a device do not read ahead, because these cannot seek back.
/// - *Writes* are not buffered. A write that has completed has been passed to the OS, and it
///   returns its own error. Wrap the file in a [`BufWriter`](crate::io::BufWriter) for many small
///   writes.
/// - All other methods take data that was read ahead into account. But changes through another
///   handle of the file are not seen in data that was read ahead.
///
/// Operations run on a worker, except reads that are [cached](super#cached-files).
///
/// # Cancel safety
///
/// An operation that has begun continues if its future is dropped, and its result is discarded.
/// The next operation begins after its end, and never returns the result of an earlier one. (An
/// operation at the cursor begins when its future is first polled, unless it waits for an earlier
/// one. An operation at an offset begins when a worker takes it.)
///
/// - A dropped *read* loses no data. The next read returns the data that it has read. The position
///   that [`seek`](File::seek) and [`write`](File::write) use is that of the data that reads have
///   returned.
/// - A dropped *write* is carried out, completely or in part, and moves the position. Writing the
///   same data again writes it twice. If the dropped write fails, its error is stored. The next
///   [`flush`](File::flush), [`sync_all`](File::sync_all) or [`sync_data`](File::sync_data) returns
///   the first such error, once. If the next step depends on a write, poll its future to the end:
///   keep the future in a variable, or write in a task of its own.
/// - A dropped *seek* moves the position.
///
/// The I/O traits consist of poll methods, and a poll does not say whether it continues an
/// operation or begins a new one. So the guarantees among trait operations are weaker. After a
/// dropped write, a write through a trait that begins with the same data counts as the same
/// write, and the data is written once. The same holds for a dropped seek to the same position. A
/// flush in between makes the next operation a new one. A method never takes the result of a
/// trait operation, nor a trait operation that of a method.
///
/// If the file is dropped, it is closed when the operations that run have ended. Operations that
/// have not begun are not carried out, and a stored error is lost.
///
/// # Runtimes
///
/// A file can be used on any runtime, and on different ones in turn.
///
/// # Examples
///
/// ```
/// use quintet::fs::File;
/// use quintet::io::SeekFrom;
///
/// # quintet::block_on(async {
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("greeting");
/// let mut file = File::options().read(true).write(true).create(true).open(&path).await?;
/// file.write_all(b"hello, world").await?;
///
/// file.seek(SeekFrom::Start(7)).await?;
/// let mut word = [0; 5];
/// file.read_exact(&mut word).await?;
/// assert_eq!(&word, b"world");
///
/// // At an offset, two reads concurrently.
/// let (mut first, mut last) = ([0; 1], [0; 1]);
/// quintet::try_join!(file.read_at(&mut first, 0), file.read_at(&mut last, 11))?;
/// assert_eq!([first, last], [*b"h", *b"d"]);
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub struct File {
    open: Arc<OpenFile>,
    cursor: InFlight<Cursor>,
    /// The number of the last call of a method that uses the cursor.
    call: CallId,
    /// Whether the current or last operation at the cursor is a write whose result no call has
    /// returned.
    is_writing: bool,
}

impl File {
    /// Opens a file for reading.
    ///
    /// Opens on the loop if the kernel has the path in its cache, see [cached
    /// files](super#cached-files), and otherwise on a worker.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call, with the path, of the kinds of [every function with a
    /// path](super#errors). Opening a directory succeeds; reading from it fails with
    /// [`IsADirectory`](io::ErrorKind::IsADirectory).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    ///
    /// # Examples
    ///
    /// ```
    /// # quintet::block_on(async {
    /// let mut file = quintet::fs::File::open("/proc/self/status").await?;
    /// let mut name = [0; 5];
    /// file.read_exact(&mut name).await?;
    /// assert_eq!(&name, b"Name:");
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[track_caller]
    pub fn open(path: impl AsRef<Path>) -> impl Future<Output = io::Result<Self>> {
        called_here(async move {
            poll_fn(cached::poll_proceed).await;
            if let Some(opened) = cached::open(path.as_ref()) {
                return match opened {
                    Ok((file, suitability)) => Ok(File::new(
                        OpenFile::new_regular(file, suitability),
                        Cursor::new,
                    )),
                    Err(error) => Err(cannot("open", path.as_ref())(error)),
                };
            }
            let mut options = OpenOptions::new();
            options.read(true);
            options.open_for("open", path.as_ref()).await
        })
    }

    /// Opens a file for writing. Creates it if it does not exist, and truncates it if it does.
    ///
    /// Runs on a worker.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`OpenOptions::open`] for a file that is opened for writing:
    /// [`IsADirectory`](io::ErrorKind::IsADirectory),
    /// [`ExecutableFileBusy`](io::ErrorKind::ExecutableFileBusy) and others.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: if the future is dropped, the file may have been created or truncated.
    #[track_caller]
    pub fn create(path: impl AsRef<Path>) -> impl Future<Output = io::Result<Self>> {
        called_here(async move {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true);
            options.open_for("create", path.as_ref()).await
        })
    }

    /// Creates a new file and opens it for reading and writing. Runs on a worker.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`OpenOptions::open`], and
    /// [`AlreadyExists`](io::ErrorKind::AlreadyExists) if `path` exists, even as a dangling
    /// symbolic link.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: if the future is dropped, the file may have been created.
    #[track_caller]
    pub fn create_new(path: impl AsRef<Path>) -> impl Future<Output = io::Result<Self>> {
        called_here(async move {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create_new(true);
            options.open_for("create", path.as_ref()).await
        })
    }

    /// Returns [`OpenOptions`] that are all off.
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    #[track_caller]
    fn new(open: OpenFile, cursor: fn(Arc<OpenFile>) -> Cursor) -> Self {
        File::around(Arc::new(open), cursor)
    }

    #[track_caller]
    fn around(open: Arc<OpenFile>, cursor: fn(Arc<OpenFile>) -> Cursor) -> Self {
        File {
            cursor: InFlight::new(cursor(Arc::clone(&open))),
            open,
            call: CallId::TRAITS,
            is_writing: false,
        }
    }

    /// Returns the metadata of the file. Runs on a worker.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call, which succeeds except on network file systems.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    #[track_caller]
    pub fn metadata(&self) -> impl Future<Output = io::Result<Metadata>> {
        called_here(async move { self.run(Purpose::Read, |open| open.file.metadata()).await })
    }

    /// Truncates the file to `len` bytes, or extends it with zeros. The cursor does not move.
    ///
    /// Runs on a worker.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call:
    ///
    /// - [`InvalidInput`](io::ErrorKind::InvalidInput): the file is not open for writing, is not a
    ///   regular file, or `len` is larger than [`i64::MAX`];
    /// - [`FileTooLarge`](io::ErrorKind::FileTooLarge): `len` is larger than the file system
    ///   allows.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: if the future is dropped, the length may or may not have been changed.
    #[track_caller]
    pub fn set_len(&self, len: u64) -> impl Future<Output = io::Result<()>> {
        called_here(async move { self.change_contents(move |file| file.set_len(len)).await })
    }

    /// Changes the permission bits of the file. Runs on a worker.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call:
    ///
    /// - [`PermissionDenied`](io::ErrorKind::PermissionDenied): the process is not the owner of the
    ///   file;
    /// - [`ReadOnlyFilesystem`](io::ErrorKind::ReadOnlyFilesystem): the file system is read-only.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: if the future is dropped, the permissions may or may not have been changed.
    #[track_caller]
    pub fn set_permissions(
        &self,
        permissions: Permissions,
    ) -> impl Future<Output = io::Result<()>> {
        called_here(async move {
            self.change_metadata(move |file| file.set_permissions(permissions))
                .await
        })
    }

    /// Changes the times of the last access and the last modification of the file. Runs on a
    /// worker.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call, of the kinds of
    /// [`set_permissions`](File::set_permissions).
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: if the future is dropped, the times may or may not have been changed.
    #[track_caller]
    pub fn set_times(&self, times: FileTimes) -> impl Future<Output = io::Result<()>> {
        called_here(async move {
            self.change_metadata(move |file| file.set_times(times))
                .await
        })
    }

    /// Changes the time of the last modification of the file; see [`set_times`](File::set_times).
    ///
    /// # Errors
    ///
    /// Returns the errors of [`set_times`](File::set_times).
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe, as [`set_times`](File::set_times).
    #[track_caller]
    pub fn set_modified(&self, time: SystemTime) -> impl Future<Output = io::Result<()>> {
        called_here(async move { self.set_times(FileTimes::new().set_modified(time)).await })
    }

    /// Waits until the contents and the metadata of the file are on the disk. Runs on a worker.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call:
    ///
    /// - [`InvalidInput`](io::ErrorKind::InvalidInput): the file is a pipe, a socket or a device
    ///   that cannot be synchronized;
    /// - [`StorageFull`](io::ErrorKind::StorageFull),
    ///   [`QuotaExceeded`](io::ErrorKind::QuotaExceeded): the file system has found no space for
    ///   data that was written before.
    ///
    /// After an error it is not known which data is on the disk, and the OS reports the error only
    /// once. If the system call succeeds, returns the first error of a write whose future was
    /// dropped, as [`flush`](File::flush) does.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe for the data, but an error of the system call is lost with the future.
    #[track_caller]
    pub fn sync_all(&self) -> impl Future<Output = io::Result<()>> {
        called_here(async move { self.sync(std::fs::File::sync_all).await })
    }

    /// Waits until the contents of the file are on the disk, and the part of the metadata that is
    /// needed to read them. Runs on a worker.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`sync_all`](File::sync_all).
    ///
    /// # Cancel safety
    ///
    /// As [`sync_all`](File::sync_all).
    #[track_caller]
    pub fn sync_data(&self) -> impl Future<Output = io::Result<()>> {
        called_here(async move { self.sync(std::fs::File::sync_data).await })
    }

    /// Creates another handle of the same open file, with the same cursor. Runs on a worker.
    ///
    /// From then on neither handle reads ahead, because that would move the cursor of the other
    /// one.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call if the process has no free file descriptor.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe, but the file may no longer read ahead.
    #[track_caller]
    pub fn try_clone(&self) -> impl Future<Output = io::Result<Self>> {
        called_here(async move {
            let cursor = self.cursor.share();
            let work = move |open: &OpenFile| {
                // Streams do not read ahead, and a read may hold their lock while it waits for
                // data.
                if let Some(cursor) = cursor.upgrade().filter(|_| open.is_regular()) {
                    in_flight::lock(&cursor).stop_reading_ahead();
                }
                open.file.try_clone()
            };
            let file = self.run(Purpose::Change, work).await?;
            Ok(File::new(OpenFile::new(file), Cursor::without_read_ahead))
        })
    }

    /// Returns whether no operation runs whose future was dropped.
    fn is_settled(&self) -> bool {
        !self.cursor.is_busy() && !self.open.changes.are_abandoned()
    }

    /// Returns the cursor if an operation runs there. The future of that operation was dropped.
    fn busy_cursor(&self) -> Option<Weak<Mutex<Cursor>>> {
        self.cursor.is_busy().then(|| self.cursor.share())
    }
}

/// Completes a read or write of no bytes, without a worker.
fn poll_empty(cx: &Context<'_>) -> Poll<io::Result<usize>> {
    ready!(coop::poll_proceed(cx));
    coop::charge(0);
    Poll::Ready(Ok(0))
}

/// As [`poll_empty`], as a future.
async fn run_empty() -> io::Result<usize> {
    coop::operate().await;
    Ok(0)
}

/// The cursor of the descriptor can be up to 64 KiB ahead of the data that reads have returned.
impl AsFd for File {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.open.file.as_fd()
    }
}

impl AsRawFd for File {
    fn as_raw_fd(&self) -> RawFd {
        self.open.file.as_raw_fd()
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.open.file.fmt(f)
    }
}

assert_impl!(File: Send + Sync + Unpin);

#[cfg(test)]
mod tests;
