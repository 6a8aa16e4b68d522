//! The class limit before the queue for jobs of a class that may fill only part of the pool.
//!
//! It admits so many jobs that those of its class, queued or running, never hold more workers than
//! they may, and keeps the others in a line of their own. An admitted job is like any other: it
//! stands in the one queue behind what came before it, so neither kind can starve the other.
//! Plain jobs pass no class limit. The class limit is part of the workers's state and knows no locks.

use std::collections::VecDeque;

use super::job::QueuedJob;

/// How many jobs of a class are admitted, and which wait.
#[derive(Debug)]
pub(super) struct ClassLimit {
    /// Jobs of this class that may be in the queue or on a worker at once.
    admitted_max: usize,
    admitted: usize,
    /// Empty unless `admitted` is at its maximum.
    waiting: VecDeque<QueuedJob>,
}

impl ClassLimit {
    /// The class limit of slow look-ups: half of the workers, rounded up, so that of two or more one is
    /// always left. A lone worker has no other half, and keeps its one order for all jobs.
    pub(super) fn of_dns(workers: usize) -> ClassLimit {
        ClassLimit {
            admitted_max: match workers {
                1 => usize::MAX,
                workers => workers.div_ceil(2),
            },
            admitted: 0,
            waiting: VecDeque::new(),
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.admitted == self.admitted_max
    }

    /// Counts a job that goes to the queue.
    pub(super) fn admit(&mut self) {
        assert!(!self.is_full(), "a full class_limit admits nobody");
        self.admitted += 1;
    }

    /// Keeps a job until another one of its class has ended.
    pub(super) fn hold_back(&mut self, job: QueuedJob) {
        assert!(self.is_full(), "an open class_limit keeps nobody waiting");
        self.waiting.push_back(job);
    }

    /// Notes that an admitted job has ended, in whatever way. Gives out the one that takes its
    /// place: it counts as admitted and must be queued.
    pub(super) fn release(&mut self) -> Option<QueuedJob> {
        assert!(self.admitted > 0, "only an admitted job can end");
        let next = self.waiting.pop_front();
        if next.is_none() {
            self.admitted -= 1;
        }
        next
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Empties the line, for the end of the pool.
    pub(super) fn take_waiting(&mut self) -> VecDeque<QueuedJob> {
        std::mem::take(&mut self.waiting)
    }
}
