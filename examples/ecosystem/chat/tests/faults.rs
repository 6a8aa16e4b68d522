//! Clients that die, or break the rules, at each stage of a websocket.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use ecosystem_support::{PATIENCE, Program, http, vanish};

const UPGRADE: &[u8] = b"GET /socket HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\n\
    upgrade: websocket\r\nsec-websocket-version: 13\r\n\
    sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// What is sent after the head of the upgrade, before the client goes.
const STAGES: &[(&str, &[u8])] = &[
    ("nothing", b""),
    ("half a head of a frame", b"\x81"),
    ("half a frame", b"\x81\x85\x01\x02\x03\x04ab"),
    ("a first fragment", b"\x01\x82\x00\x00\x00\x00ab"),
    ("a close without a code", b"\x88\x80\x00\x00\x00\x00"),
];

/// What breaks a rule of RFC 6455, so that the server must end the connection.
const BREACHES: &[(&str, &[u8])] = &[
    ("a frame without a mask", b"\x81\x02ab"),
    ("a reserved bit", b"\xc1\x82\x00\x00\x00\x00ab"),
    ("an unknown kind", b"\x83\x82\x00\x00\x00\x00ab"),
    ("a ping of 126 bytes", &LONG_PING),
    ("a fragment of nothing", b"\x80\x82\x00\x00\x00\x00ab"),
    ("no UTF-8", b"\x81\x82\x00\x00\x00\x00\xff\xfe"),
    (
        "a frame of 1 EiB",
        b"\x82\xff\x10\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
    ),
];

const LONG_PING: [u8; 134] = {
    let mut frame = [0; 134];
    (frame[0], frame[1], frame[3]) = (0x89, 0xfe, 126);
    frame
};

fn started() -> (Program, String) {
    let mut server = Program::start(Command::new(env!("CARGO_BIN_EXE_chat")).arg("127.0.0.1:0"));
    let addr = server.line_after("http://");
    (server, addr)
}

fn connected(addr: &str) -> TcpStream {
    let stream = TcpStream::connect(addr).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream
}

/// Connects, and reads the head of the response to an upgrade.
fn upgraded(addr: &str) -> TcpStream {
    let mut stream = connected(addr);
    stream.write_all(UPGRADE).expect("it reads");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a response");
        head.extend(byte);
    }
    assert!(head.starts_with(b"HTTP/1.1 101"), "{head:?}");
    stream
}

/// Sends a text, and waits until it comes back.
fn assert_hears_itself(addr: &str) {
    let mut stream = upgraded(addr);
    stream
        .write_all(b"\x81\x82\x00\x00\x00\x00ok")
        .expect("it reads");
    // The server begins with a ping.
    let mut received = [0; 6];
    stream.read_exact(&mut received).expect("an echo");
    assert_eq!(&received, b"\x89\x00\x81\x02ok");
}

#[test]
fn clients_that_die_at_any_stage_are_not_waited_for() {
    let (server, addr) = started();
    for is_reset in [false, true] {
        // Within the head of the upgrade, and before the response to it.
        for end in [0, 20, UPGRADE.len() - 2, UPGRADE.len()] {
            let mut stream = connected(&addr);
            stream.write_all(&UPGRADE[..end]).expect("it reads");
            end_of(stream, is_reset);
        }
        for (what, sent) in STAGES {
            let mut stream = upgraded(&addr);
            stream.write_all(sent).expect(what);
            end_of(stream, is_reset);
        }
        assert_hears_itself(&addr);
    }
    let (code, text) = server.end();
    assert_eq!((code, &*text), (0, "ended, all closed: true\n"));
}

fn end_of(stream: TcpStream, is_reset: bool) {
    if is_reset {
        vanish(stream);
    }
}

#[test]
fn clients_that_break_the_rules_are_disconnected() {
    let (_server, addr) = started();
    for (what, sent) in BREACHES {
        let mut stream = upgraded(&addr);
        stream.write_all(sent).expect(what);
        // A close frame, or a reset.
        let mut rest = Vec::new();
        let _ended = stream.read_to_end(&mut rest);
        let rest = rest.strip_prefix(b"\x89\x00").unwrap_or(&rest);
        assert!(rest.is_empty() || rest[0] == 0x88, "{what}: {rest:?}");
        assert_hears_itself(&addr);
    }
    let (head, _) = http(&addr, "GET /", "");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
}
