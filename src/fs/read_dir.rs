//! Reading directories.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fmt;
use std::fs::{FileType, Metadata};
use std::future::poll_fn;
use std::io;
use std::os::unix::fs::DirEntryExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::Stream;

use super::in_flight::{self, InFlight, Operate};
use super::job;
use super::path_error::cannot;
use crate::blocking::{Purpose, called_here};
use crate::coop;

/// The number of entries that one job reads. Large enough that most of the time is not spent on the
/// way to the worker, and small enough that little is read in vain if the [`ReadDir`] is dropped
/// early.
const BATCH: usize = 64;

/// Returns a stream of the entries of a directory.
///
/// Opens the directory on a worker, and reads the first entries in the same job.
///
/// # Errors
///
/// Returns the error of the system call, with the path:
///
/// - the kinds of [every function with a path](super#errors);
/// - [`NotADirectory`](io::ErrorKind::NotADirectory): `path` is not a directory.
///
/// # Cancel safety
///
/// Cancel safe.
///
/// # Examples
///
/// ```
/// # quintet::block_on(async {
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path();
/// quintet::fs::write(path.join("one"), "").await?;
/// let mut entries = quintet::fs::read_dir(path).await?;
/// while let Some(entry) = entries.next_entry().await? {
///     assert_eq!(entry.file_name(), "one");
/// }
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[track_caller]
pub fn read_dir(path: impl AsRef<Path>) -> impl Future<Output = io::Result<ReadDir>> {
    called_here(async move {
        let path = path.as_ref().to_owned();
        let listing = job::read(move || Listing::open(path)).await?;
        Ok(ReadDir {
            listing: InFlight::new(listing),
        })
    })
}

/// The entries of a directory, in no particular order. Returned by [`read_dir`].
///
/// It implements [`Stream`]. A worker reads the entries in batches. The entries `.` and `..` are
/// left out. If files are created or removed meanwhile, it depends on the file system whether
/// they are returned.
#[must_use = "a directory is read only while its entries are awaited"]
pub struct ReadDir {
    listing: InFlight<Listing>,
}

/// The state of a [`ReadDir`] that its jobs use.
struct Listing {
    path: PathBuf,
    entries: std::fs::ReadDir,
    batch: VecDeque<io::Result<DirEntry>>,
    has_ended: bool,
    /// Whether a job must read the next entries.
    is_requested: bool,
}

impl Listing {
    /// Opens the directory and reads the first entries.
    fn open(path: PathBuf) -> io::Result<Self> {
        let entries = std::fs::read_dir(&path).map_err(cannot("read the directory", &path))?;
        let mut listing = Listing {
            path,
            entries,
            batch: VecDeque::with_capacity(BATCH),
            has_ended: false,
            is_requested: false,
        };
        listing.fetch();
        Ok(listing)
    }

    fn fetch(&mut self) {
        while self.batch.len() < BATCH {
            let Some(entry) = self.entries.next() else {
                self.has_ended = true;
                return;
            };
            let entry = entry.map_err(cannot("read the directory", &self.path));
            self.batch.push_back(entry.map(DirEntry::new));
        }
    }
}

impl Operate for Listing {
    fn operate(&mut self) {
        if self.is_requested {
            self.fetch();
            self.is_requested = false;
        }
    }

    fn has_request(&self) -> bool {
        self.is_requested
    }

    fn fail(&mut self, error: io::Error) {
        if self.is_requested {
            self.is_requested = false;
            self.batch.push_back(Err(error));
        }
    }
}

impl ReadDir {
    /// Returns the next entry, or `None` at the end.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call, with the path of the directory.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no entry is lost.
    #[track_caller]
    pub fn next_entry(&mut self) -> impl Future<Output = io::Result<Option<DirEntry>>> {
        called_here(async move { poll_fn(|cx| self.poll_next_entry(cx)).await })
    }

    /// Polls for the next entry; see [`next_entry`](ReadDir::next_entry).
    ///
    /// # Errors
    ///
    /// Returns the errors of [`next_entry`](ReadDir::next_entry).
    #[inline]
    pub fn poll_next_entry(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<DirEntry>>> {
        loop {
            let mut listing = ready!(self.listing.poll_lock(cx))?;
            if let Some(entry) = listing.batch.pop_front() {
                coop::charge(0);
                return Poll::Ready(entry.map(Some));
            }
            if listing.has_ended {
                coop::charge(0);
                return Poll::Ready(Ok(None));
            }
            in_flight::check_loop()?;
            listing.is_requested = true;
            drop(listing);
            self.listing.start(Purpose::Read);
        }
    }
}

impl Stream for ReadDir {
    type Item = io::Result<DirEntry>;

    #[inline]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_next_entry(cx).map(Result::transpose)
    }
}

impl fmt::Debug for ReadDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReadDir").field(&self.listing).finish()
    }
}

impl fmt::Debug for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.fmt(f)
    }
}

/// An entry of a directory. Returned by [`ReadDir`].
pub struct DirEntry {
    entry: Arc<std::fs::DirEntry>,
    /// Most file systems return it together with the name.
    file_type: Option<FileType>,
}

impl DirEntry {
    fn new(entry: std::fs::DirEntry) -> Self {
        DirEntry {
            file_type: entry.file_type().ok(),
            entry: Arc::new(entry),
        }
    }

    /// Returns the path of the entry: the path that was passed to [`read_dir`], joined with the
    /// name.
    pub fn path(&self) -> PathBuf {
        self.entry.path()
    }

    /// Returns the name of the entry, without the path of the directory.
    pub fn file_name(&self) -> OsString {
        self.entry.file_name()
    }

    /// Returns the inode number of the entry.
    pub fn ino(&self) -> u64 {
        self.entry.ino()
    }

    /// Returns the metadata of the entry. Does not follow symbolic links. Runs on a worker.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call, with the path: [`NotFound`](io::ErrorKind::NotFound)
    /// if the entry was removed meanwhile, [`PermissionDenied`](io::ErrorKind::PermissionDenied)
    /// if the process has no search permission for the directory.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    #[track_caller]
    pub fn metadata(&self) -> impl Future<Output = io::Result<Metadata>> {
        called_here(async move {
            let entry = Arc::clone(&self.entry);
            job::read(move || {
                let metadata = entry.metadata();
                metadata.map_err(|error| cannot("read the metadata of", &entry.path())(error))
            })
            .await
        })
    }

    /// Returns the file type of the entry. Does not follow symbolic links.
    ///
    /// Most file systems return the type together with the name, and then this needs no worker.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`metadata`](DirEntry::metadata), if the type must be looked up.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    #[track_caller]
    pub fn file_type(&self) -> impl Future<Output = io::Result<FileType>> {
        called_here(async move {
            match self.file_type {
                Some(file_type) => {
                    coop::operate().await;
                    Ok(file_type)
                }
                None => self.metadata().await.map(|metadata| metadata.file_type()),
            }
        })
    }
}

impl fmt::Debug for DirEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DirEntry").field(&self.path()).finish()
    }
}

assert_impl!(ReadDir: Send + Sync + Unpin);
assert_impl!(DirEntry: Send + Sync + Unpin);
