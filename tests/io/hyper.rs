//! hyper on quintet: a server and a client over real sockets.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, client, server};
use quintet::net::{TcpListener, TcpStream};
use quintet::time::timeout;

/// A wait that only a hang makes longer.
const LONG: Duration = Duration::from_secs(60);

/// Serves `count` connections, each with a response that names the path.
async fn serve(listener: TcpListener, count: usize) {
    // The service is not `Send`.
    let greeting = Rc::new(String::from("you asked for "));
    let mut connections = Vec::new();
    for _ in 0..count {
        let (stream, _) = listener.accept().await.unwrap();
        let greeting = Rc::clone(&greeting);
        let service = service_fn(move |request: Request<Incoming>| {
            let text = format!("{greeting}{}", request.uri().path());
            async move {
                // A response that takes a moment.
                quintet::time::sleep(Duration::from_micros(100)).await;
                Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(text))))
            }
        });
        connections.push(quintet::spawn(
            server::conn::http1::Builder::new()
                .timer(quintet::hyper::Timer::new())
                .header_read_timeout(LONG)
                .serve_connection(stream, service),
        ));
    }
    for connection in connections {
        connection.await.unwrap().unwrap();
    }
}

async fn get(addr: SocketAddr, paths: &[&str]) -> Vec<String> {
    let stream = TcpStream::connect(addr).await.unwrap();
    let (mut sender, connection) = client::conn::http1::handshake(stream).await.unwrap();
    let connection = quintet::spawn(connection);
    let mut responses = Vec::new();
    for path in paths {
        let request = Request::get(*path)
            .header("host", "test")
            .body(Empty::<Bytes>::new())
            .unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert_eq!(response.status(), 200);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        responses.push(String::from_utf8(body.to_vec()).unwrap());
    }
    drop(sender);
    connection.await.unwrap().unwrap();
    responses
}

#[test]
fn a_server_and_its_clients_talk_over_kept_connections() {
    quintet::block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let server = quintet::spawn(serve(listener, 10));
        let clients: Vec<_> = (0..10)
            .map(|_| quintet::spawn(get(addr, &["/", "/one", "/two"])))
            .collect();
        for client in clients {
            let responses = timeout(LONG, client).await.unwrap().unwrap();
            let expected = [
                "you asked for /",
                "you asked for /one",
                "you asked for /two",
            ];
            assert_eq!(responses, expected);
        }
        server.await.unwrap();
    });
}

#[test]
fn a_large_body_arrives_whole() {
    quintet::block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let data: Bytes = (0..3_000_000u32).map(|i| ((i * 7) >> 5) as u8).collect();
        let sent = data.clone();
        let server = quintet::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let service = service_fn(move |request: Request<Incoming>| {
                let sent = sent.clone();
                async move {
                    // The upload is read through the same trait.
                    let body = request.into_body().collect().await.unwrap().to_bytes();
                    assert!(body == sent, "the upload changed on its way");
                    Ok::<_, Infallible>(Response::new(Full::new(sent)))
                }
            });
            let (read, write) = stream.into_split();
            let stream = read.reunite(write).unwrap();
            server::conn::http1::Builder::new()
                .serve_connection(stream, service)
                .await
                .unwrap();
        });
        let stream = TcpStream::connect(addr).await.unwrap();
        let (mut sender, connection) = client::conn::http1::handshake(stream).await.unwrap();
        let connection = quintet::spawn(connection);
        let request = Request::post("/").body(Full::new(data.clone())).unwrap();
        let response = timeout(LONG, sender.send_request(request)).await;
        let body = response.unwrap().unwrap().into_body();
        let body = timeout(LONG, body.collect())
            .await
            .unwrap()
            .unwrap()
            .to_bytes();
        assert!(body == data, "the response changed on its way");
        drop(sender);
        connection.await.unwrap().unwrap();
        server.await.unwrap();
    });
}

#[test]
fn a_client_that_says_nothing_is_dropped_by_the_timer() {
    quintet::block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let client = TcpStream::connect(addr).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nhost:").await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let service = service_fn(async |_request: Request<Incoming>| {
            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
        });
        let served = server::conn::http1::Builder::new()
            .timer(quintet::hyper::Timer::new())
            .header_read_timeout(Duration::from_millis(5))
            .serve_connection(stream, service);
        let error = timeout(LONG, served).await.unwrap().unwrap_err();
        assert!(error.is_timeout(), "{error}");
    });
}

#[test]
fn the_timer_resets_a_sleep_in_place() {
    use hyper::rt::Timer;

    quintet::block_on(async {
        let timer = quintet::hyper::Timer::new();
        let mut sleep = timer.sleep(LONG);
        timer.reset(&mut sleep, timer.now());
        timeout(LONG, sleep).await.unwrap();
    });
}

#[test]
fn the_executor_spawns_onto_the_loop() {
    use hyper::rt::Executor;

    quintet::block_on(async {
        let (sender, receiver) = futures::channel::oneshot::channel();
        let not_send = Rc::new(7);
        quintet::hyper::Executor::new().execute(async move {
            sender.send(*not_send).unwrap();
        });
        assert_eq!(receiver.await, Ok(7));
    });
}
