//! Reads, writes and seeks at the cursor.

use std::future::poll_fn;
use std::io::{self, IoSlice, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::io::{AsyncRead, AsyncSeek, AsyncWrite};

use super::cursor::{CallId, Request};
use super::{File, poll_empty, run_empty};
use crate::blocking::{Purpose, called_here};
use crate::coop;
use crate::fs::in_flight;

/// Operations at the cursor.
impl File {
    /// Reads bytes at the cursor into `buf`, and moves the cursor. Returns the number of bytes
    /// read.
    ///
    /// Returns 0 at the end of the file, or if `buf` is empty. If the file grows later, further
    /// reads return the new bytes. Runs on a worker, unless the bytes have been read ahead or are
    /// [cached](crate::fs#cached-files).
    ///
    /// # Errors
    ///
    /// Returns the error of the system call:
    ///
    /// - [`IsADirectory`](io::ErrorKind::IsADirectory): the file is a directory;
    /// - [`WouldBlock`](io::ErrorKind::WouldBlock): the file was opened with `O_NONBLOCK` and is
    ///   not ready.
    ///
    /// The error for a file that is not open for reading (`EBADF`) has no kind of its own.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no data is lost. The next read returns the bytes that were read, and until
    /// then the position is the one before. If the dropped read has reached the end of a pipe, a
    /// terminal or a device, or an error of one, the next read returns that, because the OS may
    /// report it only once. In a regular file the next read tries again.
    ///
    /// # Examples
    ///
    /// ```
    /// # quintet::block_on(async {
    /// let mut file = quintet::fs::File::open("/proc/self/status").await?;
    /// let mut buf = [0; 16];
    /// let n = file.read(&mut buf).await?;
    /// assert!(buf[..n].starts_with(b"Name:"));
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[track_caller]
    pub fn read(&mut self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        called_here(async move {
            let call = self.call.next();
            poll_fn(|cx| self.poll_read_cursor(cx, call, buf)).await
        })
    }

    /// Reads the exact number of bytes that fills `buf`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`read`](File::read), and
    /// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) if the file ends before `buf` is full. The
    /// contents of `buf` are unspecified then.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: the bytes that were read into `buf` are lost with the future.
    #[track_caller]
    pub fn read_exact(&mut self, mut buf: &mut [u8]) -> impl Future<Output = io::Result<()>> {
        called_here(async move {
            if buf.is_empty() {
                run_empty().await?;
            }
            while !buf.is_empty() {
                let n = self.read(buf).await?;
                if n == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                buf = &mut buf[n..];
            }
            Ok(())
        })
    }

    /// Writes bytes of `buf` at the cursor, at most 1 MiB, and moves the cursor. Returns the
    /// number of bytes written.
    ///
    /// Runs on a worker.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call:
    ///
    /// - [`StorageFull`](io::ErrorKind::StorageFull),
    ///   [`QuotaExceeded`](io::ErrorKind::QuotaExceeded): there is no space left;
    /// - [`FileTooLarge`](io::ErrorKind::FileTooLarge): the file would be larger than the file
    ///   system or the limits of the process allow;
    /// - [`BrokenPipe`](io::ErrorKind::BrokenPipe): the file is a pipe without readers;
    /// - [`WouldBlock`](io::ErrorKind::WouldBlock): the file was opened with `O_NONBLOCK` and is
    ///   not ready.
    ///
    /// The error for a file that is not open for writing (`EBADF`) has no kind of its own.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: if the future is dropped, `buf` or a part of it is still written before the
    /// next operation begins, unless the write still waited for an earlier operation. Writing the
    /// same bytes again writes them twice. If the dropped write fails, the next
    /// [`flush`](File::flush) returns the error.
    #[track_caller]
    pub fn write(&mut self, buf: &[u8]) -> impl Future<Output = io::Result<usize>> {
        called_here(async move {
            let call = self.call.next();
            poll_fn(|cx| self.poll_write_cursor(cx, call, &[IoSlice::new(buf)])).await
        })
    }

    /// Writes all of `buf` at the cursor.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`write`](File::write), and [`WriteZero`](io::ErrorKind::WriteZero) if
    /// the OS writes no bytes. Some bytes may have been written.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: if the future is dropped, it is not known how many bytes were written.
    #[track_caller]
    pub fn write_all(&mut self, mut buf: &[u8]) -> impl Future<Output = io::Result<()>> {
        called_here(async move {
            if buf.is_empty() {
                run_empty().await?;
            }
            while !buf.is_empty() {
                let n = self.write(buf).await?;
                if n == 0 {
                    return Err(io::ErrorKind::WriteZero.into());
                }
                buf = &buf[n..];
            }
            Ok(())
        })
    }

    /// Waits for the end of a write whose future was dropped.
    ///
    /// Writes are not buffered, so there is nothing else to flush. To wait until the contents are
    /// on the disk, use [`sync_all`](File::sync_all).
    ///
    /// # Errors
    ///
    /// Returns the first error of a write whose future was dropped, unless an earlier call of this,
    /// of [`sync_all`](File::sync_all) or of [`sync_data`](File::sync_data) has returned it.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use quintet::time::timeout;
    ///
    /// # quintet::block_on(async {
    /// # let dir = tempfile::tempdir()?;
    /// # let path = dir.path().join("log");
    /// let mut log = quintet::fs::File::create(&path).await?;
    /// if timeout(Duration::ZERO, log.write_all(b"started\n")).await.is_err() {
    ///     // The dropped write is still carried out. This returns its error, if there is one.
    ///     log.flush().await?;
    /// }
    /// assert_eq!(quintet::fs::read(&path).await?, b"started\n");
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[track_caller]
    pub fn flush(&mut self) -> impl Future<Output = io::Result<()>> {
        called_here(async move { poll_fn(|cx| self.poll_flush_cursor(cx)).await })
    }

    /// Moves the cursor. Returns its new position, from the start of the file. Runs on a worker.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call:
    ///
    /// - [`InvalidInput`](io::ErrorKind::InvalidInput): the position is negative, or larger than
    ///   [`i64::MAX`];
    /// - [`NotSeekable`](io::ErrorKind::NotSeekable): the file is a pipe, a socket or a terminal.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: if the future is dropped, the cursor still moves before the next operation
    /// begins, unless the seek still waited for an earlier operation. A second relative seek then
    /// starts from the new position.
    #[track_caller]
    pub fn seek(&mut self, position: SeekFrom) -> impl Future<Output = io::Result<u64>> {
        called_here(async move {
            let call = self.call.next();
            poll_fn(|cx| self.poll_seek_cursor(cx, call, position)).await
        })
    }

    fn poll_read_cursor(
        &mut self,
        cx: &mut Context<'_>,
        call: CallId,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return poll_empty(cx);
        }
        let len = buf.len();
        loop {
            let mut cursor = ready!(self.cursor.poll_lock(cx))?;
            if let Some(result) = cursor.take_read(call, buf) {
                charge(&result);
                return Poll::Ready(result);
            }
            if let Some(n) = cursor.read_cached(call, buf) {
                coop::charge(n);
                return Poll::Ready(Ok(n));
            }
            in_flight::check_loop()?;
            cursor.request(call, Request::Read(len));
            drop(cursor);
            self.is_writing = false;
            self.cursor.start(Purpose::Read);
        }
    }

    pub(super) fn poll_write_cursor(
        &mut self,
        cx: &mut Context<'_>,
        call: CallId,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if bufs.iter().all(|buf| buf.is_empty()) {
            return poll_empty(cx);
        }
        loop {
            let mut cursor = ready!(self.cursor.poll_lock(cx))?;
            if let Some(result) = cursor.take_write(call, bufs) {
                self.is_writing = false;
                charge(&result);
                return Poll::Ready(result);
            }
            in_flight::check_loop()?;
            cursor.request_write(call, bufs);
            drop(cursor);
            self.is_writing = true;
            self.cursor.start(Purpose::Change);
        }
    }

    fn poll_flush_cursor(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Does not wait for the end of a read, which may wait for data.
        if self.is_writing {
            let mut cursor = ready!(self.cursor.poll_lock(cx))?;
            cursor.discard_outcome();
            self.is_writing = false;
        } else {
            ready!(coop::poll_proceed(cx));
            if let Some(mut cursor) = self.cursor.try_lock() {
                cursor.discard_outcome();
            }
        }
        coop::charge(0);
        Poll::Ready(self.open.changes.take_write_error())
    }

    fn poll_seek_cursor(
        &mut self,
        cx: &mut Context<'_>,
        call: CallId,
        position: SeekFrom,
    ) -> Poll<io::Result<u64>> {
        loop {
            let mut cursor = ready!(self.cursor.poll_lock(cx))?;
            if let Some(result) = cursor.take_seek(call, position) {
                return Poll::Ready(result);
            }
            in_flight::check_loop()?;
            cursor.request(call, Request::Seek(position));
            drop(cursor);
            self.is_writing = false;
            self.cursor.start(Purpose::Change);
        }
    }

    /// Moves the cursor of the OS back to the position of the user.
    pub(super) fn poll_release(
        &mut self,
        cx: &mut Context<'_>,
        call: CallId,
    ) -> Poll<io::Result<()>> {
        loop {
            let mut cursor = ready!(self.cursor.poll_lock(cx))?;
            cursor.take_failure(call)?;
            if !cursor.is_ahead() {
                return Poll::Ready(Ok(()));
            }
            in_flight::check_loop()?;
            cursor.request(call, Request::Release);
            drop(cursor);
            self.cursor.start(Purpose::Change);
        }
    }
}

/// Charges the bytes that were copied here. The end of the job has been charged.
fn charge(result: &io::Result<usize>) {
    if let Ok(n) = result {
        coop::charge(*n);
    }
}

/// Replaces `WouldBlock`: a caller of the traits that sees it would wait for a wake that never
/// comes.
fn without_would_block<T>(poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
    poll.map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => io::Error::other(format!(
            "the file is in non-blocking mode and is not ready: {error}"
        )),
        _ => error,
    })
}

/// See [cancel safety](File#cancel-safety). In place of
/// [`WouldBlock`](io::ErrorKind::WouldBlock), which files in non-blocking mode return, the traits
/// return [`Other`](io::ErrorKind::Other).
impl AsyncRead for File {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        without_would_block(self.poll_read_cursor(cx, CallId::TRAITS, buf))
    }
}

/// See [cancel safety](File#cancel-safety).
impl AsyncWrite for File {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        without_would_block(self.poll_write_cursor(cx, CallId::TRAITS, bufs))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        without_would_block(self.poll_flush_cursor(cx))
    }

    /// As [`poll_flush`](AsyncWrite::poll_flush): a file is closed when it is dropped.
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

/// See [cancel safety](File#cancel-safety).
impl AsyncSeek for File {
    fn poll_seek(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        position: SeekFrom,
    ) -> Poll<io::Result<u64>> {
        self.poll_seek_cursor(cx, CallId::TRAITS, position)
    }
}
