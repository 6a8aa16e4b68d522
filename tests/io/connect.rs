//! Connecting to one of several addresses, and in limited time.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use quintet::net::{TcpListener, TcpSocket, TcpStream, lookup_host};
use quintet::runtime::{Builder, Handle};
use quintet::task::yield_now;
use quintet::time::{self, Instant, sleep, timeout};

use crate::support::patience::in_time;
use crate::support::strict::block_on_built_by;
use crate::support::turns::reach_poll_phase;

/// The time between two attempts.
const DELAY: Duration = Duration::from_millis(250);

/// Less than any time here.
const MOMENT: Duration = Duration::from_millis(1);

/// Runs a test in paused time, which advances when nothing else happens. Nothing may be left.
fn paused<F: Future>(test: F) -> F::Output {
    in_time(|| block_on_built_by(Builder::new().start_paused(true), test))
}

/// The same, but only the test moves the clock. So a response of the kernel may be late.
fn stopped<F: Future>(test: F) -> F::Output {
    let mut builder = Builder::new();
    builder.start_paused(true).auto_advance(false);
    in_time(|| block_on_built_by(&mut builder, test))
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

/// An address of this file alone, on which nothing listens.
async fn refusing(host: u8) -> SocketAddr {
    let addr = (Ipv4Addr::new(127, 77, 3, host), 0);
    let listener = TcpListener::bind(addr).await.unwrap();
    listener.local_addr().unwrap()
}

/// A listener whose backlog is full, so it does not respond to further clients.
struct Silent {
    listener: TcpListener,
    addr: SocketAddr,
    _client: TcpStream,
}

async fn silent(host: u8) -> Silent {
    let socket = TcpSocket::new_v4().unwrap();
    let addr = (Ipv4Addr::new(127, 77, 4, host), 0);
    socket.bind(addr.into()).unwrap();
    let listener = socket.listen(0).unwrap();
    let addr = listener.local_addr().unwrap();
    // Linux admits one more than it is told.
    let client = TcpStream::connect(addr).await.unwrap();
    listener.readable().await.unwrap();
    Silent {
        listener,
        addr,
        _client: client,
    }
}

/// Asserts that so many sockets wait for a response of `addr`.
///
/// While other programs open and close sockets, the kernel's table may have an entry twice, or
/// lack one. So it is read until it says so: this thread, which has the sockets, is stopped here.
fn attempts_are(addr: SocketAddr, count: usize) {
    let SocketAddr::V4(addr) = addr else {
        panic!("the table is of IPv4")
    };
    let ip = u32::from_ne_bytes(addr.ip().octets());
    let remote = format!("{ip:08X}:{:04X}", addr.port());
    loop {
        let table = fs::read_to_string("/proc/net/tcp").expect("the kernel's table of sockets");
        let waiting: BTreeSet<&str> = table
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>())
            // The state `SYN_SENT`.
            .filter(|columns| columns[2] == remote && columns[3] == "02")
            .map(|columns| columns[9])
            .collect();
        if waiting.len() == count {
            return;
        }
        thread::sleep(Duration::from_micros(50));
    }
}

/// The addresses of a message, in their order.
fn addrs_in(error: &io::Error) -> Vec<SocketAddr> {
    let text = error.to_string();
    let words = text.split(' ');
    words
        .filter_map(|word| word.trim_end_matches(':').parse().ok())
        .collect()
}

#[track_caller]
fn assert_source(error: &io::Error, kind: ErrorKind) {
    let source = std::error::Error::source(error).expect("a source");
    let source = source.downcast_ref::<io::Error>().expect("an I/O error");
    assert_eq!(source.kind(), kind);
    assert!(source.raw_os_error().is_some());
}

// ------------------------------------------------------------------------------------- the order

#[test]
fn after_a_refusal_the_next_address_is_tried_at_once() {
    stopped(async {
        let refusing = refusing(1).await;
        let (_listener, addr) = listen().await;
        let start = Instant::now();
        let stream = TcpStream::connect(&[refusing, refusing, addr][..])
            .await
            .unwrap();
        assert_eq!(stream.peer_addr().unwrap(), addr);
        assert_eq!(start.elapsed(), Duration::ZERO);
    });
}

#[test]
fn after_silence_the_next_address_is_tried_in_a_quarter_of_a_second() {
    paused(async {
        let silent = silent(1).await;
        let (_listener, addr) = listen().await;
        let start = Instant::now();
        let stream = TcpStream::connect(&[silent.addr, addr][..]).await.unwrap();
        assert_eq!(start.elapsed(), DELAY);
        assert_eq!(stream.peer_addr().unwrap(), addr);
        attempts_are(silent.addr, 0);
    });
}

#[test]
fn each_silent_address_costs_the_same() {
    paused(async {
        let (first, second) = (silent(2).await, silent(3).await);
        let (_listener, addr) = listen().await;
        let start = Instant::now();
        let addrs = [first.addr, second.addr, first.addr, addr];
        let connecting = quintet::spawn(async move { TcpStream::connect(&addrs[..]).await });
        sleep(DELAY * 3 - MOMENT).await;
        // No attempt is given up while others are made.
        attempts_are(first.addr, 2);
        attempts_are(second.addr, 1);
        let stream = connecting.await.unwrap().unwrap();
        assert_eq!(start.elapsed(), DELAY * 3);
        assert_eq!(stream.peer_addr().unwrap(), addr);
        attempts_are(first.addr, 0);
        attempts_are(second.addr, 0);
    });
}

#[test]
fn a_refusal_ends_the_delay_whichever_attempt_it_is() {
    stopped(async {
        let silent = silent(4).await;
        let refusing = refusing(2).await;
        let (_listener, addr) = listen().await;
        let silent_addr = silent.addr;
        let addrs = [silent_addr, refusing, addr];
        // The second one is refused.
        let connecting = quintet::spawn(async move { TcpStream::connect(&addrs[..]).await });
        reach_poll_phase().await;
        time::advance(DELAY - MOMENT).await;
        reach_poll_phase().await;
        assert!(!connecting.is_finished());
        attempts_are(silent_addr, 1);
        time::advance(MOMENT).await;
        let stream = connecting.await.unwrap().unwrap();
        assert_eq!(stream.peer_addr().unwrap(), addr);
        attempts_are(silent_addr, 0);

        // The first one is, when the kernel asks again.
        let addrs = [silent_addr, addr];
        let connecting = quintet::spawn(async move { TcpStream::connect(&addrs[..]).await });
        reach_poll_phase().await;
        attempts_are(silent_addr, 1);
        drop(silent);
        let stream = connecting.await.unwrap().unwrap();
        assert_eq!(stream.peer_addr().unwrap(), addr);
    });
}

#[test]
fn an_early_attempt_may_win_late() {
    stopped(async {
        let (first, second) = (silent(5).await, silent(6).await);
        let addrs = [first.addr, second.addr];
        let connecting = quintet::spawn(async move { TcpStream::connect(&addrs[..]).await });
        reach_poll_phase().await;
        time::advance(DELAY).await;
        reach_poll_phase().await;
        attempts_are(addrs[0], 1);
        attempts_are(addrs[1], 1);
        // There is room when the kernel asks again.
        let _filling = first.listener.accept().await.unwrap();
        let stream = connecting.await.unwrap().unwrap();
        assert_eq!(stream.peer_addr().unwrap(), addrs[0]);
        attempts_are(addrs[1], 0);
    });
}

#[test]
fn families_take_turns() {
    stopped(async {
        let (a, b) = (refusing(3).await, refusing(4).await);
        // Whether or not the host has IPv6.
        let six = SocketAddr::from((Ipv6Addr::LOCALHOST, 1));
        let error = TcpStream::connect(&[a, b, six][..]).await.unwrap_err();
        assert_eq!(addrs_in(&error), [a, six, b], "{error}");
        let error = TcpStream::connect(&[six, six, a, b][..]).await.unwrap_err();
        assert_eq!(addrs_in(&error), [six, a, six, b], "{error}");

        let (_listener, addr) = listen().await;
        let stream = TcpStream::connect(&[six, six, addr][..]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), addr);
    });
}

#[test]
fn with_a_seed_the_attempts_repeat() {
    let run = || {
        let mut builder = Builder::new();
        builder.start_paused(true).seed(7);
        in_time(|| {
            block_on_built_by(&mut builder, async {
                let silent = silent(7).await;
                let addrs = [silent.addr; 9];
                let limit = DELAY * 5 / 2;
                let error = TcpStream::connect_timeout(&addrs[..], limit).await;
                let text = error.unwrap_err().to_string();
                let port = silent.addr.port().to_string();
                (text.replace(&port, "port"), Handle::current().order_hash())
            })
        })
    };
    let (text, hash) = run();
    assert_eq!(text.matches("no response").count(), 3, "{text}");
    assert!(hash.is_some());
    assert_eq!((text, hash), run());
}

// ------------------------------------------------------------------------------------- the errors

#[test]
fn if_all_fail_the_error_names_each_and_is_of_the_first_kind() {
    stopped(async {
        let refused = ErrorKind::ConnectionRefused;
        let (a, b) = (refusing(5).await, refusing(6).await);
        let error = TcpStream::connect(&[a, b][..]).await.unwrap_err();
        assert_eq!(error.kind(), refused);
        let cause = io::Error::from(rustix::io::Errno::CONNREFUSED);
        let text = format!("cannot connect to {a}: {cause}; to {b}: {cause}");
        assert_eq!(error.to_string(), text);
        assert!(format!("{error:?}").contains(&text), "{error:?}");
        assert_source(&error, refused);

        // Without a route there is no attempt that counts more.
        let nowhere = SocketAddr::from((Ipv4Addr::BROADCAST, 1));
        let error = TcpStream::connect(&[nowhere, b][..]).await.unwrap_err();
        assert_eq!(error.kind(), refused);
        assert_source(&error, refused);
        assert_eq!(addrs_in(&error), [nowhere, b], "{error}");
        let error = TcpStream::connect(&[nowhere, nowhere][..])
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NetworkUnreachable);
        assert_source(&error, ErrorKind::NetworkUnreachable);
    });
}

#[test]
fn without_a_runtime_each_attempt_is_an_error() {
    let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    let addrs = [addr, addr];
    for error in [
        failed_at_once(TcpStream::connect(&addrs[..])),
        failed_at_once(TcpStream::connect_timeout(&addrs[..], DELAY)),
    ] {
        let text = error.to_string();
        assert!(
            text.starts_with("cannot connect to 127.0.0.1:1: "),
            "{text}"
        );
        assert!(text.contains("no quintet runtime is current"), "{text}");
    }
}

fn failed_at_once(connecting: impl Future<Output = io::Result<TcpStream>>) -> io::Error {
    let mut cx = Context::from_waker(Waker::noop());
    match pin!(connecting).poll(&mut cx) {
        Poll::Ready(Err(error)) => error,
        other => panic!("{other:?}"),
    }
}

// -------------------------------------------------------------------------------- many addresses

#[test]
fn of_a_thousand_addresses_the_last_one_is_reached_and_other_tasks_run_meanwhile() {
    stopped(async {
        let (_listener, addr) = listen().await;
        let mut addrs = vec![refusing(7).await; 999];
        addrs.push(addr);
        let connecting = quintet::spawn(async move { TcpStream::connect(&addrs[..]).await });
        let mut turns = 0;
        while !connecting.is_finished() {
            yield_now().await;
            turns += 1;
        }
        let stream = connecting.await.unwrap().unwrap();
        assert_eq!(stream.peer_addr().unwrap(), addr);
        assert!(turns > 7, "{turns} turns of 128 attempts");
    });
}

#[test]
fn a_thousand_silent_addresses_leave_nothing() {
    paused(async {
        let silent = silent(8).await;
        let addr = silent.addr;
        let addrs = vec![addr; 1000];
        let connecting = quintet::spawn(async move {
            TcpStream::connect_timeout(&addrs[..], DELAY * 40 + MOMENT).await
        });
        sleep(DELAY * 20 + MOMENT).await;
        attempts_are(addr, 21);
        let error = connecting.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        attempts_are(addr, 0);
        let text = error.to_string();
        assert!(text.starts_with(&format!(
            "cannot connect within 10.001s to {addr}: no response;"
        )));
        assert!(text.ends_with("; nor to 992 more addresses"), "{text}");
    });
}

#[test]
fn a_dropped_future_leaves_no_attempt() {
    paused(async {
        let silent = silent(9).await;
        let addrs = [silent.addr; 5];
        let late = timeout(DELAY * 2 + MOMENT, TcpStream::connect(&addrs[..])).await;
        assert!(late.is_err());
        attempts_are(silent.addr, 0);
    });
}

// ------------------------------------------------------------------------------------ the timeout

#[test]
fn a_silent_address_is_given_up_in_time() {
    paused(async {
        let silent = silent(10).await;
        let refusing = refusing(8).await;
        let start = Instant::now();
        let limit = Duration::from_secs(2);
        let error = TcpStream::connect_timeout(&silent.addr, limit)
            .await
            .unwrap_err();
        assert_eq!(start.elapsed(), limit);
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        let text = format!("cannot connect within 2s to {}: no response", silent.addr);
        assert_eq!(error.to_string(), text);
        attempts_are(silent.addr, 0);

        // What has become of each.
        let addrs = [refusing, silent.addr, silent.addr];
        let error = TcpStream::connect_timeout(&addrs[..], DELAY / 2)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        let text = format!("; to {0}: no response; to {0}: not tried", silent.addr);
        assert!(error.to_string().ends_with(&text), "{error}");
        assert_source(&error, ErrorKind::ConnectionRefused);
    });
}

#[test]
fn connections_and_refusals_within_the_timeout_are_those_of_connect() {
    stopped(async {
        let (_listener, addr) = listen().await;
        let refusing = refusing(9).await;
        for limit in [Duration::from_secs(1), Duration::MAX] {
            let stream = TcpStream::connect_timeout(addr, limit).await.unwrap();
            assert_eq!(stream.peer_addr().unwrap(), addr);
            let addrs = [refusing, addr];
            let stream = TcpStream::connect_timeout(&addrs[..], limit).await.unwrap();
            assert_eq!(stream.peer_addr().unwrap(), addr);
            let text = format!("localhost:{}", addr.port());
            TcpStream::connect_timeout(text, limit).await.unwrap();

            let error = TcpStream::connect_timeout(&refusing, limit).await;
            let error = error.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
            let text = format!("cannot connect to {refusing}: ");
            assert!(error.to_string().starts_with(&text), "{error}");
            assert_source(&error, ErrorKind::ConnectionRefused);
            let error = TcpStream::connect_timeout("nonsense", limit).await;
            assert_eq!(error.unwrap_err().kind(), ErrorKind::InvalidInput);
        }
    });
}

#[test]
fn in_no_time_there_is_one_attempt() {
    paused(async {
        let silent = silent(11).await;
        let addrs = [silent.addr; 2];
        let start = Instant::now();
        let error = TcpStream::connect_timeout(&addrs[..], Duration::ZERO)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(start.elapsed(), Duration::ZERO);
        let text = error.to_string();
        assert!(text.ends_with(": not tried"), "{text}");
    });
}

#[test]
fn the_futures_may_be_sent() {
    fn check<T: Send>(_: T) {}
    check(TcpStream::connect("localhost:80"));
    check(TcpStream::connect_timeout("localhost:80", DELAY));
    check(lookup_host("localhost:80"));
}
