//! The programs as children, with clients.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::Command;

use ecosystem_support::{PATIENCE, Program, http};

fn axum_serve() -> (Program, String) {
    let path = env!("CARGO_BIN_EXE_axum_serve");
    let mut server = Program::start(Command::new(path).arg("127.0.0.1:0"));
    let addr = server.line_after("http://");
    (server, addr)
}

#[test]
fn axum_serves_on_one_thread_and_ends_gracefully() {
    let (server, addr) = axum_serve();
    let (head, body) = http(&addr, "GET /", "");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert_eq!(body, "on the thread of the loop\n");
    let (code, text) = server.end();
    assert_eq!((code, &*text), (0, "ended\n"));
}

#[test]
fn a_silent_stream_of_events_has_comments() {
    let (_server, addr) = axum_serve();
    let mut stream = TcpStream::connect(&addr).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let request = b"GET /events HTTP/1.1\r\nhost: a\r\n\r\n";
    stream.write_all(request).expect("it reads");
    let lines = BufReader::new(stream)
        .lines()
        .map(|line| line.expect("a line"));
    assert_eq!(
        lines.filter(|line| line == ": still there").take(3).count(),
        3
    );
}

#[test]
fn reqwest_sends_requests_at_the_same_time() {
    let (_server, addr) = axum_serve();
    let url = format!("http://{addr}/");
    let path = env!("CARGO_BIN_EXE_reqwest_client");
    let mut client = Program::start(Command::new(path).args([&url, "20"]));
    assert_eq!(client.line_after("20 responses with "), "520 bytes");
}

#[test]
fn tower_limits_time_and_rate() {
    let mut layers = Program::start(&mut Command::new(env!("CARGO_BIN_EXE_tower_layers")));
    assert_eq!(layers.line_after("6 calls in "), "no less than 2 periods");
    assert_eq!(layers.line_after("a slow call: "), "request timed out");
}
