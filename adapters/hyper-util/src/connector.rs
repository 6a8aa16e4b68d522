//! Connections by TCP.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use quintet::net::TcpStream;
use quintet::time::timeout;
use tower_service::Service;

use crate::ClientStream;

/// How long a connector tries, unless [`Connector::connect_timeout`] says otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// Connects to the host and port of a URI by TCP, by happy eyeballs.
///
/// The port is that of the URI, or 80 for `http` and 443 for `https`. Connections have the option
/// `TCP_NODELAY`.
///
/// # Errors
///
/// Connecting fails with an error of kind
///
/// - [`InvalidInput`](io::ErrorKind::InvalidInput) if the URI has no host, or a scheme other than
///   `http`;
/// - [`TimedOut`](io::ErrorKind::TimedOut) after the [timeout](Connector::connect_timeout);
/// - those of [`TcpStream::connect`].
#[derive(Clone, Debug)]
pub struct Connector {
    limit: Option<Duration>,
    is_http_enforced: bool,
}

impl Connector {
    /// Creates a connector that tries for 30 s.
    pub fn new() -> Self {
        Connector {
            limit: Some(CONNECT_TIMEOUT),
            is_http_enforced: true,
        }
    }

    /// Sets how long connecting may take, with the look-up of the name; `None` for no limit.
    #[must_use]
    pub fn connect_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.limit = limit.into();
        self
    }

    /// Sets whether a URI must have the scheme `http`. The default is `true`, so that nothing is
    /// sent unencrypted that should not be. A connector of TLS that uses this one needs `false`.
    #[must_use]
    pub fn enforce_http(mut self, is_enforced: bool) -> Self {
        self.is_http_enforced = is_enforced;
        self
    }

    pub(crate) fn target(&self, uri: &Uri) -> io::Result<(String, u16)> {
        let invalid = |why: &str| {
            let message = format!("cannot connect to `{uri}`: {why}");
            io::Error::new(io::ErrorKind::InvalidInput, message)
        };
        let default_port = match uri.scheme_str() {
            Some("http") => 80,
            Some("https") if !self.is_http_enforced => 443,
            Some("https") => {
                return Err(invalid("`https` needs a connector of TLS around this one"));
            }
            Some(_) if self.is_http_enforced => return Err(invalid("the scheme is not `http`")),
            Some(_) | None if uri.port_u16().is_none() => return Err(invalid("it has no port")),
            Some(_) | None => 0,
        };
        let host = uri.host().ok_or_else(|| invalid("it has no host"))?;
        // An IPv6 address is in brackets.
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Ok((host.to_owned(), uri.port_u16().unwrap_or(default_port)))
    }
}

impl Default for Connector {
    fn default() -> Self {
        Connector::new()
    }
}

impl Service<Uri> for Connector {
    type Response = ClientStream;
    type Error = io::Error;
    type Future = Connecting;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Connecting {
        let limit = self.limit;
        let target = self.target(&uri);
        Connecting::new(async move {
            let (host, port) = target?;
            let connecting = TcpStream::connect((host.as_str(), port));
            let stream = match limit {
                None => connecting.await?,
                Some(limit) => timeout(limit, connecting).await.map_err(|_elapsed| {
                    let message = format!("cannot connect to {host}:{port} within {limit:?}");
                    io::Error::new(io::ErrorKind::TimedOut, message)
                })??,
            };
            stream.set_nodelay(true)?;
            Ok(ClientStream::from(stream))
        })
    }
}

/// The future of a connector.
pub struct Connecting {
    future: Pin<Box<dyn Future<Output = io::Result<ClientStream>> + Send>>,
}

impl Connecting {
    pub(crate) fn new(
        future: impl Future<Output = io::Result<ClientStream>> + Send + 'static,
    ) -> Self {
        Connecting {
            future: Box::pin(future),
        }
    }
}

impl Future for Connecting {
    type Output = io::Result<ClientStream>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.future.as_mut().poll(cx)
    }
}

impl fmt::Debug for Connecting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connecting").finish_non_exhaustive()
    }
}
