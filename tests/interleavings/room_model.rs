//! The room in the queue of jobs, in every interleaving: no waiter is left out while there is room,
//! and there are never more jobs than that.
//!
//! `src/pool/room.rs` is compiled here against the model checker's lock and atomic. A waiter that
//! is not woken is a test that waits for ever, and the checker calls that a deadlock.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::task::{Poll, Wake, Waker};

use check::{check, find_fault};
use loom::sync::Notify;
use loom::thread;
use room::{Room, RoomOffer};

mod check;

mod primitive {
    pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};
    pub(crate) use loom::sync::{Mutex, MutexGuard};

    pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().unwrap()
    }
}

#[allow(dead_code, reason = "only what rooms need is called")]
#[path = "../../src/numbered.rs"]
mod numbered;

#[allow(dead_code, reason = "only what wakes waiters is modelled")]
#[path = "../../src/pool/room.rs"]
mod room;

/// Wakes the thread that waits.
struct Unpark(Notify);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.notify();
    }
}

/// Waits for room, and returns whether it has entered.
fn enter(room: &Room) -> bool {
    let unpark = Arc::new(Unpark(Notify::new()));
    let waker = Waker::from(Arc::clone(&unpark));
    let mut key = None;
    loop {
        match room.poll_enter(&mut key, &waker) {
            Poll::Ready(offer) => return offer == RoomOffer::Entered,
            Poll::Pending => unpark.0.wait(),
        }
    }
}

/// A job leaves the queue.
fn leave(room: &Room) {
    if let Some(waker) = room.leave() {
        waker.wake();
    }
}

#[test]
fn a_waiter_gets_the_room_of_a_job_that_leaves() {
    check(|| {
        let room = Arc::new(Room::new(1));
        room.enter();
        let theirs = Arc::clone(&room);
        let waiter = thread::spawn(move || {
            assert!(enter(&theirs));
            leave(&theirs);
        });
        leave(&room);
        waiter.join().unwrap();
        assert_eq!(room.queued(), 0);
        assert!(room.try_enter());
    });
}

#[test]
fn two_waiters_get_the_room_of_two_jobs() {
    check(|| {
        let room = Arc::new(Room::new(2));
        room.enter();
        room.enter();
        let threads = [(); 2].map(|()| {
            let theirs = Arc::clone(&room);
            thread::spawn(move || assert!(enter(&theirs)))
        });
        leave(&room);
        leave(&room);
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(room.queued(), 2);
        assert!(!room.try_enter());
    });
}

#[test]
fn a_waiter_that_gives_up_passes_its_room_on() {
    check(|| {
        let room = Arc::new(Room::new(1));
        room.enter();
        let mut key = None;
        assert!(room.poll_enter(&mut key, Waker::noop()).is_pending());
        let theirs = Arc::clone(&room);
        let waiter = thread::spawn(move || assert!(enter(&theirs)));
        let leaving = Arc::clone(&room);
        let job = thread::spawn(move || leave(&leaving));
        if let Some(waker) = room.forget(key.unwrap()) {
            waker.wake();
        }
        job.join().unwrap();
        waiter.join().unwrap();
        assert_eq!(room.queued(), 1);
    });
}

#[test]
fn the_end_reaches_a_waiter_that_comes_at_the_same_time() {
    check(|| {
        let room = Arc::new(Room::new(1));
        room.enter();
        let theirs = Arc::clone(&room);
        let waiter = thread::spawn(move || enter(&theirs));
        room.close().into_iter().for_each(Waker::wake);
        assert!(!waiter.join().unwrap());
        assert_eq!(room.queued(), 1);
    });
}

#[test]
fn the_model_finds_a_job_that_leaves_and_wakes_none() {
    find_fault("the_model_finds_a_job_that_leaves_and_wakes_none", || {
        let room = Arc::new(Room::new(1));
        room.enter();
        let theirs = Arc::clone(&room);
        let waiter = thread::spawn(move || enter(&theirs));
        drop(room.leave());
        waiter.join().unwrap();
    });
}
