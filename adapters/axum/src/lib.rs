//! Serves axum's routers on [quintet].
//!
//! ```no_run
//! use axum::Router;
//! use axum::routing::get;
//! use quintet::net::TcpListener;
//!
//! #[quintet::main]
//! async fn main() -> std::io::Result<()> {
//!     let router = Router::new().route("/", get(async || "hello\n"));
//!     let listener = TcpListener::bind("127.0.0.1:8080").await?;
//!     quintet_axum::serve(listener, router)
//!         .max_connections(1000)
//!         .until(quintet::shutdown()?)
//!         .await?;
//!     Ok(())
//! }
//! ```
//!
//! Handlers are axum's, unchanged: they may await quintet's sleeps, sockets, files and join
//! handles, because these are `Send`. For work that is not, spawn a task in the handler and await
//! it: [`quintet::spawn`] takes such futures.
//!
//! # Which parts of axum need tokio
//!
//! Upgrades by `axum::extract::ws`, `Sse::keep_alive` and `axum::serve` call tokio's runtime, and
//! panic without one. Use quintet's feature `tokio` for them: with `#[quintet::main(tokio)]`
//! everything else stays the same. `axum::serve` needs tokio's listener; use [`serve`].

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::Response;
use hyper::Request;
use hyper::body::Incoming;
use quintet::hyper::HttpServer;
use quintet::serve::Listener;
use tower_service::Service;

/// Serves `router` on connections of `listener`.
///
/// What it returns is [quintet's HTTP server](quintet::hyper::serve): set limits and timeouts by
/// its methods, a graceful end by [`until`](HttpServer::until), which corresponds to axum's
/// `with_graceful_shutdown`, and await it. With this crate's feature `http2` it speaks HTTP/2, too.
///
/// Each request has a [`ConnectInfo`] with the address of the client, of the listener's type: for a
/// [`TcpListener`](quintet::net::TcpListener) that is `ConnectInfo<SocketAddr>`.
///
/// # Errors
///
/// Awaiting it returns the error of the listener, if that can no longer be used. See
/// [`quintet::hyper::serve`] for what happens to those of connections. A handler that panics ends
/// its connection.
///
/// # Cancel safety
///
/// If the future is dropped, the listener is closed, and all connections are cancelled.
///
/// # Examples
///
/// ```
/// use std::net::SocketAddr;
///
/// use axum::Router;
/// use axum::extract::ConnectInfo;
/// use axum::routing::get;
/// use quintet::net::{TcpListener, TcpStream};
///
/// async fn client_of(ConnectInfo(client): ConnectInfo<SocketAddr>) -> String {
///     format!("you are {client}\n")
/// }
///
/// # quintet::block_on(async {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// # let addr = listener.local_addr()?;
/// let router = Router::new().route("/", get(client_of));
/// let server = quintet_axum::serve(listener, router);
/// # let _server = quintet::spawn(server.into_future());
/// # let mut client = TcpStream::connect(addr).await?;
/// # client.write_all(b"GET / HTTP/1.0\r\n\r\n").await?;
/// # let mut reply = String::new();
/// # futures::AsyncReadExt::read_to_string(&mut client, &mut reply).await?;
/// # assert!(reply.ends_with(&format!("you are {}\n", client.local_addr()?)), "{reply}");
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[track_caller]
pub fn serve<L>(listener: L, router: Router) -> HttpServer<L, RouterService<L::Addr>>
where
    L: Listener<Addr: Clone + Send + Sync>,
{
    quintet::hyper::serve_each(listener, move |_connection, client| RouterService {
        router: router.clone(),
        client: ConnectInfo(client),
    })
}

/// The service of one connection: a router that knows the address of the client.
#[derive(Clone, Debug)]
pub struct RouterService<A> {
    router: Router,
    client: ConnectInfo<A>,
}

impl<A> hyper::service::Service<Request<Incoming>> for RouterService<A>
where
    A: Clone + Send + Sync + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = RouterFuture;

    fn call(&self, mut request: Request<Incoming>) -> RouterFuture {
        request.extensions_mut().insert(self.client.clone());
        // A router is always ready, so `poll_ready` need not be called.
        let response = self.router.clone().call(request.map(Body::new));
        RouterFuture { response }
    }
}

/// The response of a router to a request.
pub struct RouterFuture {
    response: <Router as Service<Request<Body>>>::Future,
}

impl Future for RouterFuture {
    type Output = Result<Response, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.response).poll(cx)
    }
}

impl fmt::Debug for RouterFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouterFuture").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
