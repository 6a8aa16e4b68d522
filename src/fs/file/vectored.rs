//! Reads into several buffers, and writes of several, as one operation.

use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut};

use rustix::io::{pwrite, retry_on_intr};

use super::{File, run_empty};
use crate::blocking::called_here;
use crate::fs::CHUNK_MAX;

/// Operations on several buffers. Each is one job, however many buffers there are.
impl File {
    /// As [`read`](File::read), into several buffers, one after the other.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`read`](File::read).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe, as [`read`](File::read) is.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::IoSliceMut;
    ///
    /// # quintet::block_on(async {
    /// # let dir = tempfile::tempdir()?;
    /// # let path = dir.path().join("greeting");
    /// # quintet::fs::write(&path, "hello, world").await?;
    /// let mut file = quintet::fs::File::open(&path).await?;
    /// let (mut first, mut second) = ([0; 7], [0; 5]);
    /// let bufs = &mut [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
    /// assert_eq!(file.read_vectored(bufs).await?, 12);
    /// assert_eq!(&second, b"world");
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[track_caller]
    pub fn read_vectored(
        &mut self,
        bufs: &mut [IoSliceMut<'_>],
    ) -> impl Future<Output = io::Result<usize>> {
        called_here(async move {
            if let Some(only) = only_buffer(bufs) {
                return self.read(only).await;
            }
            let mut all = vec![0; total(bufs)];
            let n = self.read(&mut all).await?;
            scatter(&all[..n], bufs);
            Ok(n)
        })
    }

    /// As [`write`](File::write), of several buffers, one after the other.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`write`](File::write).
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe, as [`write`](File::write).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::IoSlice;
    ///
    /// # quintet::block_on(async {
    /// # let dir = tempfile::tempdir()?;
    /// # let path = dir.path().join("greeting");
    /// let mut file = quintet::fs::File::create(&path).await?;
    /// let bufs = &[IoSlice::new(b"hello, "), IoSlice::new(b"world")];
    /// assert_eq!(file.write_vectored(bufs).await?, 12);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[track_caller]
    pub fn write_vectored(
        &mut self,
        bufs: &[IoSlice<'_>],
    ) -> impl Future<Output = io::Result<usize>> {
        called_here(async move {
            let call = self.call.next();
            poll_fn(|cx| self.poll_write_cursor(cx, call, bufs)).await
        })
    }

    /// As [`read_at`](File::read_at), into several buffers, one after the other.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`read_at`](File::read_at).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe, as [`read_at`](File::read_at) is.
    #[track_caller]
    pub fn read_vectored_at(
        &self,
        bufs: &mut [IoSliceMut<'_>],
        offset: u64,
    ) -> impl Future<Output = io::Result<usize>> {
        called_here(async move {
            if let Some(only) = only_buffer(bufs) {
                return self.read_at(only, offset).await;
            }
            let len = total(bufs);
            let all = self.read_chunk_at(Vec::with_capacity(len), len, offset);
            let all = all.await?;
            scatter(&all, bufs);
            Ok(all.len())
        })
    }

    /// As [`write_at`](File::write_at), of several buffers, one after the other.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`write_at`](File::write_at).
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe, as [`write_at`](File::write_at).
    #[track_caller]
    pub fn write_vectored_at(
        &self,
        bufs: &[IoSlice<'_>],
        offset: u64,
    ) -> impl Future<Output = io::Result<usize>> {
        called_here(async move {
            if bufs.iter().all(|buf| buf.is_empty()) {
                return run_empty().await;
            }
            let mut data = Vec::new();
            gather(&mut data, bufs);
            self.change_contents(move |file| Ok(retry_on_intr(|| pwrite(file, &data, offset))?))
                .await
        })
    }
}

/// Returns the buffer that is not empty, if there is at most one.
fn only_buffer<'a>(bufs: &'a mut [IoSliceMut<'_>]) -> Option<&'a mut [u8]> {
    let filled = bufs.iter().filter(|buf| !buf.is_empty()).count();
    if filled > 1 {
        return None;
    }
    let only = bufs.iter_mut().find(|buf| !buf.is_empty());
    Some(only.map_or(&mut [], |buf| &mut **buf))
}

/// Returns how many bytes are read at a time.
fn total(bufs: &[IoSliceMut<'_>]) -> usize {
    let lens = bufs.iter().map(|buf| buf.len());
    lens.fold(0, usize::saturating_add).min(CHUNK_MAX)
}

fn scatter(mut data: &[u8], bufs: &mut [IoSliceMut<'_>]) {
    for buf in bufs {
        let (head, tail) = data.split_at(data.len().min(buf.len()));
        buf[..head.len()].copy_from_slice(head);
        data = tail;
    }
}

/// Appends up to `CHUNK_MAX` bytes of `bufs`, which are written at a time, to `data`, which is
/// empty.
pub(super) fn gather(data: &mut Vec<u8>, bufs: &[IoSlice<'_>]) {
    for buf in bufs {
        let room = CHUNK_MAX - data.len();
        data.extend_from_slice(&buf[..buf.len().min(room)]);
    }
}
