//! The directories whose files are not worth an attempt.
//!
//! Whether a file can be read from the cache depends on its file system. But the file system is
//! known only after the file was opened, which is most of the cost, and which blocks on a network
//! file system. So this remembers the directory, as it is written in the path. If the path later
//! refers to another directory, the results are still correct: workers read its files.

use std::ffi::OsStr;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The number of directories that are remembered. Each directory has one slot, and replaces another
/// one there. The number is arbitrary: more than most programs use at a time, and small enough for
/// each loop to have it.
const SLOTS: usize = 32;

/// In a directory whose names are not cached, at least every 64th attempt is made.
const SKIPS_LOG_MAX: u32 = 6;

#[derive(Debug)]
pub(super) struct Directories {
    slots: [Option<DirectoryRecord>; SLOTS],
    /// The number of slots in use, mostly 0.
    len: usize,
}

#[derive(Clone, Copy, Debug)]
struct DirectoryRecord {
    directory: u64,
    reason: SkipReason,
}

#[derive(Clone, Copy, Debug)]
enum SkipReason {
    /// The file system cannot read from the cache.
    Unsupported,
    /// A name was not cached, `times` times in a row. The next `skips` attempts are skipped.
    Uncached { times: u32, skips: u32 },
}

impl Directories {
    pub(super) fn new() -> Self {
        Directories {
            slots: [None; SLOTS],
            len: 0,
        }
    }

    /// Returns whether a file is worth an attempt. Each call counts as an attempt.
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

    /// Remembers that the file system of this file cannot read from the cache.
    pub(super) fn note_unsupported(&mut self, path: &Path) {
        self.put(path, SkipReason::Unsupported);
    }

    /// Remembers that this path was not cached. The worker that opens it puts it in the cache, so
    /// the first time does not count. But some file systems never cache it.
    pub(super) fn note_uncached(&mut self, path: &Path) {
        let times = match self.find(path) {
            Some(SkipReason::Uncached { times, .. }) => *times + 1,
            _ => 0,
        };
        let skips = (1 << times.min(SKIPS_LOG_MAX)) - 1;
        self.put(path, SkipReason::Uncached { times, skips });
    }

    /// Removes the directory of a path that was cached.
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

/// Returns a hash of the part of the path before the last slash. Two directories with the same hash
/// are taken for one, which is rare and harmless.
fn directory(path: &Path) -> u64 {
    let path = path.as_os_str().as_bytes();
    let end = path.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
    BuildHasherDefault::<DefaultHasher>::new().hash_one(OsStr::from_bytes(&path[..end]))
}

fn slot_of(directory: u64) -> usize {
    usize::try_from(directory % SLOTS as u64).expect("it is less than `SLOTS`")
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::{Directories, SLOTS};

    /// Returns how many of the next attempts are skipped.
    fn skips(directories: &mut Directories, path: &Path) -> usize {
        (0..1000)
            .take_while(|_| !directories.should_try(path))
            .count()
    }

    #[test]
    fn only_an_unsupported_directory_is_not_tried_again() {
        let mut directories = Directories::new();
        directories.note_unsupported(Path::new("/a/b/c"));

        assert_eq!(skips(&mut directories, Path::new("/a/b/d")), 1000);
        for other in ["/a/b", "/a/b/c/d", "c", "/c", "/a/bb/c"] {
            assert_eq!(skips(&mut directories, Path::new(other)), 0, "{other}");
        }
    }

    #[test]
    fn a_directory_that_is_never_cached_is_tried_less_and_less_often() {
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
    fn a_cached_path_resets_its_directory() {
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
    fn an_uncached_directory_can_become_unsupported() {
        let mut directories = Directories::new();
        let path = Path::new("a/b");
        directories.note_uncached(path);
        directories.note_unsupported(path);
        assert_eq!(directories.len, 1);
        assert_eq!(skips(&mut directories, path), 1000);
    }

    #[test]
    fn the_number_of_directories_is_bounded_and_the_latest_are_kept() {
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
