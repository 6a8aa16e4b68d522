//! Reads and writes at an offset.

use std::future::poll_fn;
use std::io;

use rustix::buffer::spare_capacity;
use rustix::io::{pread, pwrite, retry_on_intr};

use super::{File, run_empty};
use crate::blocking::{Purpose, called_here};
use crate::coop;
use crate::fs::{CHUNK_MAX, cached};

/// Operations at an offset. They neither use nor move the cursor.
impl File {
    /// Reads bytes at `offset` into `buf`. Returns the number of bytes read.
    ///
    /// Returns 0 if `offset` is at or after the end of the file, or if `buf` is empty. One call
    /// reads at most 1 MiB. Reads on the loop what is [cached](crate::fs#cached-files), and the
    /// rest on a worker.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call, if no bytes were read:
    ///
    /// - [`NotSeekable`](io::ErrorKind::NotSeekable): the file is a pipe, a socket or a terminal;
    /// - [`IsADirectory`](io::ErrorKind::IsADirectory): it is a directory;
    /// - [`InvalidInput`](io::ErrorKind::InvalidInput): `offset` is larger than [`i64::MAX`].
    ///
    /// The error for a file that is not open for reading (`EBADF`) has no kind of its own.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a new call reads the same bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// # quintet::block_on(async {
    /// # let dir = tempfile::tempdir()?;
    /// # let path = dir.path().join("greeting");
    /// # quintet::fs::write(&path, "hello, world").await?;
    /// let file = quintet::fs::File::open(&path).await?;
    /// let mut buf = [0; 16];
    /// let n = file.read_at(&mut buf, 7).await?;
    /// assert_eq!(&buf[..n], b"world");
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[track_caller]
    pub fn read_at(&self, buf: &mut [u8], offset: u64) -> impl Future<Output = io::Result<usize>> {
        called_here(async move {
            if buf.is_empty() {
                return run_empty().await;
            }
            poll_fn(cached::poll_proceed).await;
            let mut n = 0;
            if self.is_settled()
                && let Some(part) = cached::read_at(self.open.as_cached(), buf, offset)
            {
                n = part.len;
                if part.is_whole() {
                    coop::charge(n);
                    return Ok(n);
                }
            }
            let rest = buf.len() - n;
            let rest = self.read_by_worker(Vec::new(), rest, offset + n as u64);
            match rest.await {
                Ok(rest) => {
                    buf[n..][..rest.len()].copy_from_slice(&rest);
                    Ok(n + rest.len())
                }
                // As the OS does: a read that has some bytes returns them, and the next one returns
                // the error.
                Err(_) if n > 0 => Ok(n),
                Err(error) => Err(error),
            }
        })
    }

    /// Reads the exact number of bytes that fills `buf`, at `offset`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`read_at`](File::read_at), and
    /// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) if the file ends before `buf` is full. The
    /// contents of `buf` are unspecified then.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a new call reads all bytes again.
    #[track_caller]
    pub fn read_exact_at(
        &self,
        mut buf: &mut [u8],
        mut offset: u64,
    ) -> impl Future<Output = io::Result<()>> {
        called_here(async move {
            if buf.is_empty() {
                run_empty().await?;
            }
            while !buf.is_empty() {
                let n = self.read_at(buf, offset).await?;
                if n == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                buf = &mut buf[n..];
                offset += n as u64;
            }
            Ok(())
        })
    }

    /// Reads up to `len` bytes at `offset` into `buf`, and returns `buf`.
    ///
    /// The bytes replace the contents of `buf`. It is empty if `offset` is at or after the end of
    /// the file, or if `len` is 0.
    ///
    /// This copies no data between buffers, and if `buf` has a capacity of at least `len`, it
    /// does not allocate. A capacity of exactly `len` is fastest, because such a buffer need not
    /// be initialized. One call reads at most 1 MiB, so that other jobs can run on the worker
    /// between two chunks of a large file.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`read_at`](File::read_at), and
    /// [`OutOfMemory`](io::ErrorKind::OutOfMemory) if `buf` cannot grow to `len` bytes. The
    /// buffer is dropped then.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: only the buffer is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// # quintet::block_on(async {
    /// # let dir = tempfile::tempdir()?;
    /// # let path = dir.path().join("zeros");
    /// # quintet::fs::write(&path, [0; 300_000]).await?;
    /// let file = quintet::fs::File::open(&path).await?;
    /// let (mut chunk, mut offset) = (Vec::new(), 0);
    /// loop {
    ///     chunk = file.read_chunk_at(chunk, 128 * 1024, offset).await?;
    ///     if chunk.is_empty() {
    ///         break;
    ///     }
    ///     // Send or process the chunk here.
    ///     offset += chunk.len() as u64;
    /// }
    /// assert_eq!(offset, 300_000);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[track_caller]
    pub fn read_chunk_at(
        &self,
        mut buf: Vec<u8>,
        len: usize,
        offset: u64,
    ) -> impl Future<Output = io::Result<Vec<u8>>> {
        called_here(async move {
            if len == 0 {
                run_empty().await?;
                buf.clear();
                return Ok(buf);
            }
            poll_fn(cached::poll_proceed).await;
            let cached = match self.is_settled() {
                true => cached::read_chunk(self.open.as_cached(), &mut buf, len, offset),
                false => None,
            };
            match cached {
                Some(part) if part.is_whole() => {
                    coop::charge(part.len);
                    Ok(buf)
                }
                Some(_) => self.read_by_worker(buf, len, offset).await,
                None => {
                    buf.clear();
                    self.read_by_worker(buf, len, offset).await
                }
            }
        })
    }

    /// Reads up to `len` bytes at `offset` on a worker. `buf` contains the first of them already.
    async fn read_by_worker(
        &self,
        mut buf: Vec<u8>,
        len: usize,
        offset: u64,
    ) -> io::Result<Vec<u8>> {
        let work = move |file: &std::fs::File| {
            fill_at(file, &mut buf, len.min(CHUNK_MAX), offset)?;
            Ok(buf)
        };
        self.run(Purpose::Read, move |open| work(&open.file)).await
    }

    /// Writes bytes of `buf` at `offset`. Returns the number of bytes written.
    ///
    /// If `offset` is after the end of the file, the gap is filled with zeros. In append mode the
    /// bytes are written at the end of the file, whatever `offset` is. One call writes at most 1
    /// MiB. Runs on a worker.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call:
    ///
    /// - [`NotSeekable`](io::ErrorKind::NotSeekable): the file is a pipe, a socket or a terminal;
    /// - [`StorageFull`](io::ErrorKind::StorageFull),
    ///   [`QuotaExceeded`](io::ErrorKind::QuotaExceeded): there is no space left;
    /// - [`FileTooLarge`](io::ErrorKind::FileTooLarge): the file would be larger than the file
    ///   system or the limits of the process allow;
    /// - [`InvalidInput`](io::ErrorKind::InvalidInput): `offset` is larger than [`i64::MAX`].
    ///
    /// The error for a file that is not open for writing (`EBADF`) has no kind of its own.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: if the future is dropped, the bytes may be written, now or a little
    /// later. To write them again is harmless, except in append mode.
    ///
    /// # Examples
    ///
    /// ```
    /// # quintet::block_on(async {
    /// # let dir = tempfile::tempdir()?;
    /// # let path = dir.path().join("greeting");
    /// let file = quintet::fs::File::create(&path).await?;
    /// // Two writes concurrently.
    /// quintet::try_join!(file.write_all_at(b"hello, ", 0), file.write_all_at(b"world", 7))?;
    /// assert_eq!(quintet::fs::read(&path).await?, b"hello, world");
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[track_caller]
    pub fn write_at(&self, buf: &[u8], offset: u64) -> impl Future<Output = io::Result<usize>> {
        called_here(async move {
            if buf.is_empty() {
                return run_empty().await;
            }
            let data = buf[..buf.len().min(CHUNK_MAX)].to_vec();
            self.change_contents(move |file| Ok(retry_on_intr(|| pwrite(file, &data, offset))?))
                .await
        })
    }

    /// Writes all of `buf` at `offset`; see [`write_at`](File::write_at).
    ///
    /// # Errors
    ///
    /// Returns the errors of [`write_at`](File::write_at), and
    /// [`WriteZero`](io::ErrorKind::WriteZero) if the OS writes no bytes. Some bytes may have been
    /// written.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: if the future is dropped, some of the bytes may have been written.
    #[track_caller]
    pub fn write_all_at(
        &self,
        mut buf: &[u8],
        mut offset: u64,
    ) -> impl Future<Output = io::Result<()>> {
        called_here(async move {
            if buf.is_empty() {
                run_empty().await?;
            }
            while !buf.is_empty() {
                let n = self.write_at(buf, offset).await?;
                if n == 0 {
                    return Err(io::ErrorKind::WriteZero.into());
                }
                buf = &buf[n..];
                offset += n as u64;
            }
            Ok(())
        })
    }
}

/// Reads up to `len` bytes at `offset`. `buf` contains the first of them already, but not all.
fn fill_at(file: &std::fs::File, buf: &mut Vec<u8>, len: usize, offset: u64) -> io::Result<()> {
    let front = buf.len();
    match fill_rest_at(file, buf, len, offset + front as u64) {
        // As the OS does: a read that has some bytes returns them, and the next one returns the
        // error.
        Err(_) if front > 0 => Ok(()),
        result => result,
    }
}

/// Reads once at `offset`, until `buf` has at most `len` bytes. After an error `buf` is unchanged.
fn fill_rest_at(
    file: &std::fs::File,
    buf: &mut Vec<u8>,
    len: usize,
    offset: u64,
) -> io::Result<()> {
    let front = buf.len();
    buf.try_reserve_exact(len - front)?;
    if buf.capacity() == len {
        // The OS may fill the whole capacity, so it need not be initialized first.
        retry_on_intr(|| pread(file, spare_capacity(buf), offset))?;
    } else {
        buf.resize(len, 0);
        let read = retry_on_intr(|| pread(file, &mut buf[front..], offset));
        buf.truncate(front + read.unwrap_or(0));
        read?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::fill_at;

    #[test]
    fn an_error_is_returned_only_if_no_bytes_were_read() {
        // It is not open for reading.
        let file = File::options().write(true).open("/dev/null").unwrap();
        for capacity in [10, 11] {
            let mut buf = Vec::with_capacity(capacity);
            fill_at(&file, &mut buf, 10, 0).unwrap_err();
            assert!(buf.is_empty());
            buf.extend_from_slice(b"abc");
            fill_at(&file, &mut buf, 10, 0).unwrap();
            assert_eq!(buf, b"abc");
        }
    }
}
