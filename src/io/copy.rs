//! Copying from readers to writers.

use std::future::poll_fn;
use std::io;
use std::ops::Range;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use futures::io::{AsyncBufRead, AsyncRead, AsyncWrite};

use crate::coop;

/// The size of a buffer, as in the standard library.
const BUFFER_LEN: usize = 8 << 10;

/// Copies the entire contents of a reader into a writer, and returns the number of bytes copied.
///
/// The data passes through a buffer of 8 KiB. For a larger one, use [`copy_buf`] with a
/// [`BufReader`](super::BufReader). The writer is flushed at the end, and whenever the reader has
/// to wait, so that the other end of a connection receives the data.
///
/// If neither the reader nor the writer charges the task's [budget](crate::task::coop), this
/// function does.
///
/// # Errors
///
/// Returns the first error of the reader or the writer, and an error of kind
/// [`WriteZero`](io::ErrorKind::WriteZero) if the writer accepts no bytes. Some data may have been
/// written then.
///
/// # Cancel safety
///
/// This function is not cancel safe. If the future is dropped before it completes, data that was
/// read and not yet written is lost. [`copy_buf`] leaves it in the reader.
///
/// # Examples
///
/// ```
/// # quintet::block_on(async {
/// let mut written = Vec::new();
/// let n = quintet::io::copy(&b"hello"[..], &mut written).await?;
/// assert_eq!((n, &written[..]), (5, &b"hello"[..]));
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub async fn copy<R, W>(reader: R, writer: &mut W) -> io::Result<u64>
where
    R: AsyncRead,
    W: AsyncWrite + Unpin + ?Sized,
{
    let mut reader = pin!(reader);
    let mut buffer = CopyBuffer::new(BUFFER_LEN);
    poll_fn(|cx| buffer.poll(cx, reader.as_mut(), Pin::new(&mut *writer))).await
}

/// Copies the entire contents of a buffered reader into a writer, and returns the number of bytes
/// copied.
///
/// It is like [`copy`], but writes from the buffer of the reader.
///
/// # Errors
///
/// Returns the errors of [`copy`].
///
/// # Cancel safety
///
/// If the future is dropped before it completes, no data is lost: what was not written is still in
/// the reader. The number of bytes copied is lost, and the writer may not have been flushed.
///
/// # Examples
///
/// ```
/// use quintet::io::{BufReader, copy_buf};
///
/// # quintet::block_on(async {
/// let reader = BufReader::with_capacity(64 << 10, &b"hello"[..]);
/// let mut written = Vec::new();
/// assert_eq!(copy_buf(reader, &mut written).await?, 5);
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub async fn copy_buf<R, W>(reader: R, writer: &mut W) -> io::Result<u64>
where
    R: AsyncBufRead,
    W: AsyncWrite + Unpin + ?Sized,
{
    let mut reader = pin!(reader);
    let mut progress = CopyProgress::default();
    poll_fn(|cx| {
        let mut writer = Pin::new(&mut *writer);
        while !progress.is_at_end {
            ready!(coop::poll_proceed(cx));
            let left = coop::left();
            let data = match reader.as_mut().poll_fill_buf(cx) {
                Poll::Ready(Ok(data)) => data,
                Poll::Ready(Err(error)) => {
                    coop::charge_unless_charged(left, 0);
                    return Poll::Ready(Err(error));
                }
                Poll::Pending => return progress.poll_flush_meanwhile(cx, writer),
            };
            if data.is_empty() {
                coop::charge_unless_charged(left, 0);
                progress.is_at_end = true;
                break;
            }
            let n = charged(left, ready!(writer.as_mut().poll_write(cx, data)))?;
            progress.note_written(n)?;
            reader.as_mut().consume(n);
        }
        progress.poll_end(cx, writer)
    })
    .await
}

/// Copies data between `a` and `b` in both directions, and returns the number of bytes copied from
/// `a` to `b` and from `b` to `a`.
///
/// When one reader reaches its end, the other side is [closed](AsyncWrite::poll_close) for writing:
/// a socket shuts down its write half. The other direction continues, and the future completes when
/// both have ended. Each direction copies like [`copy`], with its own buffer of 8 KiB.
///
/// # Errors
///
/// Returns the errors of [`copy`], of either direction. The other direction is then abandoned.
///
/// # Cancel safety
///
/// This function is not cancel safe. If the future is dropped before it completes, data that was
/// read and not yet written is lost.
///
/// # Examples
///
/// A proxy for one connection:
///
/// ```no_run
/// use quintet::io::copy_bidirectional;
/// use quintet::net::{TcpListener, TcpStream};
///
/// # quintet::block_on(async {
/// let listener = TcpListener::bind("127.0.0.1:8080").await?;
/// let (mut client, _) = listener.accept().await?;
/// let mut server = TcpStream::connect("127.0.0.1:80").await?;
/// let (sent, received) = copy_bidirectional(&mut client, &mut server).await?;
/// println!("{sent} bytes sent, {received} bytes received");
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub async fn copy_bidirectional<A, B>(a: &mut A, b: &mut B) -> io::Result<(u64, u64)>
where
    A: AsyncRead + AsyncWrite + Unpin + ?Sized,
    B: AsyncRead + AsyncWrite + Unpin + ?Sized,
{
    copy_bidirectional_with_sizes(a, b, BUFFER_LEN, BUFFER_LEN).await
}

/// Copies data between `a` and `b` in both directions, through buffers of the given sizes in bytes.
///
/// It is like [`copy_bidirectional`]. Larger buffers need fewer system calls, which pays if there
/// are few connections with much data.
///
/// # Errors
///
/// Returns the errors of [`copy_bidirectional`].
///
/// # Panics
///
/// Panics if a size is 0.
///
/// # Cancel safety
///
/// This function is not cancel safe. If the future is dropped before it completes, data that was
/// read and not yet written is lost.
///
/// # Examples
///
/// ```
/// use quintet::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional_with_sizes, duplex};
///
/// # quintet::block_on(async {
/// let (mut client, mut front) = duplex(64);
/// let (mut back, mut server) = duplex(64);
/// client.write_all(b"hello").await?;
/// client.close().await?;
/// server.close().await?;
///
/// let copied = copy_bidirectional_with_sizes(&mut front, &mut back, 64 << 10, 1 << 10).await?;
/// assert_eq!(copied, (5, 0));
///
/// let mut text = String::new();
/// server.read_to_string(&mut text).await?;
/// assert_eq!(text, "hello");
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[track_caller]
pub fn copy_bidirectional_with_sizes<A, B>(
    a: &mut A,
    b: &mut B,
    a_to_b_buf_size: usize,
    b_to_a_buf_size: usize,
) -> impl Future<Output = io::Result<(u64, u64)>>
where
    A: AsyncRead + AsyncWrite + Unpin + ?Sized,
    B: AsyncRead + AsyncWrite + Unpin + ?Sized,
{
    assert!(
        a_to_b_buf_size > 0 && b_to_a_buf_size > 0,
        "a buffer of 0 bytes can copy nothing; pass sizes of at least 1"
    );
    let mut a_to_b = TransferState::new(a_to_b_buf_size);
    let mut b_to_a = TransferState::new(b_to_a_buf_size);
    let mut is_b_to_a_first = false;
    poll_fn(move |cx| {
        let (mut a, mut b) = (Pin::new(&mut *a), Pin::new(&mut *b));
        // The directions alternate, because the first one may spend the task's budget each time.
        let (sent, received) = if is_b_to_a_first {
            let received = b_to_a.poll(cx, b.as_mut(), a.as_mut())?;
            (a_to_b.poll(cx, a, b)?, received)
        } else {
            let sent = a_to_b.poll(cx, a.as_mut(), b.as_mut())?;
            (sent, b_to_a.poll(cx, b, a)?)
        };
        is_b_to_a_first = !is_b_to_a_first;
        Poll::Ready(Ok((ready!(sent), ready!(received))))
    })
}

/// Charges the bytes that a reader or writer has moved, or its error, unless it has charged itself.
fn charged(left: u32, moved: io::Result<usize>) -> io::Result<usize> {
    coop::charge_unless_charged(left, *moved.as_ref().unwrap_or(&0));
    moved
}

/// The progress of a copy.
#[derive(Default)]
struct CopyProgress {
    copied: u64,
    is_unflushed: bool,
    /// Whether the reader has reached its end. It is not read again: a terminal would wait for
    /// more.
    is_at_end: bool,
}

impl CopyProgress {
    fn note_written(&mut self, n: usize) -> io::Result<()> {
        if n == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.copied += n as u64;
        self.is_unflushed = true;
        Ok(())
    }

    /// Flushes while the reader has to wait: its other end may wait for what was written.
    fn poll_flush_meanwhile<W: AsyncWrite + ?Sized>(
        &mut self,
        cx: &mut Context<'_>,
        writer: Pin<&mut W>,
    ) -> Poll<io::Result<u64>> {
        ready!(self.poll_flush(cx, writer))?;
        Poll::Pending
    }

    fn poll_end<W: AsyncWrite + ?Sized>(
        &mut self,
        cx: &mut Context<'_>,
        writer: Pin<&mut W>,
    ) -> Poll<io::Result<u64>> {
        ready!(self.poll_flush(cx, writer))?;
        Poll::Ready(Ok(self.copied))
    }

    fn poll_flush<W: AsyncWrite + ?Sized>(
        &mut self,
        cx: &mut Context<'_>,
        writer: Pin<&mut W>,
    ) -> Poll<io::Result<()>> {
        if self.is_unflushed {
            ready!(writer.poll_flush(cx))?;
            self.is_unflushed = false;
        }
        Poll::Ready(Ok(()))
    }
}

/// A copy through a buffer.
struct CopyBuffer {
    buffer: Box<[u8]>,
    unwritten: Range<usize>,
    progress: CopyProgress,
}

impl CopyBuffer {
    fn new(len: usize) -> Self {
        CopyBuffer {
            buffer: vec![0; len].into_boxed_slice(),
            unwritten: 0..0,
            progress: CopyProgress::default(),
        }
    }

    fn poll<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        mut reader: Pin<&mut R>,
        mut writer: Pin<&mut W>,
    ) -> Poll<io::Result<u64>>
    where
        R: AsyncRead + ?Sized,
        W: AsyncWrite + ?Sized,
    {
        while !self.progress.is_at_end {
            ready!(coop::poll_proceed(cx));
            let left = coop::left();
            if self.unwritten.is_empty() {
                let Poll::Ready(read) = reader.as_mut().poll_read(cx, &mut self.buffer) else {
                    return self.progress.poll_flush_meanwhile(cx, writer);
                };
                self.unwritten = 0..charged(left, read)?;
                self.progress.is_at_end = self.unwritten.is_empty();
            } else {
                let data = &self.buffer[self.unwritten.clone()];
                let n = charged(left, ready!(writer.as_mut().poll_write(cx, data)))?;
                self.progress.note_written(n)?;
                self.unwritten.start += n;
            }
        }
        self.progress.poll_end(cx, writer)
    }
}

/// One direction of [`copy_bidirectional`].
enum TransferState {
    Running(CopyBuffer),
    /// The write half of the other side is being closed.
    ShuttingDown(u64),
    Done(u64),
}

impl TransferState {
    fn new(buffer_len: usize) -> Self {
        TransferState::Running(CopyBuffer::new(buffer_len))
    }

    fn poll<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        reader: Pin<&mut R>,
        mut writer: Pin<&mut W>,
    ) -> Poll<io::Result<u64>>
    where
        R: AsyncRead + ?Sized,
        W: AsyncWrite + ?Sized,
    {
        if let TransferState::Running(buffer) = self {
            let copied = ready!(buffer.poll(cx, reader, writer.as_mut()))?;
            *self = TransferState::ShuttingDown(copied);
        }
        if let TransferState::ShuttingDown(copied) = *self {
            ready!(writer.poll_close(cx))?;
            *self = TransferState::Done(copied);
        }
        match self {
            TransferState::Done(copied) => Poll::Ready(Ok(*copied)),
            _ => Poll::Pending,
        }
    }
}
