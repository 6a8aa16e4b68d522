//! Conversions from and to files of `std`.

use std::future::poll_fn;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::File;
use super::cursor::Cursor;
use super::open_file::OpenFile;
use crate::blocking::called_here;
use crate::fs::in_flight::Operate;
use crate::fs::job;

/// Conversions.
impl File {
    /// Converts a [`std::fs::File`]. The cursor keeps its position.
    #[track_caller]
    pub fn from_std(file: std::fs::File) -> Self {
        File::new(OpenFile::new(file), Cursor::new)
    }

    /// Converts the file into a [`std::fs::File`], whose cursor has the position of this file.
    ///
    /// First waits for an operation at the cursor that still runs. Data that a dropped read has
    /// read from a pipe, a terminal or a device is lost, because these cannot seek back.
    ///
    /// # Errors
    ///
    /// Returns an error if there is an operation to wait for, or data that was read ahead, and the
    /// future is polled outside of a runtime.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: if the future is dropped, the file is closed.
    #[track_caller]
    pub fn into_std(mut self) -> impl Future<Output = io::Result<std::fs::File>> {
        called_here(async move {
            let call = self.call.next();
            poll_fn(|cx| self.poll_release(cx, call)).await?;
            let File { open, cursor, .. } = self;
            drop(cursor);
            match Arc::try_unwrap(open) {
                Ok(open) => Ok(open.file),
                // An operation at an offset still runs, although its future was dropped.
                Err(open) => {
                    let clone = move || {
                        open.changes.settle();
                        open.file.try_clone()
                    };
                    job::run(clone).await
                }
            }
        })
    }

    /// Converts the file into a [`std::fs::File`], whose cursor has the position of this file,
    /// without waiting.
    ///
    /// The error of a write whose future was dropped is lost, as when the file is dropped.
    ///
    /// # Errors
    ///
    /// Returns the file if an operation still runs whose future was dropped, or if data of a pipe,
    /// a terminal or a device would be lost. [`into_std`](File::into_std) waits for the operation.
    ///
    /// # Examples
    ///
    /// ```
    /// # quintet::block_on(async {
    /// let file = quintet::fs::File::open("/proc/self/status").await?;
    /// let file: std::fs::File = file.try_into_std().expect("no operation runs");
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[track_caller]
    pub fn try_into_std(self) -> Result<std::fs::File, Self> {
        if !self.is_settled() {
            return Err(self);
        }
        // On a regular file this only sets a number, so it does not block.
        let released = self.cursor.try_lock().and_then(|mut cursor| {
            let is_released = !cursor.has_request() && cursor.discard_read_ahead().is_ok();
            is_released.then(|| cursor.reads_ahead())
        });
        let Some(reads_ahead) = released else {
            return Err(self);
        };
        let File { open, cursor, .. } = self;
        drop(cursor);
        match Arc::try_unwrap(open) {
            Ok(open) => Ok(open.file),
            // A read at an offset still runs, although its future was dropped.
            Err(open) => {
                let cursor = match reads_ahead {
                    true => Cursor::new,
                    false => Cursor::without_read_ahead,
                };
                Err(File::around(open, cursor))
            }
        }
    }
}

impl From<std::fs::File> for File {
    #[track_caller]
    fn from(file: std::fs::File) -> Self {
        File::from_std(file)
    }
}

impl From<OwnedFd> for File {
    #[track_caller]
    fn from(fd: OwnedFd) -> Self {
        File::from_std(fd.into())
    }
}
