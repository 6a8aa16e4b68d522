//! Passing descriptors.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream as StdStream;
use std::pin::pin;

use quintet::net::{UnixDatagram, UnixStream};
use quintet::task::yield_now;

use super::block_on;
use crate::support::wakers::poll;

/// The ends of connections. While a duplicate of the first one is open anywhere, the other has no
/// end.
fn witnesses(count: usize) -> (Vec<StdStream>, Vec<StdStream>) {
    (0..count).map(|_| StdStream::pair().unwrap()).unzip()
}

fn borrowed(fds: &[StdStream]) -> Vec<BorrowedFd<'_>> {
    fds.iter().map(AsFd::as_fd).collect()
}

/// Asserts that no duplicate of the other end is open.
fn assert_closed(mut witness: StdStream) {
    witness.set_nonblocking(true).unwrap();
    assert_eq!(witness.read(&mut [0; 8]).unwrap(), 0);
}

/// Asserts that `fd` is a duplicate of the other end of `witness`.
fn assert_connected(fd: OwnedFd, witness: &mut StdStream) {
    let flags = rustix::io::fcntl_getfd(&fd).unwrap();
    assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
    StdStream::from(fd).write_all(b"me").unwrap();
    let mut buf = [0; 2];
    witness.read_exact(&mut buf).unwrap();
    assert_eq!(&buf, b"me");
}

#[test]
fn descriptors_arrive_in_order_and_close_on_exec() {
    block_on(async {
        let (one, other) = UnixStream::pair().unwrap();
        let (ends, mut witnesses) = witnesses(3);
        assert_eq!(one.send_fds(b"abc", &borrowed(&ends)).await.unwrap(), 3);
        drop(ends);
        let mut buf = [0; 8];
        let received = other.recv_fds(&mut buf, 3).await.unwrap();
        assert_eq!((received.len, received.is_truncated), (3, false));
        assert_eq!(&buf[..3], b"abc");
        assert_eq!(received.fds.len(), 3);
        for (fd, witness) in received.fds.into_iter().zip(&mut witnesses) {
            assert_connected(fd, witness);
        }
        witnesses.into_iter().for_each(assert_closed);
    });
}

#[test]
fn a_receiver_waits_for_them() {
    block_on(async {
        let (one, other) = UnixStream::pair().unwrap();
        let receiver = quintet::spawn(async move { other.recv_fds(&mut [0; 8], 1).await.unwrap() });
        yield_now().await;
        let (ends, mut witnesses) = witnesses(1);
        one.send_fds(b"x", &borrowed(&ends)).await.unwrap();
        let received = receiver.await.unwrap();
        let fd = received.fds.into_iter().next().unwrap();
        assert_connected(fd, &mut witnesses[0]);
    });
}

#[test]
fn datagrams_have_descriptors_too() {
    block_on(async {
        let (one, other) = UnixDatagram::pair().unwrap();
        let (ends, mut witnesses) = witnesses(1);
        assert_eq!(one.send_fds(b"", &borrowed(&ends)).await.unwrap(), 0);
        assert_eq!(one.try_send_fds(b"abc", &borrowed(&ends)).unwrap(), 3);
        one.send_fds(b"none", &[]).await.unwrap();
        let received = other.recv_fds(&mut [0; 8], 4).await.unwrap();
        assert_eq!((received.len, received.fds.len()), (0, 1));
        let received = other.try_recv_fds(&mut [0; 8], 4).unwrap();
        assert_eq!((received.len, received.fds.len()), (3, 1));
        let fd = received.fds.into_iter().next().unwrap();
        assert_connected(fd, &mut witnesses[0]);
        let received = other.recv_fds(&mut [0; 8], 4).await.unwrap();
        assert_eq!((received.len, received.fds.len()), (4, 0));
        assert!(!received.is_truncated);
        let error = other.try_recv_fds(&mut [0; 8], 4).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
    });
}

#[test]
fn more_than_are_wanted_are_closed_and_the_result_says_so() {
    block_on(async {
        for wanted in 0..6 {
            let (one, other) = UnixStream::pair().unwrap();
            let (ends, witnesses) = witnesses(7);
            one.send_fds(b"x", &borrowed(&ends)).await.unwrap();
            drop(ends);
            let received = other.recv_fds(&mut [0; 8], wanted).await.unwrap();
            assert!(received.is_truncated, "{wanted}");
            assert_eq!(received.fds.len(), wanted);
            let mut witnesses = witnesses.into_iter();
            for fd in received.fds {
                assert_connected(fd, &mut witnesses.next().unwrap());
            }
            witnesses.for_each(assert_closed);
        }
    });
}

#[test]
fn descriptors_that_are_never_received_are_closed_by_the_kernel() {
    block_on(async {
        // The receiver is dropped.
        let (one, other) = UnixStream::pair().unwrap();
        let (ends, mut unreceived) = witnesses(2);
        one.send_fds(b"x", &borrowed(&ends)).await.unwrap();
        drop(ends);
        let mut probe = unreceived.pop().unwrap();
        probe.set_nonblocking(true).unwrap();
        let error = probe.read(&mut [0; 8]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock, "they are under way");
        drop(other);
        assert_closed(probe);
        unreceived.into_iter().for_each(assert_closed);

        // The bytes are read without them.
        let (one, other) = UnixStream::pair().unwrap();
        let (ends, unreceived) = witnesses(2);
        one.send_fds(b"x", &borrowed(&ends)).await.unwrap();
        drop(ends);
        assert_eq!(other.read(&mut [0; 8]).await.unwrap(), 1);
        unreceived.into_iter().for_each(assert_closed);

        let (one, other) = UnixDatagram::pair().unwrap();
        let (ends, unreceived) = witnesses(2);
        one.send_fds(b"x", &borrowed(&ends)).await.unwrap();
        drop(ends);
        assert_eq!(other.recv(&mut [0; 8]).await.unwrap(), 1);
        unreceived.into_iter().for_each(assert_closed);
    });
}

#[test]
fn a_read_that_descriptors_have_made_short_does_not_hide_what_follows() {
    block_on(async {
        let (one, other) = UnixStream::pair().unwrap();
        let (ends, _witnesses) = witnesses(1);
        let mut buf = [0; 64];
        // Registered, so only an event or a read that proves nothing lets the next one try.
        assert!(poll!(pin!(other.read(&mut buf))).is_pending());
        for byte in [b"a", b"b", b"c", b"d"] {
            assert_eq!(one.try_send_fds(byte, &borrowed(&ends)).unwrap(), 1);
        }
        assert_eq!(one.try_write(b"tail").unwrap(), 4);
        let mut received = Vec::new();
        while received.len() < 8 {
            let n = other.read(&mut buf).await.unwrap();
            received.extend_from_slice(&buf[..n]);
        }
        assert_eq!(received, b"abcdtail");
        assert!(poll!(pin!(other.read(&mut buf))).is_pending());

        for byte in [b"a", b"b", b"c", b"d"] {
            assert_eq!(one.try_send_fds(byte, &borrowed(&ends)).unwrap(), 1);
        }
        for _ in 0..4 {
            let received = other.recv_fds(&mut buf, 1).await.unwrap();
            assert_eq!((received.len, received.fds.len()), (1, 1));
        }
    });
}

#[test]
fn a_stream_sends_no_descriptors_without_a_byte() {
    block_on(async {
        let (one, _other) = UnixStream::pair().unwrap();
        let (ends, _witnesses) = witnesses(1);
        let error = one.send_fds(b"", &borrowed(&ends)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("at least one byte"), "{error}");
        let error = one.try_send_fds(b"", &borrowed(&ends)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn too_many_are_an_error_and_the_most_that_is_allowed_passes() {
    block_on(async {
        let (one, other) = UnixStream::pair().unwrap();
        let file = std::fs::File::open("/dev/null").unwrap();
        let too_many = vec![file.as_fd(); 300];
        assert!(one.send_fds(b"x", &too_many).await.is_err());
        let count = if cfg!(target_os = "linux") { 253 } else { 50 };
        one.send_fds(b"x", &too_many[..count]).await.unwrap();
        let received = other.recv_fds(&mut [0; 8], usize::MAX).await.unwrap();
        assert_eq!((received.fds.len(), received.is_truncated), (count, false));
        let mut numbers: Vec<_> = received.fds.iter().map(AsRawFd::as_raw_fd).collect();
        numbers.dedup();
        assert_eq!(numbers.len(), count);
    });
}

#[test]
fn a_socket_sends_itself() {
    block_on(async {
        let (one, other) = UnixStream::pair().unwrap();
        let (passed, peer) = UnixStream::pair().unwrap();
        one.send_fds(b"s", &[passed.as_fd()]).await.unwrap();
        drop(passed);
        let received = other.recv_fds(&mut [0; 1], 1).await.unwrap();
        let fd = received.fds.into_iter().next().unwrap();
        let passed = UnixStream::from_std(StdStream::from(fd)).unwrap();
        passed.write_all(b"hello").await.unwrap();
        assert_eq!(peer.read(&mut [0; 8]).await.unwrap(), 5);
    });
}
