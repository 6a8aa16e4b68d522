//! The end: by a signal, in order, and not too late.

use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt;
use std::thread;
use std::time::Instant;

use super::client::Client;
use super::site::{HANG, SMALL, Server, Site, pattern};

/// More than all buffers on the way hold together.
const LONG: usize = 32 * 1024 * 1024;

/// Begins a download that cannot end by itself.
fn begin_long(server: &Server) -> Client {
    let mut client = server.connect();
    client.send("GET", "/long", &[]);
    assert_eq!(client.head().status, 200);
    client
}

/// Waits until the server accepts nothing, which is soon after it has said that it stops.
fn wait_until_closed(server: &Server) {
    let deadline = Instant::now() + HANG;
    while TcpStream::connect(server.addr).is_ok() {
        assert!(Instant::now() < deadline, "the port is still open");
        thread::yield_now();
    }
}

#[test]
fn a_running_download_may_end() {
    let site = Site::new();
    let contents = pattern(LONG);
    site.write("long", &contents);
    let server = site.serve_with(&["--grace", "60"]);
    let mut download = begin_long(&server);
    let first = download.bytes(1000);
    let mut idle = server.connect();
    idle.send("GET", "/small.txt", &[]);
    assert_eq!(idle.response().body, SMALL);

    server.signal("-INT");
    server.wait_for_line("stopping");

    wait_until_closed(&server);
    assert_eq!(idle.rest(), b"", "an idle client is disconnected");
    let rest = download.bytes(LONG - first.len());
    assert!(first == contents[..1000]);
    assert!(rest == contents[1000..]);
    assert_eq!(download.rest(), b"");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn without_requests_it_ends_at_once() {
    let site = Site::new();
    for signal in ["-INT", "-TERM"] {
        let server = site.serve_with(&["--grace", "100000"]);
        server.assert_serves();
        server.signal(signal);
        assert_eq!(server.wait().code(), Some(0), "{signal}");
    }
}

#[test]
fn an_endless_response_ends_in_order() {
    let site = Site::new();
    let server = site.serve_with(&["--grace", "100000"]);
    let mut client = server.connect();
    client.send("GET", "/live", &[]);
    client.head();
    client.chunk();

    server.signal("-INT");
    // An empty chunk is the orderly end of such a body.
    while !client.chunk().is_empty() {}
    assert_eq!(client.rest(), b"");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn what_does_not_end_in_time_is_dropped() {
    let site = Site::new();
    site.write_big();
    site.write("long", &pattern(LONG));
    let server = site.serve_with(&["--grace", "0.2"]);
    let stalled = begin_long(&server);
    let mut half = server.connect();
    half.send_raw(b"GET /small.txt HTTP/1.1\r\n");
    let mut hashing = server.connect();
    hashing.send("GET", "/hash/big", &[]);
    // Served after them, so they are known to be there.
    server.assert_serves();

    server.signal("-INT");
    server.wait_for_line("dropped");
    assert_eq!(server.wait().code(), Some(0));
    drop((stalled, half, hashing));
}

#[test]
#[cfg_attr(
    any(quintet_portable, not(any(target_os = "linux", target_os = "android"))),
    ignore = "the action of a signal before its first stream is not known here"
)]
fn a_second_signal_ends_it_at_once() {
    const SIGINT: i32 = 2;
    let site = Site::new();
    site.write("long", &pattern(LONG));
    let server = site.serve_with(&["--grace", "100000"]);
    let stalled = begin_long(&server);

    server.signal("-INT");
    server.wait_for_line("stopping");
    server.signal("-INT");
    assert_eq!(server.wait().signal(), Some(SIGINT));
    drop(stalled);
}

#[test]
fn it_goes_on_when_its_log_is_not_read() {
    let site = Site::new();
    let mut server = site.serve();
    server.ignore_output();
    for _ in 0..10 {
        server.assert_serves();
    }
    let _idle = server.connect();
    server.assert_serves();
    server.signal("-INT");
    assert_eq!(server.wait().code(), Some(0));
}
