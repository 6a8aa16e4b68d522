//! Reading, writing and seeking by the cursor.

use std::future::poll_fn;
use std::io::{self, IoSlice, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::io::{AsyncRead, AsyncSeek, AsyncWrite};

use super::File;
use super::cursor::Cursor;
use crate::coop;

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
    /// Dropping the future loses no data. If the dropped one came to the end of the file, or to an
    /// error, that is what the next one answers.
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
    pub async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        poll_fn(|cx| self.poll_read_cursor(cx, buf)).await
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
    pub async fn read_exact(&mut self, mut buf: &mut [u8]) -> io::Result<()> {
        while !buf.is_empty() {
            let n = self.read(buf).await?;
            if n == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            buf = &mut buf[n..];
        }
        Ok(())
    }

    /// Writes as much of `buf` as the OS takes, at most 1 MiB, and returns how much.
    ///
    /// # Errors
    ///
    /// The OS's.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future may leave it written, now or a little later. If the next operation is to
    /// write the same data, it answers for both, and they are written once.
    pub async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        poll_fn(|cx| self.poll_write_cursor(cx, &[IoSlice::new(buf)])).await
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
    pub async fn write_all(&mut self, mut buf: &[u8]) -> io::Result<()> {
        while !buf.is_empty() {
            let n = self.write(buf).await?;
            if n == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            buf = &buf[n..];
        }
        Ok(())
    }

    /// Waits for a write that is under way because its future was dropped. There is nothing else to
    /// flush; for the disk, see [`sync_all`](File::sync_all).
    ///
    /// # Errors
    ///
    /// That of this write.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn flush(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_flush_cursor(cx)).await
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
    /// Dropping the future may leave the cursor moved. If the next operation is the same seek, it
    /// answers for both, and the cursor moves once.
    pub async fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        poll_fn(|cx| self.poll_seek_cursor(cx, position)).await
    }

    fn poll_read_cursor(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let len = buf.len();
        loop {
            let mut cursor = ready!(self.cursor.poll_lock(cx))?;
            if let Some(result) = cursor.take_read(buf) {
                charge(&result);
                return Poll::Ready(result);
            }
            let cached = cursor.read_cached(buf);
            drop(cursor);
            self.is_writing = false;
            if let Some(n) = cached {
                coop::charge(n);
                return Poll::Ready(Ok(n));
            }
            self.cursor.start(move |cursor| cursor.read(len))?;
        }
    }

    fn poll_write_cursor(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if bufs.iter().all(|buf| buf.is_empty()) {
            return Poll::Ready(Ok(0));
        }
        loop {
            let mut cursor = ready!(self.cursor.poll_lock(cx))?;
            if let Some(result) = cursor.take_write(bufs) {
                self.is_writing = false;
                charge(&result);
                return Poll::Ready(result);
            }
            cursor.put_write(bufs);
            drop(cursor);
            self.is_writing = true;
            self.cursor.start(Cursor::write)?;
        }
    }

    fn poll_flush_cursor(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Not for a read that is under way: it may wait long for data.
        if !self.is_writing {
            return Poll::Ready(Ok(()));
        }
        let mut cursor = ready!(self.cursor.poll_lock(cx))?;
        self.is_writing = false;
        Poll::Ready(cursor.take_write_error())
    }

    fn poll_seek_cursor(
        &mut self,
        cx: &mut Context<'_>,
        position: SeekFrom,
    ) -> Poll<io::Result<u64>> {
        loop {
            let mut cursor = ready!(self.cursor.poll_lock(cx))?;
            if let Some(result) = cursor.take_seek(position) {
                return Poll::Ready(result);
            }
            drop(cursor);
            self.is_writing = false;
            self.cursor.start(move |cursor| cursor.seek(position))?;
        }
    }
}

/// What was copied here counts; the trip to the worker has been counted as such.
fn charge(result: &io::Result<usize>) {
    if let Ok(n) = result {
        coop::charge(*n);
    }
}

impl AsyncRead for File {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_read_cursor(cx, buf)
    }
}

impl AsyncWrite for File {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_cursor(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_cursor(cx, bufs)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush_cursor(cx)
    }

    /// The same as flushing: a file is closed when it is dropped.
    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush_cursor(cx)
    }
}

impl AsyncSeek for File {
    fn poll_seek(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        position: SeekFrom,
    ) -> Poll<io::Result<u64>> {
        self.poll_seek_cursor(cx, position)
    }
}
