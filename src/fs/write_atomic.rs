//! Replacing a file as a whole.

use std::ffi::OsStr;
use std::fs::{File, Metadata, Permissions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, openat, renameat, unlinkat};
use rustix::io::{Errno, retry_on_intr};

use super::job;
use super::path_error::cannot;
use super::temp_name::with_new_name;
use crate::blocking::called_here;

/// The maximum number of symbolic links that are followed, as on Linux.
const LINKS_MAX: usize = 40;

/// The permission bits of a file without the bits that run it as another user or group.
const ORDINARY_BITS: u32 = 0o1777;

/// Replaces the contents of a file atomically and durably: a reader finds all of the old
/// contents or all of the new ones, even after a crash.
///
/// Creates the file if it does not exist. When the future resolves, the new contents are on the
/// disk. Use it for what must not be lost, such as configuration and state. For anything else
/// [`write()`](super::write()) is many times as fast, because it does not wait for the disk.
///
/// Runs on a worker, as one job: writes the contents to a temporary file in the directory of
/// `path`, synchronizes it, renames it to `path`, and synchronizes the directory.
///
/// - A symbolic link is followed, and its target is replaced.
/// - The new file has the permission bits of the old one, and its owner and group if the process
///   may set them (otherwise it loses the set-user-ID and set-group-ID bits). It does not have the
///   access control list and other extended attributes. A file that did not exist gets the
///   permission bits 0o666, to which the umask is applied.
/// - It is another file: other hard links, and handles that are open, keep the old contents.
/// - If the process is killed or the machine crashes, the temporary file can be left. Its name is
///   `.quintet-`, 16 hexadecimal digits and `.tmp`. After an error it is removed.
///
/// `contents` is copied once, because the worker must own it.
///
/// # Errors
///
/// Returns the error of the system call, with the path:
///
/// - the kinds of [every function with a path](super#errors).
///   [`PermissionDenied`](io::ErrorKind::PermissionDenied) also means that the process may not read
///   or write the directory;
/// - [`IsADirectory`](io::ErrorKind::IsADirectory): `path` is a directory;
/// - [`InvalidInput`](io::ErrorKind::InvalidInput): `path` is a device, a FIFO or a socket;
/// - [`StorageFull`](io::ErrorKind::StorageFull), [`QuotaExceeded`](io::ErrorKind::QuotaExceeded):
///   there is no space left;
/// - [`FileTooLarge`](io::ErrorKind::FileTooLarge): `contents` is larger than the file system or
///   the limits of the process allow;
/// - [`ReadOnlyFilesystem`](io::ErrorKind::ReadOnlyFilesystem): the file system is read-only.
///
/// After an error the file has its old contents, with one exception: if the directory cannot be
/// synchronized, the error says so, the file has the new contents, and it is not known which ones a
/// crash would leave.
///
/// # Cancel safety
///
/// If the future is dropped, the file has its old contents or the new ones, and no temporary file
/// is left. A worker that has begun stops before the rename, or continues to the end.
///
/// # Examples
///
/// ```
/// # quintet::block_on(async {
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("state.json");
/// quintet::fs::write_atomic(&path, r#"{"visits": 1}"#).await?;
/// assert_eq!(quintet::fs::read(&path).await?, br#"{"visits": 1}"#);
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[track_caller]
pub fn write_atomic(
    path: impl AsRef<Path>,
    contents: impl AsRef<[u8]>,
) -> impl Future<Output = io::Result<()>> {
    called_here(async move {
        let path = path.as_ref().to_owned();
        let contents = contents.as_ref().to_owned();
        job::run(move || replace(&path, &contents)).await
    })
}

#[inline]
fn replace(path: &Path, contents: &[u8]) -> io::Result<()> {
    let fail = |what| cannot(what, path);
    let target = follow_links(path).map_err(fail("resolve"))?;
    let old = replaceable(&target).map_err(fail("replace"))?;
    let name = target.file_name().ok_or_else(is_a_directory);
    let name = name.map_err(fail("replace"))?;
    let dir = open_parent(&target).map_err(fail("open the directory of"))?;

    let draft = Draft::new(&dir, old.is_some()).map_err(fail("create a temporary file for"))?;
    (&draft.file).write_all(contents).map_err(fail("write"))?;
    if let Some(old) = &old {
        keep_permissions(&draft.file, old).map_err(fail("set the permissions of"))?;
    }
    draft.file.sync_all().map_err(fail("synchronize"))?;
    // If no caller waits for the result, the old contents stay.
    job::check_alive()?;
    draft.rename_to(name).map_err(fail("replace"))?;
    match dir.sync_all() {
        // The file system synchronizes no directories.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        result => result.map_err(fail("synchronize the directory of")),
    }
}

/// Returns the path to which the symbolic links lead that `path` ends with. It need not exist.
fn follow_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..=LINKS_MAX {
        match std::fs::read_link(&path) {
            // The target of a relative link is relative to the directory of the link.
            Ok(target) => {
                path.pop();
                path.push(target);
            }
            Err(error) => {
                return match error.kind() {
                    // It is no link, or does not exist.
                    io::ErrorKind::InvalidInput | io::ErrorKind::NotFound => Ok(path),
                    _ => Err(error),
                };
            }
        }
    }
    Err(Errno::LOOP.into())
}

/// Returns the metadata of the file that is replaced, if it exists.
fn replaceable(target: &Path) -> io::Result<Option<Metadata>> {
    if target.as_os_str().is_empty() {
        return Err(Errno::NOENT.into());
    }
    if target.as_os_str().as_bytes().ends_with(b"/") {
        return Err(is_a_directory());
    }
    match std::fs::symlink_metadata(target) {
        Ok(old) if old.is_file() => Ok(Some(old)),
        Ok(old) if old.is_dir() => Err(is_a_directory()),
        Ok(_) => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is not a regular file",
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_a_directory() -> io::Error {
    Errno::ISDIR.into()
}

/// Opens the directory of `target`. All that follows is relative to it, so it does not matter if it
/// is renamed meanwhile.
#[inline]
fn open_parent(target: &Path) -> io::Result<File> {
    let parent = match target.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let dir = retry_on_intr(|| openat(CWD, parent, flags, Mode::empty()))?;
    Ok(File::from(dir))
}

/// The temporary file, which is removed unless it is renamed.
struct Draft<'a> {
    dir: &'a File,
    name: String,
    file: File,
    is_renamed: bool,
}

impl<'a> Draft<'a> {
    /// Creates the file. If it is to replace another one, whose permissions may be narrow, no other
    /// user may read it yet.
    #[inline]
    fn new(dir: &'a File, replaces: bool) -> io::Result<Self> {
        let owner = Mode::RUSR | Mode::WUSR;
        let all = owner | Mode::RGRP | Mode::WGRP | Mode::ROTH | Mode::WOTH;
        let mode = if replaces { owner } else { all };
        let (file, name) = with_new_name(".tmp", |name| create_in(dir, name, mode))?;
        Ok(Draft {
            dir,
            name,
            file,
            is_renamed: false,
        })
    }

    #[inline]
    fn rename_to(mut self, name: &OsStr) -> io::Result<()> {
        renameat(self.dir, &self.name, self.dir, name)?;
        self.is_renamed = true;
        Ok(())
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if !self.is_renamed {
            // The error that led to this is the one to report.
            let _left = unlinkat(self.dir, &self.name, AtFlags::empty());
        }
    }
}

#[inline]
fn create_in(dir: &File, name: &str, mode: Mode) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let file = retry_on_intr(|| openat(dir, name, flags, mode))?;
    Ok(File::from(file))
}

/// Gives a new file the owner, the group and the permission bits of an old one, as far as the
/// process may.
fn keep_permissions(file: &File, old: &Metadata) -> io::Result<()> {
    let new = file.metadata()?;
    let is_kept = (new.uid(), new.gid()) == (old.uid(), old.gid())
        || match fchown(file, Some(old.uid()), Some(old.gid())) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => false,
            Err(error) => return Err(error),
        };
    let permissions = match is_kept {
        true => old.permissions(),
        false => Permissions::from_mode(old.mode() & ORDINARY_BITS),
    };
    file.set_permissions(permissions)
}
