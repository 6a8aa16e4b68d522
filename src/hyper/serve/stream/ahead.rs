//! Reading the beginning of a connection before hyper does, with the feature `hyper-http2`.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ::hyper::rt::{Read, ReadBuf};

use super::{HttpStream, uninit};

/// How much is read at a time. The head of most requests is not longer, so hyper need not read
/// again.
const READ_AHEAD: usize = 1024;

impl<C: Read + Unpin> HttpStream<C> {
    /// Reads more of the beginning of the connection, and returns how many bytes. hyper will read
    /// them again.
    ///
    /// # Errors
    ///
    /// Returns the error of the read.
    pub(in crate::hyper::serve) fn poll_read_ahead(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let mut buffer = uninit::<READ_AHEAD>();
        let mut buffer = ReadBuf::uninit(&mut buffer);
        ready!(Pin::new(&mut self.io).poll_read(cx, buffer.unfilled()))?;
        self.activity.note_read();
        self.prefix.extend_from_slice(buffer.filled());
        Poll::Ready(Ok(buffer.filled().len()))
    }

    /// Returns what has been read ahead.
    pub(in crate::hyper::serve) fn ahead(&self) -> &[u8] {
        &self.prefix
    }
}
