//! Walking a directory tree.

mod entry;
mod levels;

use std::fmt;
use std::io;
use std::mem;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;

pub use self::entry::WalkEntry;
use self::levels::{Batch, EntryFilter, Levels, WalkOptions};
use super::in_flight::{self, InFlight, Operate};
use crate::blocking::Purpose;
use crate::context;
use crate::coop;

/// The number of entries that one job reads. Then another job has its turn on the worker.
const BATCH: usize = 256;

/// Returns a stream of the entries of a directory tree: `path` itself, and everything below it.
///
/// A directory comes before what it contains, and all that it contains comes before the next entry
/// beside it. The entries of a directory come in no particular order, unless
/// [`sort_by_name`](Walk::sort_by_name) is set, or the runtime has a
/// [seed](crate::runtime::Builder::seed).
///
/// The methods of [`Walk`] set what is left out, and whether symbolic links are followed; by
/// default only `path` itself is, if it is a link. Nothing is read before the stream is first
/// polled. Then jobs on a worker read up to 256 entries each, one job at a time, and read ahead:
/// there are at most 512 entries that were read and not returned, and at most 17 open directories.
/// Where directories are nested deeper, the rest of an outer one is read as a whole, and kept as
/// names.
///
/// # Errors
///
/// An item is an error if a directory or an entry cannot be read. It contains the path, and its
/// kind is one of [every function with a path](super#errors). The walk continues with the next
/// entry. If `path` itself cannot be read, the error is the only item.
///
/// # Cancel safety
///
/// Awaiting the next item is cancel safe: no entry is lost. If the stream is dropped, the job that
/// runs ends with its batch, and all directories are closed.
///
/// # Examples
///
/// The size of all files below a directory, without hidden ones:
///
/// ```
/// use futures::TryStreamExt;
/// use quintet::fs::WalkEntry;
///
/// fn is_hidden(entry: &WalkEntry) -> bool {
///     entry.file_name().as_encoded_bytes().starts_with(b".")
/// }
///
/// # quintet::block_on(async {
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path();
/// # quintet::fs::create_dir(path.join("a")).await?;
/// # quintet::fs::write(path.join("a/file"), "hello").await?;
/// # quintet::fs::create_dir(path.join(".git")).await?;
/// # quintet::fs::write(path.join(".git/index"), "index").await?;
/// let mut walk = quintet::fs::walk(path)
///     .filter_entry(|entry| entry.depth() == 0 || !is_hidden(entry));
/// let mut size = 0;
/// while let Some(entry) = walk.try_next().await? {
///     if entry.file_type().is_file() {
///         size += entry.metadata().await?.len();
///     }
/// }
/// assert_eq!(size, 5);
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[track_caller]
pub fn walk(path: impl AsRef<Path>) -> Walk {
    Walk {
        tree: InFlight::new(Tree {
            levels: Levels::new(path.as_ref()),
            batch: Batch::new(),
            has_ended: false,
            is_requested: false,
        }),
        batch: Batch::new(),
        has_begun: false,
        has_ended: false,
    }
}

/// The entries of a directory tree. Returned by [`walk`].
#[must_use = "a tree is read only while its entries are awaited"]
pub struct Walk {
    tree: InFlight<Tree>,
    batch: Batch,
    has_begun: bool,
    /// Whether there are no entries but those in `batch`.
    has_ended: bool,
}

/// The state of a [`Walk`] that its jobs use.
struct Tree {
    levels: Levels,
    batch: Batch,
    has_ended: bool,
    /// Whether a job must read the next entries.
    is_requested: bool,
}

impl Operate for Tree {
    #[inline]
    fn operate(&mut self) {
        if self.is_requested {
            self.has_ended = self.levels.read(&mut self.batch, BATCH);
            self.is_requested = false;
        }
    }

    fn has_request(&self) -> bool {
        self.is_requested
    }

    fn fail(&mut self, error: io::Error) {
        if self.is_requested {
            self.is_requested = false;
            self.has_ended = true;
            self.batch.push_back(Err(error));
        }
    }
}

/// Options.
impl Walk {
    /// Sorts the entries of each directory by their names, byte by byte. A directory is then read
    /// as a whole before its first entry is returned.
    ///
    /// # Panics
    ///
    /// Panics if the stream has been polled.
    #[track_caller]
    pub fn sort_by_name(self) -> Self {
        self.set(|options| options.is_sorted = true)
    }

    /// Sets whether symbolic links are followed: whether an entry is what its link leads to, and
    /// directories behind links are walked into. The default is false.
    ///
    /// A link that leads to nothing is returned as a link. A link to a directory in which it is
    /// itself would make the walk endless, and is an error instead (`ELOOP`). If several links lead
    /// to one directory, it is walked into each time.
    ///
    /// # Panics
    ///
    /// Panics if the stream has been polled.
    #[track_caller]
    pub fn follow_links(self, follow: bool) -> Self {
        self.set(|options| options.follows_links = follow)
    }

    /// Leaves out entries that are nearer to the start than `depth`. The path that was passed to
    /// [`walk`] has the depth 0, so 1 leaves it out.
    ///
    /// # Panics
    ///
    /// Panics if the stream has been polled.
    #[track_caller]
    pub fn min_depth(self, depth: usize) -> Self {
        self.set(|options| options.min_depth = depth)
    }

    /// Leaves out entries that are farther from the start than `depth`. Directories of this depth
    /// are returned and not read. The entries of the first directory have the depth 1.
    ///
    /// # Panics
    ///
    /// Panics if the stream has been polled.
    #[track_caller]
    pub fn max_depth(self, depth: usize) -> Self {
        self.set(|options| options.max_depth = depth)
    }

    /// Leaves out entries for which `filter` returns false. A directory is left out with all that
    /// it contains, and is not read.
    ///
    /// `filter` is called on a worker, once for each entry, in the order of the walk, also for the
    /// entries that [`min_depth`](Walk::min_depth) leaves out. If it panics, the walk ends with an
    /// error. This replaces an earlier filter.
    ///
    /// # Panics
    ///
    /// Panics if the stream has been polled.
    #[track_caller]
    pub fn filter_entry(self, filter: impl FnMut(&WalkEntry) -> bool + Send + 'static) -> Self {
        self.set(|options| options.filter = Some(EntryFilter(Box::new(filter))))
    }

    #[track_caller]
    fn set(self, set: impl FnOnce(&mut WalkOptions)) -> Self {
        match self.tree.try_lock() {
            Some(mut tree) if !self.has_begun => set(&mut tree.levels.options),
            _ => panic!("the walk has begun; set its options before the stream is polled"),
        }
        self
    }

    /// Fetches the next batch, and lets a job read the one after it.
    #[inline]
    fn poll_fetch(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut tree = ready!(self.tree.poll_lock(cx))?;
            if !self.has_begun {
                let is_seeded = context::with(|event_loop| event_loop.shared.is_seeded);
                tree.levels.options.is_sorted |= is_seeded == Some(true);
                self.has_begun = true;
            }
            mem::swap(&mut self.batch, &mut tree.batch);
            self.has_ended = tree.has_ended;
            let is_done = self.has_ended || !self.batch.is_empty();
            match in_flight::check_loop() {
                Ok(()) if !self.has_ended => {
                    tree.is_requested = true;
                    drop(tree);
                    self.tree.start(Purpose::Read);
                }
                Err(error) if !is_done => return Poll::Ready(Err(error)),
                _ => {}
            }
            if is_done {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl Stream for Walk {
    type Item = io::Result<WalkEntry>;

    #[inline]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.batch.is_empty() && !self.has_ended {
            ready!(self.poll_fetch(cx))?;
        } else {
            ready!(coop::poll_proceed(cx));
        }
        coop::charge(0);
        Poll::Ready(self.batch.pop_front())
    }
}

impl fmt::Debug for Walk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Walk").field(&self.tree).finish()
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.levels.fmt(f)
    }
}

assert_impl!(Walk: Send + Sync + Unpin);
assert_impl!(WalkEntry: Send + Sync + Unpin);
