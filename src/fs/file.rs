//! An open file.

mod changes;
mod cursor;
mod open_file;
mod positional;
mod run;
mod stream;

use std::fmt;
use std::fs::{FileTimes, Metadata, Permissions};
use std::future::poll_fn;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::path::Path;
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use self::cursor::{CallId, Cursor};
use self::open_file::OpenFile;
use super::in_flight::{self, InFlight};
use super::path_error::cannot;
use super::{OpenOptions, cached, job};
use crate::blocking::{Purpose, called_here};
use crate::coop;

/// An open file.
///
/// There are two ways to use one.
///
/// *By offset*, with [`read_at`](File::read_at), [`write_at`](File::write_at) and the like. These
/// take `&self`, know no cursor, and any number of them may be under way at once.
///
/// *By the cursor*, with [`read`](File::read), [`write`](File::write), [`seek`](File::seek), or the
/// traits [`AsyncRead`](crate::io::AsyncRead), [`AsyncWrite`](crate::io::AsyncWrite) and
/// [`AsyncSeek`](crate::io::AsyncSeek). One operation follows the other:
///
/// - *Reading* takes up to 64 KiB from a regular file in advance, so that small reads need not all
///   go to a worker, as if a [`BufReader`](std::io::BufReader) were built in. (What is
///   [cached](super#cached-files) is read in advance for reads of less than 4 KiB only.) From a pipe,
///   a terminal or a device it takes what is asked for, since there is no putting back.
/// - *Writing* has no buffer. A write that has resolved is written, and its error is its own. Many
///   small writes want a [`BufWriter`](crate::io::BufWriter).
/// - All other methods take into account what was read in advance. Only what is changed through
///   another handle, in these up to 64 KiB, is not seen.
///
/// # Cancel safety
///
/// An operation that has begun goes on if its future is dropped, and its result is discarded.
/// Whatever is called next begins after its end, and no call returns the result of an earlier one.
/// (An operation of the cursor begins with its first poll, unless it waits for an earlier one. One by
/// offset begins when a worker takes it.)
///
/// - A *read* loses no data. What a dropped read has taken from the OS is there for the next read,
///   and counts as read only then: [`seek`](File::seek) and [`write`](File::write) go by the
///   position that the program has seen.
/// - A *write* that is dropped is written, or a part of it, and moves the position. To write the
///   same again writes it a second time. Its error, if no call has returned it, is kept: the next
///   [`flush`](File::flush), [`sync_all`](File::sync_all) or [`sync_data`](File::sync_data) returns
///   the first such error, once. Where the next step depends on a write, await it to its end: keep
///   its future in a variable, or write in a task of its own.
/// - A *seek* that is dropped moves the position.
///
/// The I/O traits have only polls, and a poll does not say whether it goes on with an operation or
/// begins a new one. So of the traits' operations, among themselves, less can be promised: after a
/// dropped write, a write through a trait that begins with the same data is taken for the same write,
/// which is written once; and after a dropped seek the same seek. A flush in between makes the next
/// one a new one. A method never takes an operation of a trait for its own, nor a trait that of a
/// method.
///
/// A dropped file is closed when what is under way has ended. What has not begun then does not
/// begin, and an error that was kept is lost.
///
/// # Loops
///
/// A file may be used on any loop, also on one after the other.
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
/// // By offset, and both at once.
/// let (mut first, mut last) = ([0; 1], [0; 1]);
/// futures::try_join!(file.read_at(&mut first, 0), file.read_at(&mut last, 11))?;
/// assert_eq!([first, last], [*b"h", *b"d"]);
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub struct File {
    open: Arc<OpenFile>,
    cursor: InFlight<Cursor>,
    /// The last call of a method that uses the cursor.
    call: CallId,
    /// Whether what is under way, or was last, is a write whose result no call has had.
    is_writing: bool,
}

impl File {
    /// Opens a file for reading: at once if the kernel has its name in memory, see
    /// [cached files](super#cached-files), and on a worker otherwise.
    ///
    /// # Errors
    ///
    /// The OS's: [`NotFound`](io::ErrorKind::NotFound) and others.
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

    /// Opens a file for writing. Creates it, or throws away what was in it.
    ///
    /// # Errors
    ///
    /// The OS's: [`PermissionDenied`](io::ErrorKind::PermissionDenied) and others.
    #[track_caller]
    pub fn create(path: impl AsRef<Path>) -> impl Future<Output = io::Result<Self>> {
        called_here(async move {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true);
            options.open_for("create", path.as_ref()).await
        })
    }

    /// Creates a file for reading and writing.
    ///
    /// # Errors
    ///
    /// The OS's: [`AlreadyExists`](io::ErrorKind::AlreadyExists) if there is one, and others.
    #[track_caller]
    pub fn create_new(path: impl AsRef<Path>) -> impl Future<Output = io::Result<Self>> {
        called_here(async move {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create_new(true);
            options.open_for("create", path.as_ref()).await
        })
    }

    /// Starts to open a file in another way.
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    /// Takes over a file of the standard library, with its cursor where it is.
    #[track_caller]
    pub fn from_std(file: std::fs::File) -> Self {
        File::new(OpenFile::new(file), Cursor::new)
    }

    #[track_caller]
    fn new(open: OpenFile, cursor: fn(Arc<OpenFile>) -> Cursor) -> Self {
        let open = Arc::new(open);
        File {
            cursor: InFlight::new(cursor(Arc::clone(&open))),
            open,
            call: CallId::TRAITS,
            is_writing: false,
        }
    }

    /// Waits for the operation of the cursor that is under way, if there is one, and gives the file
    /// to the standard library, with its cursor where ours is.
    ///
    /// What a dropped read has read from a pipe or the like is lost, as there is no putting it back.
    ///
    /// # Errors
    ///
    /// If there is something to wait for, and no runtime is current.
    #[track_caller]
    pub fn into_std(mut self) -> impl Future<Output = io::Result<std::fs::File>> {
        called_here(async move {
            let call = self.call.next();
            poll_fn(|cx| self.poll_release(cx, call)).await?;
            let File { open, cursor, .. } = self;
            drop(cursor);
            match Arc::try_unwrap(open) {
                Ok(open) => Ok(open.file),
                // An operation by offset is under way, though its future was dropped.
                Err(open) => {
                    let clone = move || {
                        open.changes.settle();
                        open.file.try_clone()
                    };
                    job::run(clone).await
                }
            }
        })
    }

    /// Returns what the file system knows of the file.
    ///
    /// # Errors
    ///
    /// The OS's.
    #[track_caller]
    pub fn metadata(&self) -> impl Future<Output = io::Result<Metadata>> {
        called_here(async move { self.run(Purpose::Read, |open| open.file.metadata()).await })
    }

    /// Makes the file longer, with zeros, or shorter. The cursor stays where it is.
    ///
    /// # Errors
    ///
    /// The OS's; [`InvalidInput`](io::ErrorKind::InvalidInput) if it is not open for writing.
    #[track_caller]
    pub fn set_len(&self, len: u64) -> impl Future<Output = io::Result<()>> {
        called_here(async move { self.change_contents(move |file| file.set_len(len)).await })
    }

    /// Sets who may read and write the file.
    ///
    /// # Errors
    ///
    /// The OS's: [`PermissionDenied`](io::ErrorKind::PermissionDenied) and others.
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

    /// Sets the times of the last reading and the last writing.
    ///
    /// # Errors
    ///
    /// The OS's.
    #[track_caller]
    pub fn set_times(&self, times: FileTimes) -> impl Future<Output = io::Result<()>> {
        called_here(async move {
            self.change_metadata(move |file| file.set_times(times))
                .await
        })
    }

    /// Sets the time of the last writing.
    ///
    /// # Errors
    ///
    /// The OS's.
    #[track_caller]
    pub fn set_modified(&self, time: SystemTime) -> impl Future<Output = io::Result<()>> {
        called_here(async move { self.set_times(FileTimes::new().set_modified(time)).await })
    }

    /// Waits until all that was written is on the disk, with the metadata.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call. What is on the disk then is not known, and the OS
    /// reports it only once. If the call succeeds, returns the first error of a write whose future
    /// was dropped, as [`flush`](File::flush) does.
    #[track_caller]
    pub fn sync_all(&self) -> impl Future<Output = io::Result<()>> {
        called_here(async move { self.sync(std::fs::File::sync_all).await })
    }

    /// Waits until all that was written is on the disk, with as much of the metadata as it takes to
    /// read it again.
    ///
    /// # Errors
    ///
    /// Those of [`sync_all`](File::sync_all).
    #[track_caller]
    pub fn sync_data(&self) -> impl Future<Output = io::Result<()>> {
        called_here(async move { self.sync(std::fs::File::sync_data).await })
    }

    /// Makes another handle of the same file, which has the same cursor.
    ///
    /// From then on neither of them reads in advance: the other one would miss it.
    ///
    /// # Errors
    ///
    /// The OS's, if there are no more descriptors.
    #[track_caller]
    pub fn try_clone(&self) -> impl Future<Output = io::Result<Self>> {
        called_here(async move {
            let cursor = self.cursor.share();
            let work = move |open: &OpenFile| {
                // Others have no reading in advance, and a read that may wait long for data.
                if let Some(cursor) = cursor.upgrade().filter(|_| open.is_regular()) {
                    in_flight::lock(&cursor).stop_reading_ahead();
                }
                open.file.try_clone()
            };
            let file = self.run(Purpose::Change, work).await?;
            Ok(File::new(OpenFile::new(file), Cursor::without_read_ahead))
        })
    }

    /// Whether nothing goes on that a dropped future has left.
    fn is_settled(&self) -> bool {
        !self.cursor.is_busy() && !self.open.changes.are_abandoned()
    }

    /// The cursor, if something is under way there. Its future was dropped then.
    fn busy_cursor(&self) -> Option<Weak<Mutex<Cursor>>> {
        self.cursor.is_busy().then(|| self.cursor.share())
    }
}

/// Resolves a read or write of nothing, which asks no worker.
fn poll_empty(cx: &Context<'_>) -> Poll<io::Result<usize>> {
    ready!(coop::poll_proceed(cx));
    coop::charge(0);
    Poll::Ready(Ok(0))
}

/// The same as a future.
async fn run_empty() -> io::Result<usize> {
    coop::operate().await;
    Ok(0)
}

impl From<std::fs::File> for File {
    #[track_caller]
    fn from(file: std::fs::File) -> Self {
        File::from_std(file)
    }
}

/// The cursor of the descriptor is up to 64 KiB ahead of what was read.
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
