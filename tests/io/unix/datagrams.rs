//! Datagrams.

use std::io::ErrorKind;
use std::net::Shutdown;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use quintet::net::unix::SocketAddr;
use quintet::net::{UnixDatagram, UnixSocket};
use quintet::runtime::Builder;
use quintet::task::yield_now;
use quintet::time::sleep;

use super::{block_on, path};
use crate::support::patience::in_time;
use crate::support::strict;
use crate::support::wakers::{CountingWaker, poll};

#[test]
fn a_pair_exchanges_datagrams() {
    block_on(async {
        let (one, other) = UnixDatagram::pair().unwrap();
        assert_eq!(one.send(b"ping").await.unwrap(), 4);
        assert_eq!(one.send(b"more").await.unwrap(), 4);
        let mut buf = [0; 16];
        assert_eq!(other.recv(&mut buf).await.unwrap(), 4);
        assert_eq!(&buf[..4], b"ping");
        let (n, from) = other.recv_from(&mut buf).await.unwrap();
        assert_eq!((n, from.is_unnamed()), (4, true));
        assert!(one.local_addr().unwrap().is_unnamed());
        assert!(one.peer_addr().unwrap().is_unnamed());
    });
}

#[test]
fn bound_sockets_send_to_each_other_by_path() {
    block_on(async {
        let (dir, path) = path();
        let one = UnixDatagram::bind(&path).unwrap();
        let other_path = dir.path().join("other");
        let addr = SocketAddr::from_pathname(&other_path).unwrap();
        let other = UnixDatagram::bind_addr(&addr).unwrap();
        assert_eq!(one.send_to(b"abc", &other_path).await.unwrap(), 3);
        assert_eq!(one.send_to_addr(b"defg", &addr).await.unwrap(), 4);
        assert_eq!(one.try_send_to(b"hijkl", &other_path).unwrap(), 5);
        let mut buf = [0; 16];
        for len in [3, 4, 5] {
            let (n, from) = other.recv_from(&mut buf).await.unwrap();
            assert_eq!(n, len);
            assert_eq!(from.as_pathname(), Some(&*path));
        }
        one.connect(&other_path).unwrap();
        assert_eq!(one.peer_addr().unwrap().as_pathname(), Some(&*other_path));
        one.send(b"x").await.unwrap();
        assert_eq!(other.try_recv_from(&mut buf).unwrap().0, 1);
        let unbound = UnixDatagram::unbound().unwrap();
        unbound.connect_addr(&addr).unwrap();
        unbound.send(b"yz").await.unwrap();
        assert_eq!(other.try_recv(&mut buf).unwrap(), 2);
    });
}

#[test]
fn what_is_too_large_is_cut_and_what_is_empty_is_received() {
    block_on(async {
        let (one, other) = UnixDatagram::pair().unwrap();
        assert!(poll!(pin!(other.recv(&mut [0; 8]))).is_pending());
        for datagram in [&b"abcdef"[..], b"", b"x", b""] {
            assert_eq!(one.send(datagram).await.unwrap(), datagram.len());
        }
        let mut buf = [0; 3];
        assert_eq!(other.recv(&mut buf).await.unwrap(), 3);
        assert_eq!(&buf, b"abc");
        assert_eq!(other.recv(&mut buf).await.unwrap(), 0);
        assert_eq!(other.recv(&mut buf).await.unwrap(), 1);
        assert_eq!(other.recv(&mut buf).await.unwrap(), 0);
        assert!(poll!(pin!(other.recv(&mut buf))).is_pending());
    });
}

#[test]
fn short_datagrams_do_not_hide_those_behind_them() {
    block_on(async {
        let (one, other) = UnixDatagram::pair().unwrap();
        let mut buf = [0; 1500];
        assert!(poll!(pin!(other.recv(&mut buf))).is_pending());
        let mut sent = 0;
        while sent < 100 && one.try_send(&[sent]).is_ok() {
            sent += 1;
        }
        assert!(sent > 3, "only {sent}");
        for n in 0..sent {
            assert_eq!(other.recv(&mut buf).await.unwrap(), 1);
            assert_eq!(buf[0], n);
        }
    });
}

#[test]
fn peeking_leaves_the_datagram() {
    block_on(async {
        let (one, other) = UnixDatagram::pair().unwrap();
        let mut buf = [0; 8];
        let error = other.try_peek(&mut buf).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        one.send(b"abc").await.unwrap();
        assert_eq!(other.peek(&mut buf).await.unwrap(), 3);
        assert_eq!(other.try_peek(&mut buf).unwrap(), 3);
        assert_eq!(other.recv(&mut buf).await.unwrap(), 3);
    });
}

#[test]
fn a_sender_waits_until_the_receiver_has_made_room() {
    block_on(async {
        let (one, other) = UnixDatagram::pair().unwrap();
        const COUNT: usize = 2000;
        let sender = quintet::spawn(async move {
            for n in 0..COUNT {
                one.send(&n.to_le_bytes()).await.unwrap();
            }
        });
        while !matches!(poll!(pin!(other.readable())), Poll::Ready(Ok(()))) {
            yield_now().await;
        }
        assert!(!sender.is_finished());
        let mut buf = [0; 8];
        for n in 0..COUNT {
            assert_eq!(other.recv(&mut buf).await.unwrap(), 8);
            assert_eq!(usize::from_le_bytes(buf), n);
        }
        sender.await.unwrap();
    });
}

#[test]
fn a_connected_sender_waits_for_room_that_others_have_taken() {
    block_on(async {
        let (_dir, path) = path();
        let receiver = UnixDatagram::bind(&path).unwrap();
        let first = UnixDatagram::unbound().unwrap();
        let mut count = 0;
        while first.try_send_to(b"x", &path).is_ok() {
            count += 1;
        }
        let second = UnixDatagram::unbound().unwrap();
        second.connect(&path).unwrap();
        let sender = quintet::spawn(async move { second.send(b"yz").await.unwrap() });
        yield_now().await;
        assert!(!sender.is_finished());
        for _ in 0..count {
            assert_eq!(receiver.recv(&mut [0; 8]).await.unwrap(), 1);
        }
        assert_eq!(receiver.recv(&mut [0; 8]).await.unwrap(), 2);
        assert_eq!(sender.await.unwrap(), 2);
    });
}

#[test]
fn senders_that_are_not_connected_sleep_until_there_is_room_that_others_have_taken() {
    let mut builder = Builder::new();
    builder.start_paused(true);
    in_time(|| strict::block_on_built_by(&mut builder, wait_for_room()));
}

async fn wait_for_room() {
    let (_dir, path) = path();
    let receiver = UnixDatagram::bind(&path).unwrap();
    let first = UnixDatagram::unbound().unwrap();
    let mut count = 0;
    while first.try_send_to(b"x", &path).is_ok() {
        count += 1;
    }
    let senders: Vec<_> = (0..50)
        .map(|_| {
            let path = path.clone();
            quintet::spawn(async move {
                let sender = UnixDatagram::unbound().unwrap();
                sender.send_to(b"yz", &path).await
            })
        })
        .collect();
    // The day passes at once if the loop has nothing to do, and never if they try on and on.
    sleep(Duration::from_secs(86_400)).await;
    assert!(senders.iter().all(|sender| !sender.is_finished()));
    for _ in 0..count {
        assert_eq!(receiver.recv(&mut [0; 8]).await.unwrap(), 1);
    }
    for _ in 0..senders.len() {
        assert_eq!(receiver.recv(&mut [0; 8]).await.unwrap(), 2);
    }
    for sender in senders {
        assert_eq!(sender.await.unwrap().unwrap(), 2);
    }
}

#[test]
fn a_sender_that_waits_learns_that_the_receiver_has_gone() {
    block_on(async {
        let (_dir, path) = path();
        let receiver = UnixDatagram::bind(&path).unwrap();
        let first = UnixDatagram::unbound().unwrap();
        while first.try_send_to(b"x", &path).is_ok() {}
        let target = path.clone();
        let sender = quintet::spawn(async move {
            let sender = UnixDatagram::unbound().unwrap();
            sender.send_to(b"yz", &target).await
        });
        yield_now().await;
        assert!(!sender.is_finished());
        drop(receiver);
        let error = sender.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn poll_functions_wake_their_caller() {
    block_on(async {
        let (_dir, path) = path();
        let receiver = UnixDatagram::bind(&path).unwrap();
        let sender = UnixDatagram::unbound().unwrap();
        sender.connect(&path).unwrap();
        let (counter, waker) = CountingWaker::new();
        let mut cx = Context::from_waker(&waker);
        let mut buf = [0; 8];
        assert!(receiver.poll_recv_from(&mut cx, &mut buf).is_pending());
        let sent = sender.poll_send_to(&mut cx, b"a", &path);
        assert!(matches!(sent, Poll::Ready(Ok(1))), "{sent:?}");
        let sent = sender.poll_send(&mut cx, b"ab");
        assert!(matches!(sent, Poll::Ready(Ok(2))), "{sent:?}");
        while counter.wakes() == 0 {
            yield_now().await;
        }
        let peeked = receiver.poll_peek(&mut cx, &mut buf);
        assert!(matches!(peeked, Poll::Ready(Ok(1))), "{peeked:?}");
        assert!(receiver.poll_recv_from(&mut cx, &mut buf).is_ready());
        let received = receiver.poll_recv(&mut cx, &mut buf);
        assert!(matches!(received, Poll::Ready(Ok(2))), "{received:?}");
        assert!(receiver.poll_recv(&mut cx, &mut buf).is_pending());
    });
}

#[test]
fn errors_name_what_they_are_about() {
    block_on(async {
        let (_dir, path) = path();
        let one = UnixDatagram::unbound().unwrap();
        let error = one.send_to(b"x", &path).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let error = one.connect(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let text = format!("cannot connect to {}: ", path.display());
        assert!(error.to_string().starts_with(&text), "{error}");
        assert!(one.send(b"x").await.is_err(), "it has no peer");

        let other = UnixDatagram::bind(&path).unwrap();
        one.connect(&path).unwrap();
        let error = UnixDatagram::bind(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        let text = format!("cannot bind to {}: ", path.display());
        assert!(error.to_string().starts_with(&text), "{error}");
        // The receiver goes.
        drop(other);
        let error = one.send(b"x").await.unwrap_err();
        let kind = error.kind();
        assert!(
            matches!(
                kind,
                ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset
            ),
            "{error}"
        );
        let error = one.send_to(b"x", &path).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);

        let too_long = "x".repeat(200);
        let error = one.send_to(b"x", &too_long).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn a_datagram_that_is_too_large_is_an_error() {
    block_on(async {
        let (one, _other) = UnixDatagram::pair().unwrap();
        let too_large = vec![0; 64 << 20];
        let error = one.send(&too_large).await.unwrap_err();
        let code = Some(rustix::io::Errno::MSGSIZE.raw_os_error());
        assert_eq!(error.raw_os_error(), code);
    });
}

#[test]
fn after_a_shutdown_nothing_is_sent() {
    block_on(async {
        let (one, other) = UnixDatagram::pair().unwrap();
        other.shutdown(Shutdown::Both).unwrap();
        let error = other.send(b"x").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        assert!(one.send(b"x").await.is_err());
    });
}

#[test]
fn many_tasks_receive_from_one_socket() {
    block_on(async {
        let (one, other) = UnixDatagram::pair().unwrap();
        let other = Rc::new(other);
        let receivers: Vec<_> = (0..100)
            .map(|_| {
                let other = Rc::clone(&other);
                quintet::spawn(async move {
                    let mut buf = [0; 8];
                    assert_eq!(other.recv(&mut buf).await.unwrap(), 1);
                    buf[0]
                })
            })
            .collect();
        yield_now().await;
        for n in 0..100 {
            one.send(&[n]).await.unwrap();
        }
        let mut received = Vec::new();
        for receiver in receivers {
            received.push(receiver.await.unwrap());
        }
        received.sort_unstable();
        assert!(received.into_iter().eq(0..100), "each has got another");
    });
}

#[test]
fn the_builder_and_std_make_the_same_sockets() {
    let (one, other) = block_on(async {
        strict::may_leak();
        let (_dir, path) = path();
        let socket = UnixSocket::new_datagram().unwrap();
        socket.bind(&path).unwrap();
        let other = socket.datagram().unwrap();
        let one = UnixDatagram::unbound().unwrap();
        one.connect(&path).unwrap();
        assert!(poll!(pin!(other.recv(&mut [0; 8]))).is_pending());
        one.send(b"x").await.unwrap();
        (one, other)
    });
    block_on(async move {
        assert!(other.recv(&mut [0; 8]).await.is_err(), "another loop's");
        let other = UnixDatagram::try_from(other.into_std().unwrap()).unwrap();
        assert_eq!(other.recv(&mut [0; 8]).await.unwrap(), 1);
        drop(one);
    });
}
