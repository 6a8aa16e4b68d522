//! The body of a response: bytes, or a stream of chunks that are produced when hyper polls for
//! them.

use std::io;
use std::mem;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::stream::{self, Stream};
use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use quintet::fs::File;

use crate::log::LogLine;

/// How many bytes of a file are read at a time. A download uses no other memory than one chunk and
/// the buffers of hyper and the OS, regardless of the length of the file and the speed of the
/// client.
pub(crate) const CHUNK: u64 = 256 * 1024;

pub(crate) struct Body {
    source: Source,
    /// The number of remaining bytes, if known.
    left: Option<u64>,
    /// Printed when the body is dropped, whether or not all of it has been sent.
    log_line: Option<LogLine>,
}

enum Source {
    Bytes(Bytes),
    Stream(Pin<Box<dyn Stream<Item = io::Result<Bytes>>>>),
}

impl Body {
    /// Creates a body from bytes in memory.
    pub(crate) fn bytes(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Body {
            left: Some(bytes.len() as u64),
            source: Source::Bytes(bytes),
            log_line: None,
        }
    }

    /// Creates a body of unknown length that ends with the stream.
    pub(crate) fn endless(stream: impl Stream<Item = io::Result<Bytes>> + 'static) -> Self {
        Body {
            left: None,
            source: Source::Stream(Box::pin(stream)),
            log_line: None,
        }
    }

    /// Creates a body from a range of a file. A short range is read now, so that it is sent
    /// together with the head.
    ///
    /// # Errors
    ///
    /// Returns an error if a short range cannot be read. `UnexpectedEof` means that the file ends
    /// before the range does.
    pub(crate) async fn file(file: File, range: Range<u64>) -> io::Result<Self> {
        let len = range.end - range.start;
        if len <= CHUNK {
            return Ok(Body::bytes(read(&file, range).await?));
        }
        Ok(Body {
            left: Some(len),
            source: Source::Stream(Box::pin(chunks(file, range))),
            log_line: None,
        })
    }

    /// Creates the body of the response to a HEAD request: hyper sends its length, but no bytes.
    pub(crate) fn unsent(range: Range<u64>) -> Self {
        Body {
            left: Some(range.end - range.start),
            source: Source::Bytes(Bytes::new()),
            log_line: None,
        }
    }

    /// Prints `log_line` when the body is dropped.
    pub(crate) fn logged(mut self, log_line: LogLine) -> Self {
        self.log_line = Some(log_line);
        self
    }
}

/// Reads a range of a file chunk by chunk. Chunks in the page cache are read on the loop, others on
/// a worker, which can run other jobs between two chunks. A chunk is read only after hyper has
/// taken the previous one.
fn chunks(file: File, range: Range<u64>) -> impl Stream<Item = io::Result<Bytes>> {
    stream::try_unfold((file, range), async |(file, range)| {
        if range.is_empty() {
            return Ok(None);
        }
        let middle = range.end.min(range.start + CHUNK);
        let chunk = read(&file, range.start..middle).await?;
        Ok(Some((chunk, (file, middle..range.end))))
    })
}

/// Reads exactly `range`. The length has been announced to the client, so it is an error if the
/// file has become shorter.
async fn read(file: &File, range: Range<u64>) -> io::Result<Bytes> {
    let len = (range.end - range.start) as usize;
    let chunk = file.read_chunk_at(Vec::new(), len, range.start).await?;
    if chunk.len() < len {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Bytes::from(chunk))
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let bytes = match &mut self.source {
            Source::Bytes(bytes) if bytes.is_empty() => None,
            Source::Bytes(bytes) => Some(Ok(mem::take(bytes))),
            Source::Stream(stream) => ready!(stream.as_mut().poll_next(cx)),
        };
        if let Some(Ok(bytes)) = &bytes {
            let len = bytes.len() as u64;
            self.left = self.left.map(|left| left.saturating_sub(len));
            if let Some(log_line) = &mut self.log_line {
                log_line.count(len);
            }
        }
        Poll::Ready(bytes.map(|bytes| bytes.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.left == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.left
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
