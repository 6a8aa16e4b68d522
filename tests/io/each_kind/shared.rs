//! Several tasks that use one source.

use std::cell::Cell;
use std::rc::Rc;

use quintet::spawn;
use quintet::task::{JoinHandle, yield_now};
use socket2::SockRef;

use crate::support::cases::{in_check, in_order, in_poll, lines, log};
use crate::support::kinds::{KINDS, Own};

/// A task that reads `times`, one message each time, and logs that.
fn reader(own: &Rc<Own>, name: &'static str, times: usize) -> JoinHandle<()> {
    let own = Rc::clone(own);
    spawn(async move {
        for _ in 0..times {
            assert_eq!(own.read(&mut [0; 1]).await.unwrap(), 1);
            log(name);
        }
    })
}

#[test]
fn readers_of_one_source_take_turns() {
    for kind in KINDS {
        in_order("a b c a b c a b c", move || async move {
            let (own, peer) = kind.open();
            let own = Rc::new(own);
            for name in ["a", "b", "c"] {
                reader(&own, name, 3);
            }
            for count in 1..=9 {
                in_poll().await;
                peer.send(b"x");
                lines(count).await;
            }
        });
    }
}

#[test]
fn a_reader_cancelled_while_it_waits_loses_nothing_for_the_others() {
    for kind in KINDS {
        in_order("b c", move || async move {
            let (own, peer) = kind.open();
            let own = Rc::new(own);
            let [first, ..] = ["a", "b", "c"].map(|name| reader(&own, name, 1));
            in_poll().await;
            first.abort();
            in_check().await;
            for count in 1..=2 {
                peer.send(b"x");
                lines(count).await;
            }
        });
    }
}

#[test]
fn a_reader_cancelled_after_it_was_woken_loses_nothing_for_the_others() {
    for kind in KINDS {
        in_order("abort-a b c", move || async move {
            let (own, peer) = kind.open();
            let own = Rc::new(own);
            // Woken by the same event, and first: it cancels the next one.
            let by_own = Rc::clone(&own);
            let first = Rc::new(Cell::new(None::<JoinHandle<()>>));
            let aborted = Rc::clone(&first);
            spawn(async move {
                by_own.readable().await.unwrap();
                aborted.take().unwrap().abort();
                log("abort-a");
            });
            let [a, ..] = ["a", "b", "c"].map(|name| reader(&own, name, 1));
            first.set(Some(a));
            in_poll().await;
            peer.send(b"x");
            lines(2).await;
            peer.send(b"x");
        });
    }
}

#[test]
fn a_dropped_wait_for_readiness_loses_nothing_for_the_others() {
    for kind in KINDS {
        in_order("dropped readable read", move || async move {
            let (own, peer) = kind.open();
            let own = Rc::new(own);
            let [given_up, waits] = [(), ()].map(|()| {
                let own = Rc::clone(&own);
                spawn(async move {
                    own.readable().await.unwrap();
                    log("readable");
                    assert_eq!(own.try_read(&mut [0; 1]).unwrap(), 1);
                    log("read");
                })
            });
            in_poll().await;
            given_up.abort();
            drop(given_up.await);
            log("dropped");
            peer.send(b"x");
            waits.await.unwrap();
        });
    }
}

#[test]
fn one_task_reads_while_another_waits_to_write() {
    for kind in KINDS.into_iter().filter(|kind| kind.writes()) {
        // More than both ends hold, where a write may wait.
        let (bytes, expected) = if kind.write_may_wait() {
            (4 << 20, "read written")
        } else {
            (16 * 1024, "written read")
        };
        in_order(expected, move || async move {
            let (own, peer) = kind.open();
            SockRef::from(&own).set_send_buffer_size(64 * 1024).unwrap();
            SockRef::from(&peer)
                .set_recv_buffer_size(64 * 1024)
                .unwrap();
            let own = Rc::new(own);
            reader(&own, "read", 1);
            let by_writer = Rc::clone(&own);
            let writer = spawn(async move {
                let mut left = bytes;
                while left > 0 {
                    let piece = [0; 16 * 1024];
                    left -= by_writer
                        .write(&piece[..left.min(piece.len())])
                        .await
                        .unwrap();
                }
                log("written");
            });
            in_poll().await;
            peer.send(b"x");
            lines(if kind.write_may_wait() { 1 } else { 2 }).await;
            let mut left = bytes;
            while left > 0 {
                // This thread must not wait for what the task has not written.
                while !peer.is_readable() {
                    yield_now().await;
                }
                left -= peer.read(&mut [0; 16 * 1024]);
            }
            writer.await.unwrap();
        });
    }
}
