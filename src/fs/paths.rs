//! Operations on paths: create and remove, rename, link, resolve.

use std::io;
use std::path::{Path, PathBuf};

use super::path_error::{cannot, cannot_both};
use super::{DirBuilder, job};
use crate::blocking::called_here;

/// Runs `f`, which may change something, on a worker with a copy of the path.
pub(super) async fn run_on_path<T: Send + 'static>(
    path: &Path,
    what: &'static str,
    f: fn(&Path) -> io::Result<T>,
) -> io::Result<T> {
    let path = path.to_owned();
    job::run(move || f(&path).map_err(cannot(what, &path))).await
}

/// As [`run_on_path`], for an `f` that only reads.
pub(super) async fn read_on_path<T: Send + 'static>(
    path: &Path,
    what: &'static str,
    f: fn(&Path) -> io::Result<T>,
) -> io::Result<T> {
    let path = path.to_owned();
    job::read(move || f(&path).map_err(cannot(what, &path))).await
}

/// Removes a file.
///
/// If `path` is a symbolic link, removes the link and not its target. Runs on a worker.
///
/// # Errors
///
/// Returns the error of the system call, with the path:
///
/// - the kinds of [every function with a path](super#errors);
/// - [`IsADirectory`](io::ErrorKind::IsADirectory): `path` is a directory;
/// - [`ReadOnlyFilesystem`](io::ErrorKind::ReadOnlyFilesystem): the file system is read-only.
///
/// # Cancel safety
///
/// Not cancel safe: if the future is dropped, the file may or may not have been removed.
///
/// # Examples
///
/// ```
/// # quintet::block_on(async {
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("greeting");
/// # quintet::fs::write(&path, "hello").await?;
/// quintet::fs::remove_file(&path).await?;
/// assert!(!quintet::fs::try_exists(&path).await?);
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[track_caller]
pub fn remove_file(path: impl AsRef<Path>) -> impl Future<Output = io::Result<()>> {
    called_here(async move {
        let remove = |path: &Path| std::fs::remove_file(path);
        run_on_path(path.as_ref(), "remove the file", remove).await
    })
}

/// Removes an empty directory. Runs on a worker.
///
/// # Errors
///
/// Returns the error of the system call, with the path:
///
/// - the kinds of [every function with a path](super#errors);
/// - [`NotADirectory`](io::ErrorKind::NotADirectory): `path` is not a directory;
/// - [`DirectoryNotEmpty`](io::ErrorKind::DirectoryNotEmpty): the directory is not empty;
/// - [`ReadOnlyFilesystem`](io::ErrorKind::ReadOnlyFilesystem): the file system is read-only.
///
/// # Cancel safety
///
/// Not cancel safe: if the future is dropped, the directory may or may not have been removed.
///
/// # Examples
///
/// ```
/// # quintet::block_on(async {
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("empty");
/// quintet::fs::create_dir(&path).await?;
/// quintet::fs::remove_dir(&path).await?;
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[track_caller]
pub fn remove_dir(path: impl AsRef<Path>) -> impl Future<Output = io::Result<()>> {
    called_here(async move {
        let remove = |path: &Path| std::fs::remove_dir(path);
        run_on_path(path.as_ref(), "remove the directory", remove).await
    })
}

/// Removes a directory and all of its contents.
///
/// Symbolic links are removed and not followed. Runs on a worker, as one job.
///
/// # Errors
///
/// Returns the error of the system call, with the path:
///
/// - the kinds of [every function with a path](super#errors);
/// - [`NotADirectory`](io::ErrorKind::NotADirectory): `path` is neither a directory nor a
///   symbolic link;
/// - [`ReadOnlyFilesystem`](io::ErrorKind::ReadOnlyFilesystem): the file system is read-only.
///
/// If there is an error, some of the contents may have been removed.
///
/// # Cancel safety
///
/// Not cancel safe: a removal that a worker has begun continues to its end.
///
/// # Examples
///
/// ```
/// # quintet::block_on(async {
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("a");
/// quintet::fs::create_dir_all(path.join("b/c")).await?;
/// quintet::fs::remove_dir_all(&path).await?;
/// assert!(!quintet::fs::try_exists(&path).await?);
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[track_caller]
pub fn remove_dir_all(path: impl AsRef<Path>) -> impl Future<Output = io::Result<()>> {
    called_here(async move {
        let remove = |path: &Path| std::fs::remove_dir_all(path);
        run_on_path(path.as_ref(), "remove all of the directory", remove).await
    })
}

/// Creates an empty directory. Runs on a worker.
///
/// # Errors
///
/// Returns the error of the system call, with the path:
///
/// - the kinds of [every function with a path](super#errors);
/// - [`NotFound`](io::ErrorKind::NotFound): the parent directory does not exist;
/// - [`AlreadyExists`](io::ErrorKind::AlreadyExists): `path` exists;
/// - [`StorageFull`](io::ErrorKind::StorageFull): there is no space left;
/// - [`ReadOnlyFilesystem`](io::ErrorKind::ReadOnlyFilesystem): the file system is read-only.
///
/// # Cancel safety
///
/// Not cancel safe: if the future is dropped, the directory may or may not have been created.
///
/// # Examples
///
/// ```
/// # quintet::block_on(async {
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("new");
/// quintet::fs::create_dir(&path).await?;
/// assert!(quintet::fs::metadata(&path).await?.is_dir());
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[track_caller]
pub fn create_dir(path: impl AsRef<Path>) -> impl Future<Output = io::Result<()>> {
    called_here(async move { DirBuilder::new().create(path).await })
}

/// Creates a directory and all of its missing parents.
///
/// It is no error if the directory exists. Runs on a worker, as one job.
///
/// # Errors
///
/// Returns the error of the system call, with the path:
///
/// - the kinds of [every function with a path](super#errors);
/// - [`AlreadyExists`](io::ErrorKind::AlreadyExists): `path` exists and is not a directory;
/// - [`NotADirectory`](io::ErrorKind::NotADirectory): a parent exists and is not a directory;
/// - [`StorageFull`](io::ErrorKind::StorageFull): there is no space left;
/// - [`ReadOnlyFilesystem`](io::ErrorKind::ReadOnlyFilesystem): the file system is read-only.
///
/// If there is an error, some of the directories may have been created.
///
/// # Cancel safety
///
/// Not cancel safe: creation that a worker has begun continues to its end.
///
/// # Examples
///
/// ```
/// # quintet::block_on(async {
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("a/b/c");
/// quintet::fs::create_dir_all(&path).await?;
/// assert!(quintet::fs::metadata(&path).await?.is_dir());
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[track_caller]
pub fn create_dir_all(path: impl AsRef<Path>) -> impl Future<Output = io::Result<()>> {
    called_here(async move { DirBuilder::new().recursive(true).create(path).await })
}

/// Renames a file or directory, within its file system.
///
/// If `to` is an existing file, it is replaced atomically. If both paths are hard links to the same
/// file, nothing happens and both links stay. Runs on a worker.
///
/// # Errors
///
/// Returns the error of the system call, with both paths:
///
/// - the kinds of [every function with a path](super#errors), for either path;
/// - [`CrossesDevices`](io::ErrorKind::CrossesDevices): the paths are on different file systems;
/// - [`IsADirectory`](io::ErrorKind::IsADirectory): `to` is a directory and `from` is not;
/// - [`NotADirectory`](io::ErrorKind::NotADirectory): `from` is a directory and `to` is not;
/// - [`DirectoryNotEmpty`](io::ErrorKind::DirectoryNotEmpty): `to` is a directory that is not
///   empty;
/// - [`InvalidInput`](io::ErrorKind::InvalidInput): `to` is inside of the directory `from`;
/// - [`ReadOnlyFilesystem`](io::ErrorKind::ReadOnlyFilesystem): the file system is read-only.
///
/// # Cancel safety
///
/// Not cancel safe: if the future is dropped, the file may or may not have been renamed. It
/// always has one of the two names.
///
/// # Examples
///
/// ```
/// # quintet::block_on(async {
/// # let dir = tempfile::tempdir()?;
/// # let (draft, letter) = (dir.path().join("draft"), dir.path().join("letter"));
/// // A reader sees the old letter or the new one, and never a part of it.
/// quintet::fs::write(&draft, "hello").await?;
/// quintet::fs::rename(&draft, &letter).await?;
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[track_caller]
pub fn rename(
    from: impl AsRef<Path>,
    to: impl AsRef<Path>,
) -> impl Future<Output = io::Result<()>> {
    called_here(async move {
        let from = from.as_ref().to_owned();
        let to = to.as_ref().to_owned();
        let work =
            move || std::fs::rename(&from, &to).map_err(cannot_both("rename", &from, "to", &to));
        job::run(work).await
    })
}

/// Creates a hard link: `link` becomes another name of the file `original`.
///
/// If `original` is a symbolic link, it is not followed. Runs on a worker.
///
/// # Errors
///
/// Returns the error of the system call, with both paths:
///
/// - the kinds of [every function with a path](super#errors), for either path;
/// - [`AlreadyExists`](io::ErrorKind::AlreadyExists): `link` exists;
/// - [`CrossesDevices`](io::ErrorKind::CrossesDevices): the paths are on different file systems;
/// - [`PermissionDenied`](io::ErrorKind::PermissionDenied): `original` is a directory, or the
///   file system has no hard links;
/// - [`TooManyLinks`](io::ErrorKind::TooManyLinks): `original` has the maximum number of links.
///
/// # Cancel safety
///
/// Not cancel safe: if the future is dropped, the link may or may not have been created.
///
/// # Examples
///
/// ```
/// # quintet::block_on(async {
/// # let dir = tempfile::tempdir()?;
/// # let (original, link) = (dir.path().join("original"), dir.path().join("link"));
/// quintet::fs::write(&original, "hello").await?;
/// quintet::fs::hard_link(&original, &link).await?;
/// assert_eq!(quintet::fs::read(&link).await?, b"hello");
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[track_caller]
pub fn hard_link(
    original: impl AsRef<Path>,
    link: impl AsRef<Path>,
) -> impl Future<Output = io::Result<()>> {
    called_here(async move {
        let original = original.as_ref().to_owned();
        let link = link.as_ref().to_owned();
        let work = move || {
            std::fs::hard_link(&original, &link).map_err(cannot_both(
                "make",
                &link,
                "a hard link to",
                &original,
            ))
        };
        job::run(work).await
    })
}

/// Creates a symbolic link `link` to `original`, which need not exist. Runs on a worker.
///
/// # Errors
///
/// Returns the error of the system call, with both paths:
///
/// - the kinds of [every function with a path](super#errors), for `link`;
/// - [`AlreadyExists`](io::ErrorKind::AlreadyExists): `link` exists;
/// - [`NotFound`](io::ErrorKind::NotFound): the parent directory of `link` does not exist, or
///   `original` is empty.
///
/// # Cancel safety
///
/// Not cancel safe: if the future is dropped, the link may or may not have been created.
///
/// # Examples
///
/// ```
/// # quintet::block_on(async {
/// # let dir = tempfile::tempdir()?;
/// # let link = dir.path().join("link");
/// quintet::fs::symlink("/proc/self/status", &link).await?;
/// assert_eq!(quintet::fs::read_link(&link).await?.to_str(), Some("/proc/self/status"));
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[track_caller]
pub fn symlink(
    original: impl AsRef<Path>,
    link: impl AsRef<Path>,
) -> impl Future<Output = io::Result<()>> {
    called_here(async move {
        let original = original.as_ref().to_owned();
        let link = link.as_ref().to_owned();
        let work = move || {
            std::os::unix::fs::symlink(&original, &link).map_err(cannot_both(
                "make",
                &link,
                "a symbolic link to",
                &original,
            ))
        };
        job::run(work).await
    })
}

/// Returns the target of a symbolic link. Runs on a worker.
///
/// # Errors
///
/// Returns the error of the system call, with the path:
///
/// - the kinds of [every function with a path](super#errors);
/// - [`InvalidInput`](io::ErrorKind::InvalidInput): `path` is not a symbolic link.
///
/// # Cancel safety
///
/// Cancel safe.
///
/// # Examples
///
/// See [`symlink`].
#[track_caller]
pub fn read_link(path: impl AsRef<Path>) -> impl Future<Output = io::Result<PathBuf>> {
    called_here(async move {
        let read = |path: &Path| std::fs::read_link(path);
        read_on_path(path.as_ref(), "read the link", read).await
    })
}

/// Returns the canonical, absolute form of a path, with all symbolic links resolved.
///
/// Runs on a worker.
///
/// # Errors
///
/// Returns the error of the system call, with the path, of the kinds of [every function with a
/// path](super#errors). All components must exist.
///
/// # Cancel safety
///
/// Cancel safe.
///
/// # Examples
///
/// ```
/// # quintet::block_on(async {
/// let root = quintet::fs::canonicalize("/proc/..").await?;
/// assert_eq!(root.to_str(), Some("/"));
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[track_caller]
pub fn canonicalize(path: impl AsRef<Path>) -> impl Future<Output = io::Result<PathBuf>> {
    called_here(async move {
        let resolve = |path: &Path| std::fs::canonicalize(path);
        read_on_path(path.as_ref(), "resolve", resolve).await
    })
}
