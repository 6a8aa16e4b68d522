//! Slow clients, in paused time.

use std::cell::RefCell;
use std::convert::Infallible;
use std::io::ErrorKind;
use std::rc::Rc;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use quintet::hyper::{HttpServer, serve};
use quintet::serve::ServeError;
use quintet::time::{Instant, sleep, timeout};

use crate::wire::{Network, WireListener, settle};

const SECOND: Duration = Duration::from_secs(1);

/// The errors that a server has passed on.
type Errors = Rc<RefCell<Vec<ServeError>>>;

/// Starts a server that the test has set up. Its service takes as many seconds as the path says.
fn start(network: &Network, set_up: impl FnOnce(Server) -> Server) -> Errors {
    let errors = Errors::default();
    let seen = Rc::clone(&errors);
    let server = set_up(serve(network.listener(), Box::new(SecondsOfPath)));
    let server = server.on_error(move |error| seen.borrow_mut().push(error));
    quintet::spawn(server.into_future());
    errors
}

/// Starts a server whose responses have a body of 1 MiB.
fn start_large(network: &Network) -> Errors {
    let errors = Errors::default();
    let seen = Rc::clone(&errors);
    let service = service_fn(async |_| {
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(vec![b'x'; 1 << 20]))))
    });
    let server = serve(network.listener(), service);
    let server = server.on_error(move |error| seen.borrow_mut().push(error));
    quintet::spawn(server.into_future());
    errors
}

type Server = HttpServer<WireListener, Rc<Box<SecondsOfPath>>>;

/// See [`start`].
struct SecondsOfPath;

impl hyper::service::Service<Request<Incoming>> for SecondsOfPath {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>>>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        Box::pin(async move {
            let seconds = request.uri().path()[1..].parse().unwrap();
            sleep(Duration::from_secs(seconds)).await;
            let body = request.into_body().collect().await;
            let text = format!("{}", body.map_or(0, |body| body.to_bytes().len()));
            Ok(Response::new(Full::from(text)))
        })
    }
}

/// Asserts that one connection has ended because it has waited for too long.
async fn assert_timed_out(errors: &Errors) {
    settle().await;
    let errors = errors.take();
    assert_eq!(errors.len(), 1, "{errors:?}");
    let ServeError::Connection(error) = &errors[0] else {
        panic!("{errors:?}");
    };
    let mut error: &dyn std::error::Error = &**error;
    loop {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            assert_eq!(error.kind(), ErrorKind::TimedOut);
            return;
        }
        error = error.source().unwrap();
    }
}

#[quintet::test(start_paused)]
async fn a_client_that_sends_nothing_is_disconnected() {
    let network = Network::default();
    let errors = start(&network, |server| server);
    let mut client = network.connect();
    let since = Instant::now();
    assert_eq!(client.rest().await, "");
    assert_eq!(since.elapsed(), 30 * SECOND);
    assert_timed_out(&errors).await;
}

#[quintet::test(start_paused)]
async fn a_client_that_sends_a_head_byte_by_byte_is_disconnected() {
    let network = Network::default();
    let errors = start(&network, |server| server.header_timeout(10 * SECOND));
    for requests_before in 0..2 {
        let mut client = network.connect();
        for _ in 0..requests_before {
            assert_eq!(client.get("/0").await.status, 200);
            // It is idle, and its head has not begun.
            sleep(60 * SECOND).await;
        }
        let since = Instant::now();
        for byte in b"GET / HTT" {
            client.send([*byte]).await;
            sleep(SECOND).await;
        }
        assert!(!client.is_closed().await);
        assert_eq!(client.rest().await, "");
        assert_eq!(since.elapsed(), 10 * SECOND);
        assert_timed_out(&errors).await;
    }
}

#[quintet::test(start_paused)]
async fn a_head_that_comes_in_time_is_served() {
    let network = Network::default();
    let errors = start(&network, |server| server.header_timeout(10 * SECOND));
    let mut client = network.connect();
    for _ in 0..3 {
        client.send("GET /0 HTTP/1.1\r\n").await;
        sleep(9 * SECOND).await;
        client.send("host: a\r\n\r\n").await;
        assert_eq!(client.reply().await.status, 200);
        sleep(5 * SECOND).await;
    }
    assert!(errors.take().is_empty());
}

#[quintet::test(start_paused)]
async fn an_idle_connection_is_closed_in_order() {
    let network = Network::default();
    let errors = start(&network, |server| server);
    let mut client = network.connect();
    for _ in 0..3 {
        assert_eq!(client.get("/0").await.status, 200);
        sleep(74 * SECOND).await;
    }
    assert_eq!(client.get("/0").await.status, 200);
    let since = Instant::now();
    assert_eq!(client.rest().await, "");
    assert_eq!(since.elapsed(), 75 * SECOND);
    assert!(errors.take().is_empty());
}

#[quintet::test(start_paused)]
async fn a_connection_whose_client_waits_is_not_idle() {
    let network = Network::default();
    let errors = start(&network, |server| server);
    let mut client = network.connect();
    let since = Instant::now();
    assert_eq!(client.get("/3600").await.status, 200);
    assert_eq!(since.elapsed(), 3600 * SECOND);
    // From the response on.
    assert_eq!(client.rest().await, "");
    assert_eq!(since.elapsed(), 3675 * SECOND);
    assert!(errors.take().is_empty());
}

#[quintet::test(start_paused)]
async fn a_connection_whose_requests_are_handled_at_once_is_not_idle() {
    let network = Network::default();
    let service = service_fn(async |_| Ok::<_, Infallible>(Response::new(String::from("served"))));
    quintet::spawn(serve(network.listener(), service).into_future());
    let mut client = network.connect();
    // 75 s is how long it may be idle.
    for _ in 0..5 {
        assert_eq!(client.get("/").await.body, "served");
        sleep(50 * SECOND).await;
    }
    let since = Instant::now();
    assert_eq!(client.rest().await, "");
    assert_eq!(since.elapsed(), 25 * SECOND);
}

#[quintet::test(start_paused)]
async fn without_limits_it_waits() {
    let network = Network::default();
    let errors = start(&network, |server| {
        server
            .header_timeout(None)
            .idle_timeout(None)
            .write_timeout(None)
    });
    let mut client = network.connect();
    sleep(3600 * SECOND).await;
    assert_eq!(client.get("/0").await.status, 200);
    sleep(3600 * SECOND).await;
    client.send("GET /0").await;
    sleep(3600 * SECOND).await;
    client.send(" HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(client.reply().await.status, 200);
    assert!(errors.take().is_empty());
}

/// What hyper has buffered of a response is not the end of it.
#[quintet::test(start_paused)]
async fn a_client_that_receives_slowly_is_not_idle() {
    let network = Network::default();
    let errors = start_large(&network);
    let mut client = network.connect();
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    client.head().await;
    // The last 64 KiB are in the connection, and the server has nothing to send.
    for _ in 0..60 {
        sleep(60 * SECOND).await;
        client.bytes(1 << 14).await;
    }
    client.bytes(4 << 14).await;
    assert_eq!(client.get("/").await.status, 200);
    assert!(errors.borrow().is_empty(), "{errors:?}");
}

#[quintet::test(start_paused)]
async fn a_client_that_reads_nothing_is_disconnected() {
    let network = Network::default();
    let errors = start_large(&network);
    let mut client = network.connect();
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    settle().await;
    // It reads a little, and so begins a new wait.
    sleep(80 * SECOND).await;
    client.bytes(1000).await;
    sleep(80 * SECOND).await;
    assert!(errors.borrow().is_empty(), "{errors:?}");
    sleep(10 * SECOND).await;
    settle().await;
    assert_timed_out(&errors).await;
    assert!(client.rest().await.len() < 1 << 20);
}

/// As the documentation shows.
#[quintet::test(start_paused)]
async fn a_service_limits_the_time_of_a_body() {
    let network = Network::default();
    let service = service_fn(async |request: Request<Incoming>| {
        let body = timeout(10 * SECOND, request.into_body().collect()).await;
        let mut response = Response::new(String::new());
        if body.is_err() {
            *response.status_mut() = hyper::StatusCode::REQUEST_TIMEOUT;
        }
        Ok::<_, Infallible>(response)
    });
    quintet::spawn(serve(network.listener(), service).into_future());
    let mut client = network.connect();
    client
        .send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n")
        .await;
    let since = Instant::now();
    let bytes = async {
        for _ in 0..9 {
            sleep(2 * SECOND).await;
            let _closed = futures::AsyncWriteExt::write_all(&mut client.stream, b"x").await;
        }
    };
    bytes.await;
    let reply = client.reply().await;
    assert_eq!(reply.status, 408);
    assert!(since.elapsed() <= 18 * SECOND);
    assert_eq!(client.rest().await, "");
}
