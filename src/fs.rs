//! Files and directories.
//!
//! The names and the meaning are those of [`std::fs`]. What may wait for a disk runs on a worker
//! thread, so the loop goes on meanwhile. A function of this module is *one* job there, however
//! many system calls it takes: [`read`] opens, reads and closes in one go. What the kernel has in
//! memory is [read without a worker](#cached-files).
//!
//! # Which to use
//!
//! - A whole file of reasonable size: [`read`], [`read_to_string`], [`write()`].
//! - A large file, or parts of one: [`File::read_chunk_at`], [`File::read_at`] and their
//!   counterparts. They take `&self`, and any number of them may be under way at once.
//! - Code that knows the traits of [`io`](crate::io): [`File`] implements
//!   [`AsyncRead`](crate::io::AsyncRead), [`AsyncWrite`](crate::io::AsyncWrite) and
//!   [`AsyncSeek`](crate::io::AsyncSeek).
//! - Many small operations in a row: write them with [`std::fs`] into one
//!   [`spawn_blocking`](crate::spawn_blocking). That is one trip to a worker and not many.
//!
//! # Errors
//!
//! Where a path was given, errors name it:
//!
//! ```text
//! cannot open "x": No such file or directory (os error 2)
//! ```
//!
//! Their [`kind`](std::io::Error::kind) is that of the OS's error, which is their
//! [`source`](std::error::Error::source). Where no runtime is current, and on another loop than the
//! one it was begun on, a future answers an error too, and does not panic.
//!
//! # Dropped futures
//!
//! Dropping the future of an operation that no worker has begun keeps it from beginning. One that
//! has begun goes on to its end, unseen: a file may be there after all, or half a copy.
//! ([`read`] and [`read_to_string`] stop early.) The operations on the cursor of a [`File`] go on
//! even if no worker has begun them. On one `File`, what is called next begins after what was
//! dropped has ended; see [there](File#cancel-safety).
//!
//! # Cached files
//!
//! [`read`], [`read_to_string`], [`try_exists`], [`File::open`] and the reading of an open [`File`] first
//! ask the kernel for what it has in its caches, which it tells without waiting. Then they answer
//! at once, several times as fast, and need no worker. Where it is not all there, a worker goes on
//! from where they came to. The results are the same, and so are the errors.
//!
//! - One read takes up to 256 KiB in this way, and all reads of a tick together 4 MiB; what is more is
//!   done by workers. Like every operation that is ready, they are charged to the task's
//!   [budget](crate::task::coop).
//! - The file system must be able to do it. Ext4, XFS, Btrfs and others are; tmpfs, overlayfs (so the
//!   files of most containers) and network file systems are not. That is remembered for each
//!   directory, and costs next to nothing.
//! - The kernel must have `openat2` with `RESOLVE_CACHED`, which is of Linux 5.12, and must be allowed
//!   to be asked: some filters of system calls do not know it. In Linux 5.10 it is not used, as reads
//!   from the cache take gaps for the end of the file there.
//! - A file system may still do something in the moment in which a file is opened. The first one in a
//!   directory of FUSE or NFS asks its server, on the loop.
//!
//! [`Builder::cached_reads`](crate::runtime::Builder::cached_reads) switches it off.
//!
//! # What blocks a worker
//!
//! There are few workers (4, unless set otherwise), and an operation has one for as long as the OS
//! takes. Opening a FIFO waits for somebody to open its other end, and reading one waits for data;
//! a network file system that hangs, hangs for ever. Before paths that strangers have named are
//! opened, look at their [`metadata`], or open them with the `O_NONBLOCK` flag
//! ([`custom_flags`](OpenOptions::custom_flags)).

mod cached;
mod contents;
mod dir_builder;
mod file;
mod in_flight;
mod job;
mod open_options;
mod path_error;
mod paths;
mod read_dir;

pub use std::fs::{FileTimes, FileType, Metadata, Permissions};

pub use contents::{copy, read, read_to_string, write};
pub use dir_builder::DirBuilder;
pub use file::File;
pub use open_options::OpenOptions;
pub use paths::{
    canonicalize, create_dir, create_dir_all, hard_link, metadata, read_link, remove_dir,
    remove_dir_all, remove_file, rename, set_permissions, symlink, symlink_metadata, try_exists,
};
pub use read_dir::{DirEntry, ReadDir, read_dir};

/// The most that one job reads or writes of an open file, so that a large file does not keep a
/// worker from others. Of this size and above, the trip to the worker no longer shows in the time.
const CHUNK_MAX: usize = 1 << 20;
