//! Reads into memory that is not initialized, of the traits of other crates: data is read into a
//! buffer of this thread, and copied.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::io::AsyncRead;

/// How much one read moves at most.
pub(crate) const CHUNK: usize = 64 * 1024;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Reads up to `room` bytes, and passes them to `put`.
pub(crate) fn poll_read(
    reader: Pin<&mut impl AsyncRead>,
    cx: &mut Context<'_>,
    room: usize,
    put: impl FnOnce(&[u8]),
) -> Poll<io::Result<()>> {
    BUFFER.with(|kept| {
        // Taken for the read, because a waker may call this function again.
        let mut buffer = kept.take();
        if buffer.is_empty() {
            buffer = vec![0; CHUNK];
        }
        let result = reader.poll_read(cx, &mut buffer[..room.min(CHUNK)]);
        if let Poll::Ready(Ok(n)) = result {
            put(&buffer[..n]);
        }
        kept.replace(buffer);
        ready!(result)?;
        Poll::Ready(Ok(()))
    })
}
