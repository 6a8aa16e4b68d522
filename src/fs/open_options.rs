//! Opening files.

use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::path_error::cannot;
use super::{File, job};
use crate::blocking::called_here;

/// Opens files in other ways than [`File::open`] and [`File::create`] do; like
/// [`std::fs::OpenOptions`].
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
    /// Whether to open may do more than that: create a file, or throw away what was in it.
    may_change: bool,
}

impl OpenOptions {
    /// Starts with nothing allowed: at least one of reading, writing and appending must be.
    pub fn new() -> Self {
        OpenOptions {
            options: std::fs::OpenOptions::new(),
            may_change: false,
        }
    }

    /// Sets whether the file may be read.
    pub fn read(&mut self, read: bool) -> &mut Self {
        self.options.read(read);
        self
    }

    /// Sets whether the file may be written. What is in it stays until it is overwritten.
    pub fn write(&mut self, write: bool) -> &mut Self {
        self.options.write(write);
        self
    }

    /// Sets whether all writes go to the end of the file, wherever its cursor stands and whoever
    /// else writes.
    pub fn append(&mut self, append: bool) -> &mut Self {
        self.options.append(append);
        self
    }

    /// Sets whether what is in the file is thrown away.
    pub fn truncate(&mut self, truncate: bool) -> &mut Self {
        self.options.truncate(truncate);
        self.may_change = true;
        self
    }

    /// Sets whether the file is created if there is none.
    pub fn create(&mut self, create: bool) -> &mut Self {
        self.options.create(create);
        self.may_change = true;
        self
    }

    /// Sets whether the file is created, and it is an error if there is one.
    pub fn create_new(&mut self, create_new: bool) -> &mut Self {
        self.options.create_new(create_new);
        self.may_change = true;
        self
    }

    /// Sets who may read and write the file if it is created, less what the process's umask takes
    /// away; 0o666 without this.
    pub fn mode(&mut self, mode: u32) -> &mut Self {
        self.options.mode(mode);
        self
    }

    /// Adds flags of `open(2)`: `O_NOFOLLOW`, `O_NONBLOCK` and so on.
    pub fn custom_flags(&mut self, flags: i32) -> &mut Self {
        self.options.custom_flags(flags);
        self.may_change = true;
        self
    }

    /// Opens a file.
    ///
    /// # Errors
    ///
    /// The OS's; [`InvalidInput`](io::ErrorKind::InvalidInput) for options that contradict each
    /// other.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future may leave a file created or truncated, but none open.
    #[track_caller]
    pub fn open(&self, path: impl AsRef<Path>) -> impl Future<Output = io::Result<File>> {
        called_here(async move { self.open_for("open", path.as_ref()).await })
    }

    /// The same, with the word that an error uses for it.
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
