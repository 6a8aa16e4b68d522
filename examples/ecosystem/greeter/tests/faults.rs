//! Clients that make more work than they have, and clients that die, against tonic's `Routes`.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use ecosystem_support::{PATIENCE, Program, vanish};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;

/// The flag of a head that is in one frame.
const END_HEADERS: u8 = 4;
const END_STREAM: u8 = 1;
const ENHANCE_YOUR_CALM: u8 = 11;
const CANCEL: &[u8] = &[0, 0, 0, 8];

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len())
        .expect("it is short")
        .to_be_bytes();
    let head = [len[1], len[2], len[3], kind, flags];
    [&head, &stream.to_be_bytes()[..], payload].concat()
}

/// The head of a call of `method`: `POST`, `http`, and literals for the rest.
fn call(stream: u32, method: &str) -> Vec<u8> {
    let path = format!("/greeter.Greeter/{method}");
    let mut block = b"\x83\x86\x04".to_vec();
    literal(&mut block, &path);
    block.extend(b"\x41\x01a\x0f\x10");
    literal(&mut block, "application/grpc");
    block.extend(b"\x00\x02te");
    literal(&mut block, "trailers");
    frame(HEADERS, END_HEADERS, stream, &block)
}

fn literal(block: &mut Vec<u8>, text: &str) {
    block.push(u8::try_from(text.len()).expect("it is short"));
    block.extend(text.bytes());
}

/// A call for numbers without an end, whose first one never comes.
fn endless_call(stream: u32) -> Vec<u8> {
    // `end` is 1000 and `millis` is 2^31.
    let message = b"\0\0\0\0\x09\x08\xe8\x07\x10\x80\x80\x80\x80\x08";
    [
        call(stream, "Count"),
        frame(DATA, END_STREAM, stream, message),
    ]
    .concat()
}

fn server() -> (Program, String) {
    let path = env!("CARGO_BIN_EXE_greeter");
    let mut server = Program::start(Command::new(path).args(["serve", "127.0.0.1:0"]));
    let addr = server.line_after("http://");
    (server, addr)
}

fn connected(addr: &str) -> TcpStream {
    let stream = TcpStream::connect(addr).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
    let begin = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
    (&stream).write_all(&begin).expect("it reads");
    stream
}

/// Reads frames up to one of this kind, and returns its payload.
fn payload_of(stream: &mut TcpStream, wanted: u8) -> Vec<u8> {
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).expect("a frame");
        let len = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; len as usize];
        stream.read_exact(&mut payload).expect("a frame");
        if head[3] == wanted {
            return payload;
        }
    }
}

fn assert_greets(addr: &str) {
    let mut stream = connected(addr);
    let message = b"\0\0\0\0\x05\x0a\x03you";
    let sent = [call(1, "Greet"), frame(DATA, END_STREAM, 1, message)].concat();
    stream.write_all(&sent).expect("it reads");
    let reply = payload_of(&mut stream, DATA);
    assert!(reply.ends_with(b"hello you"), "{reply:?}");
}

#[test]
fn rapid_resets_end_their_connection_alone() {
    let (server, addr) = server();
    let mut stream = connected(&addr);
    let both = |stream| [endless_call(stream), frame(RST_STREAM, 0, stream, CANCEL)].concat();
    let sent: Vec<u8> = (0..2000).flat_map(|number| both(2 * number + 1)).collect();
    // The server may have closed the connection before it has read all.
    let _closed = stream.write_all(&sent);
    let goaway = payload_of(&mut stream, GOAWAY);
    assert_eq!(goaway[7], ENHANCE_YOUR_CALM);
    assert_greets(&addr);
    let (code, text) = server.end();
    assert_eq!((code, &*text), (0, "ended, all closed: true\n"));
}

/// A client that reads no acknowledgements is not read any further, so it can send only what the
/// buffers of the sockets hold.
#[test]
fn floods_of_what_is_acknowledged_hold_up_no_other() {
    let (_server, addr) = server();
    for (kind, payload) in [(SETTINGS, &[][..]), (PING, &[0; 8])] {
        let mut stream = connected(&addr);
        stream.set_nonblocking(true).expect("it is a socket");
        let flood = frame(kind, 0, 0, payload).repeat(10_000);
        for _ in 0..100 {
            // Full, or closed by the server.
            let _full = stream.write(&flood);
            assert_greets(&addr);
        }
    }
}

#[test]
fn clients_that_die_at_any_stage_are_not_waited_for() {
    let (server, addr) = server();
    for is_reset in [false, true] {
        for sent in [
            vec![],
            frame(SETTINGS, 0, 0, &[])[..5].to_vec(),
            call(1, "Greet")[..20].to_vec(),
            call(1, "Greet"),
            [call(1, "Greet"), frame(DATA, 0, 1, b"\0\0\0\0\x05\x0a")].concat(),
            call(1, "Chat"),
            endless_call(1),
        ] {
            let mut stream = connected(&addr);
            stream.write_all(&sent).expect("it reads");
            payload_of(&mut stream, SETTINGS);
            if is_reset {
                vanish(stream);
            }
        }
        assert_greets(&addr);
    }
    let (code, text) = server.end();
    assert_eq!((code, &*text), (0, "ended, all closed: true\n"));
}

#[test]
fn what_is_malformed_has_a_status_or_a_reset() {
    let (_server, addr) = server();
    for (what, message) in [
        ("a flag of compression", &b"\x02\0\0\0\0"[..]),
        ("compressed without an encoding", b"\x01\0\0\0\x01a"),
        ("longer than it may be", b"\0\xff\xff\xff\xff"),
        ("no protobuf", b"\0\0\0\0\x03\xff\xff\xff"),
        ("a text that is no UTF-8", b"\0\0\0\0\x04\x0a\x02\xff\xfe"),
        ("shorter than it says", b"\0\0\0\0\x05\x0a\x03a"),
    ] {
        let mut stream = connected(&addr);
        let sent = [call(1, "Greet"), frame(DATA, END_STREAM, 1, message)].concat();
        stream.write_all(&sent).expect("it reads");
        // The head of a response without a message: `:status: 200` and `grpc-status`.
        let head = payload_of(&mut stream, HEADERS);
        assert_eq!(head[0], 0x88, "{what}");
        assert_greets(&addr);
    }
}
