//! Routers with handlers that await what is quintet's.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use futures::AsyncReadExt;
use quintet::net::{TcpListener, TcpStream, UnixListener, UnixStream, unix};
use quintet::task::CancellationToken;
use quintet::{fs, spawn, spawn_blocking, time};

use super::*;

/// Starts a server that is not waited for, and returns its address.
async fn started(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    spawn(serve(listener, router).into_future()).unref();
    addr
}

/// Sends a request, and returns the status and the body of the response.
async fn response_to(addr: SocketAddr, request: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let length = body.len();
    let text = format!(
        "{request} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

async fn got(addr: SocketAddr, path: &str) -> (u16, String) {
    response_to(addr, &format!("GET {path}"), "").await
}

#[quintet::test]
async fn handlers_await_what_is_quintets() {
    let peer = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let peer_addr = peer.local_addr().unwrap();
    spawn(async move {
        while let Ok((stream, _)) = peer.accept().await {
            stream.write_all(b"by a socket").await.unwrap();
        }
    })
    .unref();
    let router = Router::new()
        .route(
            "/sleep",
            get(async || {
                time::sleep(Duration::from_millis(1)).await;
                time::timeout(Duration::from_secs(60), async { "slept" })
                    .await
                    .unwrap()
            }),
        )
        .route(
            "/task",
            get(async || {
                // What is not `Send` is in a task of its own.
                let task = spawn(async {
                    let local = Rc::new("from a task");
                    quintet::task::yield_now().await;
                    *local
                });
                task.await.unwrap()
            }),
        )
        .route(
            "/job",
            get(async || spawn_blocking(|| "from a job").await.unwrap()),
        )
        .route(
            "/socket",
            get(async move || {
                let mut stream = TcpStream::connect(peer_addr).await.unwrap();
                let mut text = String::new();
                stream.read_to_string(&mut text).await.unwrap();
                text
            }),
        )
        .route(
            "/file",
            get(async || {
                let file = fs::tempdir().await.unwrap();
                let path = file.path().join("a");
                fs::write(&path, "from a file").await.unwrap();
                fs::read_to_string(&path).await.unwrap()
            }),
        );
    let addr = started(router).await;
    for (path, text) in [
        ("/sleep", "slept"),
        ("/task", "from a task"),
        ("/job", "from a job"),
        ("/socket", "by a socket"),
        ("/file", "from a file"),
    ] {
        assert_eq!(got(addr, path).await, (200, text.to_owned()));
    }
    assert_eq!(got(addr, "/nothing").await.0, 404);
}

#[quintet::test]
async fn extractors_are_axums() {
    async fn sum(State(base): State<u32>, Json(numbers): Json<Vec<u32>>) -> Json<u32> {
        Json(base + numbers.iter().sum::<u32>())
    }
    async fn show(
        Path(name): Path<String>,
        Query(pairs): Query<Vec<(String, String)>>,
    ) -> (StatusCode, String) {
        (StatusCode::ACCEPTED, format!("{name} {pairs:?}"))
    }
    let router = Router::new()
        .route("/sum", post(sum))
        .route("/show/{name}", get(show))
        .with_state(10);
    let addr = started(router).await;
    let reply = response_to(addr, "POST /sum", "[1, 2, 3]").await;
    assert_eq!(reply, (200, "16".to_owned()));
    assert_eq!(response_to(addr, "POST /sum", "[1, ").await.0, 400);
    let reply = got(addr, "/show/x?a=1").await;
    assert_eq!(reply, (202, "x [(\"a\", \"1\")]".to_owned()));
}

#[quintet::test]
async fn each_request_knows_its_client() {
    async fn client_of(ConnectInfo(client): ConnectInfo<SocketAddr>) -> String {
        client.ip().to_string()
    }
    let addr = started(Router::new().route("/", get(client_of))).await;
    assert_eq!(got(addr, "/").await, (200, "127.0.0.1".to_owned()));
}

#[quintet::test]
async fn a_unix_socket_is_served() {
    async fn client_of(ConnectInfo(client): ConnectInfo<unix::SocketAddr>) -> String {
        client.is_unnamed().to_string()
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let router = Router::new().route("/", get(client_of));
    spawn(serve(listener, router).into_future()).unref();
    let mut stream = UnixStream::connect(&path).await.unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    assert!(response.ends_with("\r\n\r\ntrue"), "{response}");
}

#[quintet::test(leaks = "deny")]
async fn the_end_waits_for_a_request_that_has_begun() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let begun = stop.clone();
    let slow = get(async move || {
        begun.cancel();
        time::sleep(Duration::from_millis(5)).await;
        "whole"
    });
    let server = serve(listener, Router::new().route("/", slow));
    let server = spawn(server.until(stop.cancelled_owned()).into_future());
    assert_eq!(got(addr, "/").await, (200, "whole".to_owned()));
    assert!(server.await.unwrap().unwrap().is_complete());
    assert!(TcpStream::connect(addr).await.is_err());
}

#[quintet::test]
async fn a_handler_that_panics_ends_its_connection_alone() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    async fn panics() -> &'static str {
        panic!("a handler fails")
    }
    let router = Router::new()
        .route("/", get(async || "works"))
        .route("/panic", get(panics));
    spawn(serve(listener, router).on_error(drop).into_future()).unref();
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream
        .write_all(b"GET /panic HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    assert_eq!(response, "");
    assert_eq!(got(addr, "/").await, (200, "works".to_owned()));
}

/// All runs on one thread, and no runtime of tokio is there.
#[quintet::test]
async fn handlers_run_on_the_thread_of_the_loop_without_tokio() {
    let here = thread::current().id();
    let router = Router::new().route(
        "/",
        get(async move || {
            let is_here = thread::current().id() == here;
            let has_tokio = tokio::runtime::Handle::try_current().is_ok();
            format!("{is_here} {has_tokio}")
        }),
    );
    let addr = started(router).await;
    assert_eq!(got(addr, "/").await, (200, "true false".to_owned()));
}

#[test]
fn types_can_be_shared() {
    fn is_shared<T: Send + Sync>() {}
    is_shared::<RouterService<SocketAddr>>();
    fn is_send<T: Send>() {}
    is_send::<RouterFuture>();
}
