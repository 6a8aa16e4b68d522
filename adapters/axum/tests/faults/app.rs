//! The router that is served, and how it is watched.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::pending;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{Method, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use futures::{AsyncReadExt, AsyncWriteExt, StreamExt, stream};
use quintet::hyper::{HttpServer, Io};
use quintet::serve::ServeError;
use quintet::task::yield_now;
use quintet::time::{sleep, timeout};
use quintet_axum::RouterService;

use crate::wire::{Network, WireListener};

/// How long a handler may take, with the body of its request.
pub(crate) const REQUEST_LIMIT: Duration = Duration::from_secs(60);

pub(crate) type Server = HttpServer<WireListener, RouterService<()>>;

/// The requests and upgraded connections that have begun, and those that run.
#[derive(Clone, Default)]
pub(crate) struct Requests(Arc<(AtomicUsize, AtomicUsize)>);

impl Requests {
    fn begin(&self) -> RequestGuard {
        let (begun, running) = &*self.0;
        begun.fetch_add(1, Ordering::Relaxed);
        running.fetch_add(1, Ordering::Relaxed);
        RequestGuard(self.clone())
    }

    pub(crate) fn begun(&self) -> usize {
        self.0.0.load(Ordering::Relaxed)
    }

    pub(crate) fn running(&self) -> usize {
        self.0.1.load(Ordering::Relaxed)
    }
}

struct RequestGuard(Requests);

impl Drop for RequestGuard {
    fn drop(&mut self) {
        self.0.0.1.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A server of [`router`] in memory.
pub(crate) struct Running {
    pub(crate) network: Network,
    pub(crate) requests: Requests,
    /// What the server has reported.
    pub(crate) errors: Rc<RefCell<Vec<ServeError>>>,
}

/// Starts a server that the test has set up.
pub(crate) fn start(set_up: impl FnOnce(Server) -> Server) -> Running {
    let running = Running {
        network: Network::default(),
        requests: Requests::default(),
        errors: Rc::default(),
    };
    let server = quintet_axum::serve(running.network.listener(), router(&running.requests));
    let seen = Rc::clone(&running.errors);
    let server = set_up(server).on_error(move |error| seen.borrow_mut().push(error));
    quintet::spawn(server.into_future());
    running
}

pub(crate) fn router(requests: &Requests) -> Router {
    let counted = requests.clone();
    let count = middleware::from_fn(move |request: Request, next: Next| {
        let running = counted.begin();
        async move {
            let response = match timeout(REQUEST_LIMIT, next.run(request)).await {
                Ok(response) => response,
                Err(_elapsed) => StatusCode::REQUEST_TIMEOUT.into_response(),
            };
            drop(running);
            response
        }
    });
    let upgraded = requests.clone();
    Router::new()
        .route("/", any(describe))
        .route("/echo", any(async |body: Bytes| body))
        .route("/sleep/{seconds}", get(sleep_for))
        .route("/never", any(async || pending::<()>().await))
        .route("/endless", get(async || Body::from_stream(endless())))
        .route("/panic", get(panics))
        .route(
            "/upgrade",
            get(async move |request| upgrade(request, &upgraded)),
        )
        .layer(count)
}

/// The body is that of the request, after its method and path.
async fn describe(method: Method, uri: Uri, body: Bytes) -> String {
    let body = String::from_utf8_lossy(&body).into_owned();
    format!("{method} {}:{body}", uri.path())
}

async fn sleep_for(axum::extract::Path(seconds): axum::extract::Path<u64>) -> &'static str {
    sleep(Duration::from_secs(seconds)).await;
    "done"
}

async fn panics() -> &'static str {
    panic!("part of the test")
}

fn endless() -> impl futures::Stream<Item = Result<Bytes, Infallible>> {
    let chunk = Bytes::from(vec![b'x'; 64 * 1024]);
    stream::repeat_with(move || Ok(chunk.clone())).then(async |chunk| {
        yield_now().await;
        chunk
    })
}

/// Echoes what comes after the upgrade.
fn upgrade(mut request: Request, requests: &Requests) -> Response {
    let upgrade = hyper::upgrade::on(&mut request);
    let running = requests.begin();
    quintet::spawn(async move {
        let _running = running;
        let Ok(upgraded) = upgrade.await else { return };
        let mut stream = Io::new(upgraded);
        let mut buf = [0; 1024];
        while let Ok(n @ 1..) = stream.read(&mut buf).await {
            if stream.write_all(&buf[..n]).await.is_err() {
                return;
            }
        }
    });
    let head = [(header::UPGRADE, "echo"), (header::CONNECTION, "upgrade")];
    (StatusCode::SWITCHING_PROTOCOLS, head).into_response()
}
