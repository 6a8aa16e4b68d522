//! A limit on the number of jobs of one class that are queued or running.
//!
//! Jobs above the limit wait here, before the queue. An admitted job is like any other: it enters
//! the one FIFO queue, so neither class can starve the other. There is no limit for plain jobs. The
//! state of the workers contains the limit, and their lock protects it.

use std::collections::VecDeque;

use super::job::QueuedJob;

/// The number of admitted jobs of a class, and the jobs that wait for admission.
#[derive(Debug)]
pub(super) struct ClassLimit {
    /// The maximum number of jobs of this class that are queued or running.
    admitted_max: usize,
    admitted: usize,
    /// Empty unless `admitted` is at its maximum.
    waiting: VecDeque<QueuedJob>,
}

impl ClassLimit {
    /// The limit of name lookups: half of the workers, rounded up, so that a pool of two or more
    /// workers has one for other jobs. With a single worker there is no limit, and jobs of all
    /// classes run in the order of their pushes.
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

    /// Counts a job that enters the queue.
    pub(super) fn admit(&mut self) {
        assert!(!self.is_full(), "a job is admitted only below the limit");
        self.admitted += 1;
    }

    /// Holds a job back until another job of its class ends.
    pub(super) fn hold_back(&mut self, job: QueuedJob) {
        assert!(self.is_full(), "a job is held back only at the limit");
        self.waiting.push_back(job);
    }

    /// Notes that an admitted job has run or was dropped. Returns the job that takes its place,
    /// which counts as admitted, and which the caller must queue.
    pub(super) fn release(&mut self) -> Option<QueuedJob> {
        assert!(self.admitted > 0, "only an admitted job can end");
        let next = self.waiting.pop_front();
        if next.is_none() {
            self.admitted -= 1;
        }
        next
    }

    /// Returns the number of jobs that are held back.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Takes all jobs that are held back, for the shutdown.
    pub(super) fn take_waiting(&mut self) -> VecDeque<QueuedJob> {
        std::mem::take(&mut self.waiting)
    }
}
