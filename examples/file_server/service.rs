//! Handles requests: resolves the path, and creates the response.

use std::cell::Cell;
use std::convert::Infallible;
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use futures::channel::oneshot;
use futures::future::Shared;
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use quintet::fs::File;
use quintet::runtime::{self, Metrics};
use quintet::spawn_blocking;
use quintet::task::JoinError;

use crate::body::Body;
use crate::conditions::{self, Outcome, Version};
use crate::files::{self, Found, Opened, RequestPath};
use crate::log::{LogLine, print_error};
use crate::page::{Escaped, Page};
use crate::{hash, listing, live, mime};

const HTML: &str = "text/html; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// The state that all connections share. They run on one thread, so `Rc` and `Cell` suffice.
#[derive(Debug)]
pub(crate) struct Server {
    /// The canonical path of the served directory. An `Arc`, since workers use it as well.
    pub(crate) root: Arc<Path>,
    pub(crate) is_quiet: bool,
    /// Whether to serve files and directories whose names begin with a dot.
    pub(crate) shows_hidden: bool,
    /// Whether to serve the runtime's numbers at `/metrics`.
    pub(crate) shows_metrics: bool,
    /// Completes when the server stops.
    pub(crate) stopping: Shared<oneshot::Receiver<Infallible>>,
    pub(crate) started: Instant,
    pub(crate) connections: Cell<u64>,
    pub(crate) requests: Cell<u64>,
    pub(crate) bytes: Cell<u64>,
}

/// Handles a request. Errors become responses with an error status.
pub(crate) async fn respond(
    server: Rc<Server>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let mut log_line = LogLine::new(Rc::clone(&server), &request);
    let response = match route(&server, &request).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(&request),
    };
    log_line.status = Some(response.status());
    Ok(response.map(|body| body.logged(log_line)))
}

async fn route(
    server: &Rc<Server>,
    request: &Request<Incoming>,
) -> Result<Response<Body>, Problem> {
    // A proxy may route a request without a single `Host` to another server than this one.
    let hosts = request.headers().get_all(header::HOST).iter().count();
    if hosts > 1 || hosts < 1 && request.version() == hyper::Version::HTTP_11 {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "exactly one Host header is required",
        ));
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let problem = Problem::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "only GET and HEAD are allowed",
        );
        return Err(problem.with(header::ALLOW, HeaderValue::from_static("GET, HEAD")));
    }
    let raw = request.uri().path();
    if raw == "/live" {
        let body = Body::endless(live::events(Rc::clone(server)));
        return Ok(response(StatusCode::OK, "text/event-stream", body));
    }
    if raw == "/metrics" && server.shows_metrics {
        let text = runtime::metrics().to_prometheus();
        let body = Body::bytes(text);
        return Ok(response(StatusCode::OK, Metrics::CONTENT_TYPE, body));
    }
    match raw.strip_prefix("/hash") {
        Some(raw) if raw.starts_with('/') => hash_of(server, parse(raw)?).await,
        _ => file_or_listing(server, request, parse(raw)?).await,
    }
}

fn parse(raw: &str) -> Result<RequestPath, Problem> {
    let no_path = || Problem::new(StatusCode::BAD_REQUEST, "the path is not valid");
    RequestPath::parse(raw).ok_or_else(no_path)
}

/// Opens `path` on a worker. One job makes all the system calls, so the loop and the worker
/// exchange only two messages.
async fn find(server: &Server, path: RequestPath) -> Result<Found, Problem> {
    if path.is_hidden() && !server.shows_hidden {
        return Err(io::Error::from(io::ErrorKind::NotFound).into());
    }
    let root = Arc::clone(&server.root);
    Ok(spawn_blocking(move || files::find(&root, &path)).await??)
}

async fn file_or_listing(
    server: &Server,
    request: &Request<Incoming>,
    path: RequestPath,
) -> Result<Response<Body>, Problem> {
    match find(server, path.clone()).await? {
        Found::File(file) => send(request, file).await,
        Found::MissingSlash => {
            let moved = Problem::new(StatusCode::MOVED_PERMANENTLY, "this is a directory");
            Err(moved.with(header::LOCATION, ascii(&path.to_dir_url())))
        }
        Found::Directory(dir) => {
            let root = Arc::clone(&server.root);
            let shows_hidden = server.shows_hidden;
            let page = move || listing::page(&root, &dir, &path.to_text(), shows_hidden);
            let page = spawn_blocking(page).await??;
            Ok(response(StatusCode::OK, HTML, Body::bytes(page)))
        }
    }
}

/// Creates the response to a request for a file: the whole file, a range of it, or
/// `304 Not Modified`.
async fn send(request: &Request<Incoming>, found: Opened) -> Result<Response<Body>, Problem> {
    let version = &found.version;
    let (status, range) = match conditions::evaluate(request.method(), request.headers(), version) {
        Outcome::Whole => (StatusCode::OK, 0..version.len),
        Outcome::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Outcome::NotModified => {
            let mut response = Response::new(Body::bytes(""));
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            describe(response.headers_mut(), version);
            return Ok(response);
        }
        Outcome::PreconditionFailed => {
            let status = StatusCode::PRECONDITION_FAILED;
            return Err(Problem::new(status, "the file has changed"));
        }
        Outcome::Unsatisfiable => {
            let status = StatusCode::RANGE_NOT_SATISFIABLE;
            let problem = Problem::new(status, "the range lies outside the file");
            let content_range = ascii(&format!("bytes */{}", version.len));
            return Err(problem.with(header::CONTENT_RANGE, content_range));
        }
    };
    let content_type = mime::content_type(&found.path);
    let body = match *request.method() {
        Method::HEAD => Body::unsent(range.clone()),
        _ => Body::file(File::from_std(found.file), range.clone()).await?,
    };
    let mut response = response(status, content_type, body);
    let headers = response.headers_mut();
    describe(headers, version);
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if status == StatusCode::PARTIAL_CONTENT {
        let content_range = format!("bytes {}-{}/{}", range.start, range.end - 1, version.len);
        headers.insert(header::CONTENT_RANGE, ascii(&content_range));
    }
    Ok(response)
}

/// Inserts the headers that describe `version`.
fn describe(headers: &mut HeaderMap, version: &Version) {
    headers.insert(header::ETAG, ascii(&version.etag));
    if let Some(date) = &version.last_modified {
        headers.insert(header::LAST_MODIFIED, ascii(date));
    }
    // Clients may cache the file, but must revalidate it before each use.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
}

/// Handles `/hash/<path>`: returns one line in the format of `sha256sum`.
async fn hash_of(server: &Server, path: RequestPath) -> Result<Response<Body>, Problem> {
    let Found::File(found) = find(server, path).await? else {
        let status = StatusCode::NOT_FOUND;
        return Err(Problem::new(status, "a directory has no hash"));
    };
    let hash = hash::sha256(found.file).await?;
    let name = found.path.file_name().unwrap_or_default().display();
    let line = format!("{hash}  {name}\n");
    Ok(response(StatusCode::OK, TEXT, Body::bytes(line)))
}

fn response(status: StatusCode, content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    // Browsers must not guess another type.
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    response
}

fn ascii(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("dates, numbers and encoded paths are printable ASCII")
}

/// An error or a redirect, sent as an HTML page.
#[derive(Debug)]
struct Problem {
    status: StatusCode,
    /// An explanation for the user.
    text: String,
    header: Option<(HeaderName, HeaderValue)>,
}

impl Problem {
    fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Problem {
            status,
            text: text.into(),
            header: None,
        }
    }

    fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.header = Some((name, value));
        self
    }

    fn into_response(self, request: &Request<Incoming>) -> Response<Body> {
        let (path, text) = (Escaped(request.uri().path()), Escaped(&self.text));
        let page = Page {
            title: &self.status.to_string(),
            body: format_args!(
                "<p><code>{path}</code>: {text}.</p>\n<p><a href=\"/\">Start page</a></p>"
            ),
        };
        let mut response = response(self.status, HTML, Body::bytes(page.to_string()));
        if let Some((name, value)) = self.header {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind::{InvalidFilename, NotADirectory, NotFound, PermissionDenied};
        use rustix::io::Errno;

        let errno = error.raw_os_error().map(Errno::from_raw_os_error);
        match error.kind() {
            NotFound | NotADirectory | InvalidFilename => {
                Problem::new(StatusCode::NOT_FOUND, "no such file")
            }
            PermissionDenied if errno.is_none() => {
                Problem::new(StatusCode::FORBIDDEN, error.to_string())
            }
            PermissionDenied => Problem::new(StatusCode::FORBIDDEN, "permission denied"),
            _ if errno == Some(Errno::LOOP) => {
                Problem::new(StatusCode::FORBIDDEN, "too many levels of symbolic links")
            }
            _ if matches!(errno, Some(Errno::MFILE | Errno::NFILE)) => {
                let status = StatusCode::SERVICE_UNAVAILABLE;
                let problem = Problem::new(status, "too many open files, try again later");
                problem.with(header::RETRY_AFTER, HeaderValue::from_static("1"))
            }
            // The details go to the log, not to the client.
            _ => {
                print_error(&error);
                Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the file cannot be read")
            }
        }
    }
}

impl From<JoinError> for Problem {
    fn from(error: JoinError) -> Self {
        io::Error::from(error).into()
    }
}
