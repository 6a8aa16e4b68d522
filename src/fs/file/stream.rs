//! Reading, writing and seeking by the cursor.

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

/// By the cursor.
impl File {
    /// Reads what is there, at least one byte; 0 means that the file ends here, or that `buf` is
    /// empty. A file that has grown since can be read on.
    ///
    /// # Errors
    ///
    /// The OS's.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no data: what it has read is there for the next read, and the
    /// position is the one before. If it came to the end of a pipe, a terminal or the like, or to an
    /// error of one, the next read returns that, as the OS may not say it twice. In a regular file
    /// the next one looks again.
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

    /// Reads exactly as much as `buf` holds.
    ///
    /// # Errors
    ///
    /// The OS's; [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) if the file ends before that.
    ///
    /// # Cancel safety
    ///
    /// None: what was read is lost with the future.
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

    /// Writes as much of `buf` as the OS takes, at most 1 MiB, and returns how much.
    ///
    /// # Errors
    ///
    /// The OS's.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not take the write back: `buf` is written, or a part of it, before
    /// the next operation begins. (Only where the write still waited for an earlier operation it is
    /// not.) To write the same again writes it a second time. If the write fails, the next
    /// [`flush`](File::flush) returns the error.
    #[track_caller]
    pub fn write(&mut self, buf: &[u8]) -> impl Future<Output = io::Result<usize>> {
        called_here(async move {
            let call = self.call.next();
            poll_fn(|cx| self.poll_write_cursor(cx, call, &[IoSlice::new(buf)])).await
        })
    }

    /// Writes all of `buf`.
    ///
    /// # Errors
    ///
    /// The OS's; [`WriteZero`](io::ErrorKind::WriteZero) if it takes nothing.
    ///
    /// # Cancel safety
    ///
    /// None: how much was written is lost with the future.
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

    /// Waits for a write that is under way because its future was dropped. There is nothing else to
    /// flush; for the disk, see [`sync_all`](File::sync_all).
    ///
    /// # Errors
    ///
    /// The first error of a write whose future was dropped, if neither this nor
    /// [`sync_all`](File::sync_all) or [`sync_data`](File::sync_data) has returned it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
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
    ///     // The disk takes its time. The line is written all the same, and this says if it is not.
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

    /// Moves the cursor, and returns where it is then, from the start of the file.
    ///
    /// # Errors
    ///
    /// The OS's: [`InvalidInput`](io::ErrorKind::InvalidInput) before the start,
    /// [`NotSeekable`](io::ErrorKind::NotSeekable) for pipes and the like.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not take the seek back: the cursor moves before the next operation
    /// begins, unless the seek still waited for an earlier one. A second relative seek then starts
    /// from there.
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

    fn poll_write_cursor(
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
        // Not for a read that is under way: it may wait long for data.
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

    /// Puts the OS's cursor where the user's is.
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

/// What was copied here counts; the trip to the worker has been counted as such.
fn charge(result: &io::Result<usize>) {
    if let Ok(n) = result {
        coop::charge(*n);
    }
}

/// The traits' callers wait when they see `WouldBlock`, and would never be woken.
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

    /// The same as flushing: a file is closed when it is dropped.
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
