//! Logs to standard output and standard error.
//!
//! Writing takes place on the loop's thread. A line takes about a microsecond, but a paused
//! terminal blocks the whole server. A production server would log on another thread.

use std::fmt::Display;
use std::io::{self, Write};
use std::rc::Rc;
use std::time::Instant;

use hyper::{Method, Request, StatusCode};

use crate::service::Server;

/// Prints a line. Ignores errors, since the reader may have closed the pipe, as in
/// `file_server | head`.
pub(crate) fn print(line: impl Display) {
    let _closed = writeln!(io::stdout(), "{line}");
}

/// Prints an error to standard error.
pub(crate) fn print_error(line: impl Display) {
    let _closed = writeln!(io::stderr(), "file_server: {line}");
}

/// The log line of a request. It is printed when this is dropped, since it includes how many bytes
/// of the response have been sent.
#[derive(Debug)]
pub(crate) struct LogLine {
    server: Rc<Server>,
    method: Method,
    path: String,
    /// `None` until there is a response.
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

    /// Adds `bytes` to the number of bytes sent.
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
        // Escape control characters, since the path comes from the client.
        let path = self.path.escape_default();
        print(format_args!("{method} {path} {status} {bytes} {ms:.1} ms"));
    }
}
