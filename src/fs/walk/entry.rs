//! The entries of a tree.

use std::ffi::OsStr;
use std::fs::{FileType, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use crate::blocking::called_here;
use crate::fs::{metadata, symlink_metadata};

/// An entry of a directory tree. Returned by [`Walk`](super::Walk).
#[derive(Clone, Debug)]
pub struct WalkEntry {
    pub(super) path: PathBuf,
    pub(super) file_type: FileType,
    pub(super) depth: usize,
    /// Whether this describes the target of a link, if the path is a link.
    pub(super) is_followed: bool,
}

impl WalkEntry {
    /// Returns the path: the one that was passed to [`walk`](super::walk), joined with the names of
    /// the directories that lead to this entry, and with its own.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Converts the entry into its path.
    pub fn into_path(self) -> PathBuf {
        self.path
    }

    /// Returns the name of the entry, without its directory. For a start such as `/` or `..`, which
    /// has no name, this is the whole path.
    pub fn file_name(&self) -> &OsStr {
        self.path.file_name().unwrap_or(self.path.as_os_str())
    }

    /// Returns the type of the entry: of the target of a link, if links are followed and it exists.
    pub fn file_type(&self) -> FileType {
        self.file_type
    }

    /// Returns how many directories lead to this entry: 0 for the path that was passed to
    /// [`walk`](super::walk).
    pub fn depth(&self) -> usize {
        self.depth
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
                true => metadata(&self.path).await,
                false => symlink_metadata(&self.path).await,
            }
        })
    }
}
