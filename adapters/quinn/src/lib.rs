//! QUIC by [quinn] on [quintet].
//!
//! Pass [`QuintetRuntime`] to quinn's [`Endpoint`](quinn::Endpoint); everything else is quinn's.
//!
//! ```no_run
//! use std::net::UdpSocket;
//! use std::sync::Arc;
//!
//! use quinn::{Endpoint, EndpointConfig};
//! use quintet_quinn::QuintetRuntime;
//!
//! # fn endpoint(server: quinn::ServerConfig) -> std::io::Result<Endpoint> {
//! let socket = UdpSocket::bind("127.0.0.1:4433")?;
//! let config = EndpointConfig::default();
//! let runtime = Arc::new(QuintetRuntime);
//! let endpoint = Endpoint::new(config, Some(server), socket, runtime)?;
//! # Ok(endpoint)
//! # }
//! ```
//!
//! In place of quinn's `Endpoint::server` and `Endpoint::client`, which look for a runtime that
//! quinn knows, use [`server`] and [`client`].

#[cfg(feature = "ring")]
mod endpoint;
mod socket;
mod timer;

use std::future::Future;
use std::io;
use std::net::UdpSocket;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use quinn::{AsyncTimer, AsyncUdpSocket, Runtime};

use socket::Socket;
use timer::Timer;

#[cfg(feature = "ring")]
pub use endpoint::{client, server};

/// The current runtime of the thread, for quinn.
///
/// quinn's tasks run on the runtime that is current when an endpoint is made or a connection
/// begins, and its clock is that runtime's, so paused time works.
#[derive(Clone, Copy, Debug, Default)]
pub struct QuintetRuntime;

impl Runtime for QuintetRuntime {
    fn new_timer(&self, deadline: Instant) -> Pin<Box<dyn AsyncTimer>> {
        Box::pin(Timer::new(deadline))
    }

    #[track_caller]
    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        drop(quintet::spawn(future));
    }

    fn wrap_udp_socket(&self, socket: UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        Ok(Arc::new(Socket::new(socket)?))
    }

    fn now(&self) -> Instant {
        quintet::time::Instant::now().into()
    }
}

#[cfg(test)]
mod tests;
