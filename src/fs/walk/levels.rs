//! The directories of a walk that are being read, from the start to the current one.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{DirEntry, FileType, Metadata, ReadDir};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::vec;

use rustix::io::Errno;

use super::WalkEntry;
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
    path: PathBuf,
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
    pub(super) fn read(
        &mut self,
        batch: &mut VecDeque<io::Result<WalkEntry>>,
        count: usize,
    ) -> bool {
        for _ in 0..count {
            match self.next() {
                Some(Ok(Some(entry))) => batch.push_back(Ok(entry)),
                Some(Ok(None)) => {}
                Some(Err(error)) => batch.push_back(Err(error)),
                None => return true,
            }
        }
        false
    }

    /// Returns the next entry, or `Ok(None)` if it is left out, or `None` at the end.
    #[inline]
    fn next(&mut self) -> Option<io::Result<Option<WalkEntry>>> {
        if !self.has_begun {
            self.has_begun = true;
            return Some(self.visit_start());
        }
        loop {
            let depth = self.levels.len();
            let level = self.levels.last_mut()?;
            match level.entries.next() {
                Some(Ok(entry)) => return Some(self.visit(entry, depth)),
                Some(Err(error)) => {
                    return Some(Err(cannot("read the directory", &level.path)(error)));
                }
                None => {
                    self.levels.pop();
                    self.listed = self.listed.min(self.levels.len());
                }
            }
        }
    }

    #[inline]
    fn visit_start(&mut self) -> io::Result<Option<WalkEntry>> {
        let path = self.start.clone();
        let metadata = std::fs::metadata(&path).map_err(cannot("read the metadata of", &path))?;
        let entry = WalkEntry {
            path,
            file_type: metadata.file_type(),
            depth: 0,
            is_followed: true,
        };
        self.enter(entry, Some(&metadata))
    }

    /// Finds out what an entry of the last level is.
    #[inline]
    fn visit(&mut self, entry: LevelEntry, depth: usize) -> io::Result<Option<WalkEntry>> {
        let level = self.levels.last().expect("the entry is one of a level");
        let path = path_in(&level.path, &entry.name);
        let mut file_type = entry
            .file_type
            .map_err(cannot("read the metadata of", &path))?;
        let mut followed = None;
        if self.options.follows_links && (file_type.is_symlink() || file_type.is_dir()) {
            match std::fs::metadata(&path) {
                Ok(metadata) => {
                    file_type = metadata.file_type();
                    followed = Some(metadata);
                }
                Err(error) if leads_to_nothing(&error) => {}
                Err(error) => return Err(cannot("read the metadata of", &path)(error)),
            }
        }
        let entry = WalkEntry {
            path,
            file_type,
            depth,
            is_followed: followed.is_some(),
        };
        self.enter(entry, followed.as_ref())
    }

    /// Applies the options to an entry. If it is a directory, it becomes the last level.
    #[inline]
    fn enter(
        &mut self,
        entry: WalkEntry,
        metadata: Option<&Metadata>,
    ) -> io::Result<Option<WalkEntry>> {
        if let Some(EntryFilter(filter)) = &mut self.options.filter
            && !filter(&entry)
        {
            return Ok(None);
        }
        if entry.file_type.is_dir() && entry.depth < self.options.max_depth {
            let id = metadata.map(|metadata| (metadata.dev(), metadata.ino()));
            if id.is_some() && self.levels.iter().any(|level| level.id == id) {
                return Err(cannot("walk into", &entry.path)(Errno::LOOP.into()));
            }
            self.push(&entry.path, id);
        }
        Ok((entry.depth >= self.options.min_depth).then_some(entry))
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
        self.levels.push(Level {
            path: path.to_owned(),
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

/// As [`Path::join`] for a name, in one allocation.
fn path_in(directory: &Path, name: &OsStr) -> PathBuf {
    let mut path = PathBuf::with_capacity(directory.as_os_str().len() + 1 + name.len());
    path.push(directory);
    path.push(name);
    path
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
