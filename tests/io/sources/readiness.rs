//! `readable` and `writable` say what is so, and take nothing.

use std::io::ErrorKind;
use std::time::Duration;

use quintet::net::TcpStream;
use socket2::SockRef;

use super::registered;
use crate::support::cases::{connection, deliver, watched};

/// Resets the connection, so that `own` finds an error.
fn reset(peer: std::net::TcpStream) {
    SockRef::from(&peer)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(peer);
}

async fn reset_is_left_to_the_read(own: TcpStream) {
    own.readable().await.unwrap();
    own.writable().await.unwrap();
    own.readable().await.unwrap();
    let error = own.try_read(&mut [0; 8]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn readable_leaves_a_reset_to_the_read_that_follows() {
    watched(|| {
        quintet::block_on(async {
            let (own, peer) = connection();
            reset(peer);
            reset_is_left_to_the_read(own).await;
        });
    });
}

#[test]
fn so_it_does_on_a_socket_that_the_poller_knows() {
    watched(|| {
        quintet::block_on(async {
            let (own, peer) = registered().await;
            let own = std::rc::Rc::new(own);
            let waiting = quintet::spawn({
                let own = std::rc::Rc::clone(&own);
                async move { own.readable().await }
            });
            quintet::task::yield_now().await;
            reset(peer);
            waiting.await.unwrap().unwrap();
            reset_is_left_to_the_read(std::rc::Rc::into_inner(own).unwrap()).await;
        });
    });
}

#[test]
fn peek_leaves_the_bytes_and_readable_the_end() {
    watched(|| {
        quintet::block_on(async {
            let (own, peer) = registered().await;
            deliver(&peer, &own, b"abc");
            let mut buf = [0; 8];
            assert_eq!(own.peek(&mut buf).await.unwrap(), 3);
            own.readable().await.unwrap();
            assert_eq!(own.read(&mut buf).await.unwrap(), 3);
            drop(peer);
            own.readable().await.unwrap();
            own.readable().await.unwrap();
            assert_eq!(own.try_read(&mut buf).unwrap(), 0);
        });
    });
}

#[test]
fn readable_waits_where_nothing_has_come() {
    watched(|| {
        quintet::block_on(async {
            for is_registered in [false, true] {
                let (own, peer) = if is_registered {
                    registered().await
                } else {
                    connection()
                };
                // A short read proves that the socket is drained on Linux only.
                let error = own.try_read(&mut [0; 8]).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                let own = std::rc::Rc::new(own);
                let waiting = quintet::spawn({
                    let own = std::rc::Rc::clone(&own);
                    async move { own.readable().await }
                });
                for _ in 0..3 {
                    quintet::task::yield_now().await;
                }
                assert!(!waiting.is_finished());
                deliver(&peer, &*own, b"x");
                waiting.await.unwrap().unwrap();
                assert_eq!(own.try_read(&mut [0; 8]).unwrap(), 1);
            }
        });
    });
}
