//! What stream sockets share: TCP and Unix streams. The methods and halves of their types are
//! written once, as macros.

mod halves;
mod operations;
mod traits;

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::AsFd;

use rustix::net::{RecvAncillaryBuffer, RecvFlags, ReturnFlags, recvmsg};

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

/// A read of a Unix stream ends behind bytes that came with descriptors, even if more bytes are
/// there, so it may be short although the stream is not drained. `recvmsg` tells, since it has no
/// room for descriptors here: then its message is cut.
impl StreamSocket for std::os::unix::net::UnixStream {
    fn read(&self, buf: &mut [u8]) -> io::Result<OpOutput<usize>> {
        self.read_vectored(&mut [IoSliceMut::new(buf)])
    }

    fn read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<OpOutput<usize>> {
        let batch = socket::io_batch(bufs);
        let bufs = &mut bufs[batch];
        let given = socket::total_len(bufs);
        let mut no_ancillary = RecvAncillaryBuffer::default();
        let received = recvmsg(self, bufs, &mut no_ancillary, RecvFlags::empty())?;
        let mut output = OpOutput::moved(received.bytes, given);
        output.is_drained &= !received.flags.contains(ReturnFlags::CTRUNC);
        Ok(output)
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
