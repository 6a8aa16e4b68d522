//! Serving: an accept loop that survives errors, limits its connections and ends in order.
//!
//! [`serve`] accepts connections of any [`Listener`] and spawns a task for each:
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use quintet::io;
//! use quintet::net::{TcpListener, TcpStream};
//!
//! #[quintet::main]
//! async fn main() -> std::io::Result<()> {
//!     let listener = TcpListener::bind("127.0.0.1:7007").await?;
//!     quintet::serve(listener, async |stream: TcpStream, _peer| {
//!         let (mut reader, mut writer) = stream.into_split();
//!         io::copy(&mut reader, &mut writer).await.map(drop)
//!     })
//!     .max_connections(1000)
//!     .until(quintet::signal::shutdown()?)
//!     .drain_timeout(Duration::from_secs(10))
//!     .await?;
//!     Ok(())
//! }
//! ```
//!
//! # Errors
//!
//! Nothing that happens to one connection stops the server. A connection that fails, a handler that
//! panics, and a failure to accept are passed to [`Serve::on_error`], and the loop continues:
//!
//! - After an error of the connection that was about to be accepted, for example because the client
//!   has reset it, the next one is accepted at once.
//! - If the process or the system has no free descriptor or no memory, the loop waits until a
//!   connection ends, but not longer than 100 ms, and tries again. Clients wait in the backlog of
//!   the listener, and none is lost.
//! - Any other error means that the listener cannot be used. It ends the loop.
//!
//! # The end
//!
//! When the future of [`Serve::until`] completes, the listener is closed, and the loop waits for
//! the connections to end. Handlers that wait for the next request of a client have to be told, for
//! example by a [`CancellationToken`](crate::task::CancellationToken). At the
//! [deadline](Serve::drain_timeout), the tasks of the remaining connections are cancelled. The
//! future of `serve` completes after the last connection has been dropped, and so closed. It
//! returns as [`Drained`] how many were cancelled.

mod accept_loop;
mod listener;

use std::error::Error;
use std::fmt;
use std::future::{Pending, pending};
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::time::Duration;

use crate::report::{self, Report};
use crate::task::{Drained, JoinError};
use accept_loop::AcceptLoop;

pub use listener::Listener;

/// Accepts connections of `listener`, and runs `handler` for each in a task of its own.
///
/// The future that this returns completes when [`Serve::until`] says so, or if the listener fails;
/// see the [module](self). Await it, or set limits by the methods of [`Serve`] first.
///
/// A handler may return any error that converts to a boxed one: `io::Result<()>`,
/// `Result<(), Infallible>` and so on. Its future need not be `Send`.
///
/// # Errors
///
/// Awaiting it returns the error of the listener, if that can no longer be used. The connections
/// that are open then continue.
///
/// # Cancel safety
///
/// If the future is dropped, the listener is closed, and the tasks of all connections are
/// cancelled.
///
/// # Examples
///
/// ```
/// use std::convert::Infallible;
///
/// use quintet::net::{TcpListener, TcpStream};
/// use quintet::task::CancellationToken;
///
/// # quintet::block_on(async {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let addr = listener.local_addr()?;
/// let token = CancellationToken::new();
/// let server = quintet::serve(listener, async |stream: TcpStream, _peer| {
///     let _client_has_gone = stream.write_all(b"hello").await;
///     Ok::<(), Infallible>(())
/// });
/// let server = quintet::spawn(server.until(token.clone().cancelled_owned()).into_future());
///
/// let client = TcpStream::connect(addr).await?;
/// let mut buf = [0; 5];
/// client.read_exact(&mut buf).await?;
/// assert_eq!(&buf, b"hello");
/// token.cancel();
/// assert!(server.await.unwrap()?.is_complete());
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[track_caller]
pub fn serve<L, H, E>(listener: L, handler: H) -> Serve<L, H>
where
    L: Listener,
    H: AsyncFn(L::Connection, L::Addr) -> Result<(), E> + 'static,
    E: Into<Box<dyn Error>>,
{
    Serve {
        listener,
        handler,
        connections_max: usize::MAX,
        drain_timeout: None,
        until: pending(),
        on_error: Box::new(send_report),
        location: Location::caller(),
    }
}

/// A server that has not been started; returned by [`serve`].
///
/// `U` is the future at whose completion it stops.
#[must_use = "a server does nothing unless it is awaited"]
pub struct Serve<L, H, U = Pending<()>> {
    listener: L,
    handler: H,
    connections_max: usize,
    drain_timeout: Option<Duration>,
    until: U,
    on_error: Box<dyn FnMut(ServeError)>,
    location: &'static Location<'static>,
}

impl<L, H, U> Serve<L, H, U> {
    /// Limits the number of open connections. Further clients wait in the backlog of the listener.
    ///
    /// By default there is no limit but that of the process.
    ///
    /// # Panics
    ///
    /// If `max` is 0.
    #[track_caller]
    pub fn max_connections(mut self, max: usize) -> Self {
        assert!(
            max > 0,
            "a server that may have no connection serves no client"
        );
        self.connections_max = max;
        self
    }

    /// Stops the server when `stop` completes: it accepts no more, waits for the connections to
    /// end, and completes.
    ///
    /// By default it never stops.
    pub fn until<F: Future>(self, stop: F) -> Serve<L, H, F> {
        Serve {
            listener: self.listener,
            handler: self.handler,
            connections_max: self.connections_max,
            drain_timeout: self.drain_timeout,
            until: stop,
            on_error: self.on_error,
            location: self.location,
        }
    }

    /// Cancels the connections that are still open so long after the server has been stopped.
    ///
    /// By default it waits for as long as they take.
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.drain_timeout = Some(timeout);
        self
    }

    /// Says that the tasks of connections were spawned at `location`.
    #[cfg(feature = "hyper")]
    pub(crate) fn spawned_at(mut self, location: &'static Location<'static>) -> Self {
        self.location = location;
        self
    }

    /// Calls `f` with each error; see the [module](self#errors).
    ///
    /// By default errors are [reported](Report::ServeFailed), except those that handlers return.
    pub fn on_error(mut self, f: impl FnMut(ServeError) + 'static) -> Self {
        self.on_error = Box::new(f);
        self
    }
}

impl<L, H, U, E> IntoFuture for Serve<L, H, U>
where
    L: Listener + 'static,
    H: AsyncFn(L::Connection, L::Addr) -> Result<(), E> + 'static,
    E: Into<Box<dyn Error>> + 'static,
    U: Future + 'static,
{
    type Output = io::Result<Drained>;
    type IntoFuture = Serving;

    fn into_future(self) -> Serving {
        Serving(Box::pin(AcceptLoop::new(self).run()))
    }
}

impl<L: fmt::Debug, H, U> fmt::Debug for Serve<L, H, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve")
            .field("listener", &self.listener)
            .finish_non_exhaustive()
    }
}

/// A running server: the future of [`serve`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct Serving(Pin<Box<dyn Future<Output = io::Result<Drained>>>>);

impl Future for Serving {
    type Output = io::Result<Drained>;

    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serving").finish_non_exhaustive()
    }
}

/// What did not stop a server; passed to [`Serve::on_error`].
#[derive(Debug)]
#[non_exhaustive]
pub enum ServeError {
    /// A connection was not accepted.
    Accept(io::Error),
    /// A handler has returned an error.
    Connection(Box<dyn Error>),
    /// The task of a connection has panicked.
    Panicked(JoinError),
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServeError::Accept(error) => write!(f, "cannot accept a connection: {error}"),
            ServeError::Connection(error) => write!(f, "a connection has failed: {error}"),
            ServeError::Panicked(error) => write!(f, "a connection has failed: {error}"),
        }
    }
}

impl Error for ServeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            ServeError::Accept(error) => Some(error),
            ServeError::Connection(error) => Some(&**error),
            ServeError::Panicked(error) => Some(error),
        }
    }
}

/// Reports what the operator has to know. That a client has gone is not.
pub(crate) fn send_report(error: ServeError) {
    if !matches!(error, ServeError::Connection(_)) {
        report::report(&Report::ServeFailed {
            message: error.to_string(),
        });
    }
}
