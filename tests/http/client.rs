//! A client of HTTP/1 that sends what a test says, and knows nothing of hyper.

use futures::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// A client, and what it has received.
pub(crate) struct Client<S> {
    pub(crate) stream: S,
    received: Vec<u8>,
}

/// A response with a body whose length is in its head.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Reply {
    /// Whether the server says that the connection ends.
    pub(crate) fn is_last(&self) -> bool {
        self.has("connection: close")
    }

    fn has(&self, header: &str) -> bool {
        self.head
            .lines()
            .any(|line| line.eq_ignore_ascii_case(header))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(crate) fn new(stream: S) -> Self {
        Client {
            stream,
            received: Vec::new(),
        }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Asks for `path`, and returns the response.
    pub(crate) async fn get(&mut self, path: &str) -> Reply {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n"))
            .await;
        self.reply().await
    }

    /// Shuts down the writing side.
    pub(crate) async fn shut_down(&mut self) {
        self.stream.close().await.unwrap();
    }

    /// Receives a response.
    pub(crate) async fn reply(&mut self) -> Reply {
        let head = self.head().await;
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let len = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.parse().unwrap())
        });
        let body = self.bytes(len.unwrap_or(0)).await;
        let body = String::from_utf8(body).unwrap();
        Reply { status, head, body }
    }

    /// Receives the head of a response.
    pub(crate) async fn head(&mut self) -> String {
        loop {
            let end = self
                .received
                .windows(4)
                .position(|window| window == b"\r\n\r\n");
            if let Some(end) = end {
                let head = self.received.drain(..end + 4).collect();
                return String::from_utf8(head).unwrap();
            }
            assert!(
                self.receive().await,
                "the connection is closed: {:?}",
                self.received
            );
        }
    }

    /// Receives `len` bytes.
    pub(crate) async fn bytes(&mut self, len: usize) -> Vec<u8> {
        while self.received.len() < len {
            assert!(
                self.receive().await,
                "the connection is closed: {:?}",
                self.received
            );
        }
        self.received.drain(..len).collect()
    }

    /// Receives all until the connection is closed.
    pub(crate) async fn rest(&mut self) -> String {
        String::from_utf8(self.raw_rest().await).unwrap()
    }

    /// Receives all responses until the connection is closed: their statuses and bodies.
    #[allow(dead_code, reason = "the tests of HTTP/2 read frames")]
    pub(crate) async fn replies(&mut self) -> Vec<(u16, String)> {
        let mut rest = self.rest().await;
        let mut replies = Vec::new();
        while !rest.is_empty() {
            let (head, after) = rest.split_once("\r\n\r\n").unwrap();
            let status = head.split(' ').nth(1).unwrap().parse().unwrap();
            let len = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            let (body, after) = after.split_at(len.map_or(0, |len| len.parse().unwrap()));
            replies.push((status, body.to_owned()));
            rest = after.to_owned();
        }
        replies
    }

    /// Receives all bytes until the connection is closed.
    pub(crate) async fn raw_rest(&mut self) -> Vec<u8> {
        while self.receive().await {}
        std::mem::take(&mut self.received)
    }

    /// Receives until `len` bytes are there; returns `false` if the connection is closed before.
    #[allow(dead_code, reason = "the tests of HTTP/2 read frames")]
    pub(crate) async fn fill(&mut self, len: usize) -> bool {
        while self.received.len() < len {
            if !self.receive().await {
                return false;
            }
        }
        true
    }

    /// Whether the connection has been closed. Otherwise nothing has been received.
    pub(crate) async fn is_closed(&mut self) -> bool {
        assert!(self.received.is_empty(), "{:?}", self.received);
        let received = futures::future::poll_immediate(Box::pin(self.receive())).await;
        assert!(received != Some(true), "{:?}", self.received);
        received == Some(false)
    }

    /// Receives something; returns `false` at the end.
    async fn receive(&mut self) -> bool {
        let mut buf = [0; 4096];
        let n = self.stream.read(&mut buf).await.unwrap_or(0);
        self.received.extend_from_slice(&buf[..n]);
        n > 0
    }
}
