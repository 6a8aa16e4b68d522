//! Peers that die, handlers that panic, and a system without resources.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::pending;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use futures::stream::{self, StreamExt};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use quintet::hyper::serve;
use quintet::net::{TcpSocket, TcpStream};
use quintet::runtime::{Builder, Handle};
use quintet::serve::ServeError;
use quintet::task::{CancellationToken, JoinSet, yield_now};
use quintet::time::Instant;
use rustix::io::Errno;
use socket2::SockRef;

use crate::client::Client;
use crate::support::cases::{listen, watched};
use crate::support::child::in_a_child;
use crate::support::reports::Reports;
use crate::support::strace::traced_child;
use crate::wire::{Network, settle};

async fn connect(addr: SocketAddr) -> Client<TcpStream> {
    Client::new(TcpStream::connect(addr).await.unwrap())
}

/// Resets the connection, as if the client's machine had gone.
fn vanish(client: Client<TcpStream>) {
    SockRef::from(&client.stream)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
}

#[test]
fn a_handler_that_panics_ends_its_connection_and_is_reported() {
    watched(|| {
        let mut builder = Builder::new();
        let reports = Reports::of(&mut builder);
        builder.build().unwrap().block_on(async {
            let listener = listen().await;
            let addr = listener.local_addr().unwrap();
            let service = service_fn(async |request: Request<Incoming>| {
                assert_ne!(request.uri().path(), "/panic", "part of the test");
                Ok::<_, Infallible>(Response::new(String::from("served")))
            });
            let _server = quintet::spawn(serve(listener, service).into_future());
            let mut other = connect(addr).await;
            assert_eq!(other.get("/").await.body, "served");
            let mut client = connect(addr).await;
            client.send("GET /panic HTTP/1.1\r\nhost: a\r\n\r\n").await;
            assert_eq!(client.rest().await, "");
            assert_eq!(other.get("/").await.body, "served");
            assert_eq!(connect(addr).await.get("/").await.body, "served");
        });
        reports.assert_a_failure_to_serve("part of the test");
    });
}

/// A response without an end.
fn endless() -> impl Body<Data = Bytes, Error = Infallible> {
    let chunk = Bytes::from(vec![b'x'; 64 * 1024]);
    let chunks = stream::repeat_with(move || Ok(Frame::data(chunk.clone())));
    StreamBody::new(chunks.then(async |chunk| {
        yield_now().await;
        chunk
    }))
}

/// What a client has done when it vanishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Connected,
    HalfHead,
    Head,
    HalfBody,
    HalfResponse,
    Served,
}

impl Stage {
    const ALL: [Stage; 6] = [
        Stage::Connected,
        Stage::HalfHead,
        Stage::Head,
        Stage::HalfBody,
        Stage::HalfResponse,
        Stage::Served,
    ];

    /// Lives up to this stage.
    async fn reach(self, client: &mut Client<TcpStream>) {
        match self {
            Stage::Connected => {}
            Stage::HalfHead => client.send("GET /endless HTTP/1.1\r\nho").await,
            Stage::Head => client.send("GET /never HTTP/1.1\r\nhost: a\r\n\r\n").await,
            Stage::HalfBody => {
                let head = "POST /body HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n";
                client.send(format!("{head}12345")).await;
            }
            Stage::HalfResponse => {
                client
                    .send("GET /endless HTTP/1.1\r\nhost: a\r\n\r\n")
                    .await;
                client.head().await;
                client.bytes(100_000).await;
            }
            Stage::Served => assert_eq!(client.get("/body").await.status, 200),
        }
    }
}

/// Counts the requests that have begun, and those that run.
#[derive(Clone, Default)]
struct Requests(Rc<(Cell<usize>, Cell<usize>)>);

impl Requests {
    fn begin(&self) -> RequestGuard {
        let (begun, running) = &*self.0;
        begun.set(begun.get() + 1);
        running.set(running.get() + 1);
        RequestGuard(self.clone())
    }

    fn begun(&self) -> usize {
        self.0.0.get()
    }

    fn running(&self) -> usize {
        self.0.1.get()
    }
}

struct RequestGuard(Requests);

impl Drop for RequestGuard {
    fn drop(&mut self) {
        let running = &self.0.0.1;
        running.set(running.get() - 1);
    }
}

type AnyBody = UnsyncBoxBody<Bytes, Infallible>;

/// Waits for a body, for ever, or responds without an end, by the path.
async fn handle(
    requests: Requests,
    request: Request<Incoming>,
) -> Result<Response<AnyBody>, hyper::Error> {
    let _running = requests.begin();
    let body = match request.uri().path() {
        "/never" => pending().await,
        "/endless" => endless().boxed_unsync(),
        _ => Full::new(request.into_body().collect().await?.to_bytes()).boxed_unsync(),
    };
    Ok(Response::new(body))
}

#[test]
fn a_client_that_dies_at_any_stage_leaves_nothing() {
    watched(|| {
        quintet::block_on(async {
            let listener = listen().await;
            let addr = listener.local_addr().unwrap();
            let (requests, stop) = (Requests::default(), CancellationToken::new());
            let service = {
                let requests = requests.clone();
                service_fn(move |request| handle(requests.clone(), request))
            };
            let server = serve(listener, service).until(stop.clone().cancelled_owned());
            let server = quintet::spawn(server.into_future());
            for is_reset in [true, false] {
                for stage in Stage::ALL {
                    // A client that has closed its socket is like one that waits for the response.
                    if stage == Stage::Head && !is_reset {
                        continue;
                    }
                    let begun = requests.begun();
                    let mut client = connect(addr).await;
                    stage.reach(&mut client).await;
                    if !matches!(stage, Stage::Connected | Stage::HalfHead) {
                        while requests.begun() == begun {
                            yield_now().await;
                        }
                    }
                    if is_reset {
                        vanish(client);
                    } else {
                        drop(client);
                    }
                    while requests.running() > 0 {
                        yield_now().await;
                    }
                    assert_eq!(
                        connect(addr).await.get("/body").await.status,
                        200,
                        "{stage:?}"
                    );
                }
            }
            // The server's, and this one.
            while Handle::current().dump().tasks().len() > 2 {
                yield_now().await;
            }
            stop.cancel();
            assert_eq!(server.await.unwrap().unwrap().unfinished(), 0);
        });
    });
}

#[quintet::test(start_paused)]
async fn without_descriptors_no_client_is_lost() {
    let network = Network::default();
    let errors = Rc::new(RefCell::new(Vec::new()));
    let service = service_fn(async |_| Ok::<_, Infallible>(Response::new(String::from("served"))));
    let seen = Rc::clone(&errors);
    let server =
        serve(network.listener(), service).on_error(move |error| seen.borrow_mut().push(error));
    quintet::spawn(server.into_future());
    let mut first = network.connect();
    assert_eq!(first.get("/").await.body, "served");
    for _ in 0..3 {
        network.fail(Errno::MFILE);
    }
    let mut second = network.connect();
    let since = Instant::now();
    // Open connections are served meanwhile.
    assert_eq!(first.get("/").await.body, "served");
    assert_eq!(since.elapsed(), Duration::ZERO);
    assert_eq!(second.get("/").await.body, "served");
    assert_eq!(since.elapsed(), Duration::from_millis(300));
    let errors = errors.take();
    assert_eq!(errors.len(), 3);
    assert!(matches!(errors[0], ServeError::Accept(_)), "{errors:?}");
}

#[quintet::test(start_paused)]
async fn a_connection_that_was_aborted_before_it_was_accepted_stops_nothing() {
    let network = Network::default();
    let errors = Rc::new(Cell::new(0));
    let service = service_fn(async |_| Ok::<_, Infallible>(Response::new(String::from("served"))));
    let seen = Rc::clone(&errors);
    let server = serve(network.listener(), service).on_error(move |_| seen.set(seen.get() + 1));
    quintet::spawn(server.into_future());
    let since = Instant::now();
    for _ in 0..3 {
        network.fail(Errno::CONNABORTED);
        assert_eq!(network.connect().get("/").await.body, "served");
    }
    assert_eq!(errors.get(), 3);
    assert_eq!(since.elapsed(), Duration::ZERO);
    settle().await;
}

/// The same over real sockets. Every second `accept` fails, and the client stays in the backlog.
#[test]
fn accepts_that_the_system_aborts_are_made_again_and_told() {
    const CLIENTS: usize = 5;
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("calls");
    let options = ["-e", "inject=accept,accept4:error=ECONNABORTED:when=1+2"];
    let test = "faults::accepts_that_the_system_aborts_are_made_again_and_told";
    let Some(command) = traced_child(test, &log, &options) else {
        return;
    };
    in_a_child(command, || {
        quintet::block_on(async {
            let listener = listen().await;
            let addr = listener.local_addr().unwrap();
            let service =
                service_fn(async |_| Ok::<_, Infallible>(Response::new(String::from("served"))));
            let errors = Rc::new(RefCell::new(Vec::new()));
            let seen = Rc::clone(&errors);
            let server = serve(listener, service).on_error(move |error| {
                seen.borrow_mut().push(error.to_string());
            });
            let _server = quintet::spawn(server.into_future());
            for _ in 0..CLIENTS {
                assert_eq!(connect(addr).await.get("/").await.body, "served");
            }
            let errors = errors.take();
            // Each call that has accepted one comes after one that has failed.
            assert!(errors.len() >= CLIENTS, "{errors:?}");
            let is_told = |error: &String| error.starts_with("cannot accept a connection: ");
            assert!(errors.iter().all(is_told), "{errors:?}");
        });
    });
}

#[test]
fn clients_that_the_backlog_has_no_room_for_are_served_later() {
    watched(|| {
        quintet::block_on(async {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
            let listener = socket.listen(1).unwrap();
            let addr = listener.local_addr().unwrap();
            let service =
                service_fn(async |_| Ok::<_, Infallible>(Response::new(String::from("served"))));
            let mut clients = JoinSet::new();
            for _ in 0..5 {
                clients.spawn(async move { connect(addr).await.get("/").await.body });
            }
            // All of them have sent their first packet, and the last ones got no reply.
            for _ in 0..20 {
                yield_now().await;
            }
            let server = serve(listener, service).max_connections(1);
            let _server = quintet::spawn(server.into_future());
            assert_eq!(clients.join_all().await, ["served"; 5]);
        });
    });
}

/// Serves `waves` of 50 clients, each with two requests, and asserts that nothing is left.
fn serve_waves(waves: usize) {
    let runtime = quintet::runtime::Runtime::new().unwrap();
    let served = Rc::new(Cell::new(0));
    runtime.block_on(async {
        let listener = listen().await;
        let addr = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let service = {
            let served = Rc::clone(&served);
            service_fn(move |request: Request<Incoming>| {
                served.set(served.get() + 1);
                let path = request.uri().path().to_owned();
                async move { Ok::<_, Infallible>(Response::new(path)) }
            })
        };
        let server = serve(listener, service).until(stop.clone().cancelled_owned());
        let server = quintet::spawn(server.into_future());
        for _ in 0..waves {
            let mut clients = JoinSet::new();
            for number in 0..50 {
                clients.spawn(async move {
                    let mut client = connect(addr).await;
                    assert_eq!(client.get("/first").await.body, "/first");
                    assert_eq!(client.get("/second").await.body, "/second");
                    // Some of them disconnect, some vanish, some let the server close.
                    match number % 3 {
                        0 => {}
                        1 => vanish(client),
                        _ => {
                            client.shut_down().await;
                            assert_eq!(client.rest().await, "");
                        }
                    }
                });
            }
            clients.join_all().await;
            while Handle::current().dump().tasks().len() > 2 {
                yield_now().await;
            }
        }
        stop.cancel();
        assert_eq!(server.await.unwrap().unwrap().unfinished(), 0);
    });
    assert_eq!(served.get(), waves * 100);
    quintet::testing::assert_no_leaks(&runtime);
}

#[test]
fn many_connections_leave_nothing() {
    watched(|| serve_waves(20));
}

#[test]
#[ignore = "it takes a minute"]
fn a_hundred_thousand_connections_leave_nothing() {
    let descriptors = || std::fs::read_dir("/dev/fd").unwrap().count();
    serve_waves(1);
    let before = descriptors();
    serve_waves(2000);
    assert_eq!(descriptors(), before);
}
