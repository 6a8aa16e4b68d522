//! The counts of the jobs of one class.

use std::task::Waker;
use std::time::{Duration, Instant};

use super::room::Room;
use super::stats::ClassStats;
use crate::clock;
use crate::counts::histogram::SharedRecorder;
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
    /// If it is measured.
    times: Option<Box<JobTimes>>,
}

/// How long jobs take.
#[derive(Default)]
pub(crate) struct JobTimes {
    /// From the queue to a thread.
    pub(crate) waiting: SharedRecorder,
    pub(crate) running: SharedRecorder,
}

impl ClassCounts {
    pub(super) fn new(queued_max: usize, is_measuring: bool) -> Self {
        ClassCounts {
            room: Room::new(queued_max),
            begun: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            cancelled: AtomicU64::new(0),
            times: is_measuring.then(Box::default),
        }
    }

    /// Returns the time, if it is measured how long jobs take.
    pub(crate) fn now(&self) -> Option<Instant> {
        self.times.as_ref().map(|_| Instant::now())
    }

    pub(crate) fn times(&self) -> Option<&JobTimes> {
        self.times.as_deref()
    }

    /// Counts a job that begins, and has been queued since that time. Returns a waker to be woken.
    #[must_use = "a task has room and must be woken"]
    pub(crate) fn job_begins(&self, queued_at: Option<Instant>) -> Option<Waker> {
        self.begun.fetch_add(1, Ordering::Relaxed);
        if let (Some(times), Some(queued_at)) = (&self.times, queued_at) {
            times.waiting.record(clock::nanos(queued_at.elapsed()));
        }
        self.room.leave()
    }

    /// Counts a job that has run since that time.
    pub(crate) fn job_ends(&self, began_at: Option<Instant>) {
        if let (Some(times), Some(began_at)) = (&self.times, began_at) {
            times.running.record(clock::nanos(began_at.elapsed()));
        }
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
        let waited = |times: &JobTimes| Duration::from_nanos(times.waiting.sum());
        ClassStats {
            queued: usize::try_from(self.room.queued()).unwrap_or(usize::MAX),
            running: usize::try_from(begun.saturating_sub(ended)).unwrap_or(usize::MAX),
            done: ended,
            cancelled: self.cancelled.load(Ordering::Relaxed),
            waited: self.times().map(waited),
        }
    }
}
