//! Reading and writing at an offset.

use std::future::poll_fn;
use std::io;

use rustix::buffer::spare_capacity;
use rustix::io::{pread, pwrite, retry_on_intr};

use super::{File, run_empty};
use crate::blocking::{Purpose, called_here};
use crate::coop;
use crate::fs::{CHUNK_MAX, cached};

/// By offset. The cursor stays where it is.
impl File {
    /// Reads from `offset` on into `buf`, and returns how much; 0 means that the file ends there, or
    /// that `buf` is empty.
    ///
    /// One call reads at most 1 MiB. What is [cached](crate::fs#cached-files) is read at once.
    ///
    /// # Errors
    ///
    /// The OS's; [`NotSeekable`](io::ErrorKind::NotSeekable) for pipes and the like.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
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
                // The OS, too, tells of an error only where there is nothing else to tell.
                Err(_) if n > 0 => Ok(n),
                Err(error) => Err(error),
            }
        })
    }

    /// Reads from `offset` on exactly as much as `buf` holds.
    ///
    /// # Errors
    ///
    /// Those of [`read_at`](File::read_at); [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) if the
    /// file ends before that. What is in `buf` then is not specified.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing; a new call reads all of it.
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

    /// Reads up to `len` bytes from `offset` on into a buffer that comes back with them, and nothing
    /// else, in it. An empty one means that the file ends there, or that `len` is 0.
    ///
    /// This copies nothing, and with the last chunk's buffer it allocates nothing either. One call
    /// reads at most 1 MiB, so a long file leaves the worker to others in between. A capacity of
    /// just `len` is best.
    ///
    /// # Errors
    ///
    /// Those of [`read_at`](File::read_at); the buffer is gone then.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing but the buffer.
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
    ///     // Here it would be sent.
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

    /// Reads up to `len` bytes from `offset` on, of which `buf` has the first ones already.
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

    /// Writes `buf` at `offset`, and returns how much of it was written. A file that ends before
    /// `offset` has zeros in between. In append mode all goes to the end nevertheless.
    ///
    /// One call writes at most 1 MiB.
    ///
    /// # Errors
    ///
    /// The OS's; [`NotSeekable`](io::ErrorKind::NotSeekable) for pipes and the like.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future may leave it written all the same, and a little later. To do it again does
    /// no harm, except in append mode.
    ///
    /// # Examples
    ///
    /// ```
    /// # quintet::block_on(async {
    /// # let dir = tempfile::tempdir()?;
    /// # let path = dir.path().join("greeting");
    /// let file = quintet::fs::File::create(&path).await?;
    /// // Both at once.
    /// futures::try_join!(file.write_all_at(b"hello, ", 0), file.write_all_at(b"world", 7))?;
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
    /// Those of [`write_at`](File::write_at), and [`WriteZero`](io::ErrorKind::WriteZero) if the OS
    /// takes nothing; some of it may have been written.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future may leave some of it written.
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

/// Reads from `offset` on up to `len` bytes, of which `buf` has the first ones already, and not all.
fn fill_at(file: &std::fs::File, buf: &mut Vec<u8>, len: usize, offset: u64) -> io::Result<()> {
    let front = buf.len();
    match fill_rest_at(file, buf, len, offset + front as u64) {
        // The OS, too, tells of an error only where there is nothing else to tell.
        Err(_) if front > 0 => Ok(()),
        result => result,
    }
}

/// Reads at `offset` until `buf` has `len` bytes. After an error it has what it had.
fn fill_rest_at(
    file: &std::fs::File,
    buf: &mut Vec<u8>,
    len: usize,
    offset: u64,
) -> io::Result<()> {
    let front = buf.len();
    buf.try_reserve_exact(len - front)?;
    if buf.capacity() == len {
        // The OS may use all that there is, so it need not be cleared first.
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
    fn an_error_is_told_only_where_nothing_was_read() {
        // It cannot be read, which an error tells.
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
