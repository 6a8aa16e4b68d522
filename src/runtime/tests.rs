//! What can be seen of a loop from inside only: what it keeps of things that are gone, and what it does
//! while nothing happens.

mod crowds;
mod silence;

use std::net::{Ipv4Addr, TcpListener, TcpStream as Peer};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use futures::FutureExt;

use super::Runtime;
use crate::context;
use crate::net::TcpStream;
use crate::phase::poll::SourceKind;
use crate::task::yield_now;

/// The slot that the next source would get.
fn next_slot() -> usize {
    let (end, _other) = UnixStream::pair().unwrap();
    let slot = context::with(|event_loop| {
        let poll = &event_loop.poll;
        let key = poll.register(end.as_fd(), SourceKind::Ordinary).unwrap();
        poll.release(key);
        key.index()
    });
    slot.expect("a loop runs here")
}

/// A socket that has its slot, because it has been waited for.
fn registered(listener: &TcpListener) -> (TcpStream, Peer) {
    let peer = Peer::connect(listener.local_addr().unwrap()).unwrap();
    let (own, _) = listener.accept().unwrap();
    let own = TcpStream::from_std(own).unwrap();
    assert!(own.read(&mut [0]).now_or_never().is_none());
    (own, peer)
}

#[test]
fn whatever_way_a_socket_goes_its_slot_is_free_again() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    Runtime::new().unwrap().block_on(async {
        let free = next_slot();
        for _ in 0..20 {
            let (own, _peer) = registered(&listener);
            own.close().await;
            assert_eq!(next_slot(), free, "closed, which was awaited");

            let (own, _peer) = registered(&listener);
            assert!(own.close().now_or_never().is_none());
            in_the_next_tick().await;
            assert_eq!(next_slot(), free, "closed, which nobody awaits any longer");

            let (own, _peer) = registered(&listener);
            drop(own);
            in_the_next_tick().await;
            assert_eq!(next_slot(), free, "dropped");

            let (own, _peer) = registered(&listener);
            drop(own.into_std());
            in_the_next_tick().await;
            assert_eq!(next_slot(), free, "moved away");

            let (own, _peer) = registered(&listener);
            std::thread::spawn(move || drop(own)).join().unwrap();
            in_the_next_tick().await;
            assert_eq!(next_slot(), free, "dropped on another thread");
        }
    });
}

/// A close phase comes between one check phase and the next.
async fn in_the_next_tick() {
    yield_now().await;
    yield_now().await;
    yield_now().await;
}
