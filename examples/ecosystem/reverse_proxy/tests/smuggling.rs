//! Requests that mean different things to different servers: what the proxy passes on means one.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use ecosystem_support::{PATIENCE, Program};

/// A server that reads what the proxy sends, byte by byte, and responds to each request line that
/// it sees in it, wherever that is. Health checks are not told.
fn recording_server() -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = listener.local_addr().expect("an address").to_string();
    let (sender, lines) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let sender = sender.clone();
            thread::spawn(move || {
                let mut stream = stream.expect("a connection");
                let mut line = Vec::new();
                let mut byte = [0];
                while stream.read(&mut byte).is_ok_and(|n| n == 1) {
                    line.push(byte[0]);
                    if !line.ends_with(b"\n") {
                        continue;
                    }
                    let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                    line.clear();
                    if !text.ends_with("HTTP/1.1") {
                        continue;
                    }
                    let response = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                    // The proxy may have gone.
                    let _gone = stream.write_all(response);
                    let _gone = sender.send(text);
                }
            });
        }
    });
    (addr, lines)
}

const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n";

fn statuses(addr: &str, sent: &str) -> Vec<String> {
    let mut stream = TcpStream::connect(addr).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.write_all(sent.as_bytes()).expect("it reads");
    stream.shutdown(std::net::Shutdown::Write).expect("open");
    let mut text = String::new();
    // What is not read is followed by a reset.
    let _reset = stream.read_to_string(&mut text);
    let status = |part: &str| part.get(..3).unwrap_or(part).to_owned();
    text.split("HTTP/1.1 ").skip(1).map(status).collect()
}

#[test]
fn what_is_ambiguous_is_not_passed_on() {
    let (upstream, lines) = recording_server();
    let path = env!("CARGO_BIN_EXE_reverse_proxy");
    let mut proxy = Program::start(Command::new(path).args(["127.0.0.1:0", &upstream]));
    let addr = proxy.line_after("http://");
    let body = "0\r\n\r\n";
    for (number, headers) in [
        "content-length: 5\r\ncontent-length: 6\r\n",
        "content-length: 5, 6\r\n",
        "content-length: +5\r\n",
        "transfer-encoding: xchunked\r\n",
        "transfer-encoding: chunked, identity\r\n",
        "transfer-encoding : chunked\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n",
        "x: y\r\n folded: z\r\n",
        "x: y\rtransfer-encoding: chunked\r\n",
    ]
    .iter()
    .enumerate()
    {
        let request =
            format!("POST /{number} HTTP/1.1\r\nhost: a\r\n{headers}\r\n{body}{SMUGGLED}");
        assert_eq!(statuses(&addr, &request), ["400"], "{headers:?}");
    }
    // With both lengths a server may go by the encoding, and must then end the connection. What is
    // passed on has one length: the body ends where the proxy says, and holds no request.
    let hidden = format!("{body}{SMUGGLED}");
    let lengths = [
        format!(
            "content-length: {}\r\ntransfer-encoding: chunked\r\n",
            hidden.len()
        ),
        format!(
            "transfer-encoding: chunked\r\ncontent-length: {}\r\n",
            hidden.len()
        ),
    ];
    for headers in lengths {
        let request = format!("POST /both HTTP/1.1\r\nhost: a\r\n{headers}\r\n{hidden}");
        let statuses = statuses(&addr, &request);
        assert!(statuses.len() <= 1, "{headers:?}: {statuses:?}");
    }
    // All that went before has been passed on when this is.
    assert_eq!(
        statuses(&addr, "GET /last HTTP/1.1\r\nhost: a\r\n\r\n"),
        ["200"]
    );
    loop {
        let line = lines.recv_timeout(PATIENCE).expect("the last one");
        assert!(!line.contains("smuggled"), "{line}");
        if line == "GET /last HTTP/1.1" {
            break;
        }
        let is_known = line == "POST /both HTTP/1.1" || line.starts_with("GET / ");
        assert!(is_known || line.starts_with("HEAD "), "{line}");
    }
}
