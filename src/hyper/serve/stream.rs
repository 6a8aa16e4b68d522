//! The stream that hyper gets. It notes what it reads, it fails if the client reads nothing for too
//! long or resets the connection, and it closes a connection without losing the last response.

#[cfg(feature = "hyper-http2")]
mod ahead;

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use ::hyper::body::Bytes;
use ::hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use ::hyper::upgrade::Upgraded;

use super::activity::Activity;
use crate::time::{Sleep, sleep};

/// The maximum time to wait for the client to close the connection after the last response, if it
/// may still be sending. The same as `file_server` has always had; nginx waits up to 5 s for each
/// part of what still comes, and 30 s for all.
const LINGER: Duration = Duration::from_secs(2);

/// The maximum number of bytes that are read from the client meanwhile.
const LINGER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How many bytes are read at most while a request is handled.
const LOOK_AHEAD: usize = 512;

/// How many bytes are read as the beginning of a request without an allocation. hyper begins with
/// as many, and asks for more after large requests.
const FIRST_READ: usize = 8192;

/// A buffer that costs nothing: bytes that are read into it are initialized by that.
fn uninit<const SIZE: usize>() -> [MaybeUninit<u8>; SIZE] {
    [const { MaybeUninit::uninit() }; SIZE]
}

/// See the [module](self).
pub(super) struct HttpStream<C> {
    io: C,
    activity: Arc<Activity>,
    /// What has been read before hyper has asked for it, and where hyper continues in it.
    prefix: Vec<u8>,
    prefix_start: usize,
    /// Whether the end of the stream has been read, other than in the middle of a request.
    is_at_end: bool,
    /// Whether a reset is noticed even while hyper does not read.
    watches_peer: bool,
    /// The poll of the connection's task in which a read was pending. In the rest of it, reads are:
    /// nothing can arrive while the task is polled. hyper reads again after each request of HTTP/2.
    pending_in: u32,
    /// The poll of the connection's task in which something was last read.
    read_in: u32,
    write_timeout: Option<Duration>,
    /// The timeout of a write that is pending.
    stalled: Option<Sleep>,
    /// The timeout of lingering, after the write side has been shut down.
    lingering: Option<Sleep>,
    lingered_bytes: usize,
}

impl<C: Read + Write + Unpin> HttpStream<C> {
    pub(super) fn new(io: C, activity: Arc<Activity>, write_timeout: Option<Duration>) -> Self {
        HttpStream {
            io,
            activity,
            prefix: Vec::new(),
            prefix_start: 0,
            is_at_end: false,
            watches_peer: false,
            pending_in: 0,
            read_in: 0,
            write_timeout,
            stalled: None,
            lingering: None,
            lingered_bytes: 0,
        }
    }

    /// Notices from now on that the client resets the connection, even while hyper does not read.
    pub(super) fn watch_peer(&mut self) {
        self.watches_peer = true;
    }

    /// Reads a little while a request is handled. hyper, which may not treat the end of the stream
    /// as the end of the client, does not, so it would handle a request for a client that has reset
    /// the connection.
    ///
    /// # Errors
    ///
    /// Returns the error of the read.
    fn look_ahead(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if !self.prefix.is_empty() || self.is_at_end {
            return Ok(());
        }
        if self.activity.has_body() && self.has_read_in_this_poll() {
            // Most likely hyper goes on to read the body, with larger reads, or notices what there
            // is to notice. If it does not, the next poll looks.
            cx.waker().wake_by_ref();
            return Ok(());
        }
        let mut buffer = uninit::<LOOK_AHEAD>();
        let mut buffer = ReadBuf::uninit(&mut buffer);
        if let Poll::Ready(result) = Pin::new(&mut self.io).poll_read(cx, buffer.unfilled()) {
            result?;
            self.is_at_end = buffer.filled().is_empty();
            self.prefix.extend_from_slice(buffer.filled());
            // hyper may have found nothing to read a moment ago.
            cx.waker().wake_by_ref();
        }
        Ok(())
    }

    fn has_read_in_this_poll(&self) -> bool {
        let poll_number = self.activity.poll_number();
        poll_number != 0 && self.read_in == poll_number
    }

    /// Returns the result of a write, or an error if no write has been accepted for too long.
    fn watch<T>(&mut self, cx: &mut Context<'_>, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        self.activity.set_blocked(poll.is_pending());
        if poll.is_ready() {
            self.stalled = None;
            return poll;
        }
        let Some(timeout) = self.write_timeout else {
            return Poll::Pending;
        };
        if self.activity.is_upgraded() {
            return Poll::Pending;
        }
        let stalled = self.stalled.get_or_insert_with(|| sleep(timeout));
        ready!(Pin::new(stalled).poll(cx));
        let error = io::Error::new(
            io::ErrorKind::TimedOut,
            format!("the client has read nothing for {timeout:?}"),
        );
        Poll::Ready(Err(error))
    }

    /// Waits until the client closes the connection. If a socket is closed while it has unread
    /// data, the OS resets the connection, and the client may lose the end of the response.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut buffer = uninit::<4096>();
        while self.lingered_bytes < LINGER_BYTES_MAX {
            let mut buffer = ReadBuf::uninit(&mut buffer);
            match Pin::new(&mut self.io).poll_read(cx, buffer.unfilled()) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    self.lingered_bytes += buffer.filled().len();
                }
                Poll::Ready(_) => break,
                Poll::Pending => {
                    let lingering = self.lingering.get_or_insert_with(|| sleep(LINGER));
                    return Pin::new(lingering).poll(cx);
                }
            }
        }
        Poll::Ready(())
    }
}

impl<C: Read + Unpin> HttpStream<C> {
    /// Reads the beginning of a request, or the end of the stream. A cursor does not say how much
    /// has been read into it, so this copies.
    fn poll_read_first(
        &mut self,
        cx: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let room = cursor.remaining();
        let (mut short, mut long);
        let buffer = if room <= FIRST_READ {
            short = uninit::<FIRST_READ>();
            &mut short[..room]
        } else {
            long = Vec::<u8>::with_capacity(room);
            &mut long.spare_capacity_mut()[..room]
        };
        let mut buffer = ReadBuf::uninit(buffer);
        ready!(Pin::new(&mut self.io).poll_read(cx, buffer.unfilled()))?;
        if buffer.filled().is_empty() && room > 0 {
            self.is_at_end = true;
        } else {
            self.activity.note_read();
            cursor.put_slice(buffer.filled());
        }
        Poll::Ready(Ok(()))
    }
}

impl<C: Read + Unpin> Read for HttpStream<C> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.prefix_start < self.prefix.len() {
            let rest = &self.prefix[self.prefix_start..];
            let taken = rest.len().min(cursor.remaining());
            cursor.put_slice(&rest[..taken]);
            self.prefix_start += taken;
            if self.prefix_start == self.prefix.len() {
                self.prefix = Vec::new();
                self.prefix_start = 0;
            }
            self.activity.note_read();
            self.read_in = self.activity.poll_number();
            return Poll::Ready(Ok(()));
        }
        if self.is_at_end {
            return Poll::Ready(Ok(()));
        }
        let poll_number = self.activity.poll_number();
        if poll_number != 0 && poll_number == self.pending_in {
            return Poll::Pending;
        }
        let poll = if self.activity.has_read() || self.activity.is_busy() {
            let poll = Pin::new(&mut self.io).poll_read(cx, cursor);
            if poll.is_ready() {
                self.activity.note_read();
            }
            poll
        } else {
            self.poll_read_first(cx, cursor)
        };
        if poll.is_pending() {
            self.pending_in = poll_number;
        } else {
            self.read_in = poll_number;
        }
        poll
    }
}

impl<C: Read + Write + Unpin> Write for HttpStream<C> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.watch(cx, poll)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        self.watch(cx, poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.watches_peer && self.activity.is_busy() {
            self.look_ahead(cx)?;
        }
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.io).poll_shutdown(cx);
        ready!(self.watch(cx, poll))?;
        if !self.is_at_end && self.activity.may_have_more() && !self.activity.is_upgraded() {
            ready!(self.poll_linger(cx));
        }
        Poll::Ready(Ok(()))
    }
}

/// Returns the stream of an upgraded connection of [`serve`](super::serve), as its listener has
/// accepted it, and the bytes that have been read from it and not been used.
///
/// Without this, `upgraded` is read and written by hyper's traits.
///
/// # Errors
///
/// Returns `upgraded` if it is not from a connection of `serve` over HTTP/1, or if the listener's
/// connections have another type than `C`.
///
/// # Examples
///
/// ```
/// use hyper::Request;
/// use hyper::body::Incoming;
/// use quintet::net::TcpStream;
///
/// /// Echoes what a client sends after its request.
/// async fn echo(request: Request<Incoming>) -> Result<(), Box<dyn std::error::Error>> {
///     let upgraded = hyper::upgrade::on(request).await?;
///     let (stream, read) = quintet::hyper::downcast::<TcpStream>(upgraded)
///         .map_err(|_| "the client is not connected by TCP")?;
///     stream.write_all(&read).await?;
///     let (mut reader, mut writer) = stream.into_split();
///     quintet::io::copy(&mut reader, &mut writer).await?;
///     Ok(())
/// }
/// ```
pub fn downcast<C>(upgraded: Upgraded) -> Result<(C, Bytes), Upgraded>
where
    C: Read + Write + Unpin + 'static,
{
    let parts = upgraded.downcast::<HttpStream<C>>()?;
    let stream = parts.io;
    let unread = &stream.prefix[stream.prefix_start..];
    let read = if unread.is_empty() {
        parts.read_buf
    } else {
        [&parts.read_buf, unread].concat().into()
    };
    Ok((stream.io, read))
}
