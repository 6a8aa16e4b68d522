//! What is served, over real sockets.

use std::cell::Cell;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, HeaderValue, UPGRADE};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use quintet::cluster::{self, Member};
use quintet::hyper::{serve, serve_each};
use quintet::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use quintet::serve::Listener;
use quintet::task::{CancellationToken, TaskTracker};

use crate::client::Client;
use crate::support::cases::{listen, watched};

/// A response that names the method, the path and the length of the body.
async fn describe(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let start = format!("{} {} ", request.method(), request.uri().path());
    let body = request.into_body().collect().await?.to_bytes();
    Ok(Response::new(Full::from(format!("{start}{}", body.len()))))
}

async fn connect(addr: SocketAddr) -> Client<TcpStream> {
    Client::new(TcpStream::connect(addr).await.unwrap())
}

#[test]
fn requests_are_handled_on_one_connection_and_on_many() {
    watched(|| {
        quintet::block_on(async {
            let listener = listen().await;
            let addr = listener.local_addr().unwrap();
            let stop = CancellationToken::new();
            let server = serve(listener, service_fn(describe));
            let server = server.until(stop.clone().cancelled_owned());
            let server = quintet::spawn(server.into_future());
            let mut clients = Vec::new();
            for _ in 0..5 {
                clients.push(connect(addr).await);
            }
            for round in 0..3 {
                for (number, client) in clients.iter_mut().enumerate() {
                    let reply = client.get(&format!("/{round}/{number}")).await;
                    assert_eq!(reply.status, 200);
                    assert_eq!(reply.body, format!("GET /{round}/{number} 0"));
                }
            }
            let mut client = connect(addr).await;
            client
                .send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n12345")
                .await;
            assert_eq!(client.reply().await.body, "POST / 5");
            drop((client, clients));
            stop.cancel();
            assert_eq!(server.await.unwrap().unwrap().unfinished(), 0);
        });
    });
}

#[test]
fn a_service_for_each_connection_knows_the_client_and_is_dropped_with_it() {
    watched(|| {
        quintet::block_on(async {
            let listener = listen().await;
            let addr = listener.local_addr().unwrap();
            // Not `Send`.
            let open = Rc::new(());
            let server = {
                let open = Rc::clone(&open);
                serve_each(listener, move |stream: &TcpStream, peer: SocketAddr| {
                    assert_eq!(stream.peer_addr().unwrap(), peer);
                    let (open, count) = (Rc::clone(&open), Rc::new(Cell::new(0)));
                    service_fn(move |_| {
                        let (_open, count) = (Rc::clone(&open), Rc::clone(&count));
                        async move {
                            count.set(count.get() + 1);
                            let text = format!("{peer} {}", count.get());
                            Ok::<_, Infallible>(Response::new(text))
                        }
                    })
                })
            };
            let _server = quintet::spawn(server.into_future());
            for _ in 0..2 {
                let mut client = connect(addr).await;
                let peer = client.stream.local_addr().unwrap();
                assert_eq!(client.get("/").await.body, format!("{peer} 1"));
                assert_eq!(client.get("/").await.body, format!("{peer} 2"));
                assert_eq!(Rc::strong_count(&open), 3);
                client.shut_down().await;
                assert_eq!(client.rest().await, "");
                assert_eq!(Rc::strong_count(&open), 2);
            }
        });
    });
}

#[test]
fn clients_of_a_unix_socket_are_served_alike() {
    watched(|| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        quintet::block_on(async {
            let listener = UnixListener::bind(&path).unwrap();
            let _server = quintet::spawn(serve(listener, service_fn(describe)).into_future());
            let mut client = Client::new(UnixStream::connect(&path).await.unwrap());
            assert_eq!(client.get("/").await.body, "GET / 0");
        });
    });
}

#[test]
fn a_client_that_shuts_down_its_side_gets_its_response() {
    watched(|| {
        quintet::block_on(async {
            let listener = listen().await;
            let addr = listener.local_addr().unwrap();
            let service = service_fn(async |request: Request<Incoming>| {
                // By then the end of the stream has arrived.
                quintet::time::sleep(std::time::Duration::from_millis(20)).await;
                describe(request).await
            });
            let _server = quintet::spawn(serve(listener, service).into_future());
            let mut client = connect(addr).await;
            client.send("GET /a HTTP/1.1\r\nhost: a\r\n\r\n").await;
            client.shut_down().await;
            assert_eq!(client.reply().await.body, "GET /a 0");
            assert_eq!(client.rest().await, "");
        });
    });
}

/// A service that makes an echo of each connection that asks for it, in a task of `tracker`.
async fn echo_after_upgrade(
    tracker: TaskTracker,
    mut request: Request<Incoming>,
) -> Result<Response<String>, Infallible> {
    let on_upgrade = hyper::upgrade::on(&mut request);
    tracker.spawn(async move {
        let upgraded = on_upgrade.await.unwrap();
        let (stream, read) = quintet::hyper::downcast::<TcpStream>(upgraded).unwrap();
        stream.write_all(&read).await.unwrap();
        let (mut reader, mut writer) = stream.into_split();
        quintet::io::copy(&mut reader, &mut writer).await.unwrap();
    });
    let mut response = Response::new(String::new());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("echo"));
    Ok(response)
}

const UPGRADE_REQUEST: &str =
    "GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";

#[test]
fn a_connection_is_upgraded_with_what_was_sent_after_the_request() {
    watched(|| {
        quintet::block_on(async {
            let listener = listen().await;
            let addr = listener.local_addr().unwrap();
            let service = |request| echo_after_upgrade(TaskTracker::new(), request);
            let server = serve(listener, service_fn(service));
            let _server = quintet::spawn(server.into_future());
            let mut client = connect(addr).await;
            client.send(format!("{UPGRADE_REQUEST}early ")).await;
            assert!(client.head().await.starts_with("HTTP/1.1 101"));
            client.send("late").await;
            client.shut_down().await;
            assert_eq!(client.rest().await, "early late");
        });
    });
}

#[test]
fn an_upgraded_connection_does_not_count_and_is_not_waited_for() {
    watched(|| {
        quintet::block_on(async {
            let listener = listen().await;
            let addr = listener.local_addr().unwrap();
            let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
            let service = {
                let tracker = tracker.clone();
                service_fn(move |request| echo_after_upgrade(tracker.clone(), request))
            };
            let server = serve(listener, service)
                .max_connections(1)
                .until(stop.clone().cancelled_owned())
                .drain_timeout(None);
            let server = quintet::spawn(server.into_future());
            let mut clients = Vec::new();
            for _ in 0..2 {
                let mut client = connect(addr).await;
                client.send(UPGRADE_REQUEST).await;
                assert!(client.head().await.starts_with("HTTP/1.1 101"));
                clients.push(client);
            }
            stop.cancel();
            assert!(server.await.unwrap().unwrap().is_complete());
            // They go on, and their tasks can be waited for.
            assert_eq!(tracker.len(), 2);
            let clients = clients.into_iter().map(async |mut client| {
                client.send("after the end").await;
                client.shut_down().await;
                assert_eq!(client.rest().await, "after the end");
            });
            futures::future::join_all(clients).await;
            tracker.close();
            tracker.wait().await;
        });
    });
}

#[test]
fn connections_over_the_limit_wait() {
    watched(|| {
        quintet::block_on(async {
            let listener = listen().await;
            let addr = listener.local_addr().unwrap();
            let (open, most) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
            let server = {
                let (open, most) = (Rc::clone(&open), Rc::clone(&most));
                serve_each(listener, move |_, _| {
                    let counted = Counted::new(Rc::clone(&open));
                    most.set(most.get().max(open.get()));
                    service_fn(move |request| {
                        let _ = &counted;
                        describe(request)
                    })
                })
            };
            let _server = quintet::spawn(server.max_connections(2).into_future());
            let mut clients = quintet::task::JoinSet::new();
            for number in 0..10 {
                clients.spawn(async move {
                    let mut client = connect(addr).await;
                    let path = format!("/{number}");
                    assert_eq!(client.get(&path).await.body, format!("GET {path} 0"));
                });
            }
            clients.join_all().await;
            assert_eq!(most.get(), 2);
        });
    });
}

/// Counts a service until it is dropped.
struct Counted(Rc<Cell<usize>>);

impl Counted {
    fn new(count: Rc<Cell<usize>>) -> Self {
        count.set(count.get() + 1);
        Counted(count)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

#[test]
fn connections_of_a_tcp_listener_do_not_wait_for_acknowledgements() {
    /// Tells whether the option is set.
    struct Told(TcpListener, Rc<Cell<Option<bool>>>);

    impl Listener for Told {
        type Connection = TcpStream;
        type Addr = SocketAddr;

        fn poll_accept(
            &mut self,
            cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<std::io::Result<(TcpStream, SocketAddr)>> {
            let accepted = std::task::ready!(self.0.poll_accept(cx))?;
            self.1.set(Some(accepted.0.nodelay()?));
            std::task::Poll::Ready(Ok(accepted))
        }
    }

    watched(|| {
        quintet::block_on(async {
            // Only of the listener itself: that of a user keeps its options.
            let told = Rc::new(Cell::new(None));
            let wrapped = Told(listen().await, Rc::clone(&told));
            let addr = wrapped.0.local_addr().unwrap();
            let _server = quintet::spawn(serve(wrapped, service_fn(describe)).into_future());
            connect(addr).await.get("/").await;
            assert_eq!(told.get(), Some(false));

            let told = Rc::new(Cell::new(None));
            let listener = listen().await;
            let addr = listener.local_addr().unwrap();
            let server = {
                let told = Rc::clone(&told);
                serve_each(listener, move |stream: &TcpStream, _| {
                    told.set(Some(stream.nodelay().unwrap()));
                    service_fn(describe)
                })
            };
            let _server = quintet::spawn(server.into_future());
            connect(addr).await.get("/").await;
            assert_eq!(told.get(), Some(true));
        });
    });
}

#[test]
fn nor_do_those_that_waited_before_the_server_was_started() {
    watched(|| {
        quintet::block_on(async {
            let listener = listen().await;
            let addr = listener.local_addr().unwrap();
            let mut clients = Vec::new();
            for _ in 0..3 {
                clients.push(connect(addr).await);
            }
            let server = serve_each(listener, |stream: &TcpStream, _| {
                let told = stream.nodelay().unwrap().to_string();
                service_fn(move |_| {
                    let told = told.clone();
                    async { Ok::<_, Infallible>(Response::new(told)) }
                })
            });
            let _server = quintet::spawn(server.into_future());
            clients.push(connect(addr).await);
            for client in &mut clients {
                assert_eq!(client.get("/").await.body, "true");
            }
        });
    });
}

#[test]
fn connections_that_are_dealt_to_loops_do_not_wait_for_acknowledgements_either() {
    watched(|| {
        let listeners = cluster::bind_shared("127.0.0.1:0", 2).unwrap();
        let addr = listeners.local_addr();
        let run = cluster::run(2, async |member: Member| {
            let index = member.index();
            let server = serve_each(listeners.take(index), move |stream: &TcpStream, _| {
                let told = format!("{index} {}", stream.nodelay().unwrap());
                service_fn(move |_| {
                    let told = told.clone();
                    async { Ok::<_, Infallible>(Response::new(told)) }
                })
            });
            let server = server.until(member.shutdown()).into_future();
            let server = quintet::spawn(server);
            if index == 1 {
                let mut clients = [connect(addr).await, connect(addr).await];
                assert_eq!(clients[0].get("/").await.body, "0 true");
                assert_eq!(clients[1].get("/").await.body, "1 true");
                member.token().cancel();
            }
            server.await.unwrap()
        });
        run.unwrap();
    });
}
