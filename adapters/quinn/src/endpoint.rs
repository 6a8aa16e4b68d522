//! Endpoints with the default settings.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;

use quinn::{Endpoint, EndpointConfig, ServerConfig};

use crate::QuintetRuntime;

/// Makes an endpoint that accepts connections at `addr`, as quinn's `Endpoint::server` does.
///
/// # Errors
///
/// Returns the error of the socket that cannot be bound.
pub fn server(config: ServerConfig, addr: SocketAddr) -> io::Result<Endpoint> {
    let socket = UdpSocket::bind(addr)?;
    let runtime = Arc::new(QuintetRuntime);
    Endpoint::new(EndpointConfig::default(), Some(config), socket, runtime)
}

/// Makes an endpoint for connections to other endpoints, as quinn's `Endpoint::client` does. Bind
/// it to port 0 of the unspecified address for any.
///
/// # Errors
///
/// Returns the error of the socket that cannot be bound.
pub fn client(addr: SocketAddr) -> io::Result<Endpoint> {
    let socket = UdpSocket::bind(addr)?;
    let runtime = Arc::new(QuintetRuntime);
    Endpoint::new(EndpointConfig::default(), None, socket, runtime)
}
