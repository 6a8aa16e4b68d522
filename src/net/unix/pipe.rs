//! Pipes: anonymous ones, and named ones (FIFOs).
//!
//! The names are those of `tokio::net::unix::pipe`. [`pipe`] makes an anonymous pipe,
//! [`OpenOptions`] opens a FIFO.

mod open_options;
#[cfg_attr(
    any(quintet_portable, not(any(target_os = "linux", target_os = "android"))),
    path = "pipe/os/portable.rs"
)]
mod os;
mod receiver;
mod sender;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat};

pub use open_options::OpenOptions;
pub use receiver::Receiver;
pub use sender::Sender;

/// Creates an anonymous pipe: what is written to the sender is read from the receiver.
///
/// # Errors
///
/// Returns the error of the system call, for example if the process has run out of descriptors.
///
/// # Examples
///
/// ```
/// use quintet::net::unix::pipe;
///
/// # quintet::block_on(async {
/// let (sender, receiver) = pipe::pipe()?;
/// sender.write_all(b"ping").await?;
/// drop(sender);
/// let mut buf = [0; 16];
/// assert_eq!(receiver.read(&mut buf).await?, 4);
/// // The last sender is gone.
/// assert_eq!(receiver.read(&mut buf).await?, 0);
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub fn pipe() -> io::Result<(Sender, Receiver)> {
    let (receiver, sender) = io::pipe()?;
    let (receiver, sender) = (OwnedFd::from(receiver), OwnedFd::from(sender));
    set_nonblocking(receiver.as_fd(), true)?;
    set_nonblocking(sender.as_fd(), true)?;
    Ok((Sender::new(sender), Receiver::new_anonymous(receiver)))
}

/// What an end of a pipe does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PipeEnd {
    Sender,
    Receiver,
}

fn set_nonblocking(fd: BorrowedFd<'_>, is_nonblocking: bool) -> io::Result<()> {
    Ok(rustix::io::ioctl_fionbio(fd, is_nonblocking)?)
}

/// Returns an error unless `fd` is a pipe.
fn check_pipe(fd: BorrowedFd<'_>) -> io::Result<()> {
    let mode = fstat(fd)?.st_mode;
    if FileType::from_raw_mode(mode) == FileType::Fifo {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        "this is not a pipe",
    ))
}

/// Returns an error unless `fd` is a pipe that can be used as this end of it, and makes it
/// non-blocking.
fn convert(fd: BorrowedFd<'_>, end: PipeEnd) -> io::Result<()> {
    check_pipe(fd)?;
    let (mode, what) = match end {
        PipeEnd::Sender => (OFlags::WRONLY, "this pipe is not open for writing"),
        PipeEnd::Receiver => (OFlags::RDONLY, "this pipe is not open for reading"),
    };
    let access = fcntl_getfl(fd)? & OFlags::RWMODE;
    if access != mode && access != OFlags::RDWR {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    }
    set_nonblocking(fd, true)
}

/// Returns the descriptor of an end that leaves its loop, blocking or not.
fn leave(fd: OwnedFd, is_nonblocking: bool) -> io::Result<OwnedFd> {
    set_nonblocking(fd.as_fd(), is_nonblocking)?;
    Ok(fd)
}

/// What both ends of a pipe have.
macro_rules! impl_pipe_end {
    ($end:ident, $what:literal, $convert:expr) => {
        impl $end {
            /// Converts a descriptor of a pipe or FIFO, and makes it non-blocking.
            ///
            /// # Errors
            ///
            /// Returns an error of kind [`InvalidInput`](io::ErrorKind::InvalidInput) if it is no
            #[doc = concat!("pipe, or if it is not open for ", $what, ", and the errors of the")]
            /// system calls that ask for that.
            pub fn from_owned_fd(fd: OwnedFd) -> io::Result<Self> {
                convert(fd.as_fd(), $convert)?;
                Ok($end::new(fd))
            }

            /// Converts a file that is a pipe or FIFO, and makes it non-blocking.
            ///
            /// # Errors
            ///
            /// Returns the errors of [`from_owned_fd`](Self::from_owned_fd).
            pub fn from_file(file: File) -> io::Result<Self> {
                $end::from_owned_fd(file.into())
            }

            /// Converts a descriptor that is known to be a non-blocking one of a pipe or FIFO.
            ///
            /// If it is blocking, operations block the loop.
            ///
            /// # Errors
            ///
            /// This function currently never fails.
            pub fn from_owned_fd_unchecked(fd: OwnedFd) -> io::Result<Self> {
                Ok($end::new(fd))
            }

            /// Converts a file that is known to be a non-blocking pipe or FIFO.
            ///
            /// If it is blocking, operations block the loop.
            ///
            /// # Errors
            ///
            /// This function currently never fails.
            pub fn from_file_unchecked(file: File) -> io::Result<Self> {
                $end::from_owned_fd_unchecked(file.into())
            }

            /// Returns the descriptor, which no longer belongs to a loop, and makes it blocking,
            /// for example to pass it to a child process.
            ///
            /// # Errors
            ///
            /// Returns the error of the system call that makes it blocking.
            pub fn into_blocking_fd(self) -> io::Result<OwnedFd> {
                leave(self.source.into_inner(), false)
            }

            /// Returns the descriptor, which no longer belongs to a loop. It stays non-blocking.
            ///
            /// # Errors
            ///
            /// Returns the error of the system call that makes it non-blocking.
            pub fn into_nonblocking_fd(self) -> io::Result<OwnedFd> {
                leave(self.source.into_inner(), true)
            }

            /// Keeps the runtime alive while a task waits for this end of the pipe. This is the
            /// default.
            ///
            /// It reverses [`unref`](Self::unref). Both may be called from any thread, any number
            /// of times; the last call counts. See
            /// [`Runtime::run`](crate::runtime::Runtime::run).
            pub fn ref_(&self) {
                self.source.set_ref(true);
            }

            /// Allows the runtime to end even while a task waits for this end of the pipe.
            pub fn unref(&self) {
                self.source.set_ref(false);
            }

            /// Returns whether this end of the pipe keeps the runtime alive while a task waits for
            /// it.
            pub fn has_ref(&self) -> bool {
                self.source.is_ref()
            }

            /// Closes this end of the pipe and waits for the close phase of the tick.
            ///
            /// The descriptor is closed by the first poll of the future. A drop closes it, too.
            pub async fn close(self) {
                self.source.close().await;
            }
        }

        impl AsFd for $end {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.source.get().as_fd()
            }
        }

        impl AsRawFd for $end {
            fn as_raw_fd(&self) -> RawFd {
                self.source.get().as_raw_fd()
            }
        }

        impl fmt::Debug for $end {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.source.fmt(f)
            }
        }

        assert_impl!($end: Send + Sync + Unpin);
    };
}
use impl_pipe_end;
