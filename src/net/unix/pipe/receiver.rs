//! The end of a pipe that is read.

use std::fmt;
use std::fs::File;
use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use futures::io::AsyncRead;
use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;

use super::{PipeEnd, convert, impl_pipe_end, leave, set_nonblocking};
use crate::io::by_reference::impl_read_by_reference;
use crate::io::source::{OpOutput, Source};
use crate::io::{Interest, Ready};
use crate::net::readiness::impl_poll_ready;
use crate::net::socket::{self, UnlessEmpty};
use crate::phase::poll::Direction;

/// So much room there is in the buffer for each read up to the end: a page, so much as a pipe holds
/// at least in one piece.
const READ_MIN: usize = 4096;

/// The end of a pipe or FIFO that is read.
///
/// The methods take `&self`. It also implements [`AsyncRead`], and so does `&Receiver`.
///
/// A read returns 0 when the last sender is gone; before there is a first one, it waits. For a FIFO
/// the end is not for good, because another process may open it. Until one does, each read returns
/// 0 at once, so do not wait for it in a loop: open the FIFO [for writing,
/// too](super::OpenOptions#method.read_write), or close the receiver and open it again.
///
/// It belongs to the loop on which one of its operations is first polled. Dropping it closes it.
pub struct Receiver {
    pub(super) source: Source<OwnedFd>,
    /// Whether this process has made the pipe. A read of another one may be short because of a
    /// packet (`O_DIRECT`), although there is more.
    is_anonymous: bool,
    /// Whether there is, or was, a sender: then nothing to read means the end.
    had_sender: AtomicBool,
}

impl Receiver {
    pub(super) fn new(fd: OwnedFd) -> Self {
        Receiver {
            source: Source::with_interest(fd, Interest::READABLE),
            is_anonymous: false,
            had_sender: AtomicBool::new(false),
        }
    }

    pub(super) fn new_anonymous(fd: OwnedFd) -> Self {
        Receiver {
            is_anonymous: true,
            had_sender: AtomicBool::new(true),
            ..Receiver::new(fd)
        }
    }

    /// The end of a pipe to a child, which this process has made. Makes it non-blocking.
    pub(crate) fn from_child(fd: OwnedFd) -> io::Result<Self> {
        set_nonblocking(fd.as_fd(), true)?;
        Ok(Receiver::new_anonymous(fd))
    }

    /// Appends to `data` what is read up to the end.
    pub(crate) async fn read_to_end(&self, data: &mut Vec<u8>) -> io::Result<()> {
        loop {
            if data.capacity() - data.len() < READ_MIN {
                // The capacity doubles at least.
                data.reserve(READ_MIN);
            }
            let read = self.source.operate(Direction::Read, |fd| {
                let room = data.capacity() - data.len();
                let n = rustix::io::read(fd, spare_capacity(data))?;
                self.moved(fd, n, room)
            });
            if read.await? == 0 {
                return Ok(());
            }
        }
    }

    fn read_now(&self, fd: &OwnedFd, buf: &mut [u8]) -> io::Result<OpOutput<usize>> {
        let given = buf.len();
        self.moved(fd, rustix::io::read(fd, buf)?, given)
    }

    fn read_vectored_now(
        &self,
        fd: &OwnedFd,
        bufs: &mut [IoSliceMut<'_>],
    ) -> io::Result<OpOutput<usize>> {
        let batch = socket::io_batch(bufs);
        let bufs = &mut bufs[batch];
        let given = socket::total_len(bufs);
        self.moved(fd, rustix::io::readv(fd, bufs)?, given)
    }

    /// # Errors
    ///
    /// Returns an error of kind `WouldBlock` if nothing was read because there was no sender yet.
    fn moved(&self, fd: &OwnedFd, bytes: usize, given: usize) -> io::Result<OpOutput<usize>> {
        if !self.had_sender.load(Ordering::Relaxed) {
            // A read returns 0 before the first sender, too, but that is no event.
            if bytes == 0 && !is_ready(fd) {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            self.had_sender.store(true, Ordering::Relaxed);
        }
        let mut output = OpOutput::moved(bytes, given);
        output.is_drained &= self.is_anonymous;
        Ok(output)
    }

    /// Reads some bytes into `buf` and returns how many.
    ///
    /// The future waits until there is at least one byte. It resolves to 0 if the last sender is
    /// gone, or if `buf` is empty.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call, or an error if the receiver belongs to another loop.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: if the future is dropped before it completes, no data was read.
    pub fn read(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        let is_empty = buf.is_empty();
        let operation = self
            .source
            .operate(Direction::Read, move |fd| self.read_now(fd, buf));
        UnlessEmpty::new(is_empty, operation)
    }

    /// Reads some bytes into several buffers, filling each before the next, and returns how many.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`read`](Receiver::read).
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: if the future is dropped before it completes, no data was read.
    pub fn read_vectored(
        &self,
        bufs: &mut [IoSliceMut<'_>],
    ) -> impl Future<Output = io::Result<usize>> {
        let is_empty = bufs.iter().all(|buf| buf.is_empty());
        let operation = self
            .source
            .operate(Direction::Read, move |fd| self.read_vectored_now(fd, bufs));
        UnlessEmpty::new(is_empty, operation)
    }

    /// Reads exactly as many bytes as `buf` holds.
    ///
    /// # Errors
    ///
    /// Returns an error of kind [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) if the last sender
    /// is gone before `buf` is full, and the errors of [`read`](Receiver::read). Some bytes may
    /// have been read into `buf` then.
    ///
    /// # Cancel safety
    ///
    /// This method is not cancel safe. If the future is dropped before it completes, some bytes may
    /// have been read into `buf`, but it is not known how many.
    pub fn read_exact(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<()>> {
        let wanted = buf.len();
        let mut filled = 0;
        self.source
            .operate_until_done(Direction::Read, wanted == 0, move |fd| {
                let output = self.read_now(fd, &mut buf[filled..])?;
                if output.value == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                filled += output.value;
                Ok(output.map(|_| filled == wanted))
            })
    }

    /// Reads some bytes into `buf` without waiting, and returns how many.
    ///
    /// # Errors
    ///
    /// Returns an error of kind [`WouldBlock`](io::ErrorKind::WouldBlock) if there is no data, and
    /// the errors of [`read`](Receiver::read).
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        self.source
            .try_operate(Direction::Read, |fd| self.read_now(fd, buf))
    }

    /// Reads some bytes into several buffers without waiting, and returns how many.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`try_read`](Receiver::try_read).
    pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        if bufs.iter().all(|buf| buf.is_empty()) {
            return Ok(0);
        }
        self.source
            .try_operate(Direction::Read, |fd| self.read_vectored_now(fd, bufs))
    }

    /// Waits for one of the events of `interest`: [`READABLE`](Interest::READABLE), or
    /// [`ERROR`](Interest::ERROR). A receiver is never writable.
    ///
    /// # Errors
    ///
    /// Returns an error if the receiver belongs to another loop, or if no loop is current.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: it consumes no readiness.
    pub fn ready(&self, interest: Interest) -> impl Future<Output = io::Result<Ready>> {
        self.source.ready(interest)
    }

    /// Waits until a read may succeed: there is data, or the last sender is gone. Use it with
    /// [`try_read`](Receiver::try_read). Spurious wake-ups are possible.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`ready`](Receiver::ready).
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: it consumes no data and no readiness.
    pub fn readable(&self) -> impl Future<Output = io::Result<()>> {
        self.source.readable()
    }
}

/// Returns whether the OS would report the descriptor as readable, or as closed by the other end.
fn is_ready(fd: &OwnedFd) -> bool {
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let mut fds = [PollFd::new(fd, PollFlags::IN)];
    retry_on_intr(|| poll(&mut fds, Some(&now))) != Ok(0)
}

impl_poll_ready!(Receiver, poll_read_ready, READABLE, "read");
impl_pipe_end!(Receiver, "reading", PipeEnd::Receiver);

impl AsyncRead for &Receiver {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return socket::poll_empty(cx);
        }
        self.source
            .poll_operate(cx, Direction::Read, |fd| self.read_now(fd, buf))
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        if bufs.iter().all(|buf| buf.is_empty()) {
            return socket::poll_empty(cx);
        }
        self.source
            .poll_operate(cx, Direction::Read, |fd| self.read_vectored_now(fd, bufs))
    }
}

impl_read_by_reference!(Receiver);
