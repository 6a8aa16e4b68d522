//! HTTP with the server and its clients on one loop, to be counted.
//!
//! The clients are plain sockets of a task, which sends the requests of a round and then waits
//! until the service has handled them. So what is counted is the server, a send and a read of each
//! client, and one wake in each round.

use std::future::poll_fn;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures::task::AtomicWaker;
use hyper::service::service_fn;

use super::Amount;
use super::tasks::timed;
use super::traffic::{REQUEST, STREAMS};
use crate::http2_frames::Http2Frames;
use crate::load::read_http;
use crate::measure::Sample;
use crate::runtimes::{HttpServer, SharedSocket, hello};

/// After so long a reply is not to be expected.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the clients do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HttpLoop {
    /// Requests on so many connections.
    Requests { connections: u64 },
    /// A connection for each request.
    Churn,
    /// Requests on a hundred streams of one connection of HTTP/2.
    Streams,
}

/// Counts requests, for a task that waits for a number of them.
#[derive(Debug, Default)]
struct Handled {
    count: AtomicU64,
    wanted: AtomicU64,
    waiter: AtomicWaker,
}

impl Handled {
    fn note(&self) {
        let count = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        if count == self.wanted.load(Ordering::Relaxed) {
            self.waiter.wake();
        }
    }

    /// Waits until so many more have been handled. Then their responses have been written: hyper
    /// does so before its task returns.
    async fn more(&self, count: u64) {
        let wanted = self.wanted.load(Ordering::Relaxed) + count;
        self.wanted.store(wanted, Ordering::Relaxed);
        poll_fn(|cx| {
            if self.count.load(Ordering::Relaxed) >= wanted {
                return Poll::Ready(());
            }
            self.waiter.register(cx.waker());
            Poll::Pending
        })
        .await;
    }
}

pub(crate) fn run<R: HttpServer + SharedSocket>(work: HttpLoop, amount: Amount) -> Sample {
    timed::<R, _>(amount, move |count| async move {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let addr = listener.local_addr().expect("it is bound");
        let handled = Arc::new(Handled::default());
        let noted = Arc::clone(&handled);
        let service = service_fn(move |request| {
            noted.note();
            hello(request)
        });
        // It ends with the runtime.
        drop(R::spawn(R::serve_http(listener, service)));
        match work {
            HttpLoop::Requests { connections } => {
                requests(addr, &handled, connections, count).await;
            }
            HttpLoop::Churn => churn(addr, &handled, count).await,
            HttpLoop::Streams => streams::<R>(addr, count).await,
        }
    })
}

fn connect(addr: SocketAddr) -> TcpStream {
    let client = TcpStream::connect(addr).expect("the server listens");
    client.set_nodelay(true).expect("an option of TCP");
    let patience = Some(PATIENCE);
    client.set_read_timeout(patience).expect("an option of TCP");
    client
}

/// Sends a request on each connection, and receives the responses, which are all alike.
async fn exchange(clients: &mut [TcpStream], handled: &Handled, reply: &mut [u8]) {
    for client in &mut *clients {
        client.write_all(REQUEST).expect("the server reads");
    }
    handled.more(clients.len() as u64).await;
    for client in clients {
        client.read_exact(reply).expect("the server has replied");
    }
}

/// Connects, and is served once. Returns a buffer of the size of the reply, too.
async fn first_exchange(addr: SocketAddr, handled: &Handled) -> (TcpStream, Vec<u8>) {
    let mut client = connect(addr);
    client.write_all(REQUEST).expect("the server reads");
    handled.more(1).await;
    let length = read_http(&mut client).expect("the server has replied");
    (client, vec![0; length])
}

async fn churn(addr: SocketAddr, handled: &Handled, count: u64) {
    let (_, mut reply) = first_exchange(addr, handled).await;
    for _ in 0..count {
        let mut client = connect(addr);
        exchange(std::slice::from_mut(&mut client), handled, &mut reply).await;
    }
}

async fn requests(addr: SocketAddr, handled: &Handled, connections: u64, count: u64) {
    let (first, mut reply) = first_exchange(addr, handled).await;
    let mut clients = vec![first];
    for _ in 1..connections {
        // One at a time, so that none waits for room in the backlog.
        let mut client = connect(addr);
        exchange(std::slice::from_mut(&mut client), handled, &mut reply).await;
        clients.push(client);
    }
    for _ in 0..count / connections {
        exchange(&mut clients, handled, &mut reply).await;
    }
}

async fn streams<R: SharedSocket>(addr: SocketAddr, count: u64) {
    let mut sender = connect(addr);
    let receiver = sender.try_clone().expect("a descriptor is free");
    receiver.set_nonblocking(true).expect("a flag of a socket");
    let receiver = R::socket(receiver).expect("the socket can be registered");
    let mut frames = Http2Frames::new();
    let mut buffer = vec![0; 64 * 1024];
    for _ in 0..count / STREAMS {
        let requests = frames.requests(STREAMS);
        sender.write_all(&requests).expect("the server reads");
        let mut left = STREAMS;
        while left > 0 {
            R::readable(&receiver).await.expect("the server replies");
            // An error is that there is no more.
            while let Ok(count) = R::try_read(&receiver, &mut buffer) {
                assert_ne!(count, 0, "the server has closed the connection");
                left -= frames.receive(&buffer[..count]).expect("it is in order");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{HttpLoop, run};
    use crate::runtimes::Quintet;
    use crate::workloads::Amount;

    #[test]
    fn each_kind_ends() {
        for work in [
            HttpLoop::Requests { connections: 1 },
            HttpLoop::Requests { connections: 20 },
            HttpLoop::Churn,
            HttpLoop::Streams,
        ] {
            let sample = run::<Quintet>(
                work,
                Amount {
                    operations: 200,
                    live: None,
                    warm_up: false,
                },
            );
            assert_eq!(sample.operations, 200);
        }
    }
}
