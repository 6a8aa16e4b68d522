//! The end of a server: no request is lost, and it does not take longer than it may.

use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use quintet::hyper::serve;
use quintet::io::DuplexStream;
use quintet::task::{CancellationToken, Drained, JoinHandle};
use quintet::time::{Instant, sleep};

use crate::client::Client;
use crate::wire::{Network, settle};

const SECOND: Duration = Duration::from_secs(1);

/// A server that runs.
struct Running {
    network: Network,
    stop: CancellationToken,
    server: JoinHandle<std::io::Result<Drained>>,
    /// Held by each handler.
    guard: Rc<()>,
}

/// Starts a server whose service takes as many seconds as the path says.
fn start(drain_timeout: Option<Duration>) -> Running {
    let (network, stop, guard) = (Network::default(), CancellationToken::new(), Rc::new(()));
    let held = Rc::clone(&guard);
    let service = service_fn(move |request: Request<Incoming>| {
        let held = Rc::clone(&held);
        async move {
            let seconds = request.uri().path()[1..].parse().unwrap();
            sleep(Duration::from_secs(seconds)).await;
            drop(held);
            Ok::<_, Infallible>(Response::new(String::from("done")))
        }
    });
    let server = serve(network.listener(), service).until(stop.clone().cancelled_owned());
    let server = quintet::spawn(server.drain_timeout(drain_timeout).into_future());
    Running {
        network,
        stop,
        server,
        guard,
    }
}

/// Connects, and is served once.
async fn served(network: &Network) -> Client<DuplexStream> {
    let mut client = network.connect();
    assert!(!client.get("/0").await.is_last());
    client
}

#[quintet::test(start_paused)]
async fn a_request_that_the_client_sent_before_it_could_know_is_served() {
    let running = start(None);
    let mut used = served(&running.network).await;
    let mut new = running.network.connect();
    settle().await;
    running.stop.cancel();
    settle().await;
    assert!(running.network.is_closed());
    for client in [&mut used, &mut new] {
        sleep(Duration::from_millis(200)).await;
        let reply = client.get("/0").await;
        assert_eq!((reply.status, reply.is_last()), (200, true));
        assert_eq!(client.rest().await, "");
    }
    assert_eq!(running.server.await.unwrap().unwrap().unfinished(), 0);
}

#[quintet::test(start_paused)]
async fn connections_without_a_request_are_closed_soon() {
    let running = start(None);
    let mut used = served(&running.network).await;
    let mut new = running.network.connect();
    settle().await;
    let since = Instant::now();
    running.stop.cancel();
    assert_eq!(used.rest().await, "");
    assert_eq!(new.rest().await, "");
    assert_eq!(running.server.await.unwrap().unwrap().unfinished(), 0);
    assert_eq!(since.elapsed(), SECOND / 2);
}

#[quintet::test(start_paused)]
async fn running_requests_end() {
    let running = start(None);
    let mut clients = Vec::new();
    for seconds in [1, 5, 100] {
        let mut client = running.network.connect();
        client
            .send(format!("GET /{seconds} HTTP/1.1\r\nhost: a\r\n\r\n"))
            .await;
        clients.push(client);
    }
    let mut half = running.network.connect();
    half.send("GET /0 HTTP/1.1\r\n").await;
    settle().await;
    let since = Instant::now();
    running.stop.cancel();
    sleep(SECOND).await;
    half.send("host: a\r\n\r\n").await;
    assert!(half.reply().await.is_last());
    for client in &mut clients {
        let reply = client.reply().await;
        assert_eq!((reply.status, reply.is_last()), (200, true));
        assert_eq!(client.rest().await, "");
    }
    assert_eq!(running.server.await.unwrap().unwrap().unfinished(), 0);
    assert_eq!(since.elapsed(), 100 * SECOND);
}

#[quintet::test(start_paused)]
async fn what_is_left_at_the_deadline_is_cancelled() {
    let running = start(Some(10 * SECOND));
    let mut clients = Vec::new();
    for seconds in [1, 11, 100] {
        let mut client = running.network.connect();
        client
            .send(format!("GET /{seconds} HTTP/1.1\r\nhost: a\r\n\r\n"))
            .await;
        clients.push(client);
    }
    settle().await;
    let since = Instant::now();
    running.stop.cancel();
    let drained = running.server.await.unwrap().unwrap();
    assert_eq!(drained.unfinished(), 2);
    assert_eq!(since.elapsed(), 10 * SECOND);
    assert!(clients[0].rest().await.ends_with("done"));
    assert_eq!(clients[1].rest().await, "");
    assert_eq!(clients[2].rest().await, "");
    // The service of the server is gone, and so are its futures.
    assert_eq!(Rc::strong_count(&running.guard), 1);
}

#[quintet::test(start_paused)]
async fn by_default_the_deadline_is_after_twenty_seconds() {
    let network = Network::default();
    let service =
        service_fn(async |_| std::future::pending::<Result<Response<String>, Infallible>>().await);
    let stop = CancellationToken::new();
    let server = serve(network.listener(), service).until(stop.clone().cancelled_owned());
    let server = quintet::spawn(server.into_future());
    let mut client = network.connect();
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    settle().await;
    let since = Instant::now();
    stop.cancel();
    assert_eq!(server.await.unwrap().unwrap().unfinished(), 1);
    assert_eq!(since.elapsed(), 20 * SECOND);
}

#[quintet::test(start_paused)]
async fn a_server_that_is_dropped_takes_its_connections_with_it() {
    let running = start(None);
    let mut client = running.network.connect();
    client.send("GET /100 HTTP/1.1\r\nhost: a\r\n\r\n").await;
    settle().await;
    assert_eq!(Rc::strong_count(&running.guard), 3);
    running.server.abort();
    assert_eq!(client.rest().await, "");
    settle().await;
    assert_eq!(Rc::strong_count(&running.guard), 1);
}
