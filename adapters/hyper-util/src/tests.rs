//! A client against quintet's own server.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use quintet::net::{TcpListener, TcpStream, UnixListener};
use quintet::{spawn, time};

use super::*;

async fn body_of(response: Response<Incoming>) -> String {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

async fn greet(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let text = format!(
        "{} of {:?}",
        request.uri().path(),
        request.headers().get("host")
    );
    Ok(Response::new(Full::new(Bytes::from(text))))
}

/// A server that counts its connections, and its port.
async fn counting_server(connections: &Rc<Cell<usize>>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let count = Rc::clone(connections);
    let server = quintet::hyper::serve_each(listener, move |_: &TcpStream, _| {
        count.set(count.get() + 1);
        service_fn(greet)
    });
    spawn(async move { server.await.unwrap() }).unref();
    port
}

#[quintet::test]
async fn requests_after_each_other_use_one_connection() {
    let connections = Rc::new(Cell::new(0));
    let port = counting_server(&connections).await;
    let client = client::<Empty<Bytes>>();
    for path in ["/a", "/b", "/c"] {
        // By name.
        let uri = format!("http://localhost:{port}{path}");
        let response = client.get(uri.parse().unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let text = body_of(response).await;
        assert_eq!(text, format!("{path} of Some(\"localhost:{port}\")"));
    }
    assert_eq!(connections.get(), 1);
}

#[quintet::test]
async fn an_idle_connection_is_closed_after_its_time() {
    let connections = Rc::new(Cell::new(0));
    let port = counting_server(&connections).await;
    let uri: hyper::Uri = format!("http://127.0.0.1:{port}/").parse().unwrap();
    let client: Client<Empty<Bytes>> = builder()
        .pool_idle_timeout(Duration::from_secs(50))
        .build(Connector::new());
    let get = async || body_of(client.get(uri.clone()).await.unwrap()).await;
    get().await;
    get().await;
    assert_eq!(connections.get(), 1);
    time::pause();
    time::advance(Duration::from_secs(51)).await;
    time::resume();
    get().await;
    assert_eq!(connections.get(), 2);
}

#[quintet::test]
async fn a_client_connects_by_a_unix_socket() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let server = quintet::hyper::serve(listener, service_fn(greet));
    spawn(async move { server.await.unwrap() }).unref();
    let client: Client<Empty<Bytes>, _> = builder().build(UnixConnector::new(&path));
    let response = client.get("http://anything/x".parse().unwrap()).await;
    assert_eq!(body_of(response.unwrap()).await, "/x of Some(\"anything\")");
}

/// The `io::Error` among the causes of a failed request.
async fn error_of(uri: &str, connector: Connector) -> (io::ErrorKind, String) {
    let client: Client<Empty<Bytes>> = builder().build(connector);
    let error = client.get(uri.parse().unwrap()).await.unwrap_err();
    assert!(error.is_connect());
    let mut cause: &dyn Error = &error;
    loop {
        if let Some(error) = cause.downcast_ref::<io::Error>() {
            return (error.kind(), error.to_string());
        }
        cause = cause.source().unwrap();
    }
}

#[quintet::test]
async fn errors_say_what_cannot_be_connected() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().port()
    };
    let (kind, text) = error_of(&format!("http://127.0.0.1:{port}/"), Connector::new()).await;
    assert_eq!(kind, io::ErrorKind::ConnectionRefused);
    assert!(text.contains(&format!("127.0.0.1:{port}")), "{text}");

    let (kind, text) = error_of("https://localhost/", Connector::new()).await;
    assert_eq!(kind, io::ErrorKind::InvalidInput);
    assert!(text.contains("TLS"), "{text}");

    let (kind, text) = error_of("ftp://localhost/", Connector::new()).await;
    assert_eq!(kind, io::ErrorKind::InvalidInput);
    assert!(text.contains("not `http`"), "{text}");
}

/// Finds nothing, ever.
struct Silent;

impl quintet::net::Resolver for Silent {
    async fn resolve(&self, _host: &str, _port: u16) -> io::Result<Vec<SocketAddr>> {
        std::future::pending().await
    }
}

#[test]
fn a_name_that_is_not_found_in_time_is_an_error() {
    let runtime = quintet::runtime::Builder::new()
        .start_paused(true)
        .resolver(Silent)
        .build()
        .unwrap();
    let (kind, text) = runtime.block_on(async {
        let connector = Connector::new().connect_timeout(Duration::from_secs(3));
        error_of("http://nowhere.example/", connector).await
    });
    assert_eq!(kind, io::ErrorKind::TimedOut);
    assert!(text.contains("nowhere.example:80 within 3s"), "{text}");
}

#[test]
fn targets_have_the_port_of_their_scheme() {
    let target = |connector: &Connector, uri: &'static str| {
        connector.target(&hyper::Uri::from_static(uri)).ok()
    };
    let open = Connector::new().enforce_http(false);
    for connector in [&Connector::new(), &open] {
        let host = |name: &str, port| Some((name.to_owned(), port));
        assert_eq!(target(connector, "http://a/"), host("a", 80));
        assert_eq!(target(connector, "http://[::1]:8/"), host("::1", 8));
        assert_eq!(target(connector, "/path"), None);
    }
    assert_eq!(target(&open, "https://a/"), Some(("a".to_owned(), 443)));
    assert_eq!(target(&open, "other://a/"), None);
    assert_eq!(target(&open, "other://a:7/"), Some(("a".to_owned(), 7)));
}

/// What is shared between tasks is `Send` and `Sync`.
#[test]
fn types_can_be_shared() {
    fn is_shared<T: Send + Sync>(_: &T) {}
    is_shared(&client::<Empty<Bytes>>());
    is_shared(&Connector::new());
    is_shared(&UnixConnector::new("/"));
    let _not_used: RefCell<Option<ClientStream>> = RefCell::new(None);
}
