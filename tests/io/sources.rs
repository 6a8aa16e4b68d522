//! Sockets and what waits for them: when an operation is tried again, and what is woken.

mod alive;
mod interest;
mod pollers;
#[cfg(not(any(quintet_portable, not(any(target_os = "linux", target_os = "android")))))]
mod priority;
mod readiness;
mod short_counts;

use std::task::{Context, Waker};

use quintet::net::TcpStream;

use crate::support::cases::{connection, deliver};

/// A connection whose own end is registered with the poller: an operation has waited for it.
async fn registered() -> (TcpStream, std::net::TcpStream) {
    let (own, peer) = connection();
    let mut byte = [0; 2];
    {
        let mut read = std::pin::pin!(own.read(&mut byte));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(read.as_mut().poll(&mut cx).is_pending());
        deliver(&peer, &own, b"0");
        read.await.unwrap();
    }
    // Where a short read proves nothing, this does.
    let drained = own.try_read(&mut byte).unwrap_err();
    assert_eq!(drained.kind(), std::io::ErrorKind::WouldBlock);
    (own, peer)
}
