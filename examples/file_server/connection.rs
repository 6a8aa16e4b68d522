//! One connection: hyper on a stream that does not wait for ever.

use std::error::Error;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::future::{self, Either};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use quintet::hyper::Timer;
use quintet::io::AsyncRead;
use quintet::net::TcpStream;
use quintet::time::{Sleep, sleep};

use crate::log::complain;
use crate::service::{self, Server};

/// How much of a request's head hyper takes, and how much of a response it holds back.
const BUFFER_MAX: usize = 64 * 1024;

/// Serves a connection until it ends, or until the server stops and its running request has ended.
pub(crate) async fn serve(server: Rc<Server>, stream: TcpStream, peer: SocketAddr) {
    let _counted = Counted::new(Rc::clone(&server));
    let service = service_fn(|request| service::respond(Rc::clone(&server), request));
    let mut connection = pin!(
        http1::Builder::new()
            // Without a timer hyper would wait for ever for a request's head.
            .timer(Timer::new())
            .header_read_timeout(server.patience)
            .max_buf_size(BUFFER_MAX)
            .serve_connection(PatientStream::new(stream, Rc::clone(&server)), service)
    );
    let stopping = server.stopping.clone();
    let result = match future::select(connection.as_mut(), stopping).await {
        Either::Left((result, _)) => result,
        Either::Right(_) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    match result {
        Ok(()) => {}
        // Nothing to tell of: it was idle for too long, or the client hung up. How far a response
        // got is in the line of its request.
        Err(error) if error.is_timeout() || error.is_incomplete_message() => {}
        Err(error) => match error.source() {
            Some(source) => complain(format_args!("{peer}: {error}: {source}")),
            None => complain(format_args!("{peer}: {error}")),
        },
    }
}

/// Counts a connection while it lives.
struct Counted(Rc<Server>);

impl Counted {
    fn new(server: Rc<Server>) -> Self {
        server.connections.update(|connections| connections + 1);
        Counted(server)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.connections.update(|connections| connections - 1);
    }
}

/// How much of what a client still sends is read after the last response.
const LINGER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// And for how long.
const LINGER: Duration = Duration::from_secs(2);

/// A stream for hyper that gives up when a write makes no progress for too long, and that hangs up
/// politely.
struct PatientStream {
    stream: TcpStream,
    server: Rc<Server>,
    /// Runs while the other end takes nothing.
    stalled: Option<Sleep>,
    /// Runs once the write side has been shut down.
    lingering: Option<Sleep>,
    /// How much has been read meanwhile.
    lingered_bytes: usize,
}

impl PatientStream {
    fn new(stream: TcpStream, server: Rc<Server>) -> Self {
        PatientStream {
            stream,
            server,
            stalled: None,
            lingering: None,
            lingered_bytes: 0,
        }
    }

    /// Passes on what a write answered, unless it has been pending for too long.
    fn watch<T>(&mut self, cx: &mut Context<'_>, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if poll.is_ready() {
            self.stalled = None;
            return poll;
        }
        let patience = self.server.patience;
        let stalled = self.stalled.get_or_insert_with(|| sleep(patience));
        ready!(Pin::new(stalled).poll(cx));
        let error = io::Error::new(io::ErrorKind::TimedOut, "the client reads nothing");
        Poll::Ready(Err(error))
    }

    /// Waits until the other end hangs up, too. A socket that is closed with data unread makes the
    /// OS reset the connection, and then the other end may lose the response that it was sent.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut buffer = [0; 4096];
        while self.lingered_bytes < LINGER_BYTES_MAX && self.server.stopping.peek().is_none() {
            match AsyncRead::poll_read(Pin::new(&mut self.stream), cx, &mut buffer) {
                Poll::Ready(Ok(0) | Err(_)) => break,
                Poll::Ready(Ok(len)) => self.lingered_bytes += len,
                Poll::Pending => {
                    let lingering = self.lingering.get_or_insert_with(|| sleep(LINGER));
                    return Pin::new(lingering).poll(cx);
                }
            }
        }
        Poll::Ready(())
    }
}

impl Read for PatientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Read::poll_read(Pin::new(&mut self.stream), cx, cursor)
    }
}

impl Write for PatientStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Write::poll_write(Pin::new(&mut self.stream), cx, bytes);
        self.watch(cx, poll)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Write::poll_write_vectored(Pin::new(&mut self.stream), cx, slices);
        self.watch(cx, poll)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Write::poll_flush(Pin::new(&mut self.stream), cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Write::poll_shutdown(Pin::new(&mut self.stream), cx))?;
        ready!(self.poll_linger(cx));
        Poll::Ready(Ok(()))
    }
}
