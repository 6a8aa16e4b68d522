//! HTTP/2: what is served, and its end.

use std::cell::Cell;
use std::convert::Infallible;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use futures::future::join_all;
use futures::stream;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::client::conn::http2::{self, SendRequest};
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use quintet::hyper::{Executor, Timer, serve};
use quintet::io::DuplexStream;
use quintet::net::TcpStream;
use quintet::runtime::Builder;
use quintet::task::{CancellationToken, Drained, JoinHandle};
use quintet::time::{Instant, sleep};

use crate::client::Client;
use crate::frames::{self, PREFACE};
use crate::support::cases::{listen, watched};
use crate::support::reports::Reports;
use crate::wire::{Network, Wire, settle};

const SECOND: Duration = Duration::from_secs(1);

type Requests = SendRequest<Full<Bytes>>;

/// Connects by hyper's client, over a connection in memory.
async fn connect(network: &Network) -> (Requests, JoinHandle<hyper::Result<()>>) {
    let wire = network.connect_by(Wire::new);
    let mut builder = http2::Builder::new(Executor::new());
    let (requests, connection) = builder.timer(Timer::new()).handshake(wire).await.unwrap();
    (requests, quintet::spawn(connection))
}

async fn send(requests: &mut Requests, path: &str, body: &str) -> hyper::Result<String> {
    let request = Request::post(format!("http://a{path}"));
    let request = request.body(Full::from(body.to_owned())).unwrap();
    let response = requests.send_request(request).await?;
    let body = response.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8(body.to_vec()).unwrap())
}

/// Counts the requests that are handled, and how many were at a time.
#[derive(Default)]
struct Counts {
    now: Cell<usize>,
    most: Cell<usize>,
}

/// A server that runs.
struct Running {
    network: Network,
    stop: CancellationToken,
    server: JoinHandle<std::io::Result<Drained>>,
    counts: Rc<Counts>,
}

struct Counted(Rc<Counts>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.now.set(self.0.now.get() - 1);
    }
}

/// Starts a server whose service takes as many seconds as the path says, and whose responses have
/// the version and the body.
fn start(drain_timeout: Option<Duration>, streams_max: u32) -> Running {
    let (network, stop) = (Network::default(), CancellationToken::new());
    let counts = Rc::new(Counts::default());
    let seen = Rc::clone(&counts);
    let service = service_fn(move |request: Request<Incoming>| {
        seen.now.set(seen.now.get() + 1);
        seen.most.set(seen.most.get().max(seen.now.get()));
        let counted = Counted(Rc::clone(&seen));
        async move {
            let _counted = counted;
            let seconds = request
                .uri()
                .path()
                .get(1..)
                .and_then(|path| path.parse().ok());
            sleep(Duration::from_secs(seconds.unwrap_or(0))).await;
            let version = request.version();
            let body = request.into_body().collect().await?.to_bytes();
            let body = String::from_utf8(body.to_vec()).unwrap();
            Ok::<_, hyper::Error>(Response::new(format!("{version:?} {body}")))
        }
    });
    let server = serve(network.listener(), service)
        .until(stop.clone().cancelled_owned())
        .drain_timeout(drain_timeout)
        .http2_max_concurrent_streams(streams_max)
        .on_error(drop);
    Running {
        server: quintet::spawn(server.into_future()),
        network,
        stop,
        counts,
    }
}

#[quintet::test(start_paused)]
async fn both_versions_are_served_by_one_call() {
    let running = start(None, 100);
    let (mut requests, _connection) = connect(&running.network).await;
    assert_eq!(send(&mut requests, "/0", "a").await.unwrap(), "HTTP/2.0 a");
    let mut client = running.network.connect();
    assert_eq!(client.get("/0").await.body, "HTTP/1.1 ");
    assert_eq!(send(&mut requests, "/0", "b").await.unwrap(), "HTTP/2.0 b");
}

#[quintet::test(start_paused)]
async fn the_preface_may_come_in_pieces() {
    let running = start(None, 100);
    let mut client = running.network.connect();
    for byte in PREFACE {
        client.send([*byte]).await;
        settle().await;
    }
    client
        .send(frames::frame(frames::SETTINGS, 0, 0, &[]))
        .await;
    let headers = frames::frame(frames::HEADERS, frames::END_STREAM_AND_HEADERS, 1, GET_0);
    client.send(headers).await;
    assert_eq!(
        frames::receive_kind(&mut client, frames::HEADERS)
            .await
            .stream,
        1
    );
}

/// `GET http://a/0`.
const GET_0: &[u8] = b"\x82\x86\x44\x02/0\x41\x01a";

#[quintet::test(start_paused)]
async fn what_begins_like_the_preface_and_is_not_is_a_request() {
    let running = start(None, 100);
    for (sent, status) in [
        ("PRI * HTTP/1.1\r\nhost: a\r\n\r\n", "HTTP/1.1 "),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nxxx", ""),
        ("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", "HTTP/1.1 400"),
        (
            "POST /0 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
            "HTTP/1.1 200",
        ),
        ("P", ""),
        ("", ""),
    ] {
        let mut client = running.network.connect();
        for byte in sent.bytes() {
            client.send([byte]).await;
        }
        client.shut_down().await;
        let received = client.raw_rest().await;
        assert!(
            received.starts_with(status.as_bytes()),
            "{sent:?}: {received:?}"
        );
    }
}

#[quintet::test(start_paused)]
async fn requests_of_one_connection_are_handled_at_a_time_up_to_the_limit() {
    let running = start(None, 50);
    let (requests, _connection) = connect(&running.network).await;
    // So that the client knows the limit.
    assert!(send(&mut requests.clone(), "/0", "").await.is_ok());
    let since = Instant::now();
    let replies = join_all((0..100).map(|number| {
        let mut requests = requests.clone();
        async move {
            send(&mut requests, "/1", &number.to_string())
                .await
                .unwrap()
        }
    }));
    for (number, reply) in replies.await.iter().enumerate() {
        assert_eq!(*reply, format!("HTTP/2.0 {number}"));
    }
    assert_eq!(running.counts.most.get(), 50);
    assert_eq!(since.elapsed(), 2 * SECOND);
}

#[quintet::test(start_paused)]
async fn a_request_that_the_client_gives_up_is_dropped() {
    let running = start(None, 100);
    let (requests, connection) = connect(&running.network).await;
    let mut given_up = requests.clone();
    let task = quintet::spawn(async move { send(&mut given_up, "/3600", "").await });
    let mut stays = requests.clone();
    let other = quintet::spawn(async move { send(&mut stays, "/1", "").await });
    settle().await;
    assert_eq!(running.counts.now.get(), 2);
    task.abort();
    settle().await;
    assert_eq!(running.counts.now.get(), 1);
    assert_eq!(other.await.unwrap().unwrap(), "HTTP/2.0 ");

    drop(connection);
}

/// Connects without hyper, and asks for a path that takes an hour.
async fn begin(running: &Running) -> Client<DuplexStream> {
    let mut client = running.network.connect();
    client.send(PREFACE).await;
    client
        .send(frames::frame(frames::SETTINGS, 0, 0, &[]))
        .await;
    let get = b"\x82\x86\x44\x05/3600\x41\x01a";
    let flags = frames::END_STREAM_AND_HEADERS;
    client
        .send(frames::frame(frames::HEADERS, flags, 1, get))
        .await;
    settle().await;
    assert_eq!(running.counts.now.get(), 1);
    client
}

#[quintet::test(start_paused)]
async fn the_requests_of_a_client_that_disconnects_are_dropped() {
    let running = start(None, 100);
    drop(begin(&running).await);
    settle().await;
    assert_eq!(running.counts.now.get(), 0);
}

#[test]
fn a_handler_that_panics_ends_its_request_and_is_reported() {
    watched(|| {
        let mut builder = Builder::new();
        let reports = Reports::of(&mut builder);
        builder.build().unwrap().block_on(async {
            let listener = listen().await;
            let addr = listener.local_addr().unwrap();
            let service = service_fn(async |request: Request<Incoming>| {
                assert_eq!(request.version(), Version::HTTP_2);
                assert_ne!(request.uri().path(), "/panic", "part of the test");
                Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
            });
            let _server = quintet::spawn(serve(listener, service).into_future());
            let stream = TcpStream::connect(addr).await.unwrap();
            let builder = http2::Builder::new(Executor::new());
            let (mut requests, connection) = builder.handshake(stream).await.unwrap();
            let _connection = quintet::spawn(connection);
            assert!(send(&mut requests, "/panic", "").await.is_err());
            assert_eq!(send(&mut requests, "/", "").await.unwrap(), "");
        });
        reports.assert_a_failure_to_serve("part of the test");
    });
}

#[quintet::test(start_paused)]
async fn a_server_that_stops_handles_the_requests_that_have_been_sent() {
    let running = start(None, 100);
    let (mut idle, idle_connection) = connect(&running.network).await;
    assert!(send(&mut idle, "/0", "").await.is_ok());
    let (requests, connection) = connect(&running.network).await;
    let tasks = [1, 10].map(|seconds| {
        let mut requests = requests.clone();
        quintet::spawn(async move { send(&mut requests, &format!("/{seconds}"), "").await })
    });
    settle().await;
    let since = Instant::now();
    running.stop.cancel();
    settle().await;
    idle_connection.await.unwrap().unwrap();
    assert_eq!(since.elapsed(), Duration::ZERO);
    // The client knows that it ends.
    assert!(send(&mut requests.clone(), "/0", "").await.is_err());
    for task in tasks {
        assert!(task.await.unwrap().is_ok());
    }
    connection.await.unwrap().unwrap();
    assert!(running.server.await.unwrap().unwrap().is_complete());
    assert_eq!(since.elapsed(), 10 * SECOND);
}

#[quintet::test(start_paused)]
async fn requests_that_are_left_at_the_deadline_are_cancelled() {
    let running = start(Some(5 * SECOND), 100);
    let (requests, _connection) = connect(&running.network).await;
    let tasks = [1, 10, 10].map(|seconds| {
        let mut requests = requests.clone();
        quintet::spawn(async move { send(&mut requests, &format!("/{seconds}"), "").await })
    });
    settle().await;
    running.stop.cancel();
    // It counts connections.
    assert_eq!(running.server.await.unwrap().unwrap().unfinished(), 1);
    assert_eq!(
        running.counts.now.get(),
        0,
        "the futures of the requests are gone"
    );
    let mut ended = Vec::new();
    for task in tasks {
        ended.push(task.await.unwrap().is_ok());
    }
    assert_eq!(ended, [true, false, false]);
}

#[quintet::test(start_paused)]
async fn responses_without_an_end_are_dropped_with_their_connection() {
    for is_stopped in [false, true] {
        let (network, stop) = (Network::default(), CancellationToken::new());
        let guard = Rc::new(());
        let held = Rc::clone(&guard);
        let service = service_fn(move |_: Request<Incoming>| {
            let held = Rc::clone(&held);
            let body = StreamBody::new(stream::poll_fn(move |_| {
                let _held = &held;
                Poll::<Option<Result<Frame<Bytes>, Infallible>>>::Pending
            }));
            async { Ok::<_, Infallible>(Response::new(body)) }
        });
        let server = serve(network.listener(), service)
            .until(stop.clone().cancelled_owned())
            .drain_timeout(SECOND);
        let server = quintet::spawn(server.into_future());
        let mut client = network.connect();
        client.send(PREFACE).await;
        let settings = frames::frame(frames::SETTINGS, 0, 0, &[]);
        client.send(settings).await;
        for stream in [1, 3, 5] {
            let flags = frames::END_STREAM_AND_HEADERS;
            let get = frames::frame(frames::HEADERS, flags, stream, GET_0);
            client.send(get).await;
        }
        settle().await;
        // That of the service, and those of the bodies.
        assert_eq!(Rc::strong_count(&guard), 2 + 3);
        if is_stopped {
            stop.cancel();
            assert_eq!(server.await.unwrap().unwrap().unfinished(), 1);
        } else {
            drop(client);
            settle().await;
            assert_eq!(Rc::strong_count(&guard), 2);
            stop.cancel();
            assert!(server.await.unwrap().unwrap().is_complete());
        }
        assert_eq!(Rc::strong_count(&guard), 1);
    }
}

#[quintet::test(start_paused)]
async fn an_idle_connection_is_closed_in_order() {
    let running = start(None, 100);
    let (mut requests, connection) = connect(&running.network).await;
    assert!(send(&mut requests, "/200", "").await.is_ok());
    let since = Instant::now();
    connection.await.unwrap().unwrap();
    assert_eq!(since.elapsed(), 75 * SECOND);
}

#[quintet::test(start_paused)]
async fn a_client_that_is_gone_is_noticed_while_its_request_is_handled() {
    let running = start(None, 100);
    let mut client = begin(&running).await;
    let since = Instant::now();
    // It does not acknowledge the ping.
    frames::receive_kind(&mut client, frames::PING).await;
    assert_eq!(since.elapsed(), 60 * SECOND);
    while running.counts.now.get() > 0 {
        sleep(SECOND).await;
    }
    let waited = since.elapsed().as_secs();
    assert!((80..=81).contains(&waited), "{waited}");
}
