//! An open file.

mod cursor;
mod positional;
mod stream;

use std::fmt;
use std::fs::{FileTimes, Metadata, Permissions};
use std::future::poll_fn;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use self::cursor::Cursor;
use super::desk::Desk;
use super::failure::cannot;
use super::{OpenOptions, cached, job};
use crate::page_cache::Suitability;

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
/// - *Writing* has no buffer. A write that has answered is written, and an error is that of the
///   write that answers it. Many small writes want a [`BufWriter`](crate::io::BufWriter).
/// - All other methods take into account what was read in advance. Only what is changed through
///   another handle, in these up to 64 KiB, is not seen.
///
/// # Cancel safety
///
/// What a dropped future of the cursor has asked for stays under way, and the next operation waits
/// for its end. No data are lost: what a dropped read has read is there for the next one. If the
/// next operation asks for the same, a write of the same data or the same seek, it answers what the
/// dropped one came to, and nothing happens twice: a write in a `select!` in a loop is fine.
/// Otherwise it begins after the other one's end.
///
/// A dropped file is closed when what is under way has ended. What has not begun then does not
/// begin.
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
    open: Arc<Open>,
    cursor: Desk<Cursor>,
    /// Whether a write is under way, or was when its future was dropped.
    is_writing: bool,
}

/// What the jobs of a file share. The last of them closes it.
#[derive(Debug)]
struct Open {
    file: std::fs::File,
    is_regular: OnceLock<bool>,
    /// Whether it is worth an attempt to read it without a worker.
    suitability: Suitability,
}

impl Open {
    fn unknown(file: std::fs::File) -> Self {
        Open {
            file,
            is_regular: OnceLock::new(),
            suitability: Suitability::default(),
        }
    }

    /// One that was found to be a regular file.
    fn regular(file: std::fs::File, suitability: Suitability) -> Self {
        Open {
            file,
            is_regular: OnceLock::from(true),
            suitability,
        }
    }

    /// What need not wait is read from it by this, on the loop.
    fn as_cached(&self) -> (&std::fs::File, &Suitability) {
        (&self.file, &self.suitability)
    }

    /// Whether it has contents of its own, which stay the same until somebody changes them, and a
    /// cursor that goes back. For workers.
    fn is_regular(&self) -> bool {
        *self.is_regular.get_or_init(|| {
            let metadata = self.file.metadata();
            metadata.is_ok_and(|metadata| metadata.is_file())
        })
    }
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
    pub async fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        poll_fn(cached::poll_proceed).await;
        if let Some(opened) = cached::open(path.as_ref()) {
            return match opened {
                Ok((file, suitability)) => {
                    Ok(File::new(Open::regular(file, suitability), Cursor::new))
                }
                Err(error) => Err(cannot("open", path.as_ref())(error)),
            };
        }
        OpenOptions::new().read(true).open(path).await
    }

    /// Opens a file for writing. Creates it, or throws away what was in it.
    ///
    /// # Errors
    ///
    /// The OS's: [`PermissionDenied`](io::ErrorKind::PermissionDenied) and others.
    pub async fn create(path: impl AsRef<Path>) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        options.open_for("create", path.as_ref()).await
    }

    /// Creates a file for reading and writing.
    ///
    /// # Errors
    ///
    /// The OS's: [`AlreadyExists`](io::ErrorKind::AlreadyExists) if there is one, and others.
    pub async fn create_new(path: impl AsRef<Path>) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        options.open_for("create", path.as_ref()).await
    }

    /// Starts to open a file in another way.
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    /// Takes over a file of the standard library, with its cursor where it is.
    pub fn from_std(file: std::fs::File) -> Self {
        File::new(Open::unknown(file), Cursor::new)
    }

    fn new(open: Open, cursor: fn(Arc<Open>) -> Cursor) -> Self {
        let open = Arc::new(open);
        File {
            cursor: Desk::new(cursor(Arc::clone(&open))),
            open,
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
    pub async fn into_std(mut self) -> io::Result<std::fs::File> {
        while poll_fn(|cx| self.cursor.poll_lock(cx).map_ok(|cursor| cursor.is_ahead())).await? {
            self.cursor.start(Cursor::let_go)?;
        }
        let File { open, cursor, .. } = self;
        drop(cursor);
        match Arc::try_unwrap(open) {
            Ok(open) => Ok(open.file),
            // An operation by offset is under way, though its future was dropped.
            Err(open) => job::run(move || open.file.try_clone()).await,
        }
    }

    /// Returns what the file system knows of the file.
    ///
    /// # Errors
    ///
    /// The OS's.
    pub async fn metadata(&self) -> io::Result<Metadata> {
        self.run(|open| open.file.metadata()).await
    }

    /// Makes the file longer, with zeros, or shorter. The cursor stays where it is.
    ///
    /// # Errors
    ///
    /// The OS's; [`InvalidInput`](io::ErrorKind::InvalidInput) if it is not open for writing.
    pub async fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(move |file| file.set_len(len)).await
    }

    /// Sets who may read and write the file.
    ///
    /// # Errors
    ///
    /// The OS's: [`PermissionDenied`](io::ErrorKind::PermissionDenied) and others.
    pub async fn set_permissions(&self, permissions: Permissions) -> io::Result<()> {
        self.run(move |open| open.file.set_permissions(permissions))
            .await
    }

    /// Sets the times of the last reading and the last writing.
    ///
    /// # Errors
    ///
    /// The OS's.
    pub async fn set_times(&self, times: FileTimes) -> io::Result<()> {
        self.run(move |open| open.file.set_times(times)).await
    }

    /// Sets the time of the last writing.
    ///
    /// # Errors
    ///
    /// The OS's.
    pub async fn set_modified(&self, time: SystemTime) -> io::Result<()> {
        self.set_times(FileTimes::new().set_modified(time)).await
    }

    /// Waits until all that was written is on the disk, with the metadata.
    ///
    /// # Errors
    ///
    /// The OS's. What is on the disk then is not known, and the OS says it only once.
    pub async fn sync_all(&self) -> io::Result<()> {
        self.run(|open| open.file.sync_all()).await
    }

    /// Waits until all that was written is on the disk, with as much of the metadata as it takes to
    /// read it again.
    ///
    /// # Errors
    ///
    /// The OS's; see [`sync_all`](File::sync_all).
    pub async fn sync_data(&self) -> io::Result<()> {
        self.run(|open| open.file.sync_data()).await
    }

    /// Makes another handle of the same file, which has the same cursor.
    ///
    /// From then on neither of them reads in advance: the other one would miss it.
    ///
    /// # Errors
    ///
    /// The OS's, if there are no more descriptors.
    pub async fn try_clone(&self) -> io::Result<Self> {
        let open = Arc::clone(&self.open);
        let cursor = self.cursor.share();
        let work = move || {
            // Others have no reading in advance, and a read that may wait long for data.
            if let Some(cursor) = cursor.upgrade().filter(|_| open.is_regular()) {
                cursor.lock().stop_reading_ahead();
            }
            open.file.try_clone()
        };
        let file = job::run(work).await?;
        Ok(File::new(Open::unknown(file), Cursor::without_read_ahead))
    }

    /// Runs `f` on a worker.
    async fn run<T: Send + 'static>(
        &self,
        f: impl FnOnce(&Open) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let open = Arc::clone(&self.open);
        job::run(move || f(&open)).await
    }

    /// Runs `f`, which changes the contents behind the cursor, on a worker.
    async fn change<T: Send + 'static>(
        &self,
        f: impl FnOnce(&std::fs::File) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let cursor = self.cursor.share();
        let work = move |open: &Open| {
            let result = f(&open.file)?;
            if let Some(cursor) = cursor.upgrade().filter(|_| open.is_regular()) {
                // After the change: what is read from here on is new.
                cursor.lock().invalidate();
            }
            Ok(result)
        };
        self.run(work).await
    }
}

impl From<std::fs::File> for File {
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

const _: () = {
    const fn assert_send_sync_unpin<T: Send + Sync + Unpin>() {}
    assert_send_sync_unpin::<File>();
};
