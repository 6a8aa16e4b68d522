//! Serves one connection with hyper, on a stream with timeouts.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;

use futures::future::{self, Either};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use quintet::hyper::Timer;
use quintet::net::TcpStream;

use crate::log::print_error;
use crate::patient::PatientStream;
use crate::service::{self, Server};

/// The maximum size of a request's head, and of the part of a response that hyper buffers, in
/// bytes.
const BUFFER_MAX: usize = 64 * 1024;

/// The maximum number of bytes that the socket buffers and that have not been sent. Without this
/// limit the OS buffers megabytes, and reports the socket writable again only after it has sent a
/// third of them: a slow client would seem to read nothing.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT_MAX: u32 = 16 * 1024;

/// Sets the socket's options.
fn prepare(stream: &TcpStream) -> io::Result<()> {
    // The head of a response and its body are separate writes; Nagle's algorithm would delay them.
    stream.set_nodelay(true)?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket2::SockRef::from(stream).set_tcp_notsent_lowat(UNSENT_MAX)?;
    Ok(())
}

/// Serves a connection until it ends, or until the server stops and the running request is done.
///
/// # Errors
///
/// Returns an error if the client has gone before it was served.
pub(crate) async fn serve(
    server: Rc<Server>,
    stream: TcpStream,
    peer: SocketAddr,
) -> io::Result<()> {
    prepare(&stream)?;
    let _counted = Counted::new(Rc::clone(&server));
    let service = service_fn(|request| service::respond(Rc::clone(&server), request));
    let is_stopping = || server.stopping.peek().is_some();
    let stream = PatientStream::new(stream, server.patience, is_stopping);
    let mut connection = pin!(
        http1::Builder::new()
            // Without a timer hyper would wait forever for the head of a request.
            .timer(Timer::new())
            .header_read_timeout(server.patience)
            .max_buf_size(BUFFER_MAX)
            // A client that has shut down its write side may still wait for its response.
            .half_close(true)
            .serve_connection(stream, service)
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
        // Not worth a line: the connection was idle for too long, or the client disconnected. The
        // request's line in the log has the number of bytes that were sent.
        Err(error) if error.is_timeout() || error.is_incomplete_message() => {}
        Err(error) => match error.source() {
            Some(source) => print_error(format_args!("{peer}: {error}: {source}")),
            None => print_error(format_args!("{peer}: {error}")),
        },
    }
    Ok(())
}

/// Counts a connection until it is dropped.
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
