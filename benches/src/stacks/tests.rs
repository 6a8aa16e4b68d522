#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;

use super::client::json;
use super::server::{Serving, run};
use super::{Stack, connect};
use crate::runtimes::{Alone, AsGuest, QuintetBy, Tokio};

/// Starts a server on a thread, which ends with the process.
fn started<R: Serving>(stack: Stack) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let addr = listener.local_addr().unwrap();
    thread::spawn(move || R::block_on(run::<R>(stack, listener)));
    addr
}

fn each_stack_replies_on<R: Serving>() {
    for stack in Stack::ALL {
        let addr = started::<R>(stack);
        for connections in [1, 3] {
            let mut drive = connect(stack, addr, connections).unwrap();
            assert_eq!(drive(7).unwrap().len(), 7, "{stack:?}");
        }
    }
}

#[test]
fn each_stack_replies() {
    each_stack_replies_on::<QuintetBy<Alone>>();
    each_stack_replies_on::<QuintetBy<AsGuest>>();
    each_stack_replies_on::<Tokio>();
}

#[test]
fn a_json_comes_back_as_it_was() {
    let addr = started::<QuintetBy<Alone>>(Stack::AxumJson);
    let body = json();
    assert!((10_000..10_500).contains(&body.len()), "{}", body.len());
    let mut client = TcpStream::connect(addr).unwrap();
    let head = "POST /json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
        Content-Type: application/json\r\n";
    let length = body.len();
    write!(client, "{head}Content-Length: {length}\r\n\r\n{body}").unwrap();
    let mut reply = String::new();
    client.read_to_string(&mut reply).unwrap();
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    assert!(reply.ends_with(&body), "{reply}");
}

#[test]
fn a_call_has_a_reply() {
    for addr in [
        started::<QuintetBy<Alone>>(Stack::TonicUnary),
        started::<Tokio>(Stack::TonicUnary),
    ] {
        let mut frames =
            crate::http2_frames::Http2Frames::with_body(super::grpc::HEAD, super::grpc::CALL);
        let mut client = TcpStream::connect(addr).unwrap();
        client.write_all(&frames.requests(1)).unwrap();
        let (mut received, mut buffer) = (Vec::new(), [0; 4096]);
        loop {
            let count = client.read(&mut buffer).unwrap();
            assert_ne!(count, 0, "the server has closed the connection");
            received.extend_from_slice(&buffer[..count]);
            if frames.receive(&buffer[..count]).unwrap() == 1 {
                break;
            }
        }
        let message = b"\x0a\x0bhello world";
        assert!(received.windows(message.len()).any(|part| part == message));
    }
}

#[test]
fn names_are_unique() {
    for stack in Stack::ALL {
        assert_eq!(Stack::named(stack.name()), Some(stack));
    }
}
