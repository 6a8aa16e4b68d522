//! Reading and writing.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};

use super::TcpStream;
use crate::io::source::OpOutput;
use crate::net::socket::{self, UnlessEmpty};
use crate::phase::poll::Direction;

impl TcpStream {
    /// Reads what is there, at least one byte; 0 means that the other end has finished, or that
    /// `buf` is empty.
    ///
    /// # Errors
    ///
    /// The OS's.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no data.
    pub fn read(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        let is_empty = buf.is_empty();
        let operation = self
            .source
            .operate(Direction::Read, move |stream| read(stream, buf));
        UnlessEmpty::new(is_empty, operation)
    }

    /// Reads into several buffers, one after the other; see [`read`](TcpStream::read).
    ///
    /// # Errors
    ///
    /// The OS's.
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

    /// Reads exactly as much as `buf` holds.
    ///
    /// # Errors
    ///
    /// The OS's; [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) if the other end finishes first.
    ///
    /// # Cancel safety
    ///
    /// None: what was read is lost with the future.
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

    /// Reads what is there and leaves it there.
    ///
    /// # Errors
    ///
    /// The OS's.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no data.
    pub fn peek(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        let is_empty = buf.is_empty();
        let operation = self.source.operate(Direction::Read, move |stream| {
            stream.peek(buf).map(OpOutput::new)
        });
        UnlessEmpty::new(is_empty, operation)
    }

    /// Writes as much of `buf` as the OS takes, and returns how much.
    ///
    /// # Errors
    ///
    /// The OS's.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it has answered has written nothing.
    pub fn write(&self, buf: &[u8]) -> impl Future<Output = io::Result<usize>> {
        let is_empty = buf.is_empty();
        let operation = self
            .source
            .operate(Direction::Write, move |stream| write(stream, buf));
        UnlessEmpty::new(is_empty, operation)
    }

    /// Writes from several buffers, one after the other; see [`write`](TcpStream::write).
    ///
    /// # Errors
    ///
    /// The OS's.
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
    /// The OS's; [`WriteZero`](io::ErrorKind::WriteZero) if it takes nothing.
    ///
    /// # Cancel safety
    ///
    /// None: how much was written is lost with the future.
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

    /// Waits until there may be something to read, or the other end has finished.
    ///
    /// It is a hint: [`try_read`](TcpStream::try_read) may still say that it would block.
    ///
    /// # Errors
    ///
    /// The OS's.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub fn readable(&self) -> impl Future<Output = io::Result<()>> {
        self.source.ready(Direction::Read)
    }

    /// Waits until something may be written.
    ///
    /// It is a hint: [`try_write`](TcpStream::try_write) may still say that it would block.
    ///
    /// # Errors
    ///
    /// The OS's.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub fn writable(&self) -> impl Future<Output = io::Result<()>> {
        self.source.ready(Direction::Write)
    }

    /// Reads if there is something to read.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if there is nothing; the OS's.
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        self.source
            .try_operate(Direction::Read, |stream| read(stream, buf))
    }

    /// Writes if the OS takes something now.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if it does not; the OS's.
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
    Ok(OpOutput::moved(
        socket::send_vectored(stream, bufs)?,
        socket::total_len(bufs),
    ))
}
