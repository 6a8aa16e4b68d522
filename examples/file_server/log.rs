//! What the server says while it runs.
//!
//! It writes from the loop's own thread: a line is a microsecond's work, but a terminal that is
//! paused pauses everybody. A server for the world would hand its lines to another thread.

use std::fmt::Display;
use std::io::{self, Write};
use std::rc::Rc;
use std::time::Instant;

use hyper::{Method, Request, StatusCode};

use crate::service::Server;

/// Prints a line. When nobody reads them any more, as in `file_server | head`, there are none.
pub(crate) fn print(line: impl Display) {
    let _closed = writeln!(io::stdout(), "{line}");
}

/// Prints a line about something that went wrong.
pub(crate) fn print_error(line: impl Display) {
    let _closed = writeln!(io::stderr(), "file_server: {line}");
}

/// The line of a request. It is printed when this is dropped: only then it is known how the
/// response went.
#[derive(Debug)]
pub(crate) struct LogLine {
    server: Rc<Server>,
    method: Method,
    path: String,
    /// None as long as there is no response.
    pub(crate) status: Option<StatusCode>,
    bytes: u64,
    started: Instant,
}

impl LogLine {
    pub(crate) fn new<B>(server: Rc<Server>, request: &Request<B>) -> Self {
        LogLine {
            server,
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            status: None,
            bytes: 0,
            started: Instant::now(),
        }
    }

    /// Counts bytes of the body.
    pub(crate) fn count(&mut self, bytes: u64) {
        self.bytes += bytes;
        self.server.bytes.update(|total| total + bytes);
    }
}

impl Drop for LogLine {
    fn drop(&mut self) {
        self.server.requests.update(|requests| requests + 1);
        if self.server.is_quiet {
            return;
        }
        let status = self.status.as_ref().map_or("gone", StatusCode::as_str);
        let (method, bytes) = (&self.method, self.bytes);
        let ms = self.started.elapsed().as_secs_f64() * 1000.0;
        // Clients choose the path, but not what it does to a terminal.
        let path = self.path.escape_default();
        print(format_args!("{method} {path} {status} {bytes} {ms:.1} ms"));
    }
}
