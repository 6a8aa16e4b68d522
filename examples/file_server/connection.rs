//! Accepts connections, each as a stream with timeouts, and makes their services.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use quintet::net::{TcpListener, TcpStream};
use quintet::serve::{Listener, ServeError};

use crate::log::print_error;
use crate::patient::PatientStream;
use crate::service::Server;

/// The maximum number of bytes that the socket buffers and that have not been sent. Without this
/// limit the OS buffers megabytes, and reports the socket writable again only after it has sent a
/// third of them: a slow client would seem to read nothing.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT_MAX: u32 = 16 * 1024;

/// A listener whose connections do not wait for ever for a client that reads nothing.
pub(crate) struct PatientListener {
    pub(crate) listener: TcpListener,
    pub(crate) patience: Duration,
}

impl Listener for PatientListener {
    type Connection = PatientStream<TcpStream>;
    type Addr = SocketAddr;

    fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Self::Connection, SocketAddr)>> {
        let (stream, peer) = ready!(self.listener.poll_accept(cx))?;
        // An error would end the server. If the client has gone, its first read says so.
        let _gone = prepare(&stream);
        Poll::Ready(Ok((PatientStream::new(stream, self.patience), peer)))
    }
}

/// Sets the socket's options.
fn prepare(stream: &TcpStream) -> io::Result<()> {
    // The head of a response and its body are separate writes; Nagle's algorithm would delay them.
    stream.set_nodelay(true)?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket2::SockRef::from(stream).set_tcp_notsent_lowat(UNSENT_MAX)?;
    Ok(())
}

/// Counts a connection until it is dropped.
pub(crate) struct Counted(pub(crate) Rc<Server>);

impl Counted {
    pub(crate) fn new(server: Rc<Server>) -> Self {
        server.connections.update(|connections| connections + 1);
        Counted(server)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.connections.update(|connections| connections - 1);
    }
}

/// Prints an error of the server.
pub(crate) fn print_failure(error: ServeError) {
    let ServeError::Connection(error) = error else {
        return print_error(error);
    };
    // Not worth a line: the connection was idle for too long, or the client disconnected. The
    // request's line in the log has the number of bytes that were sent.
    let is_of_client = match error.downcast_ref::<hyper::Error>() {
        Some(error) => error.is_timeout() || error.is_incomplete_message(),
        None => error
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::TimedOut),
    };
    match error.source() {
        _ if is_of_client => {}
        Some(source) => print_error(format_args!("{error}: {source}")),
        None => print_error(error),
    }
}
