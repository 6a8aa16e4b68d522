//! The load generator: one thread, plain sockets and epoll, the same for every server.
//!
//! Each connection has one request in flight and sends the next once the whole reply has arrived (a
//! closed loop). So a slow server gets fewer requests, and the latencies are those of a server that
//! is busy but not overloaded.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::time::Instant;

use rustix::buffer::spare_capacity;
use rustix::event::epoll;

use crate::http2_frames::Http2Frames;
use crate::measure::nanos;

/// How the end of a reply is found.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reply {
    /// The reply has this number of bytes.
    Bytes(usize),
    /// The header of the reply contains its length.
    Http,
}

/// Open connections to a server.
pub(crate) struct Load<S = TcpStream> {
    epoll: rustix::fd::OwnedFd,
    connections: Vec<Client<S>>,
    request: Vec<u8>,
    reply: usize,
    buffer: Vec<u8>,
}

/// One connection and the state of its request.
struct Client<S> {
    stream: S,
    sent: Instant,
    received: usize,
}

/// Connects to a server.
pub(crate) fn connect_socket(addr: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(addr)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl Load {
    /// Connects and exchanges one request and reply on each connection, so that the server has
    /// accepted all of them.
    pub(crate) fn connect(
        addr: SocketAddr,
        connections: u64,
        request: Vec<u8>,
        reply: Reply,
    ) -> io::Result<Self> {
        Self::connect_by(connections, request, reply, || connect_socket(addr))
    }
}

impl<S: Read + Write + AsFd> Load<S> {
    /// The same by `connect`.
    pub(crate) fn connect_by(
        connections: u64,
        request: Vec<u8>,
        reply: Reply,
        mut connect: impl FnMut() -> io::Result<S>,
    ) -> io::Result<Self> {
        let mut load = Load {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            connections: Vec::new(),
            request,
            reply: 0,
            buffer: vec![0; 64 * 1024],
        };
        for number in 0..connections {
            let mut stream = connect()?;
            stream.write_all(&load.request)?;
            load.reply = match reply {
                Reply::Bytes(count) => {
                    stream.read_exact(&mut load.buffer[..count])?;
                    count
                }
                Reply::Http => read_http(&mut stream)?,
            };
            let data = epoll::EventData::new_u64(number);
            epoll::add(&load.epoll, &stream, data, epoll::EventFlags::IN)?;
            load.connections.push(Client {
                stream,
                sent: Instant::now(),
                received: 0,
            });
        }
        Ok(load)
    }

    /// Sends `requests` requests and returns the latency of each, in nanoseconds.
    pub(crate) fn drive(&mut self, requests: u64) -> io::Result<Vec<u64>> {
        let mut latencies = Vec::new();
        let mut to_send = requests;
        for connection in &mut self.connections {
            if to_send > 0 {
                to_send -= 1;
                connection.send(&self.request)?;
            }
        }
        let mut events = Vec::with_capacity(256);
        while (latencies.len() as u64) < requests {
            events.clear();
            epoll::wait(&self.epoll, spare_capacity(&mut events), None)?;
            for event in &events {
                let data = event.data;
                let index = usize::try_from(data.u64()).expect("an index fits");
                let connection = &mut self.connections[index];
                if !connection.receive(&mut self.buffer, self.reply)? {
                    continue;
                }
                latencies.push(nanos(connection.sent.elapsed()));
                if to_send > 0 {
                    to_send -= 1;
                    connection.send(&self.request)?;
                }
            }
        }
        Ok(latencies)
    }
}

impl<S: Read + Write> Client<S> {
    /// Sends a request. The socket is blocking, which is safe: the server always reads.
    fn send(&mut self, request: &[u8]) -> io::Result<()> {
        self.sent = Instant::now();
        self.received = 0;
        self.stream.write_all(request)
    }

    /// Reads once and returns whether the reply is complete. The read does not block, since epoll
    /// has reported the socket as readable.
    fn receive(&mut self, buffer: &mut [u8], reply: usize) -> io::Result<bool> {
        let count = self.stream.read(buffer)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.received += count;
        Ok(self.received >= reply)
    }
}

/// Connects, sends a message, receives the reply and closes, `count` times in sequence. Returns the
/// latency of each, in nanoseconds.
pub(crate) fn churn(
    addr: SocketAddr,
    message: &[u8],
    reply: Reply,
    count: u64,
) -> io::Result<Vec<u64>> {
    let mut latencies = Vec::new();
    let mut buffer = vec![0; message.len()];
    for _ in 0..count {
        let start = Instant::now();
        let mut stream = TcpStream::connect(addr)?;
        stream.write_all(message)?;
        match reply {
            Reply::Bytes(count) => stream.read_exact(&mut buffer[..count])?,
            Reply::Http => drop(read_http(&mut stream)?),
        }
        drop(stream);
        latencies.push(nanos(start.elapsed()));
    }
    Ok(latencies)
}

/// A connection of HTTP/2, on which so many requests are in flight.
pub(crate) struct Streams {
    stream: TcpStream,
    frames: Http2Frames,
    streams: u64,
    buffer: Vec<u8>,
}

impl Streams {
    /// Connects, and exchanges one request and response.
    pub(crate) fn connect(addr: SocketAddr, streams: u64, frames: Http2Frames) -> io::Result<Self> {
        let mut streams = Streams {
            stream: connect_socket(addr)?,
            frames,
            streams,
            buffer: vec![0; 64 * 1024],
        };
        streams.exchange(1, &mut Vec::new())?;
        Ok(streams)
    }

    /// Sends so many requests, and returns the latency of each, in nanoseconds. The next ones are
    /// sent once all responses have arrived.
    pub(crate) fn drive(&mut self, requests: u64) -> io::Result<Vec<u64>> {
        let mut latencies = Vec::new();
        while (latencies.len() as u64) < requests {
            let left = requests - latencies.len() as u64;
            self.exchange(left.min(self.streams), &mut latencies)?;
        }
        Ok(latencies)
    }

    fn exchange(&mut self, count: u64, latencies: &mut Vec<u64>) -> io::Result<()> {
        let start = Instant::now();
        self.stream.write_all(&self.frames.requests(count))?;
        let mut left = count;
        while left > 0 {
            let received = self.stream.read(&mut self.buffer)?;
            if received == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let completed = self.frames.receive(&self.buffer[..received])?;
            left -= completed;
            let latency = nanos(start.elapsed());
            latencies.extend((0..completed).map(|_| latency));
        }
        Ok(())
    }
}

/// Reads one HTTP reply and returns its length. All replies have the same length.
///
/// # Errors
///
/// Returns the error of a read, `UnexpectedEof` if the server closes the connection, and another
/// error if the reply is not what was asked for.
pub(crate) fn read_http(stream: &mut impl Read) -> io::Result<usize> {
    let mut reply = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let count = stream.read(&mut chunk)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        reply.extend_from_slice(&chunk[..count]);
        if let Some(length) = http_length(&reply)
            && reply.len() >= length
        {
            if !reply.starts_with(b"HTTP/1.1 200") {
                let reply = String::from_utf8_lossy(&reply).into_owned();
                return Err(io::Error::other(reply));
            }
            return Ok(length);
        }
    }
}

/// Returns the length of the reply, or `None` if its header is not complete.
fn http_length(reply: &[u8]) -> Option<usize> {
    let text = String::from_utf8_lossy(reply);
    let header = &text[..text.find("\r\n\r\n")? + 4];
    let body = header.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>().ok())?
    })?;
    Some(header.len() + body)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::thread;
    use std::time::Instant;

    use super::{Client, Load, Reply, churn, http_length};

    /// Starts a server that echoes on each connection.
    fn echo_server() -> std::net::SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                thread::spawn(move || {
                    let mut buffer = [0; 1024];
                    while let Ok(count @ 1..) = stream.read(&mut buffer) {
                        stream.write_all(&buffer[..count]).unwrap();
                    }
                });
            }
        });
        addr
    }

    #[test]
    fn each_request_has_a_latency() {
        let addr = echo_server();
        let mut load = Load::connect(addr, 3, vec![7; 5000], Reply::Bytes(5000)).unwrap();

        assert_eq!(load.drive(10).unwrap().len(), 10);
        // Fewer requests than connections.
        assert_eq!(load.drive(2).unwrap().len(), 2);
        assert_eq!(churn(addr, &[7; 64], Reply::Bytes(64), 4).unwrap().len(), 4);
    }

    #[test]
    fn a_reply_may_arrive_in_parts() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        let mut connection = Client {
            stream,
            sent: Instant::now(),
            received: 0,
        };
        let mut receive = || connection.receive(&mut [0; 16], 3).unwrap();

        server.write_all(&[7]).unwrap();
        assert!(!receive());
        server.write_all(&[7; 2]).unwrap();
        // The bytes arrive together or one by one.
        assert!(receive() || receive());
        drop(server);
        assert!(connection.receive(&mut [0; 16], 3).is_err());
    }

    #[test]
    fn the_header_contains_the_length() {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";

        assert_eq!(http_length(head.as_bytes()), Some(head.len() + 5));
        assert_eq!(http_length(&head.as_bytes()[..head.len() - 1]), None);
        assert_eq!(http_length(b"HTTP/1.1 200 OK\r\n\r\n"), None);
    }
}
