//! Addresses and host names.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::panic::Location;

use super::SystemResolver;
use crate::blocking::{call_site, called_at, called_here};
use crate::context;
use crate::coop;
use crate::identity::Origin;
use crate::io_error::cannot;
use crate::resolver::{Resolver, SharedResolver};
use crate::task::{self, AbortOnDropHandle};

/// Types that convert to socket addresses: an address, a pair of host and port, or a string
/// `"host:port"`.
///
/// It is implemented for the same types as [`std::net::ToSocketAddrs`], and cannot be implemented
/// for others. Host names are looked up by the [resolver](crate::runtime::Builder::resolver) of the
/// runtime, or else by that of the [system](super::SystemResolver).
pub trait ToSocketAddrs: sealed::Sealed {}

/// Socket addresses, or a host name to resolve.
#[derive(Clone, Debug)]
#[expect(unnameable_types, reason = "a detail of a sealed trait")]
pub enum Target {
    /// Addresses that need no look-up.
    Known(Vec<SocketAddr>),
    /// A host name and a port.
    Named(String, u16),
    /// A string that is neither.
    Malformed(String),
}

impl Target {
    /// Returns the host name that has to be looked up.
    pub(super) fn host(&self) -> Option<&str> {
        match self {
            Target::Named(host, _) => Some(host),
            Target::Known(_) | Target::Malformed(_) => None,
        }
    }
}

mod sealed {
    #[expect(unnameable_types, reason = "what seals a trait cannot be named")]
    pub trait Sealed {
        #[doc(hidden)]
        fn target(&self) -> super::Target;

        /// The first address, if no look-up is needed.
        #[doc(hidden)]
        fn first_known(&self) -> Option<super::SocketAddr> {
            match self.target() {
                super::Target::Known(addrs) => addrs.first().copied(),
                _ => None,
            }
        }
    }
}

macro_rules! known {
    ($($type:ty),*) => {$(
        impl ToSocketAddrs for $type {}
        impl sealed::Sealed for $type {
            fn target(&self) -> Target {
                Target::Known(vec![SocketAddr::from(*self)])
            }

            fn first_known(&self) -> Option<SocketAddr> {
                Some(SocketAddr::from(*self))
            }
        }
    )*};
}

known!(
    SocketAddr,
    SocketAddrV4,
    SocketAddrV6,
    (IpAddr, u16),
    (Ipv4Addr, u16),
    (Ipv6Addr, u16)
);

impl ToSocketAddrs for [SocketAddr] {}
impl sealed::Sealed for [SocketAddr] {
    fn target(&self) -> Target {
        Target::Known(self.to_vec())
    }
}

impl ToSocketAddrs for (&str, u16) {}
impl sealed::Sealed for (&str, u16) {
    fn target(&self) -> Target {
        let (host, port) = *self;
        match host.parse::<IpAddr>() {
            Ok(ip) => Target::Known(vec![SocketAddr::new(ip, port)]),
            Err(_) => Target::Named(host.to_owned(), port),
        }
    }
}

impl ToSocketAddrs for (String, u16) {}
impl sealed::Sealed for (String, u16) {
    fn target(&self) -> Target {
        (&*self.0, self.1).target()
    }
}

impl ToSocketAddrs for str {}
impl sealed::Sealed for str {
    fn target(&self) -> Target {
        if let Ok(addr) = self.parse() {
            return Target::Known(vec![addr]);
        }
        let parts = self.rsplit_once(':');
        match parts.map(|(host, port)| (host, port.parse())) {
            Some((host, Ok(port))) if !host.is_empty() => (host, port).target(),
            _ => Target::Malformed(self.to_owned()),
        }
    }
}

impl ToSocketAddrs for String {}
impl sealed::Sealed for String {
    fn target(&self) -> Target {
        self.as_str().target()
    }
}

impl<T: ToSocketAddrs + ?Sized> ToSocketAddrs for &T {}
impl<T: ToSocketAddrs + ?Sized> sealed::Sealed for &T {
    fn target(&self) -> Target {
        (**self).target()
    }

    fn first_known(&self) -> Option<SocketAddr> {
        (**self).first_known()
    }
}

/// Resolves a host name and port to socket addresses.
///
/// The iterator yields at least one address. Addresses that need no look-up are returned as they
/// are.
///
/// # Errors
///
/// Returns the error of the [resolver](super::Resolver), with the host name in its message. That of
/// the system has a kind that depends on the platform. Other kinds are:
///
/// - [`InvalidInput`](io::ErrorKind::InvalidInput): a string is not of the form `"host:port"`, or a
///   list of addresses is empty.
/// - [`NotFound`](io::ErrorKind::NotFound): the host has no address.
/// - [`Other`](io::ErrorKind::Other): no runtime is current, or the resolver has panicked.
///
/// # Cancel safety
///
/// If the future is dropped, so is that of the resolver. A look-up of the system that a worker has
/// begun continues, but does not keep the runtime alive.
///
/// # Examples
///
/// ```
/// # quintet::block_on(async {
/// let mut addrs = quintet::net::lookup_host("localhost:80").await?;
/// assert!(addrs.all(|addr| addr.ip().is_loopback()));
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[track_caller]
pub fn lookup_host(
    host: impl ToSocketAddrs,
) -> impl Future<Output = io::Result<impl Iterator<Item = SocketAddr>>> {
    called_here(async move { Ok(resolve(host.target()).await?.into_iter()) })
}

/// Resolves a target to at least one address.
pub(super) async fn resolve(target: Target) -> io::Result<Vec<SocketAddr>> {
    if !matches!(target, Target::Named(..)) {
        coop::operate().await;
    }
    match target {
        Target::Known(addrs) if addrs.is_empty() => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the list of addresses is empty",
        )),
        Target::Known(addrs) => Ok(addrs),
        Target::Named(host, port) => look_up(host, port).await,
        Target::Malformed(text) => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{text:?} is not an address; it must be `host:port`"),
        )),
    }
}

async fn look_up(host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
    let resolver = context::with(|event_loop| event_loop.resolver.clone());
    let found = match resolver.flatten() {
        None => SystemResolver.resolve(&host, port).await,
        Some(resolver) => match spawn_look_up(resolver, host.clone(), port).await {
            Ok(found) => found,
            Err(failed) => Err(failed.into()),
        },
    };
    match found {
        Ok(addrs) if addrs.is_empty() => {
            let text = format!("{host:?} has no address");
            Err(io::Error::new(io::ErrorKind::NotFound, text))
        }
        Ok(addrs) => Ok(addrs),
        Err(error) => Err(cannot(format!("look up {host:?}"), error)),
    }
}

/// Looks up a host name in a task that ends with its handle: the future of a resolver need not be
/// `Send`, but that of `connect` is.
#[track_caller]
fn spawn_look_up(
    resolver: SharedResolver,
    host: String,
    port: u16,
) -> AbortOnDropHandle<io::Result<Vec<SocketAddr>>> {
    let location = call_site(Location::caller());
    let look_up = called_at(location, resolver.look_up(host, port));
    let origin = Origin {
        name: None,
        location,
    };
    let task = task::spawn_with(look_up, origin);
    if context::is_polled_unref() {
        task.count_in(false);
    }
    AbortOnDropHandle::new(task)
}

/// Returns the first address of `host`, for an operation that takes one. Unlike other operations
/// on hosts it charges nothing if no look-up is needed.
pub(super) async fn first(host: impl ToSocketAddrs) -> io::Result<SocketAddr> {
    match host.first_known() {
        Some(addr) => Ok(addr),
        None => Ok(resolve(host.target()).await?[0]),
    }
}

/// Tries `operation` on each address in turn. Returns the first success, or the last error, whose
/// message names the operation and the address.
pub(super) async fn on_any<R>(
    what: &'static str,
    host: impl ToSocketAddrs,
    mut operation: impl AsyncFnMut(SocketAddr) -> io::Result<R>,
) -> io::Result<R> {
    on_any_of(what, host.target(), &mut operation).await
}

async fn on_any_of<R>(
    what: &'static str,
    target: Target,
    operation: &mut impl AsyncFnMut(SocketAddr) -> io::Result<R>,
) -> io::Result<R> {
    let mut last = None;
    for addr in resolve(target).await? {
        match operation(addr).await {
            Ok(done) => return Ok(done),
            Err(error) => last = Some(cannot(format!("{what} {addr}"), error)),
        }
    }
    Err(last.expect("`resolve` returns at least one address"))
}
