//! A system without resources, and real sockets.

use std::time::Duration;

use quintet::net::{TcpListener, TcpStream};
use quintet::time::Instant;
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::app::{Requests, router, start};
use crate::client::Client;

#[quintet::test(start_paused)]
async fn without_descriptors_no_client_is_lost() {
    let running = start(|server| server);
    let mut first = running.network.connect();
    assert_eq!(first.get("/").await.status, 200);
    for _ in 0..3 {
        running.network.fail(Errno::MFILE);
    }
    let mut second = running.network.connect();
    let since = Instant::now();
    // Open connections are served meanwhile.
    assert_eq!(first.get("/").await.status, 200);
    assert_eq!(since.elapsed(), Duration::ZERO);
    assert_eq!(second.get("/").await.status, 200);
    assert_eq!(running.errors.borrow().len(), 3);
}

/// Each connection has two descriptors here.
#[quintet::test]
async fn thousands_of_idle_sockets_are_served_at_once() {
    const WANTED: u64 = 5000;
    const OTHERS: u64 = 500;
    let limits = getrlimit(Resource::Nofile);
    let needed = 2 * WANTED + OTHERS;
    let current = limits.maximum.unwrap_or(needed).min(needed);
    let raised = Rlimit {
        current: Some(current.max(limits.current.unwrap_or(needed))),
        maximum: limits.maximum,
    };
    setrlimit(Resource::Nofile, raised).unwrap();
    let count = current.saturating_sub(OTHERS) / 2;
    if count < WANTED {
        println!("skipped: {WANTED} sockets: the limit allows {count}");
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let requests = Requests::default();
    let server = quintet_axum::serve(listener, router(&requests));
    let server = quintet::spawn(server.into_future());
    let mut clients = Vec::new();
    for _ in 0..count {
        let mut client = Client::new(TcpStream::connect(addr).await.unwrap());
        assert_eq!(client.get("/").await.status, 200);
        clients.push(client);
    }
    for client in &mut clients {
        client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    }
    for client in &mut clients {
        assert_eq!(client.reply().await.status, 200);
    }
    server.abort();
}
