//! A loop that waits for sources makes no system call: its thread sleeps on.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use futures::future::{FutureExt, LocalBoxFuture};
use quintet::net::{TcpListener, UnixListener};
use quintet::serve::{Listener, serve};
use quintet::task::{CancellationToken, yield_now};
use quintet::{block_on, spawn};

use crate::support::asleep::Watched;
use crate::support::cases::watched;
use crate::support::kinds::{KINDS, Kind, Peer};
use crate::support::strace::assert_no_calls_while;

/// What a server waits for once all of its tasks wait.
struct Idle {
    thread: mpsc::Sender<Watched>,
    end: CancellationToken,
}

impl Idle {
    async fn until_the_end(self) {
        self.thread.send(Watched::this_thread()).unwrap();
        self.end.cancelled().await;
    }
}

/// Opens sources, lets tasks wait for them, and then is idle.
type Server = Box<dyn FnOnce(Idle) -> LocalBoxFuture<'static, ()> + Send>;

const SOURCES: usize = 20;

/// Counts up to what a server waits for before it is idle.
async fn reach(counter: &Cell<usize>, count: usize) {
    while counter.get() < count {
        yield_now().await;
    }
}

/// Tasks that wait to read what has been read before.
fn readers(kind: Kind) -> Server {
    Box::new(move |idle| {
        async move {
            let reads = Rc::new(Cell::new(0));
            let open = |_| {
                let (own, peer) = kind.open();
                let reads = Rc::clone(&reads);
                let reader = spawn(async move {
                    loop {
                        own.readable().await.unwrap();
                        own.read(&mut [0; 8]).await.unwrap();
                        reads.set(reads.get() + 1);
                    }
                });
                (peer, reader)
            };
            let all: Vec<_> = (0..SOURCES).map(open).collect();
            for round in 1..=2 {
                all.iter().for_each(|(peer, _)| peer.send(b"x"));
                reach(&reads, round * SOURCES).await;
            }
            idle.until_the_end().await;
            all.iter().for_each(|(_, reader)| reader.abort());
        }
        .boxed_local()
    })
}

/// Tasks that wait to write where there is no room.
fn writers(kind: Kind) -> Server {
    Box::new(move |idle| {
        async move {
            let tries = Rc::new(Cell::new(0));
            let open = |_| {
                let (own, peer): (_, Peer) = kind.open();
                let tries = Rc::clone(&tries);
                let writer = spawn(async move {
                    while own.try_write(&[0; 1024]).is_ok() {}
                    tries.set(tries.get() + 1);
                    own.write(b"x").await.unwrap();
                });
                (peer, writer)
            };
            let all: Vec<_> = (0..SOURCES).map(open).collect();
            reach(&tries, SOURCES).await;
            idle.until_the_end().await;
            all.iter().for_each(|(_, writer)| writer.abort());
        }
        .boxed_local()
    })
}

/// A server whose clients, which `connect` makes, say nothing.
async fn serve_silent_clients<L, C>(listener: L, connect: impl Fn() -> C, idle: Idle)
where
    L: Listener<Connection: Unpin + futures::AsyncRead + 'static> + 'static,
{
    let connected = Rc::new(Cell::new(0));
    let counted = Rc::clone(&connected);
    let server = serve(listener, move |mut stream: L::Connection, _| {
        counted.set(counted.get() + 1);
        async move {
            let read = futures::AsyncReadExt::read(&mut stream, &mut [0; 8]).await;
            read.map(drop)
        }
    });
    let server = spawn(
        server
            .until(idle.end.clone().cancelled_owned())
            .into_future(),
    );
    let clients: Vec<_> = (0..SOURCES).map(|_| connect()).collect();
    reach(&connected, SOURCES).await;
    idle.until_the_end().await;
    drop(clients);
    server.await.unwrap().unwrap();
}

fn tcp_server() -> Server {
    Box::new(|idle| {
        async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let addr = listener.local_addr().unwrap();
            let connect = || std::net::TcpStream::connect(addr).unwrap();
            serve_silent_clients(listener, connect, idle).await;
        }
        .boxed_local()
    })
}

fn unix_server() -> Server {
    Box::new(|idle| {
        async move {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("socket");
            let listener = UnixListener::bind(&path).unwrap();
            let connect = || std::os::unix::net::UnixStream::connect(&path).unwrap();
            serve_silent_clients(listener, connect, idle).await;
        }
        .boxed_local()
    })
}

/// Starts a server of each kind, and calls `watch` while all of them are idle.
fn while_idle(watch: impl FnOnce(&[(String, Watched)])) {
    let mut servers: Vec<(String, Server)> = vec![
        ("serve, TCP".to_owned(), tcp_server()),
        ("serve, Unix".to_owned(), unix_server()),
    ];
    for kind in KINDS {
        servers.push((format!("readers, {kind:?}"), readers(kind)));
        if kind.write_may_wait() {
            servers.push((format!("writers, {kind:?}"), writers(kind)));
        }
    }
    watched(|| {
        let end = CancellationToken::new();
        let start = |(name, server): (String, Server)| {
            let (sender, thread) = mpsc::channel();
            let end = end.clone();
            let running = thread::spawn(move || {
                block_on(server(Idle {
                    thread: sender,
                    end,
                }));
            });
            (name, thread.recv().unwrap(), running)
        };
        let started: Vec<_> = servers.into_iter().map(start).collect();
        let (threads, running): (Vec<_>, Vec<_>) = started
            .into_iter()
            .map(|(name, thread, running)| ((name.clone(), thread), (name, running)))
            .unzip();
        threads.iter().for_each(|(_, thread)| thread.falls_asleep());
        watch(&threads);
        end.cancel();
        for (name, running) in running {
            assert!(running.join().is_ok(), "{name}");
        }
    });
}

#[test]
fn an_idle_server_of_each_kind_sleeps() {
    while_idle(|threads| {
        let activity = |(name, thread): &(String, Watched)| (name.clone(), thread.activity());
        let look = || threads.iter().map(activity).collect::<Vec<_>>();
        let before = look();
        for _ in 0..5 {
            thread::sleep(Duration::from_millis(20));
            assert_eq!(look(), before, "an idle loop was woken");
        }
    });
}

#[test]
fn an_idle_server_of_each_kind_makes_no_system_call() {
    let test = "each_kind::idle::an_idle_server_of_each_kind_makes_no_system_call";
    assert_no_calls_while(test, |watch| while_idle(|_| watch()));
}
