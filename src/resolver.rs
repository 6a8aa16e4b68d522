//! What looks up host names, if that is not the system: the trait that users implement, and how a
//! loop keeps it.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

/// Looks up host names; set by [`Builder::resolver`](crate::runtime::Builder::resolver).
///
/// By default names are looked up by the system's resolver on worker threads, at most half of the
/// workers at a time, and without a cache; see [`SystemResolver`](crate::net::SystemResolver). If
/// that is not enough, bring another one, such as a DNS client, or wrap that of the system: add a
/// cache, fixed names for tests, or a limit.
///
/// [`lookup_host`](crate::net::lookup_host) and everything that takes
/// [`ToSocketAddrs`](crate::net::ToSocketAddrs) use it, except for text that is an IP address. A
/// resolver that itself needs a name must not use these; it should use `SystemResolver`.
///
/// # Examples
///
/// A name that only this program knows:
///
/// ```
/// use std::io;
/// use std::net::{Ipv4Addr, SocketAddr};
///
/// use quintet::net::{Resolver, SystemResolver, lookup_host};
///
/// struct Hosts;
///
/// impl Resolver for Hosts {
///     async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
///         match host {
///             "database" => Ok(vec![(Ipv4Addr::LOCALHOST, port).into()]),
///             _ => SystemResolver.resolve(host, port).await,
///         }
///     }
/// }
///
/// # fn main() -> io::Result<()> {
/// let runtime = quintet::runtime::Builder::new().resolver(Hosts).build()?;
/// runtime.block_on(async {
///     let mut addrs = lookup_host("database:5432").await?;
///     assert_eq!(addrs.next(), Some((Ipv4Addr::LOCALHOST, 5432).into()));
///     Ok(())
/// })
/// # }
/// ```
pub trait Resolver: Send + Sync + 'static {
    /// Returns the addresses of `host`, with `port`, the preferred one first.
    ///
    /// Each call is a task of its own, on the loop that needs the name; the future need not be
    /// `Send`. If the caller gives up, the future is dropped, like that of a task that is aborted.
    /// If it panics, the caller gets an error.
    ///
    /// [`connect`](crate::net::TcpStream::connect) lets the families take turns, so the order
    /// matters only within a family, and for the first address. If both are asked for separately,
    /// wait for both, or for at most 50 ms after the first response (RFC 8305, section 3).
    ///
    /// # Errors
    ///
    /// An error is returned to the caller with its kind and the name of the host. No address at
    /// all is an error of kind [`NotFound`](io::ErrorKind::NotFound) for the caller.
    fn resolve(&self, host: &str, port: u16) -> impl Future<Output = io::Result<Vec<SocketAddr>>>;
}

/// A look-up that is running.
type LookUp = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>>>>;

/// A [`Resolver`] of any type.
trait AnyResolver: Send + Sync {
    fn look_up(self: Arc<Self>, host: String, port: u16) -> LookUp;
}

impl<R: Resolver> AnyResolver for R {
    fn look_up(self: Arc<Self>, host: String, port: u16) -> LookUp {
        Box::pin(async move { self.resolve(&host, port).await })
    }
}

/// The resolver of a loop, or of several.
#[derive(Clone)]
pub(crate) struct SharedResolver(Arc<dyn AnyResolver>);

impl SharedResolver {
    pub(crate) fn new(resolver: impl Resolver) -> Self {
        SharedResolver(Arc::new(resolver))
    }

    pub(crate) fn look_up(self, host: String, port: u16) -> LookUp {
        self.0.look_up(host, port)
    }
}

impl fmt::Debug for SharedResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedResolver").finish_non_exhaustive()
    }
}
