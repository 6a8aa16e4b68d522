//! The load of a soak: well-behaved clients, and those that die or stall at each stage.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::sockopt::set_socket_linger;

use super::server::Addrs;
use crate::load::{Load, Reply, churn};

const HTTP_REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

const HTTP_CONNECTIONS: u64 = 32;
const ECHO_CONNECTIONS: u64 = 32;
const ECHO_SIZE: usize = 1000;
/// How many exchanges there are between two looks at whether to stop.
const BATCH: u64 = 256;
/// A pause between the connections of a client that opens many, so that they do not use up the
/// ports of the machine: each is kept for a minute.
const PAUSE: Duration = Duration::from_millis(5);
/// How many connections stall at a time, and for how long each does.
const STALLED: usize = 50;
const STALL: Duration = Duration::from_secs(2);

/// A kind of client. Each has a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Client {
    /// Requests on connections that stay open.
    Http,
    /// Messages on connections that stay open.
    Echo,
    /// A connection for each message.
    Churn,
    /// Connections that are reset in the middle of a request or of a message.
    Resets,
    /// Connections that stop in the middle of a request, for a while or for ever.
    Stalls,
}

impl Client {
    pub(super) const ALL: [Client; 5] = [
        Client::Http,
        Client::Echo,
        Client::Churn,
        Client::Resets,
        Client::Stalls,
    ];

    pub(super) fn title(self) -> &'static str {
        match self {
            Client::Http => "HTTP requests",
            Client::Echo => "messages echoed",
            Client::Churn => "connections with one message",
            Client::Resets => "connections reset",
            Client::Stalls => "connections stalled",
        }
    }

    /// Runs until `stop`, and counts what it has done.
    pub(super) fn run(self, addrs: Addrs, done: &AtomicU64, stop: &AtomicBool) -> io::Result<()> {
        let keep_going = |number: u64| {
            done.fetch_add(number, Ordering::Relaxed);
            !stop.load(Ordering::Relaxed)
        };
        match self {
            Client::Http => {
                let request = HTTP_REQUEST.to_vec();
                let load = Load::connect(addrs.http, HTTP_CONNECTIONS, request, Reply::Http)?;
                drive(load, keep_going)
            }
            Client::Echo => {
                let message = vec![7; ECHO_SIZE];
                let reply = Reply::Bytes(ECHO_SIZE);
                drive(
                    Load::connect(addrs.echo, ECHO_CONNECTIONS, message, reply)?,
                    keep_going,
                )
            }
            Client::Churn => {
                while keep_going(1) {
                    churn(addrs.echo, &[7; 64], Reply::Bytes(64), 1)?;
                    thread::sleep(PAUSE);
                }
                Ok(())
            }
            Client::Resets => reset(addrs, keep_going),
            Client::Stalls => stall(addrs.http, keep_going),
        }
    }
}

fn drive(mut load: Load, keep_going: impl Fn(u64) -> bool) -> io::Result<()> {
    while keep_going(BATCH) {
        load.drive(BATCH)?;
    }
    Ok(())
}

/// Sends more and more of a request or of a message and resets the connection.
fn reset(addrs: Addrs, keep_going: impl Fn(u64) -> bool) -> io::Result<()> {
    for sent in (0..=HTTP_REQUEST.len()).cycle() {
        for addr in [addrs.http, addrs.echo] {
            let mut stream = TcpStream::connect(addr)?;
            stream.write_all(&HTTP_REQUEST[..sent])?;
            set_socket_linger(&stream, Some(Duration::ZERO))?;
        }
        thread::sleep(PAUSE);
        if !keep_going(2) {
            break;
        }
    }
    Ok(())
}

/// Keeps connections that have sent part of a request, and then sends the rest on every other one.
fn stall(http: SocketAddr, keep_going: impl Fn(u64) -> bool) -> io::Result<()> {
    let mut stalled: VecDeque<(Instant, usize, TcpStream)> = VecDeque::new();
    for number in 0.. {
        if !keep_going(1) {
            break;
        }
        let half = HTTP_REQUEST.len() / 2;
        let sent = if number % 3 == 0 { 0 } else { half };
        let mut stream = TcpStream::connect(http)?;
        stream.write_all(&HTTP_REQUEST[..sent])?;
        stalled.push_back((Instant::now() + STALL, sent, stream));
        if stalled.len() < STALLED {
            continue;
        }
        let Some((end, sent, mut stream)) = stalled.pop_front() else {
            continue;
        };
        thread::sleep(end.saturating_duration_since(Instant::now()));
        if number % 2 == 0 {
            stream.write_all(&HTTP_REQUEST[sent..])?;
            let mut head = [0; 12];
            stream.read_exact(&mut head)?;
            if &head != b"HTTP/1.1 200" {
                let head = String::from_utf8_lossy(&head).into_owned();
                return Err(io::Error::other(format!("the reply begins with {head:?}")));
            }
        }
    }
    Ok(())
}
