//! An HTTP server on [`serve`](crate::serve()).

mod activity;
mod deadlines;
mod failures;
mod http1;
#[cfg(feature = "hyper-http2")]
mod http2;
mod stop;
mod stream;
#[cfg_attr(not(feature = "hyper-http2"), path = "serve/versions/http1_only.rs")]
mod versions;

use std::error::Error;
use std::fmt;
use std::future::{Pending, pending};
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use ::hyper::body::{Body, Incoming};
use ::hyper::rt::{Read, Write};
use ::hyper::server::conn::http1 as hyper_http1;
use ::hyper::service::Service;
use ::hyper::{Request, Response};

use super::Timer;
use crate::serve::{self as base, Listener, ServeError, Serving};
use crate::task::Drained;
use activity::{Activity, CountedService};
use deadlines::{Deadlines, Limits};
use failures::Failures;
use stop::Stop;
use versions::Versions;

#[cfg(feature = "hyper-http2")]
pub use http2::StreamExecutor;
pub use stream::downcast;

/// How long a client may take to send the head of a request; hyper's default. nginx and Node wait
/// for 60 s.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a connection may be idle. It is more than the 60 s after which common load balancers
/// close their side, so that they do not send a request on a connection that is being closed; the
/// default of nginx.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);

/// How long a client may read nothing. The kernel of a slow reader does not announce each byte of
/// free space, but waits until a large part of its buffer is free; with 64 KiB and 2 kB per second
/// that takes half a minute. nginx waits for 60 s.
const WRITE_TIMEOUT: Duration = Duration::from_secs(90);

/// How long a connection of HTTP/1 waits for a request after the server has been stopped. A client
/// may have sent one before it could know. That takes half a round trip, of which few are longer
/// than a second.
const QUIET_TIMEOUT: Duration = Duration::from_millis(500);

/// How long connections may take to end. Kubernetes kills a process 30 s after it has asked it to
/// end.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);

/// How many bytes the head of a request may have. Node allows 16 KiB, nginx 32 KiB in lines of up
/// to 8 KiB, Go 1 MiB.
const HEADER_SIZE_MAX: usize = 64 * 1024;

/// Serves HTTP: each connection that `listener` accepts is a task, in which hyper calls `service`.
///
/// `service` is shared by all connections; [`serve_each`] makes one for each connection. It and its
/// futures need not be `Send`. A service is a [`service_fn`](hyper::service::service_fn), or any
/// other type that implements hyper's [`Service`].
///
/// HTTP/1.0 and 1.1 are served, and with the feature `hyper-http2` also HTTP/2, without TLS: a
/// connection has the version that the client begins with. For TLS, implement [`Listener`] for a
/// listener whose connections implement hyper's `Read` and `Write`.
///
/// The future that this returns completes when [`HttpServer::until`] says so, or if the listener
/// fails. Await it, or set limits by the methods of [`HttpServer`] first.
///
/// # Limits
///
/// | what | by default | method |
/// |---|---|---|
/// | open connections | as many as the process may have | [`max_connections`](HttpServer::max_connections) |
/// | bytes in the head of a request | 64 KiB | [`max_header_size`](HttpServer::max_header_size) |
/// | headers in a request | 100 in HTTP/1 | [`max_headers`](HttpServer::max_headers) |
/// | time for the head of a request | 30 s | [`header_timeout`](HttpServer::header_timeout) |
/// | time without a request | 75 s | [`idle_timeout`](HttpServer::idle_timeout) |
/// | time in which the client reads nothing | 90 s | [`write_timeout`](HttpServer::write_timeout) |
/// | time without a request at the end | 0.5 s | [`quiet_timeout`](HttpServer::quiet_timeout) |
/// | time for connections to end | 20 s | [`drain_timeout`](HttpServer::drain_timeout) |
/// | requests of a connection at a time, in HTTP/2 | 200 | `http2_max_concurrent_streams` |
/// | time between pings, and to acknowledge one | 60 s, 20 s | `http2_keep_alive` |
/// | streams that the client has reset | 20 pending, 1024 by errors | `http2_max_resets` |
///
/// A request with a longer head gets the status 431. What a request's body may take, in bytes and
/// in time, is for the service to say, which knows what it is for; with the crate `http-body-util`:
///
/// ```
/// use std::error::Error;
/// use std::time::Duration;
///
/// use http_body_util::{BodyExt, Limited};
/// use hyper::body::{Bytes, Incoming};
///
/// /// Receives at most 1 MiB, within 10 s.
/// async fn receive(body: Incoming) -> Result<Bytes, Box<dyn Error + Send + Sync>> {
///     let body = Limited::new(body, 1 << 20).collect();
///     let body = quintet::time::timeout(Duration::from_secs(10), body).await??;
///     Ok(body.to_bytes())
/// }
/// ```
///
/// # Connections
///
/// A client that shuts down its side after a request gets the response. If it may still be sending
/// when the connection ends, for example the rest of a body that the service has not read, this is
/// read and thrown away for up to 2 s, because the OS would reset the connection and the client
/// could lose the response. If a client disconnects, the futures of its requests are dropped.
///
/// Upgrades work by [`hyper::upgrade`]; [`downcast`] returns the stream itself. An upgraded
/// connection no longer belongs to the server: it does not count for `max_connections`, and when
/// the server ends, it is neither told nor waited for. Only the service knows how its protocol
/// ends. Spawn the task of an upgraded connection with a
/// [`TaskTracker`](crate::task::TaskTracker), and [drain](crate::task::TaskTracker::drain) that
/// after the server.
///
/// The connections of a [`TcpListener`](crate::net::TcpListener) have the option `TCP_NODELAY`,
/// also behind a listener that passes on [`Listener::set_nodelay`], as those of
/// [`cluster`](crate::cluster) do.
///
/// # The end
///
/// When the server is [stopped](HttpServer::until), the listener is closed. In HTTP/1, each
/// connection ends after its next response, which has the header `Connection: close`; one that has
/// no request ends after [half a second](HttpServer::quiet_timeout), so that no request is lost
/// that was sent before the client could know. In HTTP/2, clients are told by a frame, and requests
/// that have been sent are handled. At the [deadline](HttpServer::drain_timeout) the rest is
/// cancelled. The future completes after the last connection has been closed.
///
/// # Errors
///
/// Awaiting it returns the error of the listener, if that can no longer be used. All other errors
/// are passed to [`HttpServer::on_error`]. A service that panics ends its connection, in HTTP/2 its
/// stream.
///
/// # Cancel safety
///
/// If the future is dropped, the listener is closed, and all connections are cancelled.
///
/// # Examples
///
/// ```no_run
/// use std::convert::Infallible;
///
/// use http_body_util::Full;
/// use hyper::body::{Bytes, Incoming};
/// use hyper::service::service_fn;
/// use hyper::{Request, Response};
/// use quintet::net::TcpListener;
///
/// async fn hello(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
///     Ok(Response::new(Full::new(Bytes::from("hello\n"))))
/// }
///
/// #[quintet::main]
/// async fn main() -> std::io::Result<()> {
///     let listener = TcpListener::bind("127.0.0.1:8080").await?;
///     quintet::hyper::serve(listener, service_fn(hello))
///         .max_connections(1000)
///         .until(quintet::shutdown()?)
///         .await?;
///     Ok(())
/// }
/// ```
#[track_caller]
pub fn serve<L, S>(listener: L, service: S) -> HttpServer<L, Rc<S>>
where
    L: Listener,
    S: Service<Request<Incoming>> + 'static,
{
    let service = Rc::new(service);
    serve_each(listener, move |_, _| Rc::clone(&service))
}

/// The same as [`serve`], with a service for each connection.
///
/// `make` is called with each connection and the address of the client, before anything has been
/// read. The service is dropped when the connection has ended.
///
/// # Examples
///
/// ```
/// use std::convert::Infallible;
/// use std::net::SocketAddr;
///
/// use hyper::body::Incoming;
/// use hyper::service::service_fn;
/// use hyper::{Request, Response};
/// use quintet::net::{TcpListener, TcpStream};
///
/// # quintet::block_on(async {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// # let addr = listener.local_addr()?;
/// let server = quintet::hyper::serve_each(listener, |_: &TcpStream, peer: SocketAddr| {
///     service_fn(move |_: Request<Incoming>| async move {
///         Ok::<_, Infallible>(Response::new(format!("you are {peer}\n")))
///     })
/// });
/// # let _server = quintet::spawn(server.into_future());
/// # let mut client = TcpStream::connect(addr).await?;
/// # client.write_all(b"GET / HTTP/1.0\r\n\r\n").await?;
/// # let mut reply = String::new();
/// # futures::AsyncReadExt::read_to_string(&mut client, &mut reply).await?;
/// # assert!(reply.ends_with(&format!("you are {}\n", client.local_addr()?)), "{reply}");
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[track_caller]
pub fn serve_each<L, S>(
    listener: L,
    make: impl Fn(&L::Connection, L::Addr) -> S + 'static,
) -> HttpServer<L, S>
where
    L: Listener,
{
    let mut http1 = hyper_http1::Builder::new();
    http1
        .timer(Timer::new())
        // `deadlines.rs` knows idle connections from slow ones, and sets no timer for each request.
        .header_read_timeout(None)
        .half_close(true);
    let mut versions = Versions::new(http1);
    versions.set_max_header_size(HEADER_SIZE_MAX);
    HttpServer {
        listener,
        make: Box::new(make),
        versions,
        limits: Limits {
            header: Some(HEADER_TIMEOUT),
            idle: Some(IDLE_TIMEOUT),
            write: Some(WRITE_TIMEOUT),
            quiet: QUIET_TIMEOUT,
        },
        connections_max: None,
        drain_timeout: Some(DRAIN_TIMEOUT),
        until: pending(),
        on_error: Box::new(base::send_report),
        location: Location::caller(),
    }
}

/// Makes the service of a connection.
type MakeService<L, S> = dyn Fn(&<L as Listener>::Connection, <L as Listener>::Addr) -> S;

/// An HTTP server that has not been started; returned by [`serve`] and [`serve_each`].
///
/// `U` is the future at whose completion it stops.
#[must_use = "a server does nothing unless it is awaited"]
pub struct HttpServer<L: Listener, S, U = Pending<()>> {
    listener: L,
    make: Box<MakeService<L, S>>,
    versions: Versions,
    limits: Limits,
    connections_max: Option<usize>,
    drain_timeout: Option<Duration>,
    until: U,
    on_error: Box<dyn FnMut(ServeError)>,
    location: &'static Location<'static>,
}

impl<L: Listener, S, U> HttpServer<L, S, U> {
    /// Limits the number of open connections. Further clients wait in the backlog of the listener.
    ///
    /// By default there is no limit but that of the process, which is often 1024 descriptors. Leave
    /// some of these for other files.
    ///
    /// # Panics
    ///
    /// If `max` is 0.
    #[track_caller]
    pub fn max_connections(mut self, max: usize) -> Self {
        assert!(
            max > 0,
            "a server that may have no connection serves no client"
        );
        self.connections_max = Some(max);
        self
    }

    /// Limits the size of a request's head, in bytes. A request above it gets the status 431, and
    /// its connection is closed.
    ///
    /// By default 64 KiB. In HTTP/1, hyper also buffers at most so much of a response, and of the
    /// trailers of a request.
    ///
    /// # Panics
    ///
    /// If `bytes` is less than 8192, the least that hyper allows.
    #[track_caller]
    pub fn max_header_size(mut self, bytes: usize) -> Self {
        assert!(
            bytes >= 8192,
            "the head of a request must be allowed to have 8192 bytes, not {bytes}"
        );
        self.versions.set_max_header_size(bytes);
        self
    }

    /// Limits the number of headers of a request, in HTTP/1. A request above it gets the status
    /// 431, and its connection is closed.
    ///
    /// By default 100, which is hyper's default. Another number costs an allocation a request.
    pub fn max_headers(mut self, max: usize) -> Self {
        self.versions.http1.max_headers(max);
        self
    }

    /// Closes a connection of HTTP/1 whose client takes longer to send the head of a request, from
    /// its first byte, or from the beginning of the connection. `None` waits for ever.
    ///
    /// By default 30 s, which is hyper's default.
    pub fn header_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.limits.header = timeout.into();
        self
    }

    /// Closes a connection that has had no request for so long after the last response has been
    /// sent. `None` waits for ever.
    ///
    /// By default 75 s: more than the 60 s of common load balancers, which should be the first to
    /// close a connection.
    pub fn idle_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.limits.idle = timeout.into();
        self
    }

    /// Closes a connection whose client has read nothing for so long while there was something to
    /// send. `None` waits for ever.
    ///
    /// By default 90 s. It does not apply to upgraded connections, nor to the flow control of
    /// HTTP/2.
    pub fn write_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.limits.write = timeout.into();
        self
    }

    /// Stops the server when `stop` completes: it accepts no more, waits for the connections to
    /// end, and completes; see [`serve`](serve#the-end).
    ///
    /// By default it never stops.
    pub fn until<F: Future>(self, stop: F) -> HttpServer<L, S, F> {
        HttpServer {
            listener: self.listener,
            make: self.make,
            versions: self.versions,
            limits: self.limits,
            connections_max: self.connections_max,
            drain_timeout: self.drain_timeout,
            until: stop,
            on_error: self.on_error,
            location: self.location,
        }
    }

    /// Closes connections of HTTP/1 that have no request so long after the server has been stopped.
    /// A request that arrives before is handled, and its response says that the connection ends.
    ///
    /// By default 500 ms: a client may have sent a request before it could know, and the time of
    /// that is half a round trip.
    pub fn quiet_timeout(mut self, timeout: Duration) -> Self {
        self.limits.quiet = timeout;
        self
    }

    /// Cancels the connections that are still open so long after the server has been stopped.
    /// `None` waits for as long as they take.
    ///
    /// By default 20 s: less than the 30 s after which Kubernetes kills a process.
    pub fn drain_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.drain_timeout = timeout.into();
        self
    }

    /// Calls `f` with each error. A [`ServeError::Connection`] has an [`hyper::Error`] or an
    /// [`io::Error`](std::io::Error) of the kind `TimedOut`.
    ///
    /// By default errors are [reported](crate::runtime::Report::ServeFailed), except those of
    /// connections, which are mostly made by clients.
    pub fn on_error(mut self, f: impl FnMut(ServeError) + 'static) -> Self {
        self.on_error = Box::new(f);
        self
    }

    /// Calls `configure` with hyper's builder of HTTP/1 connections, for all other settings.
    pub fn http1(mut self, configure: impl FnOnce(&mut hyper_http1::Builder)) -> Self {
        configure(&mut self.versions.http1);
        self
    }
}

impl<L, S, U, B> IntoFuture for HttpServer<L, S, U>
where
    L: Listener<Connection: Read + Write + Unpin + Send> + 'static,
    S: Service<Request<Incoming>, Response = Response<B>, Future: 'static> + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
    U: Future + 'static,
{
    type Output = std::io::Result<Drained>;
    type IntoFuture = Serving;

    fn into_future(mut self) -> Serving {
        // Parts of a response would wait for the acknowledgement of others.
        let _works_without = self.listener.set_nodelay();
        let stop = Stop::default();
        let failures = Failures::new(self.on_error);
        let (until, begins, on_error) = (self.until, stop.clone(), failures.clone());
        let until = async move {
            until.await;
            begins.begin();
        };
        let limits = Rc::new(self.limits);
        let (versions, make) = (self.versions, self.make);
        let handler = async move |io: L::Connection, addr: L::Addr| {
            let service = make(&io, addr);
            let activity = Arc::new(Activity::new());
            let stream = stream::HttpStream::new(io, Arc::clone(&activity), limits.write);
            let service = CountedService::new(service, Arc::clone(&activity), stop.clone());
            let mut deadlines =
                Deadlines::new(Arc::clone(&activity), Rc::clone(&limits), stop.clone());
            let ended = versions.run(stream, service, &mut deadlines, &failures);
            let ended = ended.await;
            activity.note_end();
            ended
        };
        let mut server = base::serve(self.listener, handler)
            .until(until)
            .on_error(move |error| on_error.note(error))
            .spawned_at(self.location);
        if let Some(max) = self.connections_max {
            server = server.max_connections(max);
        }
        if let Some(timeout) = self.drain_timeout {
            server = server.drain_timeout(timeout);
        }
        server.into_future()
    }
}

impl<L: Listener + fmt::Debug, S, U> fmt::Debug for HttpServer<L, S, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpServer")
            .field("listener", &self.listener)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
