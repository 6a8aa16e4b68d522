//! A source that always has something to read is charged to the budget of its task, so others get
//! their turn after so many reads at most.

use std::cell::Cell;
use std::future::poll_fn;
use std::io::ErrorKind;
use std::pin::pin;
use std::rc::Rc;

use quintet::task::yield_now;
use quintet::time::{Duration, sleep};
use quintet::{block_on, spawn};

use crate::support::cases::{log, watched};
use crate::support::kinds::{KINDS, Kind, Own};

/// What one poll of a task may spend, and for how many bytes an operation costs a unit more.
const UNITS: usize = 128;
const UNIT: usize = 16 * 1024;

/// While there is other work, poll asks the OS at least once in so many ticks.
const SKIPPED_TICKS_MAX: usize = 32;

/// A flood that no other task interrupts ends after so many reads.
const READS_MAX: usize = 300 * UNITS;

/// How the task of a flooded source reads.
#[derive(Clone, Copy, Debug)]
enum Reading {
    ByOperation,
    ByReadiness,
}

impl Reading {
    async fn read(self, own: &Own, buf: &mut [u8]) -> usize {
        match self {
            Reading::ByOperation => own.read(buf).await.unwrap(),
            Reading::ByReadiness => loop {
                own.readable().await.unwrap();
                match own.try_read(buf) {
                    Ok(n) => return n,
                    Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
                }
            },
        }
    }
}

/// What the flood has come to.
#[derive(Default)]
struct Flood {
    polls: Cell<usize>,
    reads: Cell<usize>,
    /// The most in one poll.
    reads_max: Cell<usize>,
    bytes_max: Cell<usize>,
}

/// Reads what comes, and makes more come, until there were [`READS_MAX`] reads.
async fn flood(kind: Kind, reading: Reading, message: usize, flood: Rc<Flood>) {
    let (own, peer) = kind.open();
    let message = vec![7; message];
    let in_this_poll = Cell::new((0, 0));
    let mut reads = pin!(async {
        let mut buf = vec![0; message.len()];
        peer.deliver(&own, &message);
        while flood.reads.get() < READS_MAX {
            let n = reading.read(&own, &mut buf).await;
            flood.reads.set(flood.reads.get() + 1);
            in_this_poll.update(|(reads, bytes)| (reads + 1, bytes + n));
            // One that is not whole has its rest behind it.
            if n == message.len() {
                peer.deliver(&own, &message);
            }
        }
    });
    poll_fn(|cx| {
        flood.polls.set(flood.polls.get() + 1);
        in_this_poll.set((0, 0));
        let poll = reads.as_mut().poll(cx);
        let (reads, bytes) = in_this_poll.get();
        flood.reads_max.set(flood.reads_max.get().max(reads));
        flood.bytes_max.set(flood.bytes_max.get().max(bytes));
        poll
    })
    .await;
}

/// Floods a source of each kind, in each way to read, and calls `check` meanwhile.
fn while_flooded(message: usize, check: impl AsyncFn(Kind, &Flood)) {
    for kind in KINDS {
        for reading in [Reading::ByOperation, Reading::ByReadiness] {
            watched(|| {
                log(format!("{kind:?} {reading:?}"));
                block_on(async {
                    let state = Rc::new(Flood::default());
                    let flood = spawn(flood(kind, reading, message, Rc::clone(&state)));
                    while state.reads.get() == 0 {
                        yield_now().await;
                    }
                    check(kind, &state).await;
                    flood.abort();
                    let outcome = flood.await;
                    assert!(
                        outcome.is_err(),
                        "{kind:?} {reading:?}: the flood was over before"
                    );
                });
            });
        }
    }
}

#[test]
fn a_flooded_source_of_each_kind_delays_no_other_and_no_timer() {
    while_flooded(1, async |kind, flood| {
        let (quiet, peer) = kind.open();
        let received = Rc::new(Cell::new(0));
        let counted = Rc::clone(&received);
        let reader = spawn(async move {
            loop {
                quiet.read(&mut [0; 8]).await.unwrap();
                counted.set(counted.get() + 1);
            }
        });
        for round in 1..=3 {
            let before = flood.polls.get();
            sleep(Duration::ZERO).await;
            let polls = flood.polls.get() - before;
            assert!(polls <= 2, "{kind:?}: a timer comes {polls} polls late");

            let before = flood.polls.get();
            peer.send(b"?");
            while received.get() < round {
                yield_now().await;
            }
            let polls = flood.polls.get() - before;
            assert!(
                polls <= SKIPPED_TICKS_MAX + 2,
                "{kind:?}: received {polls} polls late"
            );
        }
        assert!(
            flood.reads_max.get() <= UNITS,
            "{kind:?}: {}",
            flood.reads_max.get()
        );
        reader.abort();
    });
}

#[test]
fn what_a_flooded_source_moves_is_bounded_by_bytes_too() {
    // A message that a socket takes at once, whatever its kind.
    const MESSAGE: usize = 3 * UNIT;
    while_flooded(MESSAGE, async |kind, flood| {
        while flood.polls.get() < 5 {
            yield_now().await;
        }
        if kind == Kind::AsyncFd {
            // Its caller makes the system call, so the loop does not know the bytes.
            return;
        }
        // The last read of a poll may move more than is left.
        let bytes = flood.bytes_max.get();
        assert!(
            bytes <= UNITS * UNIT + MESSAGE,
            "{kind:?}: {bytes} bytes in a poll"
        );
    });
}
