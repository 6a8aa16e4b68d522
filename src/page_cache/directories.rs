//! Where trying is in vain.
//!
//! What can read from the cache is the file system, but a file's is known only when it has been
//! opened, which is most of the cost; and a file system that asks somebody else waits there. So it is
//! the directory, as it is written in the path, that is remembered. If the same name comes to mean
//! another directory, nothing is wrong: its files are read by the other way.

use std::ffi::OsStr;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Directories remembered. Each has one place where it can be, and the later one takes it. The number
/// is arbitrary: more than a program uses at a time, and small enough to be in every loop.
const SLOTS: usize = 32;

/// Where names are not in the cache, at least every 64th attempt is made.
const SKIPS_LOG_MAX: u32 = 6;

#[derive(Debug)]
pub(super) struct Directories {
    slots: [Option<DirectoryRecord>; SLOTS],
    /// How many are in use: mostly none.
    len: usize,
}

#[derive(Clone, Copy, Debug)]
struct DirectoryRecord {
    directory: u64,
    reason: SkipReason,
}

#[derive(Clone, Copy, Debug)]
enum SkipReason {
    /// The file system cannot do it.
    Unsupported,
    /// The name was not in the cache, so many times in a row, and so many attempts are to be skipped.
    Uncached { times: u32, skips: u32 },
}

impl Directories {
    pub(super) fn new() -> Self {
        Directories {
            slots: [None; SLOTS],
            len: 0,
        }
    }

    /// Whether a file is worth an attempt. Each call counts as one.
    pub(super) fn should_try(&mut self, path: &Path) -> bool {
        match self.find(path) {
            None => true,
            Some(SkipReason::Unsupported) => false,
            Some(SkipReason::Uncached { skips: 0, .. }) => true,
            Some(SkipReason::Uncached { skips, .. }) => {
                *skips -= 1;
                false
            }
        }
    }

    /// The file system of this file cannot read from the cache.
    pub(super) fn note_unsupported(&mut self, path: &Path) {
        self.put(path, SkipReason::Unsupported);
    }

    /// This name was not in the cache. A worker will have put it there, so the first time does not
    /// count; but on some file systems it is there never.
    pub(super) fn note_uncached(&mut self, path: &Path) {
        let times = match self.find(path) {
            Some(SkipReason::Uncached { times, .. }) => *times + 1,
            _ => 0,
        };
        let skips = (1 << times.min(SKIPS_LOG_MAX)) - 1;
        self.put(path, SkipReason::Uncached { times, skips });
    }

    /// It went well.
    pub(super) fn remove(&mut self, path: &Path) {
        if self.find(path).is_some() {
            self.slots[slot_of(directory(path))] = None;
            self.len -= 1;
        }
    }

    fn find(&mut self, path: &Path) -> Option<&mut SkipReason> {
        if self.len == 0 {
            return None;
        }
        let directory = directory(path);
        let entry = self.slots[slot_of(directory)].as_mut()?;
        (entry.directory == directory).then_some(&mut entry.reason)
    }

    fn put(&mut self, path: &Path, reason: SkipReason) {
        let directory = directory(path);
        let entry = DirectoryRecord { directory, reason };
        if self.slots[slot_of(directory)].replace(entry).is_none() {
            self.len += 1;
        }
    }
}

/// A number for what stands before the last slash. Two directories with the same one share their
/// fate, which is rare and does no harm.
fn directory(path: &Path) -> u64 {
    let path = path.as_os_str().as_bytes();
    let end = path.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
    BuildHasherDefault::<DefaultHasher>::new().hash_one(OsStr::from_bytes(&path[..end]))
}

fn slot_of(directory: u64) -> usize {
    usize::try_from(directory % SLOTS as u64).expect("it is less than a usize")
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::{Directories, SLOTS};

    /// How many of the next attempts are not made.
    fn skips(directories: &mut Directories, path: &Path) -> usize {
        (0..1000)
            .take_while(|_| !directories.should_try(path))
            .count()
    }

    #[test]
    fn a_directory_that_cannot_is_not_tried_again_and_others_are() {
        let mut directories = Directories::new();
        directories.note_unsupported(Path::new("/a/b/c"));

        assert_eq!(skips(&mut directories, Path::new("/a/b/d")), 1000);
        for other in ["/a/b", "/a/b/c/d", "c", "/c", "/a/bb/c"] {
            assert_eq!(skips(&mut directories, Path::new(other)), 0, "{other}");
        }
    }

    #[test]
    fn names_that_are_never_cached_are_tried_ever_less_often() {
        let mut directories = Directories::new();
        let path = Path::new("a/b");
        let skips: Vec<usize> = (0..9)
            .map(|_| {
                directories.note_uncached(path);
                skips(&mut directories, path)
            })
            .collect();
        assert_eq!(skips, [0, 1, 3, 7, 15, 31, 63, 63, 63]);
    }

    #[test]
    fn what_went_well_begins_anew() {
        let mut directories = Directories::new();
        let path = Path::new("a/b");
        for _ in 0..5 {
            directories.note_uncached(path);
        }
        directories.remove(path);
        directories.remove(path);
        assert_eq!(directories.len, 0);
        assert!(directories.should_try(path));
        directories.note_uncached(path);
        assert_eq!(skips(&mut directories, path), 0);
    }

    #[test]
    fn a_directory_that_cannot_stays_so_in_spite_of_what_it_was_before() {
        let mut directories = Directories::new();
        let path = Path::new("a/b");
        directories.note_uncached(path);
        directories.note_unsupported(path);
        assert_eq!(directories.len, 1);
        assert_eq!(skips(&mut directories, path), 1000);
    }

    #[test]
    fn there_is_a_bound_and_the_latest_are_kept() {
        let mut directories = Directories::new();
        let path = |n: usize| PathBuf::from(format!("/{n}/file"));
        for n in 0..1000 {
            directories.note_unsupported(&path(n));
            assert!(!directories.should_try(&path(n)));
        }
        assert!(directories.len <= SLOTS);
        let known = (0..1000)
            .filter(|&n| !directories.should_try(&path(n)))
            .count();
        assert_eq!(known, directories.len);
        assert!(known > SLOTS / 2, "{known}");
    }
}
