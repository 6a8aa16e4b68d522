//! The queue of a group of workers: jobs that wait, oldest first.
//!
//! It is part of the state of the [workers](super::workers), whose lock a push and an idle worker
//! need in any case. A worker takes one job at a time, so no job waits behind a long one that the
//! same worker has taken.

use std::iter;

use crossbeam_deque::Worker;

use super::job::QueuedJob;

/// The jobs that wait for a worker.
pub(super) struct JobQueue {
    /// The deque of whichever worker has the lock. Its buffer grows and shrinks with the queue.
    deque: Worker<QueuedJob>,
}

impl JobQueue {
    pub(super) fn push(&mut self, job: QueuedJob) {
        self.deque.push(job);
    }

    pub(super) fn pop(&mut self) -> Option<QueuedJob> {
        self.deque.pop()
    }

    pub(super) fn len(&self) -> usize {
        self.deque.len()
    }

    /// Takes all jobs.
    pub(super) fn take_all(&mut self) -> Vec<QueuedJob> {
        iter::from_fn(|| self.pop()).collect()
    }
}

impl Default for JobQueue {
    fn default() -> Self {
        JobQueue {
            deque: Worker::new_fifo(),
        }
    }
}
