//! Sending a part of a file over a connection.

#[cfg_attr(
    any(quintet_portable, not(any(target_os = "linux", target_os = "android"))),
    path = "send/portable.rs"
)]
mod os;

use std::io;
use std::ops::{Bound, Range, RangeBounds};

use super::File;
use crate::blocking::called_here;
use crate::net::TcpStream;

/// The size of the buffer through which data is sent, where the kernel does not copy it.
const BUFFER_LEN: usize = 64 << 10;

/// Sending.
impl File {
    /// Sends the bytes of `range`, which are offsets in the file, over a connection. Returns the
    /// number of bytes sent.
    ///
    /// This is less than the length of the range if the file ends before. The cursor is neither
    /// used nor moved.
    ///
    /// On Linux the kernel copies large parts from its page cache to the socket (`sendfile`), in
    /// jobs on a worker of up to 1 MiB. No worker waits for the other end of the connection: while
    /// the socket takes no data, only this future waits. Where the process does not ignore the
    /// signal SIGPIPE (programs in Rust do, unless they change that), for small parts, and on other
    /// systems, the data passes through a buffer of 64 KiB.
    ///
    /// Do not write to the connection before the future has completed: the data would be mixed.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`read_at`](File::read_at) and of
    /// [`TcpStream::write`](crate::net::TcpStream::write):
    /// [`BrokenPipe`](io::ErrorKind::BrokenPipe) or
    /// [`ConnectionReset`](io::ErrorKind::ConnectionReset) if the other end has closed the
    /// connection. It is then not known how much of the range the other end has received.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: if the future is dropped, it is not known how much was sent, and a job that
    /// has begun sends up to 1 MiB more. Close the connection then.
    ///
    /// # Examples
    ///
    /// ```
    /// use quintet::fs::File;
    /// use quintet::net::{TcpListener, TcpStream};
    ///
    /// # quintet::block_on(async {
    /// # let dir = tempfile::tempdir()?;
    /// # let path = dir.path().join("greeting");
    /// # quintet::fs::write(&path, "hello, world").await?;
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let client = TcpStream::connect(listener.local_addr()?).await?;
    /// let (stream, _) = listener.accept().await?;
    /// let file = File::open(&path).await?;
    /// assert_eq!(file.send_to(&stream, 7..).await?, 5);
    ///
    /// let mut word = [0; 5];
    /// client.read_exact(&mut word).await?;
    /// assert_eq!(&word, b"world");
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[track_caller]
    pub fn send_to(
        &self,
        stream: &TcpStream,
        range: impl RangeBounds<u64>,
    ) -> impl Future<Output = io::Result<u64>> {
        let mut rest = offsets(&range);
        called_here(async move {
            let start = rest.start;
            if os::send(self, stream, &mut rest).await? == Progress::NotPossible {
                self.send_through_buffer(stream, &mut rest).await?;
            }
            Ok(rest.start - start)
        })
    }

    /// Reads and writes, until the range or the file ends, and moves the start of `rest`.
    async fn send_through_buffer(
        &self,
        stream: &TcpStream,
        rest: &mut Range<u64>,
    ) -> io::Result<()> {
        let len = remaining(rest).min(BUFFER_LEN as u64);
        let mut buf = vec![0; usize::try_from(len).unwrap_or(BUFFER_LEN)];
        loop {
            let len = usize::try_from(remaining(rest)).unwrap_or(usize::MAX);
            let len = len.min(buf.len());
            let n = self.read_at(&mut buf[..len], rest.start).await?;
            if n == 0 {
                return Ok(());
            }
            stream.write_all(&buf[..n]).await?;
            rest.start += n as u64;
        }
    }
}

/// How far a transfer by the kernel has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// The range or the file has ended.
    Done,
    /// The rest is to be sent through a buffer.
    NotPossible,
}

fn remaining(range: &Range<u64>) -> u64 {
    range.end.saturating_sub(range.start)
}

fn offsets(range: &impl RangeBounds<u64>) -> Range<u64> {
    let start = match range.start_bound() {
        Bound::Included(start) => *start,
        Bound::Excluded(before) => before.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(last) => last.saturating_add(1),
        Bound::Excluded(end) => *end,
        Bound::Unbounded => u64::MAX,
    };
    start..end.max(start)
}
