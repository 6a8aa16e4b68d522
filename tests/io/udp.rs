//! UDP: sending, receiving, peeking, errors, options.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use quintet::io::Interest;
use quintet::net::UdpSocket;
use quintet::runtime::Runtime;
use quintet::task::yield_now;
use rustix::net::RecvFlags;
use socket2::SockRef;

use crate::support::cases::watched;
use crate::support::patience::in_time;
use crate::support::skipped::skip;
use crate::support::strict;
use crate::support::wakers::{CountingWaker, poll};

fn block_on<F: Future>(future: F) -> F::Output {
    // Not a timeout of the loop: when that expires, it tries the system call once more, and a wake
    // that was lost would not be noticed.
    in_time(|| strict::block_on(future))
}

async fn socket() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let addr = socket.local_addr().unwrap();
    (socket, addr)
}

/// Two sockets that are connected to each other.
async fn pair() -> (UdpSocket, UdpSocket) {
    let (one, one_addr) = socket().await;
    let (other, other_addr) = socket().await;
    one.connect(other_addr).await.unwrap();
    other.connect(one_addr).await.unwrap();
    (one, other)
}

/// An address on which no socket receives: no other test takes a port of this host.
fn unused_addr() -> SocketAddr {
    let socket = std::net::UdpSocket::bind((Ipv4Addr::new(127, 77, 1, 1), 0)).unwrap();
    socket.local_addr().unwrap()
}

/// Registers a socket with the poller: an operation waits for it.
async fn register(socket: &UdpSocket) {
    assert!(poll!(pin!(socket.recv(&mut [0; 8]))).is_pending());
}

#[test]
fn a_datagram_arrives_whole_with_the_address_of_its_sender() {
    block_on(async {
        let (one, one_addr) = socket().await;
        let (other, other_addr) = socket().await;
        assert_eq!(one.send_to(b"hello", other_addr).await.unwrap(), 5);
        assert_eq!(one.send_to(b"world!", &other_addr).await.unwrap(), 6);
        let mut buf = [0; 64];
        assert_eq!(other.recv_from(&mut buf).await.unwrap(), (5, one_addr));
        assert_eq!(&buf[..5], b"hello");
        assert_eq!(other.recv_from(&mut buf).await.unwrap(), (6, one_addr));
        assert_eq!(&buf[..6], b"world!");
    });
}

#[test]
fn ipv6_works_too() {
    block_on(async {
        let Ok(one) = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).await else {
            return skip("no IPv6");
        };
        let other = UdpSocket::bind("[::1]:0").await.unwrap();
        let addr = other.local_addr().unwrap();
        one.send_to(b"six", addr).await.unwrap();
        let from = other.recv_from(&mut [0; 8]).await.unwrap();
        assert_eq!(from, (3, one.local_addr().unwrap()));
        one.set_tclass_v6(0xb8).unwrap();
        assert_eq!(one.tclass_v6().unwrap(), 0xb8);
        one.set_multicast_loop_v6(false).unwrap();
        assert!(!one.multicast_loop_v6().unwrap());
        one.set_multicast_hops_v6(3).unwrap();
        assert_eq!(one.multicast_hops_v6().unwrap(), 3);
    });
}

#[test]
fn a_connected_socket_has_one_peer() {
    block_on(async {
        let (one, other) = pair().await;
        assert_eq!(one.peer_addr().unwrap(), other.local_addr().unwrap());
        assert_eq!(one.send(b"ping").await.unwrap(), 4);
        let mut buf = [0; 64];
        assert_eq!(other.recv(&mut buf).await.unwrap(), 4);
        assert_eq!(&buf[..4], b"ping");

        // What others send is not received.
        let (stranger, _) = socket().await;
        let addr = other.local_addr().unwrap();
        stranger.send_to(b"strange", addr).await.unwrap();
        one.send(b"known").await.unwrap();
        assert_eq!(other.recv(&mut buf).await.unwrap(), 5);
        assert!(poll!(pin!(other.recv(&mut buf))).is_pending());
    });
}

#[test]
fn connect_tries_each_address() {
    block_on(async {
        let (one, _) = socket().await;
        let (_other, addr) = socket().await;
        // A socket of IPv4 cannot be connected to an address of IPv6.
        let six = SocketAddr::from((Ipv6Addr::LOCALHOST, 9));
        one.connect(&[six, addr][..]).await.unwrap();
        assert_eq!(one.peer_addr().unwrap(), addr);
        let error = one.connect(six).await.unwrap_err();
        let text = format!("cannot connect to {six}: ");
        assert!(error.to_string().starts_with(&text), "{error}");
        let error = one.connect(&[][..] as &[SocketAddr]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn host_names_are_looked_up() {
    block_on(async {
        let (one, _) = socket().await;
        let (other, addr) = socket().await;
        let named = format!("127.0.0.1:{}", addr.port());
        one.send_to(b"x", named).await.unwrap();
        one.send_to(b"xy", ("127.0.0.1", addr.port()))
            .await
            .unwrap();
        assert_eq!(other.recv(&mut [0; 8]).await.unwrap(), 1);
        assert_eq!(other.recv(&mut [0; 8]).await.unwrap(), 2);
        let bound = UdpSocket::bind("localhost:0").await.unwrap();
        assert!(bound.local_addr().unwrap().ip().is_loopback());
        for text in ["nonsense", "localhost:99999"] {
            let error = one.send_to(b"x", text).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{text}");
        }
        let error = one.send_to(b"x", &[][..] as &[SocketAddr]).await;
        assert_eq!(error.unwrap_err().kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn a_datagram_that_is_larger_than_the_buffer_is_cut() {
    block_on(async {
        let (one, other) = pair().await;
        one.send(b"abcdef").await.unwrap();
        one.send(b"next").await.unwrap();
        let mut buf = [0; 3];
        assert_eq!(other.recv(&mut buf).await.unwrap(), 3);
        assert_eq!(&buf, b"abc");
        // The rest is lost, and the next one is not.
        assert_eq!(other.recv_from(&mut buf).await.unwrap().0, 3);
        assert_eq!(&buf, b"nex");
        assert!(poll!(pin!(other.recv(&mut buf))).is_pending());
    });
}

#[test]
fn an_empty_datagram_is_received_as_zero_and_loses_nothing() {
    block_on(async {
        let (one, other) = pair().await;
        register(&other).await;
        assert_eq!(one.send(b"").await.unwrap(), 0);
        assert_eq!(one.send(b"a").await.unwrap(), 1);
        assert_eq!(one.send(b"").await.unwrap(), 0);
        let mut buf = [0; 8];
        assert_eq!(other.recv(&mut buf).await.unwrap(), 0);
        assert_eq!(other.recv(&mut buf).await.unwrap(), 1);
        assert_eq!(other.recv(&mut buf).await.unwrap(), 0);
        assert!(poll!(pin!(other.recv(&mut buf))).is_pending());
        // A buffer without room takes a datagram, too.
        one.send(b"lost").await.unwrap();
        one.send(b"b").await.unwrap();
        assert_eq!(other.recv(&mut []).await.unwrap(), 0);
        assert_eq!(other.recv(&mut buf).await.unwrap(), 1);
    });
}

#[test]
fn short_datagrams_do_not_hide_those_behind_them() {
    const COUNT: u8 = 50;
    block_on(async {
        let (one, other) = pair().await;
        register(&other).await;
        // One event for all.
        for n in 0..COUNT {
            assert_eq!(one.try_send(&[n]).unwrap(), 1);
        }
        let mut buf = [0; 1500];
        for n in 0..COUNT {
            assert_eq!(other.recv(&mut buf).await.unwrap(), 1);
            assert_eq!(buf[0], n);
        }
    });
}

#[test]
fn what_reaches_no_socket_is_an_error_of_a_connected_one() {
    block_on(async {
        let (one, _) = socket().await;
        let one = Rc::new(one);
        one.connect(unused_addr()).await.unwrap();
        let receiver = Rc::clone(&one);
        let receiver = quintet::spawn(async move { receiver.recv(&mut [0; 8]).await });
        yield_now().await;
        one.send(b"x").await.unwrap();
        let error = receiver.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);

        // The next send returns it as well, and the socket stays usable.
        one.send(b"x").await.unwrap();
        let error = one.send(b"x").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        let (other, addr) = socket().await;
        one.connect(addr).await.unwrap();
        one.send(b"xy").await.unwrap();
        assert_eq!(other.recv(&mut [0; 8]).await.unwrap(), 2);
    });
}

#[test]
fn an_error_wakes_readable_and_is_left_for_the_operation() {
    block_on(async {
        let (one, _) = socket().await;
        one.connect(unused_addr()).await.unwrap();
        register(&one).await;
        one.send(b"x").await.unwrap();
        one.readable().await.unwrap();
        let error = one.try_recv(&mut [0; 8]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        one.send(b"x").await.unwrap();
        one.readable().await.unwrap();
        let error = one.take_error().unwrap().unwrap();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        assert!(one.take_error().unwrap().is_none());
    });
}

#[test]
fn an_unconnected_socket_does_not_see_it() {
    block_on(async {
        let (one, _) = socket().await;
        let (other, addr) = socket().await;
        one.send_to(b"x", unused_addr()).await.unwrap();
        one.send_to(b"xy", addr).await.unwrap();
        assert_eq!(other.recv(&mut [0; 8]).await.unwrap(), 2);
        assert!(poll!(pin!(one.recv(&mut [0; 8]))).is_pending());
    });
}

#[test]
fn a_datagram_that_is_too_large_is_an_error() {
    block_on(async {
        let (one, other) = pair().await;
        let too_large = vec![0; 70_000];
        let code = Some(rustix::io::Errno::MSGSIZE.raw_os_error());
        assert_eq!(one.send(&too_large).await.unwrap_err().raw_os_error(), code);
        let addr = other.local_addr().unwrap();
        let error = one.send_to(&too_large, addr).await.unwrap_err();
        assert_eq!(error.raw_os_error(), code);
        let large = vec![7; 60_000];
        assert_eq!(one.send(&large).await.unwrap(), large.len());
        let mut buf = vec![0; 65_536];
        assert_eq!(other.recv(&mut buf).await.unwrap(), large.len());
        assert!(buf[..large.len()] == large);
    });
}

#[test]
fn sending_without_a_peer_is_an_error() {
    block_on(async {
        let (one, _) = socket().await;
        assert!(one.send(b"x").await.is_err());
        assert!(one.try_send(b"x").is_err());
        let error = one.peer_addr().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotConnected);
    });
}

#[test]
fn peeking_leaves_the_datagram() {
    block_on(async {
        let (one, other) = pair().await;
        let from = one.local_addr().unwrap();
        let mut buf = [0; 8];
        let error = other.try_peek(&mut buf).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        assert!(other.try_peek_from(&mut buf).is_err());
        assert!(other.try_peek_sender().is_err());
        assert!(poll!(pin!(other.peek_sender())).is_pending());
        one.send(b"abc").await.unwrap();
        one.send(b"defg").await.unwrap();
        for _ in 0..2 {
            assert_eq!(other.peek_sender().await.unwrap(), from);
            assert_eq!(other.peek(&mut buf).await.unwrap(), 3);
            assert_eq!(other.peek_from(&mut buf[..2]).await.unwrap(), (2, from));
            assert_eq!(other.try_peek(&mut buf).unwrap(), 3);
            assert_eq!(other.try_peek_from(&mut buf).unwrap(), (3, from));
            assert_eq!(other.try_peek_sender().unwrap(), from);
        }
        assert_eq!(&buf[..3], b"abc");
        assert_eq!(other.recv(&mut buf).await.unwrap(), 3);
        assert_eq!(other.recv(&mut buf).await.unwrap(), 4);
    });
}

#[test]
fn try_operations_do_not_wait() {
    block_on(async {
        let (one, other) = pair().await;
        let from = one.local_addr().unwrap();
        let to = other.local_addr().unwrap();
        let mut buf = [0; 8];
        let error = other.try_recv(&mut buf).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        assert_eq!(one.try_send(b"a").unwrap(), 1);
        assert_eq!(one.try_send_to(b"ab", to).unwrap(), 2);
        other.readable().await.unwrap();
        assert_eq!(other.try_recv(&mut buf).unwrap(), 1);
        assert_eq!(other.try_recv_from(&mut buf).unwrap(), (2, from));
        let error = other.try_recv_from(&mut buf).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        one.writable().await.unwrap();
    });
}

#[test]
fn poll_functions_wake_their_caller() {
    block_on(async {
        let (one, other) = pair().await;
        let from = one.local_addr().unwrap();
        let to = other.local_addr().unwrap();
        let (counter, waker) = CountingWaker::new();
        let mut cx = Context::from_waker(&waker);
        let mut buf = [0; 8];
        assert!(other.poll_recv(&mut cx, &mut buf).is_pending());
        assert!(other.poll_peek_sender(&mut cx).is_pending());
        let sent = one.poll_send(&mut cx, b"a");
        assert!(matches!(sent, Poll::Ready(Ok(1))), "{sent:?}");
        let sent = one.poll_send_to(&mut cx, b"ab", to);
        assert!(matches!(sent, Poll::Ready(Ok(2))), "{sent:?}");
        while counter.wakes() == 0 {
            yield_now().await;
        }
        let peeked = other.poll_peek(&mut cx, &mut buf);
        assert!(matches!(peeked, Poll::Ready(Ok(1))), "{peeked:?}");
        let Poll::Ready(Ok(peeked)) = other.poll_peek_from(&mut cx, &mut buf) else {
            panic!("there is a datagram");
        };
        assert_eq!(peeked, (1, from));
        let Poll::Ready(Ok(sender)) = other.poll_peek_sender(&mut cx) else {
            panic!("there is a datagram");
        };
        assert_eq!(sender, from);
        let received = other.poll_recv(&mut cx, &mut buf);
        assert!(matches!(received, Poll::Ready(Ok(1))), "{received:?}");
        let Poll::Ready(Ok(received)) = other.poll_recv_from(&mut cx, &mut buf) else {
            panic!("there is a datagram");
        };
        assert_eq!(received, (2, from));
        assert!(other.poll_recv_from(&mut cx, &mut buf).is_pending());
    });
}

#[test]
fn calls_of_ones_own_wait_for_readiness() {
    block_on(async {
        let (one, other) = pair().await;
        let receive = || {
            let (len, _) = rustix::net::recv(&other, &mut [0; 8][..], RecvFlags::empty())?;
            Ok(len)
        };
        let error = other.try_io(Interest::READABLE, receive).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        let both = Interest::READABLE | Interest::WRITABLE;
        let ready = other.ready(both).await.unwrap();
        assert!(ready.is_writable() && !ready.is_readable());
        let mut received = pin!(other.async_io(Interest::READABLE, receive));
        assert!(poll!(received.as_mut()).is_pending());
        // One event for both: the first call does not hide the second.
        one.try_send(b"abc").unwrap();
        one.try_send(b"de").unwrap();
        assert_eq!(received.await.unwrap(), 3);
        assert!(other.ready(both).await.unwrap().is_readable());
        assert_eq!(other.try_io(Interest::READABLE, receive).unwrap(), 2);
        let error = other.try_io(Interest::READABLE, receive).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);

        let (counter, waker) = CountingWaker::new();
        let mut cx = Context::from_waker(&waker);
        assert!(other.poll_recv_ready(&mut cx).is_pending());
        assert!(other.poll_send_ready(&mut cx).is_ready());
        one.send(b"x").await.unwrap();
        while counter.wakes() == 0 {
            yield_now().await;
        }
        assert!(other.poll_recv_ready(&mut cx).is_ready());
        assert_eq!(other.try_recv(&mut [0; 8]).unwrap(), 1);
    });
}

#[test]
fn many_tasks_receive_from_one_socket() {
    const COUNT: usize = 200;
    block_on(async {
        let (one, other) = pair().await;
        let other = Rc::new(other);
        let receivers: Vec<_> = (0..COUNT)
            .map(|_| {
                let other = Rc::clone(&other);
                quintet::spawn(async move {
                    let mut buf = [0; 64];
                    let n = other.recv(&mut buf).await.unwrap();
                    assert_eq!(n, 8);
                    usize::from_le_bytes(buf[..8].try_into().unwrap())
                })
            })
            .collect();
        yield_now().await;
        for n in 0..COUNT {
            one.send(&n.to_le_bytes()).await.unwrap();
        }
        let mut received = Vec::new();
        for receiver in receivers {
            received.push(receiver.await.unwrap());
        }
        received.sort_unstable();
        assert!(received.into_iter().eq(0..COUNT), "each has got another");
    });
}

#[test]
fn a_socket_that_always_has_datagrams_starves_no_task() {
    block_on(async {
        let (one, other) = pair().await;
        let flood = quintet::spawn(async move {
            loop {
                one.send(&[0; 100]).await.unwrap();
                other.recv(&mut [0; 100]).await.unwrap();
            }
        });
        for _ in 0..100 {
            yield_now().await;
        }
        quintet::time::sleep(Duration::from_millis(1)).await;
        flood.abort();
        assert!(flood.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn a_dropped_receive_takes_nothing_and_is_not_woken() {
    block_on(async {
        let (one, other) = pair().await;
        let (counter, waker) = CountingWaker::new();
        {
            let mut buf = [0; 8];
            let mut receive = pin!(other.recv(&mut buf));
            let mut cx = Context::from_waker(&waker);
            assert!(receive.as_mut().poll(&mut cx).is_pending());
        }
        one.send(b"x").await.unwrap();
        other.readable().await.unwrap();
        assert_eq!(counter.wakes(), 0);
        assert_eq!(other.recv(&mut [0; 8]).await.unwrap(), 1);
    });
}

#[test]
fn a_port_in_use_is_an_error_that_names_the_address() {
    block_on(async {
        let (_socket, addr) = socket().await;
        let error = UdpSocket::bind(addr).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        let text = format!("cannot bind to {addr}: ");
        assert!(error.to_string().starts_with(&text), "{error}");
        // Another address is tried.
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let bound = UdpSocket::bind(&[addr, free][..]).await.unwrap();
        assert_ne!(bound.local_addr().unwrap(), addr);
    });
}

#[test]
fn closing_frees_the_port() {
    block_on(async {
        let (socket, addr) = socket().await;
        register(&socket).await;
        socket.close().await;
        let again = UdpSocket::bind(addr).await.unwrap();
        assert_eq!(again.local_addr().unwrap(), addr);
    });
}

#[test]
fn options_are_passed_on() {
    block_on(async {
        let (socket, _) = socket().await;
        assert!(!socket.broadcast().unwrap());
        let everyone = (Ipv4Addr::new(127, 255, 255, 255), 9);
        let error = socket.send_to(b"x", everyone).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        socket.set_broadcast(true).unwrap();
        assert!(socket.broadcast().unwrap());
        socket.send_to(b"x", everyone).await.unwrap();

        socket.set_ttl(17).unwrap();
        assert_eq!(socket.ttl().unwrap(), 17);
        assert!(socket.set_ttl(1000).is_err());
        socket.set_tos_v4(0x10).unwrap();
        assert_eq!(socket.tos_v4().unwrap(), 0x10);
        let error = socket.set_tos_v4(256).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(socket.multicast_loop_v4().unwrap());
        socket.set_multicast_loop_v4(false).unwrap();
        assert!(!socket.multicast_loop_v4().unwrap());
        socket.set_multicast_ttl_v4(7).unwrap();
        assert_eq!(socket.multicast_ttl_v4().unwrap(), 7);
    });
}

#[test]
fn a_socket_that_has_joined_a_group_receives_what_is_sent_to_it() {
    block_on(async {
        let group = Ipv4Addr::new(239, 77, 12, 34);
        let (sender, _) = socket().await;
        let receiver = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await.unwrap();
        let port = receiver.local_addr().unwrap().port();
        let error = receiver
            .leave_multicast_v4(group, Ipv4Addr::LOCALHOST)
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
        if let Err(error) = receiver.join_multicast_v4(group, Ipv4Addr::LOCALHOST) {
            return skip(error);
        }
        SockRef::from(&sender)
            .set_multicast_if_v4(&Ipv4Addr::LOCALHOST)
            .unwrap();
        if let Err(error) = sender.send_to(b"all", (group, port)).await {
            return skip(error);
        }
        assert_eq!(receiver.recv(&mut [0; 8]).await.unwrap(), 3);
        receiver
            .leave_multicast_v4(group, Ipv4Addr::LOCALHOST)
            .unwrap();
        sender.send_to(b"none", (group, port)).await.unwrap();
        sender
            .send_to(b"x", (Ipv4Addr::LOCALHOST, port))
            .await
            .unwrap();
        assert_eq!(receiver.recv(&mut [0; 8]).await.unwrap(), 1);
        let error = receiver
            .join_multicast_v4(Ipv4Addr::LOCALHOST, Ipv4Addr::LOCALHOST)
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn a_group_of_ipv6_is_joined_once() {
    block_on(async {
        let Ok(socket) = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).await else {
            return skip("no IPv6");
        };
        let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0x77, 0x1234);
        // The loopback interface is the first one.
        if let Err(error) = socket.join_multicast_v6(&group, 1) {
            return skip(error);
        }
        let error = socket.join_multicast_v6(&group, 1).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        socket.leave_multicast_v6(&group, 1).unwrap();
        let error = socket.leave_multicast_v6(&group, 1).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
    });
}

#[cfg(all(not(quintet_portable), any(target_os = "linux", target_os = "android")))]
#[test]
fn a_socket_is_bound_to_a_device() {
    block_on(async {
        let (one, other) = pair().await;
        assert_eq!(one.device().unwrap(), None);
        if let Err(error) = one.bind_device(Some(b"lo")) {
            return skip(error);
        }
        assert_eq!(one.device().unwrap().as_deref(), Some(&b"lo"[..]));
        one.send(b"x").await.unwrap();
        assert_eq!(other.recv(&mut [0; 8]).await.unwrap(), 1);
        let error = other.bind_device(Some(b"no such one")).unwrap_err();
        assert_eq!(
            error.raw_os_error(),
            Some(rustix::io::Errno::NODEV.raw_os_error())
        );
    });
}

#[test]
fn a_socket_is_converted_to_that_of_std_and_back() {
    let (socket, addr) = block_on(async {
        strict::may_leak();
        let (socket, addr) = socket().await;
        register(&socket).await;
        (socket, addr)
    });
    // It is of a loop that has ended.
    block_on(async move {
        let error = socket.recv(&mut [0; 8]).await.unwrap_err();
        let text = error.to_string();
        assert_eq!(text.matches("quintet loop").count(), 2, "{text}");
        let std = socket.into_std().unwrap();
        std.set_nonblocking(false).unwrap();
        let socket = UdpSocket::try_from(std).unwrap();
        let peer = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        peer.send_to(b"abc", addr).unwrap();
        assert_eq!(socket.recv(&mut [0; 8]).await.unwrap(), 3);
        assert!(poll!(pin!(socket.recv(&mut [0; 8]))).is_pending());
    });
}

#[test]
fn outside_of_a_runtime_an_operation_is_an_error() {
    let (one, _other) = block_on(pair());
    let mut send = pin!(one.send(b"x"));
    let poll = send.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    let Poll::Ready(Err(error)) = poll else {
        panic!("it must be an error, not {poll:?}");
    };
    assert_eq!(error.kind(), ErrorKind::Other);
}

#[test]
fn a_socket_may_outlive_its_runtime() {
    let runtime = Runtime::new().unwrap();
    let (socket, addr) = runtime.block_on(async {
        let (socket, addr) = socket().await;
        register(&socket).await;
        (socket, addr)
    });
    drop(runtime);
    assert_eq!(socket.try_send_to(b"x", addr).unwrap(), 1);
    drop(socket);
    std::net::UdpSocket::bind(addr).unwrap();
}

#[test]
fn a_socket_that_is_dropped_on_another_thread_is_closed_at_once() {
    block_on(async {
        let (socket, addr) = socket().await;
        register(&socket).await;
        thread::spawn(move || drop(socket)).join().unwrap();
        std::net::UdpSocket::bind(addr).unwrap();
    });
}

#[test]
fn a_receive_keeps_the_runtime_alive_unless_unreferenced() {
    let runtime = Runtime::new().unwrap();
    let (socket, addr) = runtime.block_on(socket());
    let socket = Rc::new(socket);
    assert!(socket.has_ref());
    let task = runtime.spawn({
        let socket = Rc::clone(&socket);
        async move { socket.recv(&mut [0; 8]).await.unwrap() }
    });
    socket.unref();
    assert!(!socket.has_ref());
    watched(|| runtime.run()).unwrap();
    assert!(!task.is_finished());

    socket.ref_();
    let sender = thread::spawn(move || {
        let sender = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        sender.send_to(b"x", addr).unwrap();
    });
    watched(|| runtime.run()).unwrap();
    assert!(task.is_finished());
    sender.join().unwrap();
}

#[test]
fn the_descriptor_is_closed_on_exec_and_does_not_block() {
    block_on(async {
        let (socket, _) = socket().await;
        let fd = socket.as_raw_fd();
        let flags = rustix::io::fcntl_getfd(&socket).unwrap();
        assert!(flags.contains(rustix::io::FdFlags::CLOEXEC), "{fd}");
        let flags = rustix::fs::fcntl_getfl(&socket).unwrap();
        assert!(flags.contains(rustix::fs::OFlags::NONBLOCK), "{fd}");
    });
}
