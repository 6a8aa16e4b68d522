//! Connections of HTTP/2, with the feature `hyper-http2`.

mod streams;

use std::error::Error;
use std::fmt;
use std::pin::{Pin, pin};
use std::time::Duration;

use ::hyper::body::{Body, Incoming};
use ::hyper::rt::{Read, Write};
use ::hyper::server::conn::http2::{Builder, Connection};
use ::hyper::service::Service;
use ::hyper::{Request, Response};

use super::activity::CountedService;
use super::deadlines::{Deadlines, Drive};
use super::failures::Failures;
use super::stream::HttpStream;
use super::{HEADER_SIZE_MAX, HttpServer};
use crate::hyper::Timer;
use crate::serve::Listener;

pub use streams::StreamExecutor;

/// hyper's default. At least 100 is what RFC 9113 recommends (section 6.5.2).
const STREAMS_MAX: u32 = 200;

/// How often an open connection is asked whether the client is still there.
const PING_INTERVAL: Duration = Duration::from_secs(60);

/// How long the client may take to say so; hyper's default.
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// How many streams a client may reset before they have been accepted; the default of the crate
/// `h2` since rapid resets became known (CVE-2023-44487).
const PENDING_RESETS_MAX: usize = 20;

/// How many streams are reset because of errors of the client; hyper's default.
const ERROR_RESETS_MAX: usize = 1024;

/// A change of hyper's settings by the user.
type ConfigureHttp2 = Box<dyn Fn(&mut Builder<StreamExecutor>)>;

/// The settings of connections of HTTP/2.
pub(super) struct Http2Settings {
    pub(super) max_header_size: u32,
    streams_max: u32,
    ping_interval: Option<Duration>,
    ping_timeout: Duration,
    pending_resets_max: usize,
    error_resets_max: usize,
    configure: Option<ConfigureHttp2>,
}

impl Default for Http2Settings {
    fn default() -> Self {
        Http2Settings {
            max_header_size: HEADER_SIZE_MAX as u32,
            streams_max: STREAMS_MAX,
            ping_interval: Some(PING_INTERVAL),
            ping_timeout: PING_TIMEOUT,
            pending_resets_max: PENDING_RESETS_MAX,
            error_resets_max: ERROR_RESETS_MAX,
            configure: None,
        }
    }
}

impl fmt::Debug for Http2Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http2Settings").finish_non_exhaustive()
    }
}

impl Http2Settings {
    fn builder(&self, executor: StreamExecutor) -> Builder<StreamExecutor> {
        let mut builder = Builder::new(executor);
        builder
            .timer(Timer::new())
            .max_concurrent_streams(self.streams_max)
            .keep_alive_interval(self.ping_interval)
            .keep_alive_timeout(self.ping_timeout)
            .max_pending_accept_reset_streams(self.pending_resets_max)
            .max_local_error_reset_streams(self.error_resets_max)
            .max_header_list_size(self.max_header_size);
        if let Some(configure) = &self.configure {
            configure(&mut builder);
        }
        builder
    }
}

/// The settings of HTTP/2, with the feature `hyper-http2`.
impl<L: Listener, S, U> HttpServer<L, S, U> {
    /// Limits how many requests of one connection are handled at a time. By default 200, which is
    /// hyper's default.
    pub fn http2_max_concurrent_streams(mut self, max: u32) -> Self {
        self.versions.http2.streams_max = max;
        self
    }

    /// Sends a ping in each `interval`, and closes the connection if it is not acknowledged within
    /// `timeout`. `None` sends no pings.
    ///
    /// By default a ping is sent each 60 s, and 20 s is the time to acknowledge it (hyper's
    /// default).
    pub fn http2_keep_alive(
        mut self,
        interval: impl Into<Option<Duration>>,
        timeout: Duration,
    ) -> Self {
        self.versions.http2.ping_interval = interval.into();
        self.versions.http2.ping_timeout = timeout;
        self
    }

    /// Limits how many streams of a connection may wait to be accepted and have already been reset
    /// by the client, and how many are reset because of errors of the client. A client that goes
    /// above is disconnected: it may be making work that it does not wait for.
    ///
    /// By default 20 and 1024, as in the crate `h2` since rapid resets became known
    /// (CVE-2023-44487).
    pub fn http2_max_resets(mut self, pending: usize, errors: usize) -> Self {
        self.versions.http2.pending_resets_max = pending;
        self.versions.http2.error_resets_max = errors;
        self
    }

    /// Calls `configure` with hyper's builder for each connection, after the settings of this one.
    pub fn http2(mut self, configure: impl Fn(&mut Builder<StreamExecutor>) + 'static) -> Self {
        self.versions.http2.configure = Some(Box::new(configure));
        self
    }
}

/// Serves a connection until it ends.
///
/// # Errors
///
/// Returns the error of the connection, or that it has waited for too long.
pub(super) async fn run<C, S, B>(
    settings: &Http2Settings,
    stream: HttpStream<C>,
    service: CountedService<S>,
    deadlines: &mut Deadlines,
    failures: &Failures,
) -> Result<(), Box<dyn Error>>
where
    C: Read + Write + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<B>, Future: 'static> + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let builder = settings.builder(StreamExecutor::new(failures.clone()));
    let connection = builder.serve_connection(stream, service);
    Ok(deadlines.run(pin!(connection)).await??)
}

impl<C, S, B> Drive for Connection<HttpStream<C>, CountedService<S>, StreamExecutor>
where
    C: Read + Write + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<B>, Future: 'static> + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    const IS_HTTP2: bool = true;

    fn graceful_shutdown(self: Pin<&mut Self>) {
        Connection::graceful_shutdown(self);
    }
}
