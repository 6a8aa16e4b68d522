//! Looking up names by a resolver of the user.

use std::cell::Cell;
use std::future::pending;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use quintet::net::{Resolver, SystemResolver, TcpListener, TcpStream, UdpSocket, lookup_host};
use quintet::runtime::{Builder, Runtime};
use quintet::testing::assert_no_leaks;
use quintet::time::{Instant, sleep, timeout};

use crate::support::patience::in_time;
use crate::support::strict::block_on_built_by;
use crate::support::turns::settle;
use crate::support::wakers::poll;

const SECOND: Duration = Duration::from_secs(1);

thread_local! {
    /// The number of look-ups that run on this thread.
    static RUNNING: Cell<usize> = const { Cell::new(0) };
}

/// A look-up that runs. It is not `Send`.
struct Running(Rc<()>);

impl Running {
    fn begin() -> Self {
        RUNNING.set(RUNNING.get() + 1);
        Running(Rc::new(()))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        assert_eq!(Rc::strong_count(&self.0), 1);
        RUNNING.set(RUNNING.get() - 1);
    }
}

/// A resolver whose names say what it does.
struct Fake;

impl Resolver for Fake {
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let _running = Running::begin();
        let local = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        match host {
            "good" => Ok(vec![local]),
            "slow" => {
                sleep(SECOND).await;
                Ok(vec![local])
            }
            "hangs" => pending().await,
            "nothing" => Ok(Vec::new()),
            "denied" => Err(io::Error::new(ErrorKind::PermissionDenied, "not today")),
            "panics" => panic!("oops"),
            "garbage" => Ok(garbage().into_iter().chain([local]).collect()),
            "many" => {
                let mut addrs = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 1)); 999];
                addrs.push(local);
                Ok(addrs)
            }
            other => SystemResolver.resolve(other, port).await,
        }
    }
}

/// Addresses to which nothing connects.
fn garbage() -> Vec<SocketAddr> {
    vec![
        (Ipv4Addr::BROADCAST, 0).into(),
        (Ipv4Addr::new(224, 0, 0, 1), 9).into(),
        (Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1), 1).into(),
        (Ipv4Addr::LOCALHOST, 0).into(),
        (Ipv4Addr::LOCALHOST, 0).into(),
        (Ipv6Addr::UNSPECIFIED, 0).into(),
    ]
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.start_paused(true).resolver(Fake);
    builder
}

/// Runs a test in paused time. Nothing may be left, and no look-up.
fn paused<F: Future>(test: F) -> F::Output {
    let output = in_time(|| block_on_built_by(&mut builder(), test));
    assert_eq!(RUNNING.get(), 0, "look-ups still run");
    output
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

#[test]
fn everything_that_takes_names_asks_the_resolver() {
    paused(async {
        let (_listener, addr) = listen().await;
        let port = addr.port();
        let found: Vec<_> = lookup_host(("good", port)).await.unwrap().collect();
        assert_eq!(found, [addr]);
        for stream in [
            TcpStream::connect(format!("good:{port}")).await.unwrap(),
            TcpStream::connect_timeout(("good", port), SECOND)
                .await
                .unwrap(),
        ] {
            assert_eq!(stream.peer_addr().unwrap(), addr);
        }
        TcpListener::bind("good:0").await.unwrap();
        let receiver = UdpSocket::bind("good:0").await.unwrap();
        let to = ("good", receiver.local_addr().unwrap().port());
        assert_eq!(receiver.send_to(b"x", to).await.unwrap(), 1);
        receiver.connect(to).await.unwrap();

        // Addresses are no names, and the system knows those that the resolver passes on.
        for text in ["127.0.0.1:80", "[::1]:80", "localhost:80"] {
            let mut found = lookup_host(text).await.unwrap();
            assert!(found.all(|addr| addr.ip().is_loopback() && addr.port() == 80));
        }
    });
}

#[test]
fn the_caller_waits_for_a_slow_resolver() {
    paused(async {
        let (_listener, addr) = listen().await;
        let start = Instant::now();
        let stream = TcpStream::connect(("slow", addr.port())).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), addr);
        assert_eq!(start.elapsed(), SECOND);
    });
}

#[test]
fn what_a_resolver_does_wrong_is_an_error_with_the_name() {
    paused(async {
        for (host, kind, end) in [
            ("nothing", ErrorKind::NotFound, "\"nothing\" has no address"),
            (
                "denied",
                ErrorKind::PermissionDenied,
                "cannot look up \"denied\": not today",
            ),
            ("panics", ErrorKind::Other, "oops"),
        ] {
            for error in [
                lookup_host((host, 80)).await.map(|_| ()).unwrap_err(),
                TcpStream::connect((host, 80)).await.unwrap_err(),
                TcpStream::connect_timeout((host, 80), SECOND)
                    .await
                    .unwrap_err(),
                TcpListener::bind((host, 0)).await.unwrap_err(),
            ] {
                assert_eq!(error.kind(), kind, "{error}");
                let text = error.to_string();
                assert!(text.contains(&format!("{host:?}")), "{text}");
                assert!(text.contains(end), "{text}");
            }
        }
    });
}

#[test]
fn the_last_of_garbage_or_many_addresses_is_reached() {
    paused(async {
        let (_listener, addr) = listen().await;
        for host in ["garbage", "many"] {
            let stream = TcpStream::connect((host, addr.port())).await.unwrap();
            assert_eq!(stream.peer_addr().unwrap(), addr);
        }
    });
}

#[test]
fn a_resolver_that_hangs_is_given_up_in_time() {
    paused(async {
        let start = Instant::now();
        let error = TcpStream::connect_timeout("hangs:80", SECOND)
            .await
            .unwrap_err();
        assert_eq!(start.elapsed(), SECOND);
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(error.to_string(), "cannot look up \"hangs\" within 1s");
        settle().await;
        assert_eq!(RUNNING.get(), 0);

        // A name that is found only then leaves no time to connect.
        let (_listener, addr) = listen().await;
        let late = TcpStream::connect_timeout(("slow", addr.port()), SECOND / 2).await;
        assert_eq!(late.unwrap_err().kind(), ErrorKind::TimedOut);

        let lookup = timeout(SECOND, lookup_host("hangs:80"));
        assert!(lookup.await.is_err());
    });
}

#[test]
fn a_look_up_that_was_given_up_does_not_keep_the_runtime_alive() {
    in_time(|| {
        let runtime = builder().build().unwrap();
        let connecting = runtime.spawn(async {
            let connecting = TcpStream::connect("hangs:80");
            assert!(timeout(SECOND, connecting).await.is_err());
        });
        runtime.run().unwrap();
        assert!(connecting.is_finished());
        assert_eq!(RUNNING.get(), 0);
        assert_no_leaks(&runtime);

        // One that goes on keeps it alive, unless its task does not.
        let finished = Rc::new(Cell::new(false));
        let at_the_end = Rc::clone(&finished);
        let connecting = runtime.spawn(async move {
            lookup_host("slow:80").await.map(drop).unwrap();
            at_the_end.set(true);
        });
        runtime.run().unwrap();
        assert!(finished.get());
        drop(connecting);
        runtime
            .spawn(async { lookup_host("slow:80").await.map(drop) })
            .unref();
        runtime.run().unwrap();
        assert_eq!(RUNNING.get(), 1);
        drop(runtime);
        assert_eq!(RUNNING.get(), 0);
    });
}

#[test]
fn a_look_up_is_shown_where_the_user_asked_for_it() {
    in_time(|| {
        let runtime: Runtime = builder().build().unwrap();
        let line = line!() + 1;
        let waiting = runtime.spawn(async { TcpStream::connect("hangs:80").await });
        runtime.block_on(settle());
        let dump = runtime.dump();
        let of_here = |line: u32| {
            let is_it = |task: &&quintet::runtime::TaskDump| {
                task.location().file() == file!() && task.location().line() == line
            };
            dump.tasks().iter().filter(is_it).count()
        };
        // The task, and the look-up.
        assert_eq!(of_here(line), 2, "{dump}");
        waiting.abort();
        assert_no_leaks(&runtime);
        assert_eq!(RUNNING.get(), 0);
    });
}

#[test]
fn the_future_of_a_connect_by_name_may_be_dropped_elsewhere() {
    in_time(|| {
        let runtime = builder().build().unwrap();
        let mut connecting = Box::pin(TcpStream::connect("hangs:80"));
        runtime.block_on(async {
            assert!(poll!(&mut connecting).is_pending());
            settle().await;
            assert_eq!(RUNNING.get(), 1);
        });
        std::thread::spawn(move || drop(connecting)).join().unwrap();
        runtime.run().unwrap();
        assert_eq!(RUNNING.get(), 0);
        assert_no_leaks(&runtime);
    });
}
