//! Temporary files and directories.

#[cfg_attr(
    any(quintet_portable, not(any(target_os = "linux", target_os = "android"))),
    path = "temp/portable.rs"
)]
mod os;

use std::env;
use std::fmt;
use std::fs::DirBuilder;
use std::io;
use std::mem;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::panic::Location;
use std::path::{Path, PathBuf};

use super::path_error::cannot;
use super::temp_name::with_new_name;
use super::{File, job};
use crate::blocking::{self, called_here};

/// Creates a temporary file without a name, in the directory for temporary files
/// ([`std::env::temp_dir`]), and opens it for reading and writing.
///
/// No other user may read or write it. It is removed when it is closed, also if the process is
/// killed: on Linux it has no name from the start (`O_TMPFILE`), and where that is not supported,
/// the name is removed at once. Runs on a worker.
///
/// # Errors
///
/// Returns the error of the system call, with the path of the directory:
///
/// - the kinds of [every function with a path](super#errors);
/// - [`StorageFull`](io::ErrorKind::StorageFull): there is no space left;
/// - [`ReadOnlyFilesystem`](io::ErrorKind::ReadOnlyFilesystem): the file system is read-only.
///
/// # Cancel safety
///
/// Cancel safe: no file is left.
///
/// # Examples
///
/// ```
/// use quintet::io::SeekFrom;
///
/// # quintet::block_on(async {
/// let mut file = quintet::fs::tempfile().await?;
/// file.write_all(b"hello").await?;
/// file.seek(SeekFrom::Start(0)).await?;
/// let mut buf = [0; 5];
/// file.read_exact(&mut buf).await?;
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[track_caller]
pub fn tempfile() -> impl Future<Output = io::Result<File>> {
    called_here(async move { tempfile_in(env::temp_dir()).await })
}

/// As [`tempfile`], in the directory `dir`.
///
/// # Errors
///
/// Returns the errors of [`tempfile`].
///
/// # Cancel safety
///
/// Cancel safe: no file is left.
#[track_caller]
pub fn tempfile_in(dir: impl AsRef<Path>) -> impl Future<Output = io::Result<File>> {
    called_here(async move {
        let dir = dir.as_ref().to_owned();
        let open = move || os::open(&dir).map_err(cannot("create a temporary file in", &dir));
        Ok(File::from_std(job::run(open).await?))
    })
}

/// Creates a file and removes its name.
fn open_unlinked(dir: &Path) -> io::Result<std::fs::File> {
    let mut options = std::fs::File::options();
    options.read(true).write(true).create_new(true).mode(0o600);
    let (file, name) = with_new_name(".tmp", |name| options.open(dir.join(name)))?;
    std::fs::remove_file(dir.join(name))?;
    Ok(file)
}

/// Creates a temporary directory in the directory for temporary files ([`std::env::temp_dir`]).
///
/// No other user may read or write it. Its name is `.quintet-` and 16 hexadecimal digits. It is
/// removed when the [`TempDir`] is dropped or [closed](TempDir::close); if the process is killed,
/// it is left. Runs on a worker.
///
/// # Errors
///
/// Returns the error of the system call, with the path of the directory in which it is created, of
/// the kinds of [`tempfile`].
///
/// # Cancel safety
///
/// Cancel safe: no directory is left.
///
/// # Examples
///
/// ```
/// # quintet::block_on(async {
/// let dir = quintet::fs::tempdir().await?;
/// quintet::fs::write(dir.path().join("file"), "hello").await?;
/// dir.close().await?;
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[inline]
#[track_caller]
pub fn tempdir() -> impl Future<Output = io::Result<TempDir>> {
    called_here(async move { tempdir_in(env::temp_dir()).await })
}

/// As [`tempdir`], in the directory `dir`.
///
/// # Errors
///
/// Returns the errors of [`tempdir`].
///
/// # Cancel safety
///
/// Cancel safe: no directory is left.
#[track_caller]
pub fn tempdir_in(dir: impl AsRef<Path>) -> impl Future<Output = io::Result<TempDir>> {
    called_here(async move {
        let dir = dir.as_ref().to_owned();
        let location = blocking::call_site(Location::caller());
        let create = move || {
            let mut builder = DirBuilder::new();
            builder.mode(0o700);
            let created = with_new_name("", |name| builder.create(dir.join(name)));
            let (_, name) = created.map_err(cannot("create a temporary directory in", &dir))?;
            Ok(TempDir {
                path: dir.join(name),
                is_owned: true,
                location,
            })
        };
        job::run(create).await
    })
}

/// A temporary directory, which is removed with its contents when this is dropped. Returned by
/// [`tempdir`].
///
/// Dropped on the thread of a loop, it is removed by a job on a worker, which a shutdown waits for,
/// and elsewhere at once. An error is then lost; [`close`](TempDir::close) returns it.
pub struct TempDir {
    path: PathBuf,
    /// Whether the directory is removed when this is dropped.
    is_owned: bool,
    location: &'static Location<'static>,
}

impl TempDir {
    /// Returns the path of the directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the path and leaves the directory where it is.
    pub fn keep(mut self) -> PathBuf {
        self.is_owned = false;
        mem::take(&mut self.path)
    }

    /// Removes the directory with its contents. Runs on a worker, as one job.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`remove_dir_all`](super::remove_dir_all). Some of the contents may be
    /// left then.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the directory is still removed.
    #[track_caller]
    pub fn close(mut self) -> impl Future<Output = io::Result<()>> {
        called_here(async move {
            let remove = move || {
                self.is_owned = false;
                let removed = std::fs::remove_dir_all(&self.path);
                removed.map_err(cannot("remove all of the directory", &self.path))
            };
            job::run(remove).await
        })
    }
}

impl Drop for TempDir {
    #[inline]
    fn drop(&mut self) {
        if !self.is_owned {
            return;
        }
        job::drop_on_worker(RemoveOnDrop(mem::take(&mut self.path)), self.location);
    }
}

impl AsRef<Path> for TempDir {
    fn as_ref(&self) -> &Path {
        self.path()
    }
}

impl fmt::Debug for TempDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TempDir").field(&self.path).finish()
    }
}

/// Removes a directory when it is dropped: by a job, or in place of one that is not run.
struct RemoveOnDrop(PathBuf);

impl Drop for RemoveOnDrop {
    fn drop(&mut self) {
        // No caller is left to which an error could be returned.
        let _left = std::fs::remove_dir_all(&self.0);
    }
}

assert_impl!(TempDir: Send + Sync + Unpin);
