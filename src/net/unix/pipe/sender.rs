//! The end of a pipe that is written.

use std::fmt;
use std::fs::File;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::io::AsyncWrite;

use super::{PipeEnd, convert, impl_pipe_end, leave, set_nonblocking};
use crate::coop;
use crate::io::by_reference::impl_write_by_reference;
use crate::io::source::{OpOutput, Source};
use crate::io::{Interest, Ready};
use crate::net::readiness::impl_poll_ready;
use crate::net::socket::{self, UnlessEmpty};
use crate::phase::poll::Direction;

/// The end of a pipe or FIFO that is written.
///
/// The methods take `&self`. It also implements [`AsyncWrite`], and so does `&Sender`.
///
/// A write to a pipe without a receiver returns an error of kind
/// [`BrokenPipe`](io::ErrorKind::BrokenPipe). The OS also sends SIGPIPE then, which Rust programs
/// ignore; a program whose `main` is not Rust's has to ignore it itself.
///
/// It belongs to the loop on which one of its operations is first polled. Dropping it closes it.
pub struct Sender {
    pub(super) source: Source<OwnedFd>,
}

fn write_now(fd: &OwnedFd, buf: &[u8]) -> io::Result<OpOutput<usize>> {
    Ok(OpOutput::moved(rustix::io::write(fd, buf)?, buf.len()))
}

fn write_vectored_now(fd: &OwnedFd, bufs: &[IoSlice<'_>]) -> io::Result<OpOutput<usize>> {
    let bufs = &bufs[socket::io_batch(bufs)];
    let given = socket::total_len(bufs);
    Ok(OpOutput::moved(rustix::io::writev(fd, bufs)?, given))
}

impl Sender {
    pub(super) fn new(fd: OwnedFd) -> Self {
        Sender {
            source: Source::with_interest(fd, Interest::WRITABLE),
        }
    }

    /// The end of a pipe to a child. Makes it non-blocking.
    pub(crate) fn from_child(fd: OwnedFd) -> io::Result<Self> {
        set_nonblocking(fd.as_fd(), true)?;
        Ok(Sender::new(fd))
    }

    /// Writes some bytes of `buf` and returns how many.
    ///
    /// The future waits until the pipe has room. It may write less than all of `buf`, but a buffer
    /// of up to `PIPE_BUF` bytes (4096 on Linux) is written as a whole, not mixed with what others
    /// write.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call, of kind [`BrokenPipe`](io::ErrorKind::BrokenPipe) if
    /// there is no receiver, or an error if the sender belongs to another loop.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: if the future is dropped before it completes, no data was
    /// written.
    pub fn write(&self, buf: &[u8]) -> impl Future<Output = io::Result<usize>> {
        let operation = self
            .source
            .operate(Direction::Write, move |fd| write_now(fd, buf));
        UnlessEmpty::new(buf.is_empty(), operation)
    }

    /// Writes some bytes from several buffers, in order, and returns how many.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`write`](Sender::write).
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: if the future is dropped before it completes, no data was
    /// written.
    pub fn write_vectored(&self, bufs: &[IoSlice<'_>]) -> impl Future<Output = io::Result<usize>> {
        let is_empty = bufs.iter().all(|buf| buf.is_empty());
        let operation = self
            .source
            .operate(Direction::Write, move |fd| write_vectored_now(fd, bufs));
        UnlessEmpty::new(is_empty, operation)
    }

    /// Writes all of `buf`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`write`](Sender::write), and an error of kind
    /// [`WriteZero`](io::ErrorKind::WriteZero) if a system call writes nothing. Some of `buf` may
    /// have been written then.
    ///
    /// # Cancel safety
    ///
    /// This method is not cancel safe. If the future is dropped before it completes, some of `buf`
    /// may have been written, but it is not known how much.
    pub fn write_all(&self, mut buf: &[u8]) -> impl Future<Output = io::Result<()>> {
        self.source
            .operate_until_done(Direction::Write, buf.is_empty(), move |fd| {
                let output = write_now(fd, buf)?;
                if output.value == 0 {
                    return Err(io::ErrorKind::WriteZero.into());
                }
                buf = &buf[output.value..];
                Ok(output.map(|_| buf.is_empty()))
            })
    }

    /// Writes some bytes of `buf` without waiting, and returns how many.
    ///
    /// # Errors
    ///
    /// Returns an error of kind [`WouldBlock`](io::ErrorKind::WouldBlock) if the pipe has no room,
    /// and the errors of [`write`](Sender::write).
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        self.source
            .try_operate(Direction::Write, |fd| write_now(fd, buf))
    }

    /// Writes some bytes from several buffers without waiting, in order, and returns how many.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`try_write`](Sender::try_write).
    pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        if bufs.iter().all(|buf| buf.is_empty()) {
            return Ok(0);
        }
        self.source
            .try_operate(Direction::Write, |fd| write_vectored_now(fd, bufs))
    }

    /// Waits for one of the events of `interest`: [`WRITABLE`](Interest::WRITABLE), or
    /// [`ERROR`](Interest::ERROR), which says that the last receiver is gone. A sender is never
    /// readable.
    ///
    /// # Errors
    ///
    /// Returns an error if the sender belongs to another loop, or if no loop is current.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: it consumes no readiness.
    pub fn ready(&self, interest: Interest) -> impl Future<Output = io::Result<Ready>> {
        self.source.ready(interest)
    }

    /// Waits until a write may succeed: the pipe has room, or no receiver. Use it with
    /// [`try_write`](Sender::try_write). Spurious wake-ups are possible.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`ready`](Sender::ready).
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: it consumes no readiness.
    pub fn writable(&self) -> impl Future<Output = io::Result<()>> {
        self.source.writable()
    }
}

impl_poll_ready!(Sender, poll_write_ready, WRITABLE, "write");
impl_pipe_end!(Sender, "writing", PipeEnd::Sender);

impl AsyncWrite for &Sender {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return socket::poll_empty(cx);
        }
        self.source
            .poll_operate(cx, Direction::Write, |fd| write_now(fd, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if bufs.iter().all(|buf| buf.is_empty()) {
            return socket::poll_empty(cx);
        }
        self.source
            .poll_operate(cx, Direction::Write, |fd| write_vectored_now(fd, bufs))
    }

    /// Does nothing: a pipe has no buffer in this process.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        coop::poll_operate(cx).map(Ok)
    }

    /// Does nothing, as in tokio: the pipe ends when the sender is dropped.
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        coop::poll_operate(cx).map(Ok)
    }
}

impl_write_by_reference!(
    Sender,
    flush: "Does nothing: a pipe has no buffer in this process.",
    close: "Does nothing, as in tokio: the pipe ends when the sender is dropped."
);
