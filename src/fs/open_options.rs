//! Opening files.

use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::path_error::cannot;
use super::{File, job};
use crate::blocking::called_here;

/// Options for how a file is opened.
///
/// The asynchronous version of [`std::fs::OpenOptions`].
///
/// # Examples
///
/// ```
/// use quintet::fs::OpenOptions;
///
/// # quintet::block_on(async {
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("log");
/// let mut log = OpenOptions::new().append(true).create(true).open(&path).await?;
/// log.write_all(b"started\n").await?;
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct OpenOptions {
    options: std::fs::OpenOptions,
    /// Whether opening may also create or truncate a file. A shutdown waits for such jobs.
    may_change: bool,
}

impl OpenOptions {
    /// Creates options that are all off. At least one of [`read`](Self::read),
    /// [`write`](Self::write) and [`append`](Self::append) must be turned on.
    pub fn new() -> Self {
        OpenOptions {
            options: std::fs::OpenOptions::new(),
            may_change: false,
        }
    }

    /// Sets whether the file is opened for reading.
    pub fn read(&mut self, read: bool) -> &mut Self {
        self.options.read(read);
        self
    }

    /// Sets whether the file is opened for writing. The contents of an existing file are not
    /// truncated.
    pub fn write(&mut self, write: bool) -> &mut Self {
        self.options.write(write);
        self
    }

    /// Sets whether all writes append to the end of the file, wherever the cursor is, and even
    /// while other processes append to it.
    pub fn append(&mut self, append: bool) -> &mut Self {
        self.options.append(append);
        self
    }

    /// Sets whether an existing file is truncated to length 0. Requires
    /// [`write`](Self::write).
    pub fn truncate(&mut self, truncate: bool) -> &mut Self {
        self.options.truncate(truncate);
        self.may_change = true;
        self
    }

    /// Sets whether the file is created if it does not exist. Requires [`write`](Self::write) or
    /// [`append`](Self::append).
    pub fn create(&mut self, create: bool) -> &mut Self {
        self.options.create(create);
        self.may_change = true;
        self
    }

    /// Sets whether the file must be created, atomically: it is an error if it exists, even as a
    /// dangling symbolic link. Then [`create`](Self::create) and [`truncate`](Self::truncate) are
    /// ignored.
    pub fn create_new(&mut self, create_new: bool) -> &mut Self {
        self.options.create_new(create_new);
        self.may_change = true;
        self
    }

    /// Sets the permission bits of a file that is created. The default is 0o666. The umask of the
    /// process is applied to them.
    pub fn mode(&mut self, mode: u32) -> &mut Self {
        self.options.mode(mode);
        self
    }

    /// Sets flags for `open(2)`, such as `O_NOFOLLOW` or `O_NONBLOCK`. Replaces flags that were set
    /// before.
    pub fn custom_flags(&mut self, flags: i32) -> &mut Self {
        self.options.custom_flags(flags);
        self.may_change = true;
        self
    }

    /// Opens the file `path` with these options, on a worker.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call, with the path:
    ///
    /// - the kinds of [every function with a path](super#errors);
    /// - [`InvalidInput`](io::ErrorKind::InvalidInput): the combination of options is invalid;
    /// - [`AlreadyExists`](io::ErrorKind::AlreadyExists): the file exists, with
    ///   [`create_new`](Self::create_new);
    /// - [`IsADirectory`](io::ErrorKind::IsADirectory): `path` is a directory, and is opened for
    ///   writing;
    /// - [`ExecutableFileBusy`](io::ErrorKind::ExecutableFileBusy): the file is a program that
    ///   runs, and is opened for writing;
    /// - [`ReadOnlyFilesystem`](io::ErrorKind::ReadOnlyFilesystem): the file system is read-only,
    ///   and the file is opened for writing;
    /// - [`StorageFull`](io::ErrorKind::StorageFull): there is no space left to create the file.
    ///
    /// The process may have no free file descriptor (`EMFILE`); that error has no kind of its own.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the file may have been created or truncated, but it is not left
    /// open.
    #[track_caller]
    pub fn open(&self, path: impl AsRef<Path>) -> impl Future<Output = io::Result<File>> {
        called_here(async move { self.open_for("open", path.as_ref()).await })
    }

    /// As [`open`](Self::open), with the verb for the error message.
    pub(super) async fn open_for(&self, what: &'static str, path: &Path) -> io::Result<File> {
        let options = self.options.clone();
        let path = path.to_owned();
        let work = move || options.open(&path).map_err(cannot(what, &path));
        let file = match self.may_change {
            true => job::run(work).await?,
            false => job::read(work).await?,
        };
        Ok(File::from_std(file))
    }
}

impl Default for OpenOptions {
    fn default() -> Self {
        OpenOptions::new()
    }
}

impl From<std::fs::OpenOptions> for OpenOptions {
    fn from(options: std::fs::OpenOptions) -> Self {
        OpenOptions {
            options,
            may_change: true,
        }
    }
}
