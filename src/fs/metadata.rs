//! The metadata of paths: read it, and set permissions.

use std::fs::{Metadata, Permissions};
use std::future::poll_fn;
use std::io;
use std::path::Path;

use super::path_error::cannot;
use super::paths::read_on_path;
use super::{cached, job};
use crate::blocking::called_here;

/// Returns the metadata of a file or directory: its type, length, times and permissions.
///
/// Follows symbolic links. Runs on a worker.
///
/// # Errors
///
/// Returns the error of the system call, with the path, of the kinds of [every function with a
/// path](super#errors). [`NotFound`](io::ErrorKind::NotFound) also means a dangling symbolic link.
///
/// # Cancel safety
///
/// Cancel safe.
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

/// As [`metadata`], but does not follow a symbolic link: returns the metadata of the link itself.
///
/// Runs on a worker.
///
/// # Errors
///
/// Returns the error of the system call, with the path, of the kinds of [every function with a
/// path](super#errors).
///
/// # Cancel safety
///
/// Cancel safe.
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

/// Returns whether a path exists.
///
/// Follows symbolic links: for a dangling link this returns `Ok(false)`. Completes on the loop if
/// the kernel has the path in its cache, see [cached files](super#cached-files), and otherwise on
/// a worker.
///
/// The result can be out of date when it is used. To create a file only if it does not exist, use
/// [`File::create_new`](super::File::create_new).
///
/// # Errors
///
/// Returns the error of the system call, with the path, if it does not show whether the path
/// exists: the kinds of [every function with a path](super#errors) without
/// [`NotFound`](io::ErrorKind::NotFound).
///
/// # Cancel safety
///
/// Cancel safe.
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

/// Returns whether a path exists: [`try_exists`], by the name that `std` has for it.
///
/// # Errors
///
/// Returns the errors of [`try_exists`].
///
/// # Cancel safety
///
/// Cancel safe.
///
/// # Examples
///
/// ```
/// # quintet::block_on(async {
/// assert!(!quintet::fs::exists("/no/such/path").await?);
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[track_caller]
pub fn exists(path: impl AsRef<Path>) -> impl Future<Output = io::Result<bool>> {
    try_exists(path)
}

/// Changes the permission bits of a file or directory.
///
/// Follows symbolic links. Runs on a worker.
///
/// # Errors
///
/// Returns the error of the system call, with the path:
///
/// - the kinds of [every function with a path](super#errors);
/// - [`PermissionDenied`](io::ErrorKind::PermissionDenied): the process is not the owner of the
///   file;
/// - [`ReadOnlyFilesystem`](io::ErrorKind::ReadOnlyFilesystem): the file system is read-only.
///
/// # Cancel safety
///
/// Not cancel safe: if the future is dropped, the permissions may or may not have been changed.
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

/// Changes the owner and the group of a file or directory. `None` leaves one as it is.
///
/// Follows symbolic links; [`lchown`] does not. Runs on a worker.
///
/// # Errors
///
/// Returns the error of the system call, with the path:
///
/// - the kinds of [every function with a path](super#errors);
/// - [`PermissionDenied`](io::ErrorKind::PermissionDenied): the process has no privilege to give
///   the file away, or is not a member of the group;
/// - [`ReadOnlyFilesystem`](io::ErrorKind::ReadOnlyFilesystem): the file system is read-only.
///
/// # Cancel safety
///
/// Not cancel safe: if the future is dropped, the owner may or may not have been changed.
///
/// # Examples
///
/// ```
/// use std::os::unix::fs::MetadataExt;
///
/// # quintet::block_on(async {
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("greeting");
/// # quintet::fs::write(&path, "hello").await?;
/// let group = quintet::fs::metadata(&path).await?.gid();
/// quintet::fs::chown(&path, None, Some(group)).await?;
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[track_caller]
pub fn chown(
    path: impl AsRef<Path>,
    uid: Option<u32>,
    gid: Option<u32>,
) -> impl Future<Output = io::Result<()>> {
    called_here(async move {
        let path = path.as_ref().to_owned();
        let change = move || std::os::unix::fs::chown(&path, uid, gid).map_err(no_owner(&path));
        job::run(change).await
    })
}

/// As [`chown`], but does not follow a symbolic link: changes the owner of the link itself.
///
/// # Errors
///
/// Returns the errors of [`chown`].
///
/// # Cancel safety
///
/// Not cancel safe, as [`chown`].
#[track_caller]
pub fn lchown(
    path: impl AsRef<Path>,
    uid: Option<u32>,
    gid: Option<u32>,
) -> impl Future<Output = io::Result<()>> {
    called_here(async move {
        let path = path.as_ref().to_owned();
        let change = move || std::os::unix::fs::lchown(&path, uid, gid).map_err(no_owner(&path));
        job::run(change).await
    })
}

fn no_owner(path: &Path) -> impl FnOnce(io::Error) -> io::Error {
    cannot("set the owner of", path)
}
