//! The directories of a walk that are being read, from the start to the current one.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fmt;
use std::fs::{DirEntry, FileType, Metadata, ReadDir};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::vec;

use rustix::io::Errno;

use super::entry::{WalkDirectory, WalkEntry};
use crate::fs::path_error::cannot;

/// The number of directories that stay open. A process often has a limit of 1024 descriptors.
const OPEN_MAX: usize = 16;

#[derive(Debug)]
pub(super) struct WalkOptions {
    pub(super) is_sorted: bool,
    pub(super) follows_links: bool,
    pub(super) min_depth: usize,
    pub(super) max_depth: usize,
    pub(super) filter: Option<EntryFilter>,
}

/// The function of the user that says which entries are left out.
pub(super) struct EntryFilter(pub(super) Box<dyn FnMut(&WalkEntry) -> bool + Send>);

impl fmt::Debug for EntryFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EntryFilter")
    }
}

/// Entries that were read and not returned.
pub(super) type Batch = VecDeque<io::Result<WalkEntry>>;

/// The state of a walk. Its methods are for workers.
pub(super) struct Levels {
    pub(super) options: WalkOptions,
    start: PathBuf,
    has_begun: bool,
    /// Each level is a directory in the one before it.
    levels: Vec<Level>,
    /// The number of levels, from the first one on, that are listed.
    listed: usize,
}

impl fmt::Debug for Levels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.start.fmt(f)
    }
}

/// A directory that is being read.
struct Level {
    directory: Arc<WalkDirectory>,
    /// Known if links are followed.
    id: Option<DirId>,
    entries: LevelEntries,
}

/// The device and the inode of a directory.
type DirId = (u64, u64);

enum LevelEntries {
    Open(ReadDir),
    /// The directory has been read to its end.
    Listed(vec::IntoIter<io::Result<LevelEntry>>),
}

/// An entry of a directory. Unlike `DirEntry`, it does not keep the directory open.
struct LevelEntry {
    name: OsString,
    /// Most file systems return it together with the name.
    file_type: io::Result<FileType>,
}

impl LevelEntry {
    fn new(entry: &DirEntry) -> Self {
        LevelEntry {
            name: entry.file_name(),
            file_type: entry.file_type(),
        }
    }
}

impl Levels {
    pub(super) fn new(start: &Path) -> Self {
        Levels {
            options: WalkOptions {
                is_sorted: false,
                follows_links: false,
                min_depth: 0,
                max_depth: usize::MAX,
                filter: None,
            },
            start: start.to_owned(),
            has_begun: false,
            levels: Vec::new(),
            listed: 0,
        }
    }

    /// Reads up to `count` entries, and appends those that are not left out to `batch`. Returns
    /// whether the walk has ended.
    #[inline]
    pub(super) fn read(&mut self, batch: &mut Batch, count: usize) -> bool {
        for _ in 0..count {
            match self.read_next(batch) {
                Ok(true) => {}
                Ok(false) => return true,
                Err(error) => batch.push_back(Err(error)),
            }
        }
        false
    }

    /// Reads the next entry. Returns false if there is none.
    #[inline]
    fn read_next(&mut self, batch: &mut Batch) -> io::Result<bool> {
        if !self.has_begun {
            self.has_begun = true;
            self.visit_start(batch)?;
            return Ok(true);
        }
        while let Some(level) = self.levels.last_mut() {
            match level.entries.next() {
                Some(Ok(entry)) => {
                    self.visit(entry, batch)?;
                    return Ok(true);
                }
                Some(Err(error)) => {
                    return Err(cannot("read the directory", &level.directory.path)(error));
                }
                None => {
                    self.levels.pop();
                    self.listed = self.listed.min(self.levels.len());
                }
            }
        }
        Ok(false)
    }

    #[inline]
    fn visit_start(&mut self, batch: &mut Batch) -> io::Result<()> {
        let path = &self.start;
        let metadata = std::fs::metadata(path).map_err(cannot("read the metadata of", path))?;
        let entry = WalkEntry::start(path, metadata.file_type());
        if self.enter(&entry, Some(&metadata))? {
            batch.push_back(Ok(entry));
        }
        Ok(())
    }

    /// Finds out what an entry of the last level is.
    #[inline]
    fn visit(&mut self, entry: LevelEntry, batch: &mut Batch) -> io::Result<()> {
        let LevelEntry { name, file_type } = entry;
        let level = self.levels.last().expect("the entry is one of a level");
        let directory = &level.directory;
        let file_type = file_type
            .map_err(|error| cannot("read the metadata of", &directory.join(&name))(error))?;
        let mut entry = WalkEntry::new(directory, name, file_type);
        let mut followed = None;
        if self.options.follows_links && (file_type.is_symlink() || file_type.is_dir()) {
            match std::fs::metadata(entry.path()) {
                Ok(metadata) => {
                    entry.file_type = metadata.file_type();
                    entry.is_followed = true;
                    followed = Some(metadata);
                }
                Err(error) if leads_to_nothing(&error) => {}
                Err(error) => return Err(cannot("read the metadata of", entry.path())(error)),
            }
        }
        if self.enter(&entry, followed.as_ref())? {
            batch.push_back(Ok(entry));
        }
        Ok(())
    }

    /// Applies the options to an entry, and returns whether it is kept. If it is a directory, it
    /// becomes the last level.
    #[inline]
    fn enter(&mut self, entry: &WalkEntry, metadata: Option<&Metadata>) -> io::Result<bool> {
        if let Some(EntryFilter(filter)) = &mut self.options.filter
            && !filter(entry)
        {
            return Ok(false);
        }
        if entry.file_type.is_dir() && entry.depth() < self.options.max_depth {
            let id = metadata.map(|metadata| (metadata.dev(), metadata.ino()));
            if id.is_some() && self.levels.iter().any(|level| level.id == id) {
                return Err(cannot("walk into", entry.path())(Errno::LOOP.into()));
            }
            self.push(entry.path(), id);
        }
        Ok(entry.depth() >= self.options.min_depth)
    }

    #[inline]
    fn push(&mut self, path: &Path, id: Option<DirId>) {
        let entries = match std::fs::read_dir(path) {
            Ok(entries) if self.options.is_sorted => {
                let mut entries = LevelEntries::Open(entries).list();
                entries.sort_by(|a, b| match (a, b) {
                    (Ok(a), Ok(b)) => a.name.cmp(&b.name),
                    // Errors come first.
                    _ => a.is_ok().cmp(&b.is_ok()),
                });
                LevelEntries::Listed(entries.into_iter())
            }
            Ok(entries) => LevelEntries::Open(entries),
            // It comes after the directory itself.
            Err(error) => LevelEntries::Listed(vec![Err(error)].into_iter()),
        };
        let directory = WalkDirectory {
            path: path.to_owned(),
            depth: self.levels.len() + 1,
        };
        self.levels.push(Level {
            directory: Arc::new(directory),
            id,
            entries,
        });
        if self.levels.len() - self.listed > OPEN_MAX {
            let level = &mut self.levels[self.listed];
            level.entries = LevelEntries::Listed(level.entries.list().into_iter());
            self.listed += 1;
        }
    }
}

/// Returns whether this is the error of a symbolic link without a target: the target does not
/// exist, is below a file, or is the link itself.
fn leads_to_nothing(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::NOENT | Errno::NOTDIR | Errno::LOOP)
    )
}

impl LevelEntries {
    fn next(&mut self) -> Option<io::Result<LevelEntry>> {
        match self {
            LevelEntries::Open(entries) => {
                let entry = entries.next()?;
                Some(entry.map(|entry| LevelEntry::new(&entry)))
            }
            LevelEntries::Listed(entries) => entries.next(),
        }
    }

    /// Reads the rest of the entries.
    #[inline]
    fn list(&mut self) -> Vec<io::Result<LevelEntry>> {
        std::iter::from_fn(|| self.next()).collect()
    }
}
