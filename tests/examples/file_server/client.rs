//! A small HTTP client over a plain socket: it sends what it is told to, right or wrong.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::site::HANG;

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a text")
    }
}

pub(crate) struct Client {
    stream: BufReader<TcpStream>,
    /// Whether the response to come is one to a HEAD.
    is_head: bool,
}

impl Client {
    pub(crate) fn connect(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).expect("the server listens");
        stream.set_read_timeout(Some(HANG)).expect("a timeout");
        stream.set_write_timeout(Some(HANG)).expect("a timeout");
        stream.set_nodelay(true).expect("an option of TCP");
        Client {
            stream: BufReader::new(stream),
            is_head: false,
        }
    }

    pub(crate) fn socket(&self) -> &TcpStream {
        self.stream.get_ref()
    }

    pub(crate) fn send_raw(&mut self, bytes: &[u8]) {
        self.stream
            .get_mut()
            .write_all(bytes)
            .expect("the server takes it");
    }

    pub(crate) fn send(&mut self, method: &str, target: &str, headers: &[(&str, &str)]) {
        let mut request = format!("{method} {target} HTTP/1.1\r\nHost: test\r\n");
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        self.is_head = method == "HEAD";
        self.send_raw(request.as_bytes());
    }

    /// Reads a response with its body.
    pub(crate) fn response(&mut self) -> Response {
        let mut response = self.head();
        response.body = self.body(&response);
        response
    }

    /// Reads the head of a response.
    pub(crate) fn head(&mut self) -> Response {
        let line = self.line();
        let status = line.strip_prefix("HTTP/1.").and_then(|line| line.get(2..5));
        let status = status.and_then(|status| status.parse().ok());
        let mut response = Response {
            status: status.unwrap_or_else(|| panic!("{line:?} is no status line")),
            headers: Vec::new(),
            body: Vec::new(),
        };
        loop {
            let line = self.line();
            if line.is_empty() {
                return response;
            }
            let (name, value) = line.split_once(": ").expect("a header");
            response.headers.push((name.to_owned(), value.to_owned()));
        }
    }

    fn body(&mut self, response: &Response) -> Vec<u8> {
        if self.is_head || matches!(response.status, 204 | 304) {
            return Vec::new();
        }
        match response.header("content-length") {
            Some(len) => self.bytes(len.parse().expect("a length")),
            None if response.header("transfer-encoding") == Some("chunked") => self.chunks(),
            None => self.rest(),
        }
    }

    /// Reads exactly this many bytes.
    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.stream
            .read_exact(&mut bytes)
            .expect("as many bytes as announced");
        bytes
    }

    fn chunks(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        loop {
            let chunk = self.chunk();
            if chunk.is_empty() {
                return bytes;
            }
            bytes.extend(chunk);
        }
    }

    /// Reads one chunk; the last one is empty.
    pub(crate) fn chunk(&mut self) -> Vec<u8> {
        let len = usize::from_str_radix(&self.line(), 16).expect("the length of a chunk");
        let bytes = self.bytes(len);
        assert_eq!(self.line(), "", "a chunk ends with a line's end");
        bytes
    }

    /// Reads until the server hangs up.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.stream.read_to_end(&mut bytes).expect("an orderly end");
        bytes
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("a line");
        let line = line.strip_suffix("\r\n").expect("a whole line");
        line.to_owned()
    }
}
