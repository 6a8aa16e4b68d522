//! The program with fewer descriptors than clients.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use ecosystem_support::{PATIENCE, Program};

/// Each of them waits for its response at the same time as the others.
const CLIENTS: usize = 100;

#[test]
fn without_descriptors_no_client_is_lost() {
    let program = env!("CARGO_BIN_EXE_service");
    let mut service = Program::start(
        Command::new("sh")
            .args(["-c", "ulimit -n 40; exec \"$1\" 2>&1", "sh", program])
            .env("SERVICE_ADDR", "127.0.0.1:0")
            .env("RUST_LOG", "warn"),
    );
    let addr = service.line_after("http://");
    let mut streams = Vec::new();
    for _ in 0..CLIENTS {
        let mut stream = TcpStream::connect(&addr).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream
            .write_all(b"GET /greet?after_ms=100 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            .expect("the backlog has room");
        streams.push(stream);
    }
    for mut stream in streams {
        let mut response = String::new();
        stream.read_to_string(&mut response).expect("a response");
        assert!(response.ends_with("hello world\"}"), "{response}");
    }
    let (code, text) = service.end();
    assert_eq!(code, 0);
    assert!(text.contains("cannot accept a connection"), "{text}");
}
