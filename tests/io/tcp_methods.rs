//! The methods of TCP streams, listeners and halves that do not wait, or wait for readiness only.

use std::future::poll_fn;
use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net::{Ipv4Addr, Shutdown};
use std::rc::Rc;
use std::task::Poll;

use quintet::io::{Interest, Ready};
use quintet::net::{TcpListener, TcpStream};
use quintet::spawn;
use quintet::task::yield_now;

use crate::support::cases::{connection, deliver, watched};
use crate::support::wakers::poll;

#[test]
fn vectored_reads_and_writes_do_not_wait() {
    watched(|| {
        quintet::block_on(async {
            let (own, mut peer) = connection();
            let (mut a, mut b) = ([0; 2], [0; 8]);
            let mut bufs = [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)];
            let error = own.try_read_vectored(&mut bufs).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
            assert_eq!(own.try_read_vectored(&mut []).unwrap(), 0);
            deliver(&peer, &own, b"abcde");
            assert_eq!(own.try_read_vectored(&mut bufs).unwrap(), 5);
            assert_eq!((&a, &b[..3]), (b"ab", &b"cde"[..]));

            let words = [IoSlice::new(b"one"), IoSlice::new(b"two")];
            assert_eq!(own.try_write_vectored(&words).unwrap(), 6);
            assert_eq!(own.try_write_vectored(&[]).unwrap(), 0);
            let mut read = [0; 6];
            peer.read_exact(&mut read).unwrap();
            assert_eq!(&read, b"onetwo");
        });
    });
}

#[test]
fn a_poll_to_peek_is_woken_and_consumes_nothing() {
    watched(|| {
        quintet::block_on(async {
            let (own, peer) = connection();
            let own = Rc::new(own);
            let peeks = spawn({
                let own = Rc::clone(&own);
                async move {
                    let mut buf = [0; 8];
                    let n = poll_fn(|cx| own.poll_peek(cx, &mut buf)).await.unwrap();
                    buf[..n].to_vec()
                }
            });
            yield_now().await;
            assert!(!peeks.is_finished());
            deliver(&peer, &*own, b"abc");
            assert_eq!(peeks.await.unwrap(), b"abc");
            assert_eq!(own.try_read(&mut [0; 8]).unwrap(), 3);
            let nothing = poll_fn(|cx| Poll::Ready(own.poll_peek(cx, &mut []))).await;
            assert!(matches!(nothing, Poll::Ready(Ok(0))), "{nothing:?}");
        });
    });
}

#[test]
fn shutdown_ends_the_write_half_only() {
    watched(|| {
        quintet::block_on(async {
            let (own, mut peer) = connection();
            own.write_all(b"last").await.unwrap();
            own.shutdown().await.unwrap();
            let mut all = Vec::new();
            peer.read_to_end(&mut all).unwrap();
            assert_eq!(all, b"last");
            let error = own.write(b"more").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BrokenPipe);
            peer.write_all(b"reply").unwrap();
            let mut buf = [0; 5];
            own.read_exact(&mut buf).await.unwrap();

            // Once the connection has ended there is nothing to do, and `shutdown_now` says so.
            drop(peer);
            assert_eq!(own.read(&mut buf).await.unwrap(), 0);
            own.shutdown().await.unwrap();
            let error = own.shutdown_now(Shutdown::Both).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotConnected);
        });
    });
}

/// Uses all methods of two halves.
macro_rules! use_halves {
    ($read:ident, $write:ident, $peer:ident) => {
        $write.writable().await.unwrap();
        poll_fn(|cx| $write.poll_write_ready(cx)).await.unwrap();
        assert_eq!(
            $write.ready(Interest::WRITABLE).await.unwrap(),
            Ready::WRITABLE
        );
        assert_eq!($write.try_write(b"a").unwrap(), 1);
        assert_eq!($write.try_write_vectored(&[IoSlice::new(b"b")]).unwrap(), 1);
        let written = $write.async_io(Interest::WRITABLE, || ($peer).write(b"xyz"));
        assert_eq!(written.await.unwrap(), 3);

        $read.readable().await.unwrap();
        poll_fn(|cx| $read.poll_read_ready(cx)).await.unwrap();
        assert_eq!(
            $read.ready(Interest::READABLE).await.unwrap(),
            Ready::READABLE
        );
        let mut buf = [0; 1];
        assert_eq!($read.peek(&mut buf).await.unwrap(), 1);
        assert_eq!(
            poll_fn(|cx| $read.poll_peek(cx, &mut buf)).await.unwrap(),
            1
        );
        assert_eq!($read.try_read(&mut buf).unwrap(), 1);
        assert_eq!(&buf, b"x");
        let mut bufs = [IoSliceMut::new(&mut buf)];
        assert_eq!($read.try_read_vectored(&mut bufs).unwrap(), 1);
        $read.try_io(Interest::READABLE, || Ok(())).unwrap();
        assert_eq!($read.try_read(&mut buf).unwrap(), 1);
        let error = $read.try_read(&mut buf).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        assert!(poll!($read.readable()).is_pending());

        $write.shutdown().await.unwrap();
        let mut all = Vec::new();
        $peer.read_to_end(&mut all).unwrap();
        assert_eq!(all, b"ab");
    };
}

#[test]
fn halves_have_the_methods_of_their_direction() {
    watched(|| {
        quintet::block_on(async {
            let (mut own, mut peer) = connection();
            let (read, write) = own.split();
            use_halves!(read, write, peer);
            let (own, mut peer) = connection();
            let (read, write) = own.into_split();
            use_halves!(read, write, peer);
            assert!(read.reunite(write).is_ok());
        });
    });
}

#[test]
fn a_listener_is_readable_when_a_connection_waits() {
    watched(|| {
        quintet::block_on(async {
            let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let listener = TcpListener::try_from(listener).unwrap();
            let error = listener.try_accept().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
            let listener = Rc::new(listener);
            let waits = spawn({
                let listener = Rc::clone(&listener);
                async move { listener.ready(Interest::READABLE).await }
            });
            yield_now().await;
            assert!(!waits.is_finished());
            let addr = listener.local_addr().unwrap();
            let client = std::net::TcpStream::connect(addr).unwrap();
            assert_eq!(waits.await.unwrap().unwrap(), Ready::READABLE);
            let (_stream, peer) = listener.try_accept().unwrap();
            assert_eq!(peer, client.local_addr().unwrap());
            let client = TcpStream::try_from(client).unwrap();
            let error = client.try_read(&mut [0; 8]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
        });
    });
}
