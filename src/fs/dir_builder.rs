//! Creating directories.

use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use super::job;
use super::path_error::cannot;
use crate::blocking::called_here;

/// Creates directories in other ways than [`create_dir`](super::create_dir) does; like
/// [`std::fs::DirBuilder`].
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
    /// Starts with the settings of [`create_dir`](super::create_dir).
    pub fn new() -> Self {
        DirBuilder::default()
    }

    /// Sets whether directories above it are created as needed. It is then fine too if the directory
    /// exists.
    pub fn recursive(&mut self, recursive: bool) -> &mut Self {
        self.recursive = recursive;
        self
    }

    /// Sets who may read, change and enter it, less what the process's umask takes away.
    pub fn mode(&mut self, mode: u32) -> &mut Self {
        self.mode = Some(mode);
        self
    }

    /// Creates a directory.
    ///
    /// # Errors
    ///
    /// The OS's; then directories above it may have been created.
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
