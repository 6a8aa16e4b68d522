//! What a server accepts connections of.

use std::io;
use std::task::{Context, Poll};

use crate::net::{TcpListener, TcpStream, UnixListener, UnixStream, unix};

/// Accepts connections; implement it to wrap a listener, for example with TLS.
///
/// A slow step, such as a handshake, belongs into the handler: while `poll_accept` is pending, no
/// other connection is accepted.
pub trait Listener {
    /// A connection.
    type Connection: 'static;
    /// The address of the other end.
    type Addr: 'static;

    /// Accepts a connection, or registers the waker of `cx` for when there is one.
    ///
    /// # Errors
    ///
    /// Returns the errors of the OS as they are, because the server tells by
    /// [`raw_os_error`](io::Error::raw_os_error) after which of them it tries again.
    fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Self::Connection, Self::Addr)>>;

    /// Called when a connection that it has returned has ended, for listeners that count them.
    ///
    /// A server calls it until it stops and drops its listener. By default this does nothing. A
    /// listener that wraps another should pass it on.
    fn connection_ended(&mut self) {}

    /// Lets the connections that it accepts from now on send at once what is written to them, for
    /// protocols whose messages are written in parts; called by servers of HTTP.
    ///
    /// A [`TcpListener`] sets the option `TCP_NODELAY`, which new connections inherit, so that it
    /// costs no system call for each. By default this does nothing. A listener that wraps another
    /// should pass it on.
    ///
    /// # Errors
    ///
    /// Returns the error of the OS. A server works without the option, too.
    fn set_nodelay(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Listener for TcpListener {
    type Connection = TcpStream;
    type Addr = std::net::SocketAddr;

    fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Self::Connection, Self::Addr)>> {
        TcpListener::poll_accept(self, cx)
    }

    fn set_nodelay(&mut self) -> io::Result<()> {
        TcpListener::set_nodelay(self)
    }
}

impl Listener for UnixListener {
    type Connection = UnixStream;
    type Addr = unix::SocketAddr;

    fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Self::Connection, Self::Addr)>> {
        UnixListener::poll_accept(self, cx)
    }
}
