//! A worker thread: takes jobs and runs them until it has been idle for too long.
//!
//! The panic of a job does not unwind into the thread.

use std::cell::Cell;

use super::job::QueuedJob;
use super::queue::LocalQueue;
use super::workers::Workers;
use crate::primitive::{Arc, MutexGuard};

/// The state of a running worker thread.
struct Worker<'pool> {
    workers: &'pool Arc<Workers>,
    /// The number of its slot.
    slot: usize,
    local_queue: MutexGuard<'pool, LocalQueue>,
    /// Whether it has called [`Workers::begin_search`] without [`Workers::end_search`].
    is_searching: Cell<bool>,
}

/// The main function of the thread on `slot`.
pub(super) fn run(workers: &Arc<Workers>, slot: usize) {
    workers.thread_started();
    let worker = Worker {
        workers,
        slot,
        local_queue: workers.slot(slot).occupy(),
        is_searching: Cell::new(false),
    };
    loop {
        while let Some(job) = worker.next_job() {
            worker.run_job(job);
        }
        if !workers.wait_for_job(slot) {
            break;
        }
    }
    workers.slot(slot).vacate(worker.local_queue);
}

impl Worker<'_> {
    /// Returns the next job. If it leaves jobs in the queue, wakes another worker for them.
    fn next_job(&self) -> Option<QueuedJob> {
        if let Some(job) = self.local_queue.pop() {
            return Some(job);
        }
        let job = self.workers.queue().take(self.slot, &self.local_queue);
        if self.is_searching.take() {
            self.workers.end_search();
        } else if job.is_some() {
            self.workers.wake_next_worker();
        }
        job
    }

    /// Runs a job, or drops it if the pool has been shut down.
    fn run_job(&self, mut job: QueuedJob) {
        let class = job.class();
        let slot = self.workers.slot(self.slot);
        let ended = match slot.begin(&mut job) {
            Some(ticket) => {
                self.workers.job_begins(class);
                let ticket = job.run_claimed(ticket);
                slot.end();
                Some(ticket)
            }
            None => {
                drop(job);
                None
            }
        };
        self.workers.job_ended(class);
        // Before the wake: the woken task may push its next job at once, and then this worker takes
        // it without a wake-up.
        if self.local_queue.is_empty() {
            self.workers.begin_search();
            self.is_searching.set(true);
        }
        if let Some(ticket) = ended {
            ticket.wake();
        }
    }
}
