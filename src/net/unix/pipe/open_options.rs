//! Opening a FIFO.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

use super::{PipeEnd, Receiver, Sender, check_pipe};
use crate::io_error::cannot;

/// Options to open a FIFO, a pipe that has a name in the file system.
///
/// The open does not wait for the other end, and the name is looked up on the loop's thread.
///
/// # Examples
///
/// ```no_run
/// use quintet::net::unix::pipe;
///
/// # quintet::block_on(async {
/// let receiver = pipe::OpenOptions::new().open_receiver("/run/commands")?;
/// let mut buf = [0; 512];
/// let n = receiver.read(&mut buf).await?;
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    pub(super) is_read_write: bool,
    is_unchecked: bool,
}

impl OpenOptions {
    /// Creates the default options: the file must be a FIFO, and is opened for one direction.
    pub fn new() -> Self {
        OpenOptions::default()
    }

    /// Sets whether the file is taken for a FIFO without a check, which saves a system call. The
    /// default is false.
    pub fn unchecked(&mut self, unchecked: bool) -> &mut Self {
        self.is_unchecked = unchecked;
        self
    }

    /// Opens a FIFO for reading.
    ///
    /// A read waits for the first sender, as in tokio. After the last one has closed the FIFO, a
    /// read returns 0.
    ///
    /// # Errors
    ///
    /// Returns an error of kind [`NotFound`](io::ErrorKind::NotFound) if there is no such file,
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if it is no FIFO, or another error of the
    /// system call that opens it.
    pub fn open_receiver(&self, path: impl AsRef<Path>) -> io::Result<Receiver> {
        let file = self.open(path.as_ref(), PipeEnd::Receiver)?;
        Receiver::from_file_unchecked(file)
    }

    /// Opens a FIFO for writing.
    ///
    /// # Errors
    ///
    /// Returns the error `ENXIO` if no receiver has opened the FIFO: try again later.
    /// [`open_receiver`](OpenOptions::open_receiver) lists the other errors.
    pub fn open_sender(&self, path: impl AsRef<Path>) -> io::Result<Sender> {
        let file = self.open(path.as_ref(), PipeEnd::Sender)?;
        Sender::from_file_unchecked(file)
    }

    fn open(&self, path: &Path, end: PipeEnd) -> io::Result<File> {
        let opened = fs::OpenOptions::new()
            .read(end == PipeEnd::Receiver || self.is_read_write)
            .write(end == PipeEnd::Sender || self.is_read_write)
            .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
            .open(path);
        let checked = opened.and_then(|file| {
            if !self.is_unchecked {
                check_pipe(file.as_fd())?;
            }
            Ok(file)
        });
        checked.map_err(|error| cannot(format!("open {}", path.display()), error))
    }
}
