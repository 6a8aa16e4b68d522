//! `ready`, `try_io` and `async_io`: waiting for events, and trying system calls of the caller.

use std::cell::Cell;
use std::future::pending;
use std::io::{self, ErrorKind, Read, Write};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::Duration;

use futures::FutureExt;
use quintet::io::{Interest, Ready};
use quintet::net::TcpStream;
use quintet::runtime::Runtime;
use quintet::spawn;
use quintet::task::yield_now;
use socket2::SockRef;

use super::registered;
use crate::support::cases::{connection, deliver, in_order, in_poll, log, watched};
use crate::support::wakers::{CountingWaker, poll, poll_with};

const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);

/// Fills the send buffer of `own` and the receive buffer of its peer.
async fn fill(own: &TcpStream) -> usize {
    let mut filled = 0;
    loop {
        match own.try_write(&[0; 65_536]) {
            Ok(n) => filled += n,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                // The peer acknowledges what it has received, and then there may be room again.
                if poll!(own.writable()).is_pending() {
                    // What was written is charged: the caller gets a new budget.
                    yield_now().await;
                    return filled;
                }
            }
        }
    }
}

/// Makes a system call that reads.
fn read_raw(own: &TcpStream, buf: &mut [u8]) -> io::Result<usize> {
    (&*SockRef::from(own)).read(buf)
}

#[test]
fn sets_are_combined_and_printed_as_in_tokio() {
    assert_eq!(
        format!("{:?}", BOTH | Interest::ERROR),
        "READABLE | WRITABLE | ERROR"
    );
    assert_eq!(BOTH.remove(BOTH), None);
    assert_eq!(BOTH.remove(Interest::ERROR), Some(BOTH));
    let mut set = Interest::READABLE;
    set |= Interest::ERROR;
    assert!(set.is_readable() && set.is_error() && !set.is_writable());

    assert!(Ready::READ_CLOSED.is_readable() && Ready::WRITE_CLOSED.is_writable());
    assert!(Ready::EMPTY.is_empty() && !Ready::ALL.is_empty());
    assert!((Ready::ALL - Ready::ERROR) & Ready::ERROR == Ready::EMPTY);
    let printed = format!("{:?}", Ready::READABLE | Ready::WRITE_CLOSED);
    let expected = "Ready { is_readable: true, is_writable: true, is_read_closed: false, \
         is_write_closed: true, is_error: false";
    assert!(printed.starts_with(expected), "{printed}");
}

#[test]
fn ready_returns_what_is_there_of_both_directions() {
    watched(|| {
        quintet::block_on(async {
            for is_registered in [false, true] {
                let (own, peer) = if is_registered {
                    registered().await
                } else {
                    connection()
                };
                assert_eq!(own.ready(BOTH).await.unwrap(), Ready::WRITABLE);
                deliver(&peer, &own, b"x");
                own.readable().await.unwrap();
                assert_eq!(
                    own.ready(BOTH).await.unwrap(),
                    Ready::READABLE | Ready::WRITABLE
                );
                let read = own.ready(Interest::READABLE).await.unwrap();
                assert_eq!(read, Ready::READABLE);
            }
        });
    });
}

#[test]
fn ready_for_both_directions_is_woken_by_either() {
    watched(|| {
        quintet::block_on(async {
            let (own, mut peer) = registered().await;
            let own = Rc::new(own);
            let filled = fill(&own).await;
            let waiting = spawn({
                let own = Rc::clone(&own);
                async move { own.ready(BOTH).await.unwrap() }
            });
            yield_now().await;
            assert!(!waiting.is_finished());
            deliver(&peer, &*own, b"x");
            assert_eq!(waiting.await.unwrap(), Ready::READABLE);
            assert_eq!(own.try_read(&mut [0; 8]).unwrap(), 1);

            let waiting = spawn({
                let own = Rc::clone(&own);
                async move {
                    // A short read proves nothing where urgent data is not reported.
                    let would_block = own.try_read(&mut [0; 8]).unwrap_err();
                    assert_eq!(would_block.kind(), ErrorKind::WouldBlock);
                    own.ready(BOTH).await.unwrap()
                }
            });
            yield_now().await;
            assert!(!waiting.is_finished());
            peer.read_exact(&mut vec![0; filled]).unwrap();
            assert_eq!(waiting.await.unwrap(), Ready::WRITABLE);
        });
    });
}

#[test]
fn an_end_and_an_error_are_reported() {
    watched(|| {
        quintet::block_on(async {
            let (own, peer) = registered().await;
            drop(peer);
            own.readable().await.unwrap();
            let ready = own.ready(Interest::READABLE).await.unwrap();
            assert!(ready.is_read_closed() && ready.is_readable() && !ready.is_error());
            assert_eq!(own.try_read(&mut [0; 8]).unwrap(), 0);
            assert!(
                own.ready(Interest::READABLE)
                    .await
                    .unwrap()
                    .is_read_closed()
            );

            for is_registered in [false, true] {
                let (own, peer) = if is_registered {
                    registered().await
                } else {
                    connection()
                };
                SockRef::from(&peer)
                    .set_linger(Some(Duration::ZERO))
                    .unwrap();
                drop(peer);
                own.readable().await.unwrap();
                let ready = own.ready(Interest::ERROR).await.unwrap();
                assert_eq!(ready, Ready::ERROR);
                let error = own.try_read(&mut [0; 8]).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::ConnectionReset);
            }
        });
    });
}

#[test]
fn one_that_waits_for_errors_alone_does_not_keep_others_from_reading() {
    watched(|| {
        quintet::block_on(async {
            let (own, peer) = registered().await;
            deliver(&peer, &own, b"ab");
            own.readable().await.unwrap();
            let mut error = pin!(own.ready(Interest::ERROR));
            assert!(poll!(error.as_mut()).is_pending());
            // What is known of reading stays known.
            assert_eq!(own.read(&mut [0; 1]).await.unwrap(), 1);
            assert_eq!(own.read(&mut [0; 1]).await.unwrap(), 1);
            assert!(poll!(error.as_mut()).is_pending());
            SockRef::from(&peer)
                .set_linger(Some(Duration::ZERO))
                .unwrap();
            drop(peer);
            assert_eq!(error.await.unwrap(), Ready::ERROR);
        });
    });
}

#[test]
fn many_that_wait_for_one_socket_are_all_woken_in_order() {
    let expected = "first second both third read-by-first";
    in_order(expected, || async {
        let (own, peer) = connection();
        let own = Rc::new(own);
        for name in ["first", "second", "both", "third"] {
            let own = Rc::clone(&own);
            spawn(async move {
                if name == "both" {
                    own.ready(Interest::READABLE | Interest::ERROR)
                        .await
                        .unwrap();
                } else {
                    own.readable().await.unwrap();
                }
                log(name);
                if name == "first" {
                    spawn(async move {
                        assert_eq!(own.try_read(&mut [0; 8]).unwrap(), 1);
                        log("read-by-first");
                    });
                }
            });
        }
        in_poll().await;
        deliver(&peer, &*own, b"x");
    });
}

#[test]
fn a_waiter_that_is_cancelled_is_neither_woken_nor_counted() {
    watched(|| {
        let runtime = Runtime::new().unwrap();
        let (own, peer) = connection();
        let own = Rc::new(own);
        let (counter, waker) = CountingWaker::new();
        let peer = runtime.block_on({
            let own = Rc::clone(&own);
            async move {
                fill(&own).await;
                let mut given_up = own.ready(BOTH).boxed_local();
                assert!(poll_with(&mut given_up, &waker).is_pending());
                let mut kept = own.readable().boxed_local();
                assert!(poll_with(&mut kept, &waker).is_pending());
                drop(given_up);
                deliver(&peer, &*own, b"x");
                own.readable().await.unwrap();
                assert_eq!(counter.wakes(), 1);
                peer
            }
        });

        let is_stalled = spawn_and_run(&runtime, async move {
            assert!(poll!(own.ready(Interest::ERROR)).is_pending());
            pending::<()>().await;
        });
        assert!(is_stalled);
        drop(peer);
    });
}

/// Returns whether the run of a task ends because it waits for nothing of the loop.
fn spawn_and_run(runtime: &Runtime, task: impl Future<Output = ()> + 'static) -> bool {
    runtime.spawn(task);
    runtime.run().is_err()
}

#[test]
fn one_that_waits_keeps_the_loop_alive_unless_the_socket_is_unreferenced() {
    watched(|| {
        for interest in [BOTH, Interest::READABLE, Interest::ERROR] {
            let runtime = Runtime::new().unwrap();
            let (own, _peer) = connection();
            let own = Rc::new(own);
            let waits = {
                let own = Rc::clone(&own);
                async move {
                    while !own.ready(interest).await.unwrap().is_readable() {
                        own.try_io(Interest::WRITABLE, || {
                            io::Result::<()>::Err(ErrorKind::WouldBlock.into())
                        })
                        .unwrap_err();
                    }
                }
            };
            runtime.spawn(waits);
            runtime.run_until_stalled();
            assert!(
                runtime.turn(Some(Duration::ZERO)),
                "it keeps the loop alive"
            );
            own.unref();
            assert!(runtime.run().is_ok());
        }
    });
}

#[test]
fn try_io_calls_only_what_is_ready_and_remembers_that_it_would_block() {
    watched(|| {
        quintet::block_on(async {
            for is_registered in [false, true] {
                let (own, peer) = if is_registered {
                    registered().await
                } else {
                    connection()
                };
                let calls = Cell::new(0);
                let read = || {
                    own.try_io(Interest::READABLE, || {
                        calls.set(calls.get() + 1);
                        read_raw(&own, &mut [0; 8])
                    })
                };
                let settled = own.try_read(&mut [0; 8]).unwrap_err();
                assert_eq!(settled.kind(), ErrorKind::WouldBlock);
                assert_eq!(read().unwrap_err().kind(), ErrorKind::WouldBlock);
                assert_eq!(calls.get(), 0);

                deliver(&peer, &own, b"x");
                own.readable().await.unwrap();
                assert_eq!(read().unwrap(), 1);
                assert_eq!(read().unwrap_err().kind(), ErrorKind::WouldBlock);
                let tried = calls.get();
                assert_eq!(read().unwrap_err().kind(), ErrorKind::WouldBlock);
                if is_registered {
                    assert_eq!(calls.get(), tried, "it is known to block");
                }
                let mut readable = pin!(own.readable());
                assert!(poll!(readable.as_mut()).is_pending());
                deliver(&peer, &own, b"y");
                readable.await.unwrap();
                assert_eq!(read().unwrap(), 1);
            }
        });
    });
}

#[test]
fn async_io_waits_again_after_each_spurious_wake() {
    watched(|| {
        quintet::block_on(async {
            let (own, peer) = registered().await;
            let own = Rc::new(own);
            let calls = Rc::new(Cell::new(0));
            let reads = spawn({
                let (own, calls) = (Rc::clone(&own), Rc::clone(&calls));
                async move {
                    let read = own.async_io(Interest::READABLE, || {
                        calls.set(calls.get() + 1);
                        read_raw(&own, &mut [0; 8])
                    });
                    read.await
                }
            });
            yield_now().await;
            // What wakes it has been read by another task.
            deliver(&peer, &*own, b"x");
            own.readable().await.unwrap();
            let _either = own.try_read(&mut [0; 8]);
            yield_now().await;
            if !reads.is_finished() {
                (&peer).write_all(b"yz").unwrap();
            }
            let read = reads.await.unwrap().unwrap();
            assert!(read == 1 || read == 2, "{read}");
            assert!(calls.get() <= 2, "{} calls", calls.get());

            let error = own.async_io(Interest::WRITABLE, || {
                io::Result::<()>::Err(ErrorKind::AddrInUse.into())
            });
            assert_eq!(error.await.unwrap_err().kind(), ErrorKind::AddrInUse);
        });
    });
}

#[test]
fn two_tasks_that_take_turns_by_try_read_get_all_the_bytes() {
    watched(|| {
        quintet::block_on(async {
            let (own, mut peer) = connection();
            let own = Rc::new(own);
            let readers = [(); 2].map(|()| {
                let own = Rc::clone(&own);
                spawn(async move {
                    let mut bytes = 0;
                    loop {
                        own.readable().await.unwrap();
                        match own.try_read(&mut [0; 3]) {
                            Ok(0) => return bytes,
                            Ok(n) => bytes += n,
                            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
                        }
                    }
                })
            });
            for _ in 0..20 {
                peer.write_all(&[7; 50]).unwrap();
                yield_now().await;
            }
            drop(peer);
            let mut bytes = 0;
            for reader in readers {
                bytes += reader.await.unwrap();
            }
            assert_eq!(bytes, 1000);
        });
    });
}

#[test]
fn futures_of_readiness_are_send_and_sync() {
    fn check<T: Send + Sync>(_: &T) {}
    let runtime = Runtime::new().unwrap();
    let _entered = runtime.enter();
    let (own, _peer) = connection();
    check(&own.ready(BOTH));
    check(&own.readable());
    check(&own.writable());
    check(&own.async_io(BOTH, || Ok(())));
}

#[test]
fn outside_of_a_loop_readiness_is_an_error() {
    let (own, _peer) = connection();
    let mut cx = Context::from_waker(Waker::noop());
    let polled = pin!(own.ready(BOTH)).poll(&mut cx);
    assert!(
        matches!(polled, std::task::Poll::Ready(Err(_))),
        "{polled:?}"
    );
    assert!(own.poll_read_ready(&mut cx).is_ready());
}

#[test]
fn a_poll_for_readiness_is_woken() {
    watched(|| {
        quintet::block_on(async {
            let (own, peer) = registered().await;
            let own = Rc::new(own);
            let waiting = spawn({
                let own = Rc::clone(&own);
                async move { std::future::poll_fn(|cx| own.poll_read_ready(cx)).await }
            });
            yield_now().await;
            assert!(!waiting.is_finished());
            deliver(&peer, &*own, b"x");
            waiting.await.unwrap().unwrap();
            std::future::poll_fn(|cx| own.poll_write_ready(cx))
                .await
                .unwrap();
            assert_eq!(own.try_read(&mut [0; 8]).unwrap(), 1);
        });
    });
}
