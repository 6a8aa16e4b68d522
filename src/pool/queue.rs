//! The queue of a group of workers: jobs that wait, oldest first.
//!
//! It is part of the state of the [workers](super::workers), whose lock a push and an idle worker
//! need in any case. A worker takes one job at a time, so no job waits behind a long one that the
//! same worker has taken.

use std::iter;

use crossbeam_deque::{Injector, Steal};

use super::job::QueuedJob;

/// The jobs that wait for a worker.
#[derive(Debug, Default)]
pub(super) struct JobQueue {
    injector: Injector<QueuedJob>,
}

impl JobQueue {
    pub(super) fn push(&mut self, job: QueuedJob) {
        self.injector.push(job);
    }

    pub(super) fn pop(&mut self) -> Option<QueuedJob> {
        loop {
            match self.injector.steal() {
                Steal::Success(job) => return Some(job),
                Steal::Empty => return None,
                Steal::Retry => {}
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.injector.len()
    }

    /// Takes all jobs.
    pub(super) fn take_all(&mut self) -> Vec<QueuedJob> {
        iter::from_fn(|| self.pop()).collect()
    }
}
