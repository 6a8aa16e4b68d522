//! What looks up names.

use super::Builder;
use crate::resolver::{Resolver, SharedResolver};

impl Builder {
    /// Sets what looks up host names, for [`lookup_host`](crate::net::lookup_host) and everything
    /// that takes [`ToSocketAddrs`](crate::net::ToSocketAddrs).
    ///
    /// The default is [`SystemResolver`](crate::net::SystemResolver). [`Resolver`] has an example.
    /// If the builder builds several runtimes, they share the resolver.
    pub fn resolver(&mut self, resolver: impl Resolver) -> &mut Self {
        self.settings.resolver = Some(SharedResolver::new(resolver));
        self
    }
}
