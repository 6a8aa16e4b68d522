//! `AsyncFd`: descriptors of any kind.

#[cfg(not(any(quintet_portable, not(any(target_os = "linux", target_os = "android")))))]
mod linux;

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use quintet::io::unix::AsyncFd;
use quintet::io::{Interest, Ready};
use quintet::runtime::Runtime;
use quintet::spawn;
use quintet::task::yield_now;

use crate::support::cases::{in_order, in_poll, log, watched};
use crate::support::wakers::{CountingWaker, poll, poll_with};

/// Two ends of a connection, and one of them on the loop.
fn pair() -> (AsyncFd<UnixStream>, UnixStream) {
    let (own, peer) = UnixStream::pair().unwrap();
    own.set_nonblocking(true).unwrap();
    (AsyncFd::new(own).unwrap(), peer)
}

/// Reads as the documentation says.
async fn read(own: &AsyncFd<UnixStream>, buf: &mut [u8]) -> io::Result<usize> {
    loop {
        let mut guard = own.readable().await?;
        match guard.try_io(|own| own.get_ref().read(buf)) {
            Ok(result) => return result,
            Err(_would_block) => {}
        }
    }
}

#[test]
fn many_readers_of_one_descriptor_are_woken_in_order() {
    in_order("a b c 1 1 1", || async {
        let (own, mut peer) = pair();
        let own = Rc::new(own);
        let bytes = Rc::new(Cell::new(0));
        for name in ["a", "b", "c"] {
            let (own, bytes) = (Rc::clone(&own), Rc::clone(&bytes));
            spawn(async move {
                drop(own.readable().await.unwrap());
                log(name);
                let n = read(&own, &mut [0; 1]).await.unwrap();
                bytes.set(bytes.get() + n);
                yield_now().await;
                log(n.to_string());
            });
        }
        in_poll().await;
        peer.write_all(b"xyz").unwrap();
        // The other end stays open.
        while bytes.get() < 3 {
            yield_now().await;
        }
    });
}

#[test]
fn a_cleared_guard_waits_for_the_next_event() {
    watched(|| {
        quintet::block_on(async {
            let (own, mut peer) = pair();
            let mut readable = pin!(own.readable());
            assert!(poll!(readable.as_mut()).is_pending());
            peer.write_all(b"x").unwrap();
            let mut guard = readable.await.unwrap();
            assert_eq!(guard.ready(), Ready::READABLE);
            // It stays so, until it is cleared: the byte is still there.
            guard.retain_ready();
            drop(guard);
            let mut guard = own.readable().await.unwrap();
            guard.clear_ready();
            assert!(guard.ready().is_empty());
            let mut readable = pin!(own.readable());
            assert!(poll!(readable.as_mut()).is_pending());
            yield_now().await;
            assert!(poll!(readable.as_mut()).is_pending());
            peer.write_all(b"y").unwrap();
            let mut guard = readable.await.unwrap();
            let read = guard.try_io(|own| own.get_ref().read(&mut [0; 8]));
            assert_eq!(read.unwrap().unwrap(), 2);
            let read = guard.try_io(|own| own.get_ref().read(&mut [0; 8]));
            assert_eq!(read.unwrap_err().to_string(), "the operation would block");
            assert!(poll!(own.readable()).is_pending());
        });
    });
}

#[test]
fn an_event_after_the_guard_was_made_is_not_cleared_by_it() {
    watched(|| {
        quintet::block_on(async {
            let (own, mut peer) = pair();
            peer.write_all(b"x").unwrap();
            let mut old = own.readable().await.unwrap();
            assert_eq!(own.get_ref().read(&mut [0; 8]).unwrap(), 1);
            let would_block = own.get_ref().read(&mut [0; 8]).unwrap_err();
            assert_eq!(would_block.kind(), ErrorKind::WouldBlock);
            // The loop fetches another event before the guard is used.
            let (counter, waker) = CountingWaker::new();
            let mut waiting = Box::pin(own.readable());
            old.clear_ready();
            assert!(poll_with(&mut waiting, &waker).is_pending());
            let mut late = own.ready(Interest::WRITABLE).await.unwrap();
            peer.write_all(b"y").unwrap();
            while counter.wakes() == 0 {
                yield_now().await;
            }
            late.clear_ready();
            old.clear_ready_matching(Ready::ALL);
            drop(own.readable().await.unwrap());
            assert_eq!(read(&own, &mut [0; 8]).await.unwrap(), 1);
        });
    });
}

#[test]
fn a_guard_of_both_directions_clears_the_one_that_would_block() {
    watched(|| {
        quintet::block_on(async {
            let (own, mut peer) = pair();
            let both = Interest::READABLE | Interest::WRITABLE;
            peer.write_all(b"x").unwrap();
            let mut readable = own.readable().await.unwrap();
            readable.retain_ready();
            yield_now().await;
            let mut guard = own.ready(both).await.unwrap();
            assert_eq!(guard.ready(), Ready::READABLE | Ready::WRITABLE);
            assert_eq!(guard.get_inner().read(&mut [0; 8]).unwrap(), 1);
            guard.clear_ready_matching(Ready::READABLE);
            assert_eq!(guard.ready(), Ready::WRITABLE);
            assert!(poll!(own.readable()).is_pending());
            assert_eq!(own.ready(both).await.unwrap().ready(), Ready::WRITABLE);
        });
    });
}

#[test]
fn an_end_stays_readable_even_if_it_is_cleared() {
    watched(|| {
        quintet::block_on(async {
            let (own, peer) = pair();
            let mut readable = pin!(own.readable());
            assert!(poll!(readable.as_mut()).is_pending());
            drop(peer);
            let mut guard = readable.await.unwrap();
            assert!(guard.ready().is_read_closed());
            guard.clear_ready();
            let mut guard = own.readable().await.unwrap();
            let read = guard.try_io(|own| own.get_ref().read(&mut [0; 8]));
            assert_eq!(read.unwrap().unwrap(), 0);
        });
    });
}

#[test]
fn exclusive_access_reads_and_writes_by_mutable_methods() {
    watched(|| {
        quintet::block_on(async {
            let (mut own, mut peer) = pair();
            peer.write_all(b"x").unwrap();
            let mut guard = own.readable_mut().await.unwrap();
            let read = guard.try_io(|own| own.get_mut().read(&mut [0; 8]));
            assert_eq!(read.unwrap().unwrap(), 1);
            let read = guard.try_io(|own| own.get_mut().read(&mut [0; 8]));
            assert!(read.is_err() && guard.ready().is_empty());
            assert_eq!(guard.get_ref().as_raw_fd(), guard.get_inner().as_raw_fd());
            let writes = own.async_io_mut(Interest::WRITABLE, |own| own.write(b"ab"));
            assert_eq!(writes.await.unwrap(), 2);
            let blocked = own.try_io_mut(Interest::READABLE, |own| own.read(&mut [0; 8]));
            assert_eq!(blocked.unwrap_err().kind(), ErrorKind::WouldBlock);
            peer.write_all(b"y").unwrap();
            let mut byte = [0; 8];
            let read = own.async_io_mut(Interest::READABLE, |own| own.read(&mut byte));
            assert_eq!(read.await.unwrap(), 1);
            let ready = poll_fn(|cx| {
                own.poll_write_ready_mut(cx)
                    .map_ok(|mut guard| guard.get_inner_mut().write(b"c"))
            });
            assert_eq!(ready.await.unwrap().unwrap(), 1);
            let blocked = own.try_io_mut(Interest::READABLE, |own| own.read(&mut [0; 8]));
            assert_eq!(blocked.unwrap_err().kind(), ErrorKind::WouldBlock);
            assert!(!poll_fn(|cx| Poll::Ready(own.poll_read_ready_mut(cx).is_ready())).await);
            let mut written = [0; 3];
            peer.read_exact(&mut written).unwrap();
            assert_eq!(&written, b"abc");
        });
    });
}

#[test]
fn two_tasks_that_poll_are_both_woken() {
    watched(|| {
        quintet::block_on(async {
            let (own, mut peer) = pair();
            let own = Rc::new(own);
            let waiting = [(); 2].map(|()| {
                let own = Rc::clone(&own);
                spawn(async move {
                    poll_fn(|cx| own.poll_read_ready(cx).map_ok(drop))
                        .await
                        .unwrap();
                    poll_fn(|cx| own.poll_write_ready(cx).map_ok(drop))
                        .await
                        .unwrap();
                })
            });
            yield_now().await;
            assert!(waiting.iter().all(|task| !task.is_finished()));
            peer.write_all(b"x").unwrap();
            for task in waiting {
                task.await.unwrap();
            }
        });
    });
}

#[test]
fn a_wait_that_no_event_would_end_is_an_error() {
    watched(|| {
        quintet::block_on(async {
            let (own, _peer) = UnixStream::pair().unwrap();
            own.set_nonblocking(true).unwrap();
            let own = AsyncFd::with_interest(own, Interest::WRITABLE).unwrap();
            drop(own.writable().await.unwrap());
            let error = own.readable().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            let expected = "this descriptor is registered for WRITABLE and cannot be awaited for \
                 READABLE; create it by `AsyncFd::with_interest` with both";
            assert_eq!(error.to_string(), expected);
            // Errors are always reported.
            assert!(poll!(own.ready(Interest::ERROR)).is_pending());
        });
    });
}

#[test]
fn outside_of_a_runtime_the_object_is_returned_with_an_error() {
    let (own, _peer) = UnixStream::pair().unwrap();
    let fd = own.as_raw_fd();
    let (own, error) = AsyncFd::try_new(own).unwrap_err().into_parts();
    assert_eq!(own.as_raw_fd(), fd);
    assert!(error.to_string().contains("no quintet runtime"), "{error}");
    let error = AsyncFd::new(own).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Other);
}

#[test]
fn into_inner_deregisters_so_that_it_can_be_registered_again() {
    watched(|| {
        quintet::block_on(async {
            let (own, mut peer) = pair();
            assert!(poll!(own.readable()).is_pending());
            let own = AsyncFd::new(own.into_inner()).unwrap();
            peer.write_all(b"x").unwrap();
            assert_eq!(read(&own, &mut [0; 8]).await.unwrap(), 1);
            assert_eq!(own.as_fd().as_raw_fd(), own.get_ref().as_raw_fd());
            assert!(format!("{own:?}").starts_with("AsyncFd { inner: UnixStream"));
        });
    });
}

#[test]
fn what_waits_keeps_the_loop_alive_unless_it_is_unreferenced() {
    watched(|| {
        let runtime = Runtime::new().unwrap();
        let (own, _peer) = {
            let _entered = runtime.enter();
            pair()
        };
        let own = Rc::new(own);
        runtime.spawn({
            let own = Rc::clone(&own);
            async move { own.readable().await.map(drop) }
        });
        runtime.run_until_stalled();
        assert!(runtime.turn(Some(Duration::ZERO)));
        own.unref();
        assert!(!own.has_ref());
        assert!(runtime.run().is_ok());
        own.ref_();
        assert!(runtime.turn(Some(Duration::ZERO)));
        own.unref();

        // One that gave up does not count.
        let (other, _peer) = {
            let _entered = runtime.enter();
            pair()
        };
        runtime.spawn(async move {
            assert!(poll!(other.readable()).is_pending());
            pending::<()>().await;
        });
        assert!(runtime.run().is_err());
    });
}

#[test]
fn a_pipe_of_the_standard_library_is_read_and_written() {
    watched(|| {
        quintet::block_on(async {
            let (receiver, sender) = io::pipe().unwrap();
            for end in [receiver.as_fd(), sender.as_fd()] {
                rustix::io::ioctl_fionbio(end, true).unwrap();
            }
            let receiver =
                AsyncFd::with_interest(OwnedFd::from(receiver), Interest::READABLE).unwrap();
            let sender = AsyncFd::with_interest(OwnedFd::from(sender), Interest::WRITABLE).unwrap();
            let total = 1 << 20;
            let reads = spawn(async move {
                let (mut read, mut buf) = (0, vec![0; 10_000]);
                loop {
                    let part = receiver.async_io(Interest::READABLE, |pipe| {
                        Ok(rustix::io::read(pipe, &mut buf[..])?)
                    });
                    match part.await.unwrap() {
                        0 => return read,
                        n => read += n,
                    }
                }
            });
            let (mut written, data) = (0, vec![7; 100_000]);
            while written < total {
                let part = &data[..data.len().min(total - written)];
                let write = sender.async_io(Interest::WRITABLE, |pipe| {
                    Ok(rustix::io::write(pipe, part)?)
                });
                written += write.await.unwrap();
            }
            drop(sender);
            assert_eq!(reads.await.unwrap(), total);
        });
    });
}
