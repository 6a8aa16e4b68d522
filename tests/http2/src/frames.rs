//! A client of HTTP/2 that sends the frames that a test says, in place of those that are allowed.

use futures::io::{AsyncRead, AsyncWrite};

use crate::client::Client;

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;

/// The flags of a request without a body, all of whose headers are in one frame.
pub(crate) const END_STREAM_AND_HEADERS: u8 = 1 | 4;

pub(crate) const ACK: u8 = 1;

/// The reason of a GOAWAY for a client that makes too much work.
pub(crate) const ENHANCE_YOUR_CALM: u8 = 11;

/// `GET http://a/`, as HPACK encodes it: by three entries of the static table, and a literal.
pub(crate) const GET: &[u8] = b"\x82\x86\x84\x41\x01a";

/// Returns a frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![len[1], len[2], len[3], kind, flags];
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// A frame that has been received.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

/// Receives the next frame.
pub(crate) async fn receive<S: AsyncRead + AsyncWrite + Unpin>(client: &mut Client<S>) -> Frame {
    let head = client.bytes(9).await;
    let len = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    Frame {
        kind: head[3],
        flags: head[4],
        stream: u32::from_be_bytes([head[5], head[6], head[7], head[8]]),
        payload: client.bytes(len as usize).await,
    }
}

/// Receives frames up to one of this kind.
pub(crate) async fn receive_kind<S>(client: &mut Client<S>, kind: u8) -> Frame
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        let frame = receive(client).await;
        if frame.kind == kind {
            return frame;
        }
    }
}

/// Receives all frames until the connection is closed.
pub(crate) async fn rest<S: AsyncRead + AsyncWrite + Unpin>(client: &mut Client<S>) -> Vec<Frame> {
    let mut frames = Vec::new();
    while client.fill(9).await {
        frames.push(receive(client).await);
    }
    frames
}
