//! The counts of the jobs of one class.

use std::task::Waker;
use std::time::{Duration, Instant};

use super::room::Room;
use super::stats::ClassStats;
use crate::primitive::{AtomicU64, Ordering};

/// Counts the jobs of one class, on whichever threads they run.
///
/// The owner of a job calls these methods, not the workers: a job that is aborted leaves the queue
/// when its closure is dropped, even while its empty entry waits for a worker.
pub(crate) struct ClassCounts {
    /// The queued jobs, and the tasks that wait for room among them.
    pub(crate) room: Room,
    begun: AtomicU64,
    ended: AtomicU64,
    cancelled: AtomicU64,
    /// For how long the jobs that have begun have waited, in nanoseconds.
    waited: AtomicU64,
    is_measuring: bool,
}

impl ClassCounts {
    pub(super) fn new(queued_max: usize, is_measuring: bool) -> Self {
        ClassCounts {
            room: Room::new(queued_max),
            begun: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            cancelled: AtomicU64::new(0),
            waited: AtomicU64::new(0),
            is_measuring,
        }
    }

    /// Returns the time, if waiting times are measured.
    pub(crate) fn now(&self) -> Option<Instant> {
        self.is_measuring.then(Instant::now)
    }

    /// Counts a job that begins, and has been queued since that time. Returns a waker to be woken.
    #[must_use = "a task has room and must be woken"]
    pub(crate) fn job_begins(&self, queued_at: Option<Instant>) -> Option<Waker> {
        self.begun.fetch_add(1, Ordering::Relaxed);
        if let Some(queued_at) = queued_at {
            let waited = u64::try_from(queued_at.elapsed().as_nanos()).unwrap_or(u64::MAX);
            self.waited.fetch_add(waited, Ordering::Relaxed);
        }
        self.room.leave()
    }

    /// Counts a job that has run.
    pub(crate) fn job_ends(&self) {
        // Release pairs with the acquire in `stats`.
        self.ended.fetch_add(1, Ordering::Release);
    }

    /// Counts a job that never begins. Returns a waker to be woken.
    #[must_use = "a task has room and must be woken"]
    pub(crate) fn job_is_cancelled(&self) -> Option<Waker> {
        self.cancelled.fetch_add(1, Ordering::Relaxed);
        self.room.leave()
    }

    pub(super) fn stats(&self) -> ClassStats {
        // In this order: a job that ends meanwhile must not be missing among those that have begun.
        let ended = self.ended.load(Ordering::Acquire);
        let begun = self.begun.load(Ordering::Relaxed);
        let waited = self.waited.load(Ordering::Relaxed);
        ClassStats {
            queued: usize::try_from(self.room.queued()).unwrap_or(usize::MAX),
            running: usize::try_from(begun.saturating_sub(ended)).unwrap_or(usize::MAX),
            done: ended,
            cancelled: self.cancelled.load(Ordering::Relaxed),
            waited: self.is_measuring.then(|| Duration::from_nanos(waited)),
        }
    }
}
