//! The entries of a tree.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{FileType, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crate::blocking::called_here;
use crate::fs::{metadata, symlink_metadata};

/// An entry of a directory tree. Returned by [`Walk`](super::Walk).
#[derive(Clone)]
pub struct WalkEntry {
    /// The directory in which the entry is. `None` for the start.
    directory: Option<Arc<WalkDirectory>>,
    /// The name in that directory, or the path of the start.
    name: OsString,
    /// The path, once it has been asked for. A walk often needs only the names, and all entries of
    /// a directory share its path.
    path: OnceLock<Box<Path>>,
    pub(super) file_type: FileType,
    /// Whether this describes the target of a link, if the path is a link.
    pub(super) is_followed: bool,
}

/// What the entries of a directory have in common.
pub(super) struct WalkDirectory {
    pub(super) path: PathBuf,
    /// The depth of its entries.
    pub(super) depth: usize,
}

impl WalkDirectory {
    /// Returns the path of an entry, in one allocation.
    pub(super) fn join(&self, name: &OsStr) -> PathBuf {
        let mut path = PathBuf::with_capacity(self.path.as_os_str().len() + 1 + name.len());
        path.push(&self.path);
        path.push(name);
        path
    }
}

impl WalkEntry {
    /// The path at which a walk starts, which is `file_type`.
    pub(super) fn start(path: &Path, file_type: FileType) -> Self {
        WalkEntry {
            directory: None,
            name: path.as_os_str().to_owned(),
            path: OnceLock::new(),
            file_type,
            is_followed: true,
        }
    }

    /// An entry of `directory`, as that describes it.
    pub(super) fn new(directory: &Arc<WalkDirectory>, name: OsString, file_type: FileType) -> Self {
        WalkEntry {
            directory: Some(Arc::clone(directory)),
            name,
            path: OnceLock::new(),
            file_type,
            is_followed: false,
        }
    }

    /// Returns the path: the one that was passed to [`walk`](super::walk), joined with the names of
    /// the directories that lead to this entry, and with its own. It is joined by the first call.
    pub fn path(&self) -> &Path {
        match &self.directory {
            None => Path::new(&self.name),
            Some(directory) => self
                .path
                .get_or_init(|| directory.join(&self.name).into_boxed_path()),
        }
    }

    /// Converts the entry into its path.
    pub fn into_path(self) -> PathBuf {
        match (self.path.into_inner(), self.directory) {
            (Some(path), _) => path.into(),
            (None, None) => self.name.into(),
            (None, Some(directory)) => directory.join(&self.name),
        }
    }

    /// Returns the name of the entry, without its directory. For a start such as `/` or `..`, which
    /// has no name, this is the whole path.
    pub fn file_name(&self) -> &OsStr {
        match self.directory {
            None => Path::new(&self.name).file_name().unwrap_or(&self.name),
            Some(_) => &self.name,
        }
    }

    /// Returns the type of the entry: of the target of a link, if links are followed and it exists.
    pub fn file_type(&self) -> FileType {
        self.file_type
    }

    /// Returns how many directories lead to this entry: 0 for the path that was passed to
    /// [`walk`](super::walk).
    pub fn depth(&self) -> usize {
        self.directory
            .as_ref()
            .map_or(0, |directory| directory.depth)
    }

    /// Returns the metadata of the entry: of the target of a link, if links are followed and it
    /// exists. Runs on a worker.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`fs::metadata`](crate::fs::metadata()):
    /// [`NotFound`](io::ErrorKind::NotFound) if the entry was removed meanwhile.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    #[track_caller]
    pub fn metadata(&self) -> impl Future<Output = io::Result<Metadata>> {
        called_here(async move {
            match self.is_followed {
                true => metadata(self.path()).await,
                false => symlink_metadata(self.path()).await,
            }
        })
    }
}

impl fmt::Debug for WalkEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WalkEntry")
            .field("path", &self.path())
            .field("file_type", &self.file_type)
            .field("depth", &self.depth())
            .finish_non_exhaustive()
    }
}
