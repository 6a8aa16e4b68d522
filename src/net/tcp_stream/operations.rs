//! Reading and writing.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};

use super::TcpStream;
use crate::io::source::OpOutput;
use crate::net::socket::{self, UnlessEmpty};
use crate::phase::poll::Direction;

impl TcpStream {
    /// Reads some bytes into `buf` and returns how many.
    ///
    /// The future waits until there is at least one byte. It resolves to 0 if the other end has
    /// shut down its write half, or if `buf` is empty.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call. Common kinds are
    /// [`ConnectionReset`](io::ErrorKind::ConnectionReset), if the other end has reset the
    /// connection, and [`TimedOut`](io::ErrorKind::TimedOut), if the other end no longer responds.
    /// After [`OwnedWriteHalf::close`](crate::net::tcp::OwnedWriteHalf::close) the kind is
    /// [`NotConnected`](io::ErrorKind::NotConnected).
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: if the future is dropped before it completes, no data was read.
    pub fn read(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        let is_empty = buf.is_empty();
        let operation = self
            .source
            .operate(Direction::Read, move |stream| read(stream, buf));
        UnlessEmpty::new(is_empty, operation)
    }

    /// Reads some bytes into several buffers, filling each before the next, and returns how many.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`read`](TcpStream::read).
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
            .operate(Direction::Read, move |stream| read_vectored(stream, bufs));
        UnlessEmpty::new(is_empty, operation)
    }

    /// Reads exactly as many bytes as `buf` holds.
    ///
    /// # Errors
    ///
    /// Returns an error of kind [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) if the other end
    /// shuts down its write half before `buf` is full, and the errors of [`read`](TcpStream::read).
    /// Some bytes may have been read into `buf` then.
    ///
    /// # Cancel safety
    ///
    /// This method is not cancel safe. If the future is dropped before it completes, some bytes may
    /// have been read into `buf`, but it is not known how many.
    pub fn read_exact(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<()>> {
        let wanted = buf.len();
        let mut filled = 0;
        self.source
            .operate_until_done(Direction::Read, wanted == 0, move |stream| {
                let output = read(stream, &mut buf[filled..])?;
                if output.value == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                filled += output.value;
                Ok(output.map(|_| filled == wanted))
            })
    }

    /// Reads some bytes into `buf` without removing them from the stream, and returns how many.
    ///
    /// The next read returns the same bytes again.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`read`](TcpStream::read).
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: it never consumes data.
    pub fn peek(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        let is_empty = buf.is_empty();
        let operation = self.source.operate(Direction::Read, move |stream| {
            stream.peek(buf).map(OpOutput::new)
        });
        UnlessEmpty::new(is_empty, operation)
    }

    /// Writes some bytes of `buf` and returns how many.
    ///
    /// The future waits until the send buffer of the socket has room. It may write less than all of
    /// `buf`; see [`write_all`](TcpStream::write_all).
    ///
    /// # Errors
    ///
    /// Returns the error of the system call. Common kinds are
    /// [`BrokenPipe`](io::ErrorKind::BrokenPipe), if the write half was shut down or the connection
    /// has ended before, and [`ConnectionReset`](io::ErrorKind::ConnectionReset), if the other end
    /// has reset the connection. After
    /// [`OwnedWriteHalf::close`](crate::net::tcp::OwnedWriteHalf::close) the kind is
    /// [`NotConnected`](io::ErrorKind::NotConnected).
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: if the future is dropped before it completes, no data was
    /// written.
    pub fn write(&self, buf: &[u8]) -> impl Future<Output = io::Result<usize>> {
        let is_empty = buf.is_empty();
        let operation = self
            .source
            .operate(Direction::Write, move |stream| write(stream, buf));
        UnlessEmpty::new(is_empty, operation)
    }

    /// Writes some bytes from several buffers, in order, and returns how many.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`write`](TcpStream::write).
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: if the future is dropped before it completes, no data was
    /// written.
    pub fn write_vectored(&self, bufs: &[IoSlice<'_>]) -> impl Future<Output = io::Result<usize>> {
        let is_empty = bufs.iter().all(|buf| buf.is_empty());
        let operation = self
            .source
            .operate(Direction::Write, move |stream| write_vectored(stream, bufs));
        UnlessEmpty::new(is_empty, operation)
    }

    /// Writes all of `buf`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`write`](TcpStream::write), and an error of kind
    /// [`WriteZero`](io::ErrorKind::WriteZero) if a system call writes nothing. Some of `buf` may
    /// have been written then.
    ///
    /// # Cancel safety
    ///
    /// This method is not cancel safe. If the future is dropped before it completes, some of `buf`
    /// may have been written, but it is not known how much.
    pub fn write_all(&self, mut buf: &[u8]) -> impl Future<Output = io::Result<()>> {
        self.source
            .operate_until_done(Direction::Write, buf.is_empty(), move |stream| {
                let output = write(stream, buf)?;
                if output.value == 0 {
                    return Err(io::ErrorKind::WriteZero.into());
                }
                buf = &buf[output.value..];
                Ok(output.map(|_| buf.is_empty()))
            })
    }

    /// Reads some bytes into `buf` without waiting, and returns how many.
    ///
    /// 0 means that the other end has shut down its write half, or that `buf` is empty. The socket
    /// need not be drained; see [`readable`](TcpStream::readable).
    ///
    /// # Errors
    ///
    /// Returns an error of kind [`WouldBlock`](io::ErrorKind::WouldBlock) if there is no data, and
    /// the errors of [`read`](TcpStream::read).
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        self.source
            .try_operate(Direction::Read, |stream| read(stream, buf))
    }

    /// Writes some bytes of `buf` without waiting, and returns how many.
    ///
    /// # Errors
    ///
    /// Returns an error of kind [`WouldBlock`](io::ErrorKind::WouldBlock) if the send buffer has no
    /// room, and the errors of [`write`](TcpStream::write).
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        self.source
            .try_operate(Direction::Write, |stream| write(stream, buf))
    }
}

pub(super) fn read(
    mut stream: &std::net::TcpStream,
    buf: &mut [u8],
) -> io::Result<OpOutput<usize>> {
    Ok(OpOutput::moved(stream.read(buf)?, buf.len()))
}

pub(super) fn read_vectored(
    mut stream: &std::net::TcpStream,
    bufs: &mut [IoSliceMut<'_>],
) -> io::Result<OpOutput<usize>> {
    let batch = socket::io_batch(bufs);
    let bufs = &mut bufs[batch];
    let len = socket::total_len(bufs);
    Ok(OpOutput::moved(stream.read_vectored(bufs)?, len))
}

pub(super) fn write(mut stream: &std::net::TcpStream, buf: &[u8]) -> io::Result<OpOutput<usize>> {
    Ok(OpOutput::moved(stream.write(buf)?, buf.len()))
}

pub(super) fn write_vectored(
    stream: &std::net::TcpStream,
    bufs: &[IoSlice<'_>],
) -> io::Result<OpOutput<usize>> {
    let bufs = &bufs[socket::io_batch(bufs)];
    let sent = socket::send_vectored(stream, bufs)?;
    Ok(OpOutput::moved(sent, socket::total_len(bufs)))
}
