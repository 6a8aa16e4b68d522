//! Asynchronous files and directories.
//!
//! This module mirrors [`std::fs`]. Linux has no non-blocking calls for most file operations, so
//! they run on a worker thread, and the event loop is not blocked. Each function is *one* job on
//! a worker, however many system calls it makes: [`read`] opens, reads and closes a file in one
//! job. Files that the kernel has in its caches are [read on the loop](#cached-files), without a
//! worker.
//!
//! # Which operation to use
//!
//! - To read or write a whole file of moderate size: [`read`], [`read_to_string`] and [`write()`].
//! - To replace a file so that a crash leaves either the old contents or the new ones:
//!   [`write_atomic`].
//! - To read or write parts of a file, or a large file: [`File::read_chunk_at`], [`File::read_at`],
//!   [`File::write_at`] and similar methods. They take `&self`, and several operations can run
//!   concurrently.
//! - For code that uses the traits of [`io`](crate::io): [`File`] implements
//!   [`AsyncRead`](crate::io::AsyncRead), [`AsyncWrite`](crate::io::AsyncWrite) and
//!   [`AsyncSeek`](crate::io::AsyncSeek).
//! - To go through all files of a directory tree: [`walk()`].
//! - For many small operations in a row: call [`std::fs`] in one
//!   [`spawn_blocking`](crate::spawn_blocking). This sends one job to a worker instead of many.
//!
//! # Errors
//!
//! The errors of functions that take a path contain the operation and the path:
//!
//! ```text
//! cannot open "x": No such file or directory (os error 2)
//! ```
//!
//! Their [`kind`](std::io::Error::kind) is that of the error of the system call, which is their
//! [`source`](std::error::Error::source). The following kinds occur with every function that takes
//! a path, and the documentation of the functions lists only the others:
//!
//! - [`NotFound`](std::io::ErrorKind::NotFound): a component of the path does not exist.
//! - [`NotADirectory`](std::io::ErrorKind::NotADirectory): a component of the path other than the
//!   last one is not a directory.
//! - [`PermissionDenied`](std::io::ErrorKind::PermissionDenied): the process has no permission for
//!   the operation, or no search permission for a directory of the path.
//! - [`InvalidInput`](std::io::ErrorKind::InvalidInput): the path contains a NUL byte.
//! - [`InvalidFilename`](std::io::ErrorKind::InvalidFilename): the path or a component is too long.
//!
//! A future of this module also resolves to an error, and does not panic, if it is polled outside
//! of a runtime, or on another runtime than the one on which it was first polled.
//!
//! # Cancel safety
//!
//! If a future is dropped before a worker has begun the operation, the operation is not carried
//! out. If a worker has begun it, it continues to its end and the result is discarded: the file
//! may have been created, written or removed, completely or in part. [`read`] and
//! its variants, [`copy`] and [`write_atomic`] stop early.
//!
//! The operations that use the cursor of a [`File`] are carried out even if no worker has begun
//! them. The next operation on the same `File` begins after the end of an operation whose future
//! was dropped; see [`File`](File#cancel-safety).
//!
//! # Cached files
//!
//! [`read`] and its variants, [`try_exists`], [`File::open`] and reads of an open [`File`]
//! first try to use the kernel's caches, with system calls that do not block. If everything is
//! cached, the future completes on the loop, several times as fast as with a worker. Otherwise a
//! worker continues with what is left. The results and the errors are the same.
//!
//! - One read takes up to 256 KiB in this way, and all reads of a tick together 4 MiB. Workers do
//!   the rest. Such reads are charged to the task's [budget](crate::task::coop), like every
//!   operation that is ready.
//! - The file system must support it. Ext4, XFS, Btrfs and others do. tmpfs, overlayfs (and so the
//!   files of most containers) and network file systems do not; this is remembered for each
//!   directory, so that further attempts cost almost nothing.
//! - The kernel must support `openat2` with `RESOLVE_CACHED` (Linux 5.12 or later), and a seccomp
//!   filter must allow it. Linux 5.10 is excluded, because there such a read can report the end of
//!   the file at a page that is not cached.
//! - Opening a file may still block if the file system does I/O when a file is opened. The first
//!   file of a FUSE or NFS directory that is opened sends a request to the server, on the loop.
//!
//! [`Builder::cached_reads`](crate::runtime::Builder::cached_reads) turns this off.
//!
//! # Blocked workers
//!
//! The number of workers is small (4 by default), and an operation occupies one for as long as its
//! system calls take. Opening a FIFO blocks until another process opens the other end, and reading
//! one blocks until there is data. A network file system whose server does not respond can block
//! for ever. Before you open paths from an untrusted source, check their [`metadata`], or open them
//! with the `O_NONBLOCK` flag ([`custom_flags`](OpenOptions::custom_flags)).

mod cached;
mod contents;
mod dir_builder;
mod file;
mod in_flight;
mod job;
mod metadata;
mod open_options;
mod path_error;
mod paths;
mod read_dir;
mod temp;
mod temp_name;
mod walk;
mod write_atomic;

pub use std::fs::{FileTimes, FileType, Metadata, Permissions};

pub use contents::{copy, read, read_limited, read_to_string, write};
pub use dir_builder::DirBuilder;
pub use file::{File, TryLockError};
pub use metadata::{
    chown, exists, lchown, metadata, set_permissions, symlink_metadata, try_exists,
};
pub use open_options::OpenOptions;
pub use paths::{
    canonicalize, create_dir, create_dir_all, hard_link, read_link, remove_dir, remove_dir_all,
    remove_file, rename, symlink,
};
pub use read_dir::{DirEntry, ReadDir, read_dir};
pub use temp::{TempDir, tempdir, tempdir_in, tempfile, tempfile_in};
pub use walk::{Walk, WalkEntry, walk};
pub use write_atomic::write_atomic;

/// The maximum number of bytes that one job reads from or writes to an open file, so that a large
/// file does not occupy a worker for long. At this size the cost of the job itself no longer shows.
const CHUNK_MAX: usize = 1 << 20;
