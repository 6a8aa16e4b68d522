//! The room in the queue for jobs of one class, and the tasks that wait for it.
//!
//! The number of queued jobs is limited only for callers that ask for a limit: others enter in any
//! case. A caller that finds no room may wait. Waiters get room in the order in which they came:
//! the thread that takes a job out of the queue *grants* its room to the first waiter, which then
//! counts as queued. A waiter that is dropped after that passes its room on.
//!
//! One atomic contains the number of jobs and whether tasks wait, so a thread that takes a job out
//! either sees that tasks wait, or does it before the first of them looks at the number.

use std::mem;
use std::task::{Poll, Waker};

use crate::numbered::Numbered;
use crate::primitive::{self, AtomicU64, Mutex, Ordering};

/// Tasks wait for room. It is set and cleared under the lock of the waiters.
const AWAITED: u64 = 1;

/// One queued job.
const ONE: u64 = 2;

/// See the [module](self).
pub(crate) struct Room {
    /// The number of queued jobs, times `ONE`, and `AWAITED`.
    state: AtomicU64,
    /// How many jobs may be queued.
    queued_max: u64,
    /// Not locked while user code runs.
    waiters: Mutex<RoomWaiters>,
}

struct RoomWaiters {
    /// The waiters without room, in the order of their arrival.
    waiting: Numbered<Waker>,
    /// Set once: no room is granted.
    is_closed: bool,
}

/// Names a waiter. Its owner must call [`Room::forget`], unless it has been taken by a poll.
#[derive(Debug)]
pub(crate) struct RoomKey(u64);

/// Whether there is room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RoomOffer {
    /// The caller has entered.
    Entered,
    /// The pool has been shut down.
    Closed,
}

impl Room {
    pub(crate) fn new(queued_max: usize) -> Self {
        Room {
            state: AtomicU64::new(0),
            queued_max: u64::try_from(queued_max).unwrap_or(u64::MAX),
            waiters: Mutex::new(RoomWaiters {
                waiting: Numbered::new(),
                is_closed: false,
            }),
        }
    }

    /// Returns the number of queued jobs.
    pub(crate) fn queued(&self) -> u64 {
        self.state.load(Ordering::Relaxed) / ONE
    }

    /// Counts a job, whether or not there is room.
    #[inline]
    pub(crate) fn enter(&self) {
        self.state.fetch_add(ONE, Ordering::Relaxed);
    }

    /// Counts a job if there is room and no task waits for it.
    pub(crate) fn try_enter(&self) -> bool {
        let entered = |state: u64| {
            let has_room = state & AWAITED == 0 && state / ONE < self.queued_max;
            has_room.then_some(state + ONE)
        };
        self.state
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, entered)
            .is_ok()
    }

    /// Notes that a job has left the queue. Returns a waker for the caller to wake, outside of all
    /// locks.
    #[inline]
    #[must_use = "a task has room and must be woken"]
    pub(crate) fn leave(&self) -> Option<Waker> {
        // The lock orders what follows. Here the order of changes of the one atomic is enough.
        let before = self.state.fetch_sub(ONE, Ordering::Relaxed);
        debug_assert!(before >= ONE, "a job leaves the queue once");
        if before & AWAITED == 0 {
            return None;
        }
        self.grant()
    }

    /// Grants room, if there is any, to the first waiter.
    #[cold]
    fn grant(&self) -> Option<Waker> {
        let mut waiters = primitive::lock(&self.waiters);
        if waiters.is_closed || self.queued() >= self.queued_max {
            return None;
        }
        let waker = waiters.waiting.pop()?;
        self.enter();
        self.clear_if_none_wait(&waiters);
        Some(waker)
    }

    fn clear_if_none_wait(&self, waiters: &RoomWaiters) {
        if waiters.waiting.is_empty() {
            self.state.fetch_and(!AWAITED, Ordering::Relaxed);
        }
    }

    /// Enters, or waits behind all that wait already. `key` is that of this waiter, once it has
    /// one; it is taken when this is ready. `waker` is cloned and dropped outside of the lock.
    pub(crate) fn poll_enter(&self, key: &mut Option<RoomKey>, waker: &Waker) -> Poll<RoomOffer> {
        if key.is_none() && self.try_enter() {
            return Poll::Ready(RoomOffer::Entered);
        }
        let mut waker = waker.clone();
        let mut waiters = primitive::lock(&self.waiters);
        let offer = self.offer(&mut waiters, key, &mut waker);
        drop(waiters);
        if offer.is_ready() {
            *key = None;
        }
        offer
    }

    /// See [`poll_enter`](Room::poll_enter). Leaves in `waker` one to be dropped.
    fn offer(
        &self,
        waiters: &mut RoomWaiters,
        key: &mut Option<RoomKey>,
        waker: &mut Waker,
    ) -> Poll<RoomOffer> {
        if let Some(RoomKey(key)) = key {
            let is_closed = waiters.is_closed;
            return match waiters.waiting.get_mut(*key) {
                None => Poll::Ready(RoomOffer::Entered),
                Some(_) if is_closed => Poll::Ready(RoomOffer::Closed),
                Some(own) => {
                    mem::swap(own, waker);
                    Poll::Pending
                }
            };
        }
        if waiters.is_closed {
            return Poll::Ready(RoomOffer::Closed);
        }
        // From here on a job that leaves the queue waits for the lock.
        let before = self.state.fetch_or(AWAITED, Ordering::Relaxed);
        if waiters.waiting.is_empty() && before / ONE < self.queued_max {
            self.enter();
            self.clear_if_none_wait(waiters);
            return Poll::Ready(RoomOffer::Entered);
        }
        let waker = mem::replace(waker, Waker::noop().clone());
        *key = Some(RoomKey(waiters.waiting.push(waker)));
        Poll::Pending
    }

    /// Removes a waiter. If it has been granted room, the next one gets it: returns the waker of
    /// that one for the caller to wake.
    #[must_use = "a task has room and must be woken"]
    pub(crate) fn forget(&self, RoomKey(key): RoomKey) -> Option<Waker> {
        let mut waiters = primitive::lock(&self.waiters);
        let waker = waiters.waiting.remove(key);
        if waker.is_some() {
            self.clear_if_none_wait(&waiters);
        }
        drop(waiters);
        match waker {
            // Dropped outside of the lock.
            Some(_) => None,
            None => self.leave(),
        }
    }

    /// Grants no room from now on. Returns the wakers of all that wait, for the caller to wake.
    #[must_use = "tasks wait for room that they never get"]
    pub(crate) fn close(&self) -> Vec<Waker> {
        let mut waiters = primitive::lock(&self.waiters);
        waiters.is_closed = true;
        // The keys stay, so that a waiter knows that it has not been granted room.
        let wakers = waiters.waiting.iter_mut();
        wakers
            .map(|waker| mem::replace(waker, Waker::noop().clone()))
            .collect()
    }
}
