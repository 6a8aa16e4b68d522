//! The frames of a client of HTTP/2 that sends the same request on many streams of a connection.
//!
//! It is the same for every server, knows nothing of sockets, and looks only at the heads of
//! frames.

use std::io;

/// What a client sends first (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The head of a request, compressed: `GET http://localhost/`. No field is added to the table of
/// the server, so all requests are alike.
const HEAD: &[u8] = b"\x82\x84\x86\x01\x09localhost";

/// How many bytes the server may send beyond those that it may anyway: the most that there are.
const WINDOW: u32 = i32::MAX as u32 - 65_535;

const FRAME_HEAD: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const WINDOW_UPDATE: u8 = 8;

/// Of `DATA` and `HEADERS`.
const END_STREAM: u8 = 1;
/// Of `SETTINGS`.
const ACK: u8 = 1;
/// Of `HEADERS`.
const END_HEADERS: u8 = 4;

/// One connection of a client.
#[derive(Debug)]
pub(crate) struct Http2Frames {
    next_stream: u32,
    /// The head and the body of each request. Without a body the head ends the stream.
    request: (&'static [u8], &'static [u8]),
    /// What is to be sent.
    output: Vec<u8>,
    /// The beginning of a frame that has not been received as a whole.
    input: Vec<u8>,
}

impl Http2Frames {
    pub(crate) fn new() -> Self {
        Self::with_body(HEAD, &[])
    }

    /// Makes a connection for requests with this compressed head and this body.
    pub(crate) fn with_body(head: &'static [u8], body: &'static [u8]) -> Self {
        let mut frames = Http2Frames {
            next_stream: 1,
            request: (head, body),
            output: PREFACE.to_vec(),
            input: Vec::new(),
        };
        frames.push(SETTINGS, 0, 0, &[]);
        frames.push(WINDOW_UPDATE, 0, 0, &WINDOW.to_be_bytes());
        frames
    }

    /// Returns what to send for so many more requests.
    pub(crate) fn requests(&mut self, count: u64) -> Vec<u8> {
        for _ in 0..count {
            let (head, body) = self.request;
            let end = if body.is_empty() { END_STREAM } else { 0 };
            self.push(HEADERS, end | END_HEADERS, self.next_stream, head);
            if !body.is_empty() {
                self.push(DATA, END_STREAM, self.next_stream, body);
            }
            self.next_stream += 2;
        }
        std::mem::take(&mut self.output)
    }

    /// Takes what has been received. Returns how many responses have been completed by it.
    ///
    /// # Errors
    ///
    /// Returns an error if a stream is reset or the connection is about to end.
    pub(crate) fn receive(&mut self, bytes: &[u8]) -> io::Result<u64> {
        self.input.extend_from_slice(bytes);
        let (mut start, mut completed) = (0, 0);
        while let Some(head) = self.input.get(start..start + FRAME_HEAD) {
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let (kind, flags) = (head[3], head[4]);
            if self.input.len() < start + FRAME_HEAD + length {
                break;
            }
            start += FRAME_HEAD + length;
            match kind {
                DATA | HEADERS if flags & END_STREAM != 0 => completed += 1,
                DATA | HEADERS | WINDOW_UPDATE => {}
                SETTINGS if flags & ACK != 0 => {}
                SETTINGS => self.push(SETTINGS, ACK, 0, &[]),
                _ => return Err(io::Error::other(format!("a frame of the type {kind}"))),
            }
        }
        self.input.drain(..start);
        Ok(completed)
    }

    fn push(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).expect("a frame is short");
        self.output.extend_from_slice(&length.to_be_bytes()[1..]);
        self.output.extend_from_slice(&[kind, flags]);
        self.output.extend_from_slice(&stream.to_be_bytes());
        self.output.extend_from_slice(payload);
    }
}

#[cfg(test)]
mod tests {
    use super::{ACK, DATA, END_HEADERS, END_STREAM, HEADERS, Http2Frames, SETTINGS};

    #[test]
    fn a_request_is_a_frame_with_the_next_odd_stream() {
        let mut frames = Http2Frames::new();
        let first = frames.requests(1);
        assert!(first.starts_with(b"PRI * HTTP/2.0"));
        assert!(first.ends_with(b"\x82\x84\x86\x01\x09localhost"));

        let next = frames.requests(2);
        assert_eq!(next[..9], [0, 0, 14, HEADERS, 5, 0, 0, 0, 3]);
        assert_eq!(next[23..32], [0, 0, 14, HEADERS, 5, 0, 0, 0, 5]);
    }

    #[test]
    fn a_body_is_a_frame_of_its_own() {
        let mut frames = Http2Frames::with_body(b"\x83", b"body");
        frames.requests(0);
        let head = [0, 0, 1, HEADERS, END_HEADERS, 0, 0, 0, 1, 0x83];
        let body = [0, 0, 4, DATA, END_STREAM, 0, 0, 0, 1];
        assert_eq!(frames.requests(1), [&head[..], &body[..], b"body"].concat());
    }

    #[test]
    fn a_response_is_complete_with_the_end_of_its_stream() {
        let mut frames = Http2Frames::new();
        frames.requests(1);
        let settings = [0, 0, 0, SETTINGS, 0, 0, 0, 0, 0];
        let head = [0, 0, 1, HEADERS, 4, 0, 0, 0, 1, 0x88];
        let body = [0, 0, 2, DATA, END_STREAM, 0, 0, 0, 1, b'h', b'i'];
        assert_eq!(frames.receive(&settings).unwrap(), 0);
        assert_eq!(frames.receive(&head).unwrap(), 0);
        // In parts.
        assert_eq!(frames.receive(&body[..4]).unwrap(), 0);
        assert_eq!(frames.receive(&body[4..10]).unwrap(), 0);
        assert_eq!(frames.receive(&body[10..]).unwrap(), 1);
        assert_eq!(frames.requests(0), [0, 0, 0, SETTINGS, ACK, 0, 0, 0, 0]);
        // A stream that is reset.
        let reset = [0, 0, 4, 3, 0, 0, 0, 0, 3, 0, 0, 0, 0];
        assert!(frames.receive(&reset).is_err());
    }
}
