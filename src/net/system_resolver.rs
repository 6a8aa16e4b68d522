//! The resolver of the system.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

use crate::blocking::{self, Purpose, called_here};
use crate::resolver::Resolver;

/// The resolver of the system, `getaddrinfo`, called on a worker thread. A runtime uses it if there
/// is no [other one](crate::runtime::Builder::resolver).
///
/// At most half of the workers look up names at a time, and further look-ups wait for them. The
/// system gives up a name server that does not respond after some seconds, and there is no cache
/// except that of the system. If names are looked up often, or name servers are slow, a
/// [`Resolver`] of your own can wrap this one.
///
/// If the future is dropped, a look-up that a worker has begun continues, and the worker is busy
/// until it ends. It does not keep the runtime alive, and a shutdown does not wait for it.
///
/// # Examples
///
/// Addresses that are remembered for 10 seconds:
///
/// ```
/// use std::collections::HashMap;
/// use std::io;
/// use std::net::SocketAddr;
/// use std::sync::Mutex;
/// use std::time::Duration;
///
/// use quintet::net::{Resolver, SystemResolver, lookup_host};
/// use quintet::time::Instant;
///
/// #[derive(Default)]
/// struct Cache(Mutex<HashMap<(String, u16), (Instant, Vec<SocketAddr>)>>);
///
/// impl Resolver for Cache {
///     async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
///         let key = (host.to_owned(), port);
///         if let Some((found_at, addrs)) = self.0.lock().unwrap().get(&key)
///             && found_at.elapsed() < Duration::from_secs(10)
///         {
///             return Ok(addrs.clone());
///         }
///         let addrs = SystemResolver.resolve(host, port).await?;
///         let entry = (Instant::now(), addrs.clone());
///         self.0.lock().unwrap().insert(key, entry);
///         Ok(addrs)
///     }
/// }
///
/// # fn main() -> io::Result<()> {
/// let runtime = quintet::runtime::Builder::new()
///     .resolver(Cache::default())
///     .build()?;
/// runtime.block_on(async {
///     let first = lookup_host("localhost:80").await?;
///     let again = lookup_host("localhost:80").await?;
///     assert!(first.eq(again));
///     Ok(())
/// })
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    #[track_caller]
    fn resolve(&self, host: &str, port: u16) -> impl Future<Output = io::Result<Vec<SocketAddr>>> {
        let host = host.to_owned();
        let find = move || Ok((&*host, port).to_socket_addrs()?.collect());
        called_here(blocking::run_io(Purpose::Lookup, find))
    }
}
