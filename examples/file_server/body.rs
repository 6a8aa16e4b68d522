//! What a response sends: some bytes, or a stream of chunks that are made when hyper asks for them.

use std::io;
use std::mem;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::stream::{self, Stream};
use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use quintet::fs::File;

use crate::log::LogLine;

/// How much of a file is read at a time. Together with what hyper and the OS hold back this is all
/// the memory that a download takes, however long the file and however slow the client.
pub(crate) const CHUNK: u64 = 256 * 1024;

pub(crate) struct Body {
    source: Source,
    /// How many bytes are still to come, where that is known.
    left: Option<u64>,
    /// Written when the body has been sent, or dropped on the way.
    log_line: Option<LogLine>,
}

enum Source {
    Bytes(Bytes),
    Stream(Pin<Box<dyn Stream<Item = io::Result<Bytes>>>>),
}

impl Body {
    /// A body that is there already.
    pub(crate) fn bytes(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Body {
            left: Some(bytes.len() as u64),
            source: Source::Bytes(bytes),
            log_line: None,
        }
    }

    /// A body that goes on until the stream ends.
    pub(crate) fn endless(stream: impl Stream<Item = io::Result<Bytes>> + 'static) -> Self {
        Body {
            left: None,
            source: Source::Stream(Box::pin(stream)),
            log_line: None,
        }
    }

    /// A part of a file. A short one is read now, so that it leaves together with the head.
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

    /// The body that a GET would have, for a HEAD: hyper asks how long it is, and sends none.
    pub(crate) fn unsent(range: Range<u64>) -> Self {
        Body {
            left: Some(range.end - range.start),
            source: Source::Bytes(Bytes::new()),
            log_line: None,
        }
    }

    /// Logs the request when this is done with.
    pub(crate) fn logged(mut self, log_line: LogLine) -> Self {
        self.log_line = Some(log_line);
        self
    }
}

/// Reads a part of a file chunk by chunk. A chunk that the kernel has in memory is read on the loop,
/// any other by a worker, which is free for others between two of them; and none is read before the
/// one before it is on its way.
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

/// Reads a chunk. What was announced must come: if the file got shorter meanwhile, it is an error.
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
