//! Operations on names: files, directories and links as a whole.

use std::fs::{Metadata, Permissions};
use std::future::poll_fn;
use std::io;
use std::path::{Path, PathBuf};

use super::path_error::{cannot, cannot_both};
use super::{DirBuilder, cached, job};
use crate::blocking::called_here;

/// Runs `f` on a worker with a copy of the path.
async fn run_on_path<T: Send + 'static>(
    path: &Path,
    what: &'static str,
    f: fn(&Path) -> io::Result<T>,
) -> io::Result<T> {
    let path = path.to_owned();
    job::run(move || f(&path).map_err(cannot(what, &path))).await
}

/// The same for `f` that only reads.
async fn read_on_path<T: Send + 'static>(
    path: &Path,
    what: &'static str,
    f: fn(&Path) -> io::Result<T>,
) -> io::Result<T> {
    let path = path.to_owned();
    job::read(move || f(&path).map_err(cannot(what, &path))).await
}

/// Removes a file. A symbolic link is removed itself, not what it points to.
///
/// # Errors
///
/// The OS's; for a directory too.
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

/// Removes an empty directory.
///
/// # Errors
///
/// The OS's: [`DirectoryNotEmpty`](io::ErrorKind::DirectoryNotEmpty) and others.
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

/// Removes a directory with all that is in it. Symbolic links are removed and not followed.
///
/// # Errors
///
/// The OS's; then some of it may have been removed.
///
/// # Cancel safety
///
/// None: a removal that has begun goes on to its end.
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

/// Creates a directory.
///
/// # Errors
///
/// The OS's: [`AlreadyExists`](io::ErrorKind::AlreadyExists), or
/// [`NotFound`](io::ErrorKind::NotFound) if there is nothing to create it in, and others.
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

/// Creates a directory, and those above it as needed. One that exists is fine.
///
/// # Errors
///
/// The OS's; then some of them may have been created.
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

/// Gives a file or directory another name, within its file system. A file that has the new name
/// already is replaced, all at once. If both names are of the same file already, the same path or
/// hard links, nothing happens, as the OS has it: both names stay.
///
/// # Errors
///
/// Returns the error of the system call: [`NotFound`](io::ErrorKind::NotFound),
/// [`CrossesDevices`](io::ErrorKind::CrossesDevices) and others.
///
/// # Examples
///
/// ```
/// # quintet::block_on(async {
/// # let dir = tempfile::tempdir()?;
/// # let (draft, letter) = (dir.path().join("draft"), dir.path().join("letter"));
/// // Whoever reads the letter sees the old one or the new one, and never half of one.
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

/// Makes `link` a second name of the file `original`.
///
/// # Errors
///
/// The OS's: [`AlreadyExists`](io::ErrorKind::AlreadyExists) and others.
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

/// Makes `link` a symbolic link to `original`, which need not exist.
///
/// # Errors
///
/// The OS's: [`AlreadyExists`](io::ErrorKind::AlreadyExists) and others.
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

/// Returns what a symbolic link points to.
///
/// # Errors
///
/// The OS's; [`InvalidInput`](io::ErrorKind::InvalidInput) if it is not a symbolic link.
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

/// Returns the absolute path, without symbolic links, dots and double slashes.
///
/// # Errors
///
/// The OS's: [`NotFound`](io::ErrorKind::NotFound) and others.
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

/// Returns what the file system knows of a file: its kind, size, times, permissions. Symbolic links
/// are followed.
///
/// # Errors
///
/// The OS's: [`NotFound`](io::ErrorKind::NotFound) and others.
///
/// # Examples
///
/// ```
/// # quintet::block_on(async {
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("greeting");
/// quintet::fs::write(&path, "hello").await?;
/// assert_eq!(quintet::fs::metadata(&path).await?.len(), 5);
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[track_caller]
pub fn metadata(path: impl AsRef<Path>) -> impl Future<Output = io::Result<Metadata>> {
    called_here(async move {
        let stat = |path: &Path| std::fs::metadata(path);
        read_on_path(path.as_ref(), "read the metadata of", stat).await
    })
}

/// Returns the metadata of a symbolic link itself, and otherwise what [`metadata`] does.
///
/// # Errors
///
/// The OS's: [`NotFound`](io::ErrorKind::NotFound) and others.
///
/// # Examples
///
/// ```
/// # quintet::block_on(async {
/// let link = quintet::fs::symlink_metadata("/proc/self").await?;
/// assert!(link.is_symlink());
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[track_caller]
pub fn symlink_metadata(path: impl AsRef<Path>) -> impl Future<Output = io::Result<Metadata>> {
    called_here(async move {
        let stat = |path: &Path| std::fs::symlink_metadata(path);
        read_on_path(path.as_ref(), "read the metadata of", stat).await
    })
}

/// Returns whether there is something of this name. Symbolic links are followed. What the kernel has
/// in memory is answered at once, see [cached files](super#cached-files).
///
/// What was true is perhaps not true any more: to create a file only if there is none, open it with
/// [`create_new`](super::File::create_new).
///
/// # Errors
///
/// The OS's if it cannot be known; not for what is [not found](io::ErrorKind::NotFound).
///
/// # Examples
///
/// ```
/// # quintet::block_on(async {
/// assert!(quintet::fs::try_exists("/proc").await?);
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[track_caller]
pub fn try_exists(path: impl AsRef<Path>) -> impl Future<Output = io::Result<bool>> {
    called_here(async move {
        poll_fn(cached::poll_proceed).await;
        if let Some(exists) = cached::exists(path.as_ref()) {
            return Ok(exists);
        }
        read_on_path(path.as_ref(), "look for", Path::try_exists).await
    })
}

/// Sets who may read and write a file. Symbolic links are followed.
///
/// # Errors
///
/// The OS's: [`PermissionDenied`](io::ErrorKind::PermissionDenied) and others.
///
/// # Examples
///
/// ```
/// # quintet::block_on(async {
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("greeting");
/// # quintet::fs::write(&path, "hello").await?;
/// let mut permissions = quintet::fs::metadata(&path).await?.permissions();
/// permissions.set_readonly(true);
/// quintet::fs::set_permissions(&path, permissions).await?;
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[track_caller]
pub fn set_permissions(
    path: impl AsRef<Path>,
    permissions: Permissions,
) -> impl Future<Output = io::Result<()>> {
    called_here(async move {
        let path = path.as_ref().to_owned();
        let work = move || {
            std::fs::set_permissions(&path, permissions)
                .map_err(cannot("set the permissions of", &path))
        };
        job::run(work).await
    })
}
