//! Several tasks that use one source.

use std::cell::Cell;
use std::rc::Rc;

use quintet::spawn;
use quintet::task::JoinHandle;

use crate::support::cases::{in_check, in_order, in_poll, lines, log, void_unless};
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
        let expected = if kind.write_may_wait() {
            "read written"
        } else {
            "written read"
        };
        in_order(expected, move || async move {
            let (own, peer) = kind.open();
            let own = Rc::new(own);
            let filler = [0; 1024];
            let mut full = 0;
            if kind.write_may_wait() {
                while let Ok(n) = own.try_write(&filler) {
                    full += n;
                }
            }
            reader(&own, "read", 1);
            let by_writer = Rc::clone(&own);
            let writer = spawn(async move {
                assert_eq!(by_writer.write(b"w").await.unwrap(), 1);
                log("written");
            });
            in_poll().await;
            // The OS may make room a moment after it has said that there is none.
            void_unless(writer.is_finished() != kind.write_may_wait());
            peer.send(b"x");
            lines(if kind.write_may_wait() { 1 } else { 2 }).await;
            let mut buf = [0; 4096];
            while full > 0 {
                let room = full.min(buf.len());
                full -= peer.read(&mut buf[..room]);
            }
            writer.await.unwrap();
            assert_eq!(peer.read(&mut buf), 1);
        });
    }
}
