//! `TcpSocket`: options before a connection or a listener, and sockets with a linger time.

use std::cell::Cell;
use std::future::pending;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use quintet::net::{TcpListener, TcpSocket, TcpStream};
use quintet::runtime::{Builder, Runtime};
use quintet::spawn;
use quintet::task::yield_now;

use crate::support::cases::{connection, watched};
use crate::support::skipped::skip;

/// Longer than a test may take: a loop that is blocked by it hangs.
const FOR_EVER: Duration = Duration::from_secs(30_000);

fn any_port() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

#[test]
fn options_are_set_and_returned() {
    let v4 = TcpSocket::new_v4().unwrap();
    let v6 = TcpSocket::new_v6().inspect_err(|error| skip(error)).ok();
    for socket in [Some(&v4), v6.as_ref()].into_iter().flatten() {
        assert!(!socket.keepalive().unwrap());
        socket.set_keepalive(true).unwrap();
        assert!(socket.keepalive().unwrap());
        socket.set_reuseaddr(true).unwrap();
        assert!(socket.reuseaddr().unwrap());
        socket.set_reuseport(true).unwrap();
        assert!(socket.reuseport().unwrap());
        socket.set_nodelay(true).unwrap();
        assert!(socket.nodelay().unwrap());
        // The kernel may give more.
        socket.set_send_buffer_size(20_000).unwrap();
        assert!(socket.send_buffer_size().unwrap() >= 20_000);
        socket.set_recv_buffer_size(20_000).unwrap();
        assert!(socket.recv_buffer_size().unwrap() >= 20_000);
        assert_eq!(socket.linger().unwrap(), None);
        socket.set_linger(Some(Duration::from_secs(3))).unwrap();
        assert_eq!(socket.linger().unwrap(), Some(Duration::from_secs(3)));
        socket.set_zero_linger().unwrap();
        assert_eq!(socket.linger().unwrap(), Some(Duration::ZERO));
        assert!(socket.take_error().unwrap().is_none());
        assert!(format!("{socket:?}").starts_with("Socket"));
    }
    v4.set_tos_v4(0x10).unwrap();
    assert_eq!(v4.tos_v4().unwrap(), 0x10);
    if let Some(v6) = v6 {
        v6.set_tclass_v6(0x20).unwrap();
        assert_eq!(v6.tclass_v6().unwrap(), 0x20);
    }
}

#[test]
fn a_socket_connects_from_the_address_that_it_is_bound_to() {
    watched(|| {
        quintet::block_on(async {
            let server = TcpSocket::new_v4().unwrap();
            server.set_reuseaddr(true).unwrap();
            server.set_recv_buffer_size(20_000).unwrap();
            server.bind(any_port()).unwrap();
            let addr = server.local_addr().unwrap();
            let listener = server.listen(16).unwrap();
            assert_eq!(listener.local_addr().unwrap(), addr);

            let client = TcpSocket::new_v4().unwrap();
            client.set_nodelay(true).unwrap();
            client.bind(any_port()).unwrap();
            let own_addr = client.local_addr().unwrap();
            let client = client.connect(addr).await.unwrap();
            let (accepted, peer) = listener.accept().await.unwrap();
            assert_eq!(peer, own_addr);
            assert!(client.nodelay().unwrap());
            client.write_all(b"ping").await.unwrap();
            let mut buf = [0; 4];
            accepted.read_exact(&mut buf).await.unwrap();
            assert_eq!(&buf, b"ping");
            assert!(accepted.sock_ref().recv_buffer_size().unwrap() >= 20_000);
        });
    });
}

#[test]
fn errors_name_the_address() {
    watched(|| {
        quintet::block_on(async {
            let listener = TcpListener::bind(any_port()).await.unwrap();
            let addr = listener.local_addr().unwrap();
            let second = TcpSocket::new_v4().unwrap();
            let error = second.bind(addr).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AddrInUse);
            assert!(
                error
                    .to_string()
                    .starts_with(&format!("cannot bind to {addr}: "))
            );

            drop(listener);
            let error = second.connect(addr).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
            assert!(
                error
                    .to_string()
                    .starts_with(&format!("cannot connect to {addr}: "))
            );
        });
    });
}

#[test]
fn two_listeners_share_a_port() {
    watched(|| {
        quintet::block_on(async {
            let listen = |addr| {
                let socket = TcpSocket::new_v4().unwrap();
                socket.set_reuseport(true).unwrap();
                socket.bind(addr).unwrap();
                socket.listen(u32::MAX).unwrap()
            };
            let first = listen(any_port());
            let second = listen(first.local_addr().unwrap());
            assert_eq!(first.local_addr().unwrap(), second.local_addr().unwrap());
        });
    });
}

#[test]
fn a_socket_of_another_crate_is_connected_without_blocking() {
    watched(|| {
        quintet::block_on(async {
            let listener = TcpListener::bind(any_port()).await.unwrap();
            let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
            let socket = TcpSocket::from_std_stream(socket.unwrap().into());
            let fd = socket.as_raw_fd();
            assert_eq!(socket.as_fd().as_raw_fd(), fd);
            let stream = socket
                .connect(listener.local_addr().unwrap())
                .await
                .unwrap();
            assert_eq!(stream.as_raw_fd(), fd);
            // It would block otherwise.
            let error = stream.try_read(&mut [0; 8]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
        });
        let socket = TcpSocket::new_v4().unwrap();
        let fd = socket.as_raw_fd();
        assert_eq!(OwnedFd::from(socket).as_raw_fd(), fd);
    });
}

#[test]
fn an_attempt_to_connect_is_given_up_when_its_future_is_dropped() {
    watched(|| {
        quintet::block_on(async {
            let listener = std::net::TcpListener::bind(any_port()).unwrap();
            let addr = listener.local_addr().unwrap();
            let socket = TcpSocket::new_v4().unwrap();
            drop(socket.connect(addr));
            let connected = TcpSocket::new_v4().unwrap().connect(addr).await.unwrap();
            let (accepted, peer) = listener.accept().unwrap();
            assert_eq!(peer, connected.local_addr().unwrap());
            drop(accepted);
        });
    });
}

/// Writes more than the peer's buffers hold, so that closing has something to wait for.
async fn fill(own: &TcpStream) -> usize {
    let mut filled = 0;
    while let Ok(n) = own.try_write(&[7; 65_536]) {
        filled += n;
    }
    // At most this much is taken later, while the peer acknowledges what it has received.
    filled
}

/// Reads to the end, which comes when the other end has been closed.
fn read_all(mut peer: &std::net::TcpStream) -> usize {
    let mut bytes = Vec::new();
    peer.read_to_end(&mut bytes).unwrap();
    bytes.len()
}

#[test]
fn a_socket_with_a_linger_time_is_closed_by_a_worker() {
    watched(|| {
        quintet::block_on(async {
            let (own, peer) = connection();
            own.set_linger(Some(FOR_EVER)).unwrap();
            let filled = fill(&own).await;
            let turns = Rc::new(Cell::new(0));
            let counted = Rc::clone(&turns);
            let counter = spawn(async move {
                for _ in 0..3 {
                    yield_now().await;
                    counted.set(counted.get() + 1);
                }
            });
            drop(own);
            // The loop goes on while the close waits for the peer.
            counter.await.unwrap();
            assert_eq!(turns.get(), 3);
            assert_eq!(read_all(&peer), filled);
        });
    });
}

#[test]
fn close_waits_for_the_worker() {
    watched(|| {
        quintet::block_on(async {
            let (own, peer) = connection();
            own.set_linger(Some(FOR_EVER)).unwrap();
            let filled = fill(&own).await;
            let closing = spawn(own.close());
            for _ in 0..3 {
                yield_now().await;
            }
            assert!(!closing.is_finished());
            let reader = thread::spawn(move || read_all(&peer));
            closing.await.unwrap();
            assert_eq!(reader.join().unwrap(), filled);
        });
    });
}

/// A connection whose own end is not from the standard library.
async fn connected() -> (TcpStream, std::net::TcpStream) {
    let listener = std::net::TcpListener::bind(any_port()).unwrap();
    let own = TcpStream::connect(listener.local_addr().unwrap()).await;
    (own.unwrap(), listener.accept().unwrap().0)
}

/// Asserts that the linger time of a connection is noticed: a drop of its stream, which has unsent
/// data, does not block the loop while the peer does not read.
fn is_noticed(connect: impl AsyncFnOnce() -> (TcpStream, std::net::TcpStream)) {
    watched(|| {
        quintet::block_on(async {
            let (own, peer) = connect().await;
            let filled = fill(&own).await;
            drop(own);
            yield_now().await;
            assert_eq!(read_all(&peer), filled);
        });
    });
}

#[test]
fn a_linger_time_is_noticed_however_it_was_set() {
    is_noticed(async || {
        let (own, peer) = connected().await;
        own.set_linger(Some(FOR_EVER)).unwrap();
        (own, peer)
    });
    is_noticed(async || {
        let (own, peer) = connected().await;
        own.sock_ref().set_linger(Some(FOR_EVER)).unwrap();
        (own, peer)
    });
    is_noticed(async || {
        let (own, peer) = connection();
        let own = own.into_std().unwrap();
        socket2::SockRef::from(&own)
            .set_linger(Some(FOR_EVER))
            .unwrap();
        (TcpStream::from_std(own).unwrap(), peer)
    });
    is_noticed(async || {
        let listener = std::net::TcpListener::bind(any_port()).unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_linger(Some(FOR_EVER)).unwrap();
        let own = socket
            .connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        (own, listener.accept().unwrap().0)
    });
    // An accepted connection inherits it.
    is_noticed(async || {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_linger(Some(FOR_EVER)).unwrap();
        socket.bind(any_port()).unwrap();
        let listener = socket.listen(4).unwrap();
        let peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (listener.accept().await.unwrap().0, peer)
    });
    is_noticed(async || {
        let listener = std::net::TcpListener::bind(any_port()).unwrap();
        let socket = socket2::SockRef::from(&listener);
        socket.set_linger(Some(FOR_EVER)).unwrap();
        let listener = TcpListener::from_std(listener).unwrap();
        let peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (listener.accept().await.unwrap().0, peer)
    });
    is_noticed(async || {
        let listener = TcpListener::bind(any_port()).await.unwrap();
        listener.sock_ref().set_linger(Some(FOR_EVER)).unwrap();
        let peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (listener.accept().await.unwrap().0, peer)
    });
}

#[test]
fn a_zero_linger_time_resets_the_connection_at_once() {
    watched(|| {
        quintet::block_on(async {
            let (own, mut peer) = connection();
            own.set_zero_linger().unwrap();
            fill(&own).await;
            drop(own);
            let mut bytes = Vec::new();
            let error = peer.read_to_end(&mut bytes).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        });
    });
}

#[test]
fn a_run_waits_for_the_worker_that_closes() {
    watched(|| {
        let runtime = Builder::new().worker_threads(1).build().unwrap();
        let (own, peer) = connection();
        own.set_linger(Some(FOR_EVER)).unwrap();
        let filled = runtime.block_on(fill(&own));
        runtime.spawn(async move { drop(own) });
        runtime.run_until_stalled();
        let (begin, begun) = std::sync::mpsc::channel::<()>();
        let reader = thread::spawn(move || {
            begun.recv().unwrap();
            read_all(&peer)
        });
        assert!(
            runtime.turn(Some(Duration::ZERO)),
            "the job keeps the loop alive"
        );
        begin.send(()).unwrap();
        runtime.run().unwrap();
        assert_eq!(reader.join().unwrap(), filled);
    });
}

#[test]
fn on_a_thread_without_a_loop_the_thread_itself_waits() {
    watched(|| {
        let (own, peer) = connection();
        own.set_linger(Some(FOR_EVER)).unwrap();
        let filled = quintet::block_on(fill(&own));
        let reader = thread::spawn(move || read_all(&peer));
        drop(own);
        assert_eq!(reader.join().unwrap(), filled);
    });
}

#[test]
fn sockets_without_a_linger_time_are_closed_at_once() {
    watched(|| {
        let runtime = Runtime::new().unwrap();
        let (own, mut peer) = connection();
        runtime.block_on(async {
            own.sock_ref().set_keepalive(true).unwrap();
            drop(own);
            peer.write_all(b"x").unwrap();
        });
        // No job is left.
        runtime.spawn(async { pending::<()>().await });
        assert!(runtime.run().is_err());
    });
}
