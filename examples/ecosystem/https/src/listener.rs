//! A listener whose connections are encrypted.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::io::{AsyncRead, AsyncWrite};
use futures_rustls::server::TlsStream;
use futures_rustls::{Accept, TlsAcceptor, rustls};
use quintet::hyper::Io;
use quintet::net::{TcpListener, TcpStream};
use quintet::serve::Listener;
use quintet::time::{Sleep, sleep};

/// How long a handshake may take.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);

/// Accepts connections of a [`TcpListener`] and encrypts them.
pub struct TlsListener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl TlsListener {
    pub fn new(listener: TcpListener, config: Arc<rustls::ServerConfig>) -> Self {
        TlsListener {
            listener,
            acceptor: TlsAcceptor::from(config),
        }
    }
}

impl Listener for TlsListener {
    type Connection = Io<Lazy>;
    type Addr = std::net::SocketAddr;

    fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Self::Connection, Self::Addr)>> {
        let (stream, addr) = ready!(self.listener.poll_accept(cx))?;
        // The handshake is made in the task of the connection, so a slow client delays no other.
        let accept = self.acceptor.accept(stream);
        let limit = Box::pin(sleep(HANDSHAKE_TIME));
        Poll::Ready(Ok((Io::new(Lazy::Handshake { accept, limit }), addr)))
    }

    fn set_nodelay(&mut self) -> io::Result<()> {
        self.listener.set_nodelay()
    }
}

/// A connection that makes its handshake when it is first read or written.
pub enum Lazy {
    Handshake {
        accept: Accept<TcpStream>,
        limit: Pin<Box<Sleep>>,
    },
    Open(TlsStream<TcpStream>),
}

impl Lazy {
    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<&mut TlsStream<TcpStream>>> {
        if let Lazy::Handshake { accept, limit } = self {
            let stream = match Pin::new(accept).poll(cx) {
                Poll::Ready(stream) => stream?,
                Poll::Pending => {
                    ready!(limit.as_mut().poll(cx));
                    let message = "the handshake takes too long";
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, message)));
                }
            };
            *self = Lazy::Open(stream);
        }
        match self {
            Lazy::Open(stream) => Poll::Ready(Ok(stream)),
            Lazy::Handshake { .. } => unreachable!("it has just been opened"),
        }
    }
}

impl AsyncRead for Lazy {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(ready!(self.poll_open(cx))?).poll_read(cx, buf)
    }
}

impl AsyncWrite for Lazy {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(ready!(self.poll_open(cx))?).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            // Nothing has been written.
            Lazy::Handshake { .. } => Poll::Ready(Ok(())),
            Lazy::Open(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Lazy::Handshake { .. } => Poll::Ready(Ok(())),
            Lazy::Open(stream) => Pin::new(stream).poll_close(cx),
        }
    }
}
