//! Connections in memory: nothing but the test and the server's timers says what happens when.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker, ready};

use futures::io::{AsyncRead, AsyncWrite};
use hyper::rt::{Read, ReadBufCursor, Write};
use quintet::io::{DuplexStream, duplex};
use quintet::serve::Listener;
use quintet::task::yield_now;

use crate::client::Client;

/// How much each direction of a connection holds.
const ROOM: usize = 64 * 1024;

/// How much one read of the server gets at most.
pub(crate) const READ: usize = 4096;

/// One end of a connection, for hyper.
pub(crate) struct Wire {
    stream: DuplexStream,
    /// How many reads there were that got something.
    reads: Arc<AtomicUsize>,
}

impl Wire {
    #[allow(dead_code, reason = "the tests of HTTP/2 use hyper's client")]
    pub(crate) fn new(stream: DuplexStream) -> Self {
        Wire {
            stream,
            reads: Arc::default(),
        }
    }
}

impl Read for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut buf = [0; READ];
        let room = cursor.remaining().min(buf.len());
        let n = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buf[..room]))?;
        cursor.put_slice(&buf[..n]);
        self.reads.fetch_add(usize::from(n > 0), Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl Write for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}

/// Makes connections for a [`WireListener`].
#[derive(Clone, Default)]
pub(crate) struct Network(Rc<NetworkState>);

#[derive(Default)]
struct NetworkState {
    next: RefCell<VecDeque<io::Result<Wire>>>,
    waiter: RefCell<Option<Waker>>,
    is_closed: Cell<bool>,
    reads: Arc<AtomicUsize>,
}

impl Network {
    pub(crate) fn listener(&self) -> WireListener {
        WireListener(self.clone())
    }

    /// Connects a client.
    pub(crate) fn connect(&self) -> Client<DuplexStream> {
        self.connect_by(Client::new)
    }

    /// Connects a client that `make` makes of a stream.
    pub(crate) fn connect_by<C>(&self, make: impl FnOnce(DuplexStream) -> C) -> C {
        let (client, server) = duplex(ROOM);
        self.push(Ok(Wire {
            stream: server,
            reads: Arc::clone(&self.0.reads),
        }));
        make(client)
    }

    /// Makes the next `accept` fail.
    pub(crate) fn fail(&self, error: impl Into<io::Error>) {
        self.push(Err(error.into()));
    }

    /// Whether the server has closed the listener.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.is_closed.get()
    }

    /// How many reads of the server there were that got something.
    #[allow(dead_code, reason = "the tests of HTTP/2 do not ask")]
    pub(crate) fn reads(&self) -> usize {
        self.0.reads.load(Ordering::Relaxed)
    }

    fn push(&self, next: io::Result<Wire>) {
        self.0.next.borrow_mut().push_back(next);
        if let Some(waiter) = self.0.waiter.take() {
            waiter.wake();
        }
    }
}

/// The server's end of a [`Network`].
pub(crate) struct WireListener(Network);

impl Listener for WireListener {
    type Connection = Wire;
    type Addr = ();

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Wire, ())>> {
        let network = &self.0.0;
        match network.next.borrow_mut().pop_front() {
            Some(next) => Poll::Ready(next.map(|wire| (wire, ()))),
            None => {
                network.waiter.replace(Some(cx.waker().clone()));
                Poll::Pending
            }
        }
    }
}

impl Drop for WireListener {
    fn drop(&mut self) {
        self.0.0.is_closed.set(true);
    }
}

/// Yields until all that can happen without time has happened.
pub(crate) async fn settle() {
    for _ in 0..50 {
        yield_now().await;
    }
}
