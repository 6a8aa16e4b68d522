//! A pooled HTTP client on [quintet]: that of hyper-util, with connectors, tasks and
//! timers of quintet.
//!
//! ```no_run
//! use http_body_util::{BodyExt, Empty};
//! use hyper::body::Bytes;
//!
//! #[quintet::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let client = quintet_hyper_util::client::<Empty<Bytes>>();
//!     let response = client.get("http://localhost:8080/".parse()?).await?;
//!     println!("{}", response.status());
//!     let body = response.into_body().collect().await?.to_bytes();
//!     println!("{}", String::from_utf8_lossy(&body));
//!     Ok(())
//! }
//! ```
//!
//! For `https` put a connector of TLS around [`Connector`], for example that of `hyper-rustls`, and
//! call [`Connector::enforce_http`] with `false`; pass it to the `build` of [`builder`].

mod connector;
mod stream;
mod unix;

use hyper::body::Body;
use hyper_util::client::legacy;
use quintet::hyper::{Executor, Timer};

pub use connector::{Connecting, Connector};
pub use stream::ClientStream;
pub use unix::UnixConnector;

/// hyper-util's client with a pool of connections, which may be cloned and shared. By default it
/// connects by TCP.
pub type Client<B, C = Connector> = legacy::Client<C, B>;

/// Creates a client that connects by TCP.
///
/// A connection that is not used is closed after 90 s. Its tasks run on the runtime that is current
/// at a request.
pub fn client<B>() -> Client<B>
where
    B: Body<Data: Send> + Send,
{
    builder().build(Connector::new())
}

/// Returns hyper-util's builder for a client with other settings, or with another connector. The
/// executor and the timers are set.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use http_body_util::Empty;
/// use hyper::body::Bytes;
/// use quintet_hyper_util::{Client, UnixConnector, builder};
///
/// let client: Client<Empty<Bytes>, _> = builder()
///     .pool_idle_timeout(Duration::from_secs(10))
///     .build(UnixConnector::new("/run/service.sock"));
/// ```
pub fn builder() -> legacy::Builder {
    let mut builder = legacy::Client::builder(Executor::new());
    builder.timer(Timer::new()).pool_timer(Timer::new());
    builder
}

#[cfg(test)]
mod tests;
