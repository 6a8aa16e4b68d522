//! The load on the servers.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::{Drive, Stack, grpc, tls};
use crate::http2_frames::Http2Frames;
use crate::load::{Load, Reply, Streams, connect_socket};

/// The size of a message that is echoed.
pub(super) const MESSAGE: usize = 64;

/// The request with which a websocket begins. The key is that of RFC 6455.
const UPGRADE: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// Connects, and exchanges a request and its reply on each connection, or for gRPC on one of the
/// streams of the only connection.
///
/// # Errors
///
/// Returns an error if the server does not do its part.
pub(crate) fn connect(stack: Stack, addr: SocketAddr, connections: u64) -> io::Result<Drive> {
    Ok(match stack {
        Stack::AxumHello => http(addr, connections, get("/"))?,
        Stack::AxumJson => http(addr, connections, post("/json", &json()))?,
        Stack::SmallFile => http(addr, connections, get("/4k"))?,
        Stack::LargeFile => http(addr, connections, get("/1m"))?,
        Stack::TonicUnary => {
            let frames = Http2Frames::with_body(grpc::HEAD, grpc::CALL);
            let mut streams = Streams::connect(addr, connections, frames)?;
            Box::new(move |count| streams.drive(count))
        }
        Stack::TlsEcho => {
            let mut client = tls::Client::new()?;
            let message = vec![7; MESSAGE];
            let reply = Reply::Bytes(MESSAGE);
            let mut load = Load::connect_by(connections, message, reply, || client.connect(addr))?;
            Box::new(move |count| load.drive(count))
        }
        Stack::WebsocketEcho => {
            // The reply has no mask of four bytes.
            let (message, reply) = (websocket_message(), Reply::Bytes(2 + MESSAGE));
            let mut load = Load::connect_by(connections, message, reply, || upgrade(addr))?;
            Box::new(move |count| load.drive(count))
        }
    })
}

fn http(addr: SocketAddr, connections: u64, request: Vec<u8>) -> io::Result<Drive> {
    let mut load = Load::connect(addr, connections, request, Reply::Http)?;
    Ok(Box::new(move |count| load.drive(count)))
}

fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes()
}

fn post(path: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// Returns a list of records, 10 KiB long.
pub(super) fn json() -> String {
    let records: Vec<_> = (0..108)
        .map(|number| {
            format!(
                r#"{{"id":{},"name":"the name of it","price":12.75,"tags":["one","two","three"],"sold":true}}"#,
                10_000_000 + number
            )
        })
        .collect();
    format!("[{}]", records.join(","))
}

/// A message of the client: binary, the last of its frames, with a mask of zeros.
fn websocket_message() -> Vec<u8> {
    let mut message = vec![0x82, 0x80 | MESSAGE as u8, 0, 0, 0, 0];
    message.extend([7; MESSAGE]);
    message
}

fn upgrade(addr: SocketAddr) -> io::Result<TcpStream> {
    let mut stream = connect_socket(addr)?;
    stream.write_all(UPGRADE)?;
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    if head.starts_with(b"HTTP/1.1 101") {
        return Ok(stream);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    Err(io::Error::other(head))
}
