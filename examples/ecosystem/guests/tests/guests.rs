//! The programs as children, with clients.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;

use async_tungstenite::client_async;
use async_tungstenite::tungstenite::Message;
use ecosystem_support::postgres::Postgres;
use ecosystem_support::{PATIENCE, Program, http, installed};
use futures::StreamExt;
use quintet::time::timeout;

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
    has_comments(&addr, ": still there");
    let (_server, addr) = axum_extras();
    has_comments(&addr, ":");
}

fn has_comments(addr: &str, comment: &str) {
    let mut stream = TcpStream::connect(addr).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let request = b"GET /events HTTP/1.1\r\nhost: a\r\n\r\n";
    stream.write_all(request).expect("it reads");
    let lines = BufReader::new(stream)
        .lines()
        .map(|line| line.expect("a line"));
    assert_eq!(lines.filter(|line| line == comment).take(3).count(), 3);
}

fn axum_extras() -> (Program, String) {
    let path = env!("CARGO_BIN_EXE_axum_extras");
    let mut server = Program::start(Command::new(path).arg("127.0.0.1:0"));
    let addr = server.line_after("http://");
    (server, addr)
}

#[quintet::test]
async fn axums_websockets_are_upgraded_on_our_server() {
    let (server, addr) = axum_extras();
    let stream = quintet::net::TcpStream::connect(&addr).await;
    let (mut socket, response) =
        client_async(format!("ws://{addr}/echo"), stream.expect("it listens"))
            .await
            .expect("a handshake");
    assert_eq!(response.status().as_u16(), 101);
    for text in ["one", "two"] {
        socket.send(Message::text(text)).await.expect("it is sent");
        let echo = timeout(PATIENCE, socket.next()).await.expect("in time");
        let echo = echo.expect("a message").expect("no error");
        assert_eq!(echo, Message::text(text));
    }
    // One that dies does not harm the next.
    drop(socket);
    let (head, _) = http(&addr, "GET /echo", "");
    assert!(head.starts_with("HTTP/1.1 400"), "{head}");
    let (code, text) = server.end();
    assert_eq!((code, &*text), (0, "ended\n"));
}

fn tonic(args: &[&str]) -> Program {
    Program::start(Command::new(env!("CARGO_BIN_EXE_tonic_transport")).args(args))
}

#[test]
fn tonics_server_and_channel_have_time_limits() {
    let mut server = tonic(&["serve", "127.0.0.1:0"]);
    let url = server.line_after("greeting on ");
    let mut client = tonic(&["greet", "60000", &url, "ann", "bob", "eve"]);
    let greetings = client.line_after("greetings: ");
    assert_eq!(greetings, "hello ann, hello bob, hello eve");
    client.wait();
    let (code, text) = server.end();
    assert_eq!((code, &*text), (0, "ended\n"));

    // One that accepts, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", silent.local_addr().expect("an address"));
    let mut client = tonic(&["greet", "20", &url, "ann", "bob"]);
    let greetings = client.line_after("greetings: ");
    assert_eq!(greetings, "Timeout expired, Timeout expired");
}

#[test]
fn sqlx_queries_rolls_back_and_listens() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let directory = postgres.directory();
    let url = format!("postgres://test@localhost/postgres?host={directory}");
    let output = installed(env!("CARGO_BIN_EXE_sqlx_postgres"), [url]).expect("it is built");
    let text = String::from_utf8(output.stdout).expect("text");
    assert_eq!(
        text,
        "the sum is 2470\nrolled back: true\nheard: it works\n"
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
