//! Creating directories.

use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use super::job;
use super::path_error::cannot;
use crate::blocking::called_here;

/// A builder for directories, with options that [`create_dir`](super::create_dir) does not have.
///
/// The asynchronous version of [`std::fs::DirBuilder`].
///
/// # Examples
///
/// ```
/// use quintet::fs::DirBuilder;
///
/// # quintet::block_on(async {
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("a/b");
/// DirBuilder::new().recursive(true).mode(0o700).create(&path).await?;
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[derive(Debug, Default)]
pub struct DirBuilder {
    recursive: bool,
    mode: Option<u32>,
}

impl DirBuilder {
    /// Creates a builder with the options of [`create_dir`](super::create_dir): not recursive, and
    /// mode 0o777.
    pub fn new() -> Self {
        DirBuilder::default()
    }

    /// Sets whether missing parent directories are created too. It is then no error if the
    /// directory exists.
    pub fn recursive(&mut self, recursive: bool) -> &mut Self {
        self.recursive = recursive;
        self
    }

    /// Sets the permission bits of new directories. The umask of the process is applied to them.
    pub fn mode(&mut self, mode: u32) -> &mut Self {
        self.mode = Some(mode);
        self
    }

    /// Creates the directory `path`, on a worker.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`create_dir`](super::create_dir), or of
    /// [`create_dir_all`](super::create_dir_all) if the builder is
    /// [`recursive`](DirBuilder::recursive). Some parent directories may have been created then.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: if the future is dropped, the directories may or may not have been created.
    #[track_caller]
    pub fn create(&self, path: impl AsRef<Path>) -> impl Future<Output = io::Result<()>> {
        called_here(async move {
            let mut builder = std::fs::DirBuilder::new();
            builder.recursive(self.recursive);
            if let Some(mode) = self.mode {
                builder.mode(mode);
            }
            let path = path.as_ref().to_owned();
            let work = move || {
                builder
                    .create(&path)
                    .map_err(cannot("create the directory", &path))
            };
            job::run(work).await
        })
    }
}
