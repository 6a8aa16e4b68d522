//! What stream sockets share: TCP and Unix streams. The methods and halves of their types are
//! written once, as macros.

mod halves;
mod operations;
mod traits;

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::AsFd;

use rustix::net::RecvFlags;

use super::socket::{self, SEND_FLAGS};
use crate::io::source::OpOutput;

pub(super) use halves::{impl_half, impl_read_half, impl_write_half, stream_halves};
pub(super) use operations::stream_operations;
pub(super) use traits::stream_traits;

/// A stream socket of the standard library, and how it is read.
pub(super) trait StreamSocket: AsFd {
    fn read(&self, buf: &mut [u8]) -> io::Result<OpOutput<usize>>;

    fn read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<OpOutput<usize>>;
}

impl StreamSocket for std::net::TcpStream {
    fn read(&self, buf: &mut [u8]) -> io::Result<OpOutput<usize>> {
        let given = buf.len();
        let (len, _) = rustix::net::recv(self, buf, RecvFlags::empty())?;
        Ok(OpOutput::moved(len, given))
    }

    fn read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<OpOutput<usize>> {
        let batch = socket::io_batch(bufs);
        let bufs = &mut bufs[batch];
        let given = socket::total_len(bufs);
        Ok(OpOutput::moved(rustix::io::readv(self, bufs)?, given))
    }
}

/// Reads without removing what is read. What is short may be followed by more: a peek proves
/// nothing.
pub(super) fn peek(stream: &impl AsFd, buf: &mut [u8]) -> io::Result<OpOutput<usize>> {
    let (len, _) = rustix::net::recv(stream, buf, RecvFlags::PEEK)?;
    Ok(OpOutput::new(len))
}

pub(super) fn write(stream: &impl AsFd, buf: &[u8]) -> io::Result<OpOutput<usize>> {
    let sent = rustix::net::send(stream, buf, SEND_FLAGS)?;
    Ok(OpOutput::moved(sent, buf.len()))
}

pub(super) fn write_vectored(
    stream: &impl AsFd,
    bufs: &[IoSlice<'_>],
) -> io::Result<OpOutput<usize>> {
    let bufs = &bufs[socket::io_batch(bufs)];
    let sent = socket::send_vectored(stream, bufs)?;
    Ok(OpOutput::moved(sent, socket::total_len(bufs)))
}

/// If the connection has ended already, there is nothing to shut down.
pub(super) fn ignore_not_connected(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
        result => result,
    }
}
