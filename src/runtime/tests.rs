//! Tests of a loop's internal state: slots of closed sources, work while idle, and the cost of
//! unreferenced things.

mod idle;
mod lookups;
mod unreferenced;

use std::net::{Ipv4Addr, TcpListener, TcpStream as Peer};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use futures::FutureExt;

use super::Runtime;
use crate::context;
use crate::net::TcpStream;
use crate::phase::poll::{ReadinessParts, SourceKind};
use crate::task::yield_now;

/// Returns the slot that the next source will get.
fn next_slot() -> usize {
    let (end, _other) = UnixStream::pair().unwrap();
    let slot = context::with(|event_loop| {
        let poll = &event_loop.poll;
        let key = poll
            .register(end.as_fd(), SourceKind::Ordinary, ReadinessParts::ALL)
            .unwrap();
        poll.release(key);
        key.index()
    });
    slot.expect("this is a task")
}

/// A socket with a slot: a read has waited on it.
fn registered(listener: &TcpListener) -> (TcpStream, Peer) {
    let peer = Peer::connect(listener.local_addr().unwrap()).unwrap();
    let (own, _) = listener.accept().unwrap();
    let own = TcpStream::from_std(own).unwrap();
    assert!(own.read(&mut [0]).now_or_never().is_none());
    (own, peer)
}

#[test]
fn the_slot_of_a_socket_is_freed_however_it_is_closed() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    Runtime::new().unwrap().block_on(async {
        let free = next_slot();
        for _ in 0..20 {
            let (own, _peer) = registered(&listener);
            own.close().await;
            assert_eq!(next_slot(), free, "closed, and the close was awaited");

            let (own, _peer) = registered(&listener);
            assert!(own.close().now_or_never().is_none());
            next_tick().await;
            assert_eq!(next_slot(), free, "closed, and the close was dropped");

            let (own, _peer) = registered(&listener);
            drop(own);
            next_tick().await;
            assert_eq!(next_slot(), free, "dropped");

            let (own, _peer) = registered(&listener);
            drop(own.into_std());
            next_tick().await;
            assert_eq!(next_slot(), free, "converted into a std socket");

            let (own, _peer) = registered(&listener);
            std::thread::spawn(move || drop(own)).join().unwrap();
            next_tick().await;
            assert_eq!(next_slot(), free, "dropped on another thread");
        }
    });
}

/// Waits for a later check phase, so that a close phase has run.
async fn next_tick() {
    yield_now().await;
    yield_now().await;
    yield_now().await;
}
