//! A worker thread: takes jobs and runs them until it has been idle for too long.
//!
//! The pool starts it and tells it when to end. No panic of a job reaches it.

use std::cell::Cell;

use super::job::QueuedJob;
use super::queue::OwnEnd;
use super::workers::Workers;
use crate::primitive::{Arc, MutexGuard};

/// What a worker thread has at hand.
struct Worker<'pool> {
    workers: &'pool Arc<Workers>,
    /// Which slot is its own.
    slot: usize,
    own_end: MutexGuard<'pool, OwnEnd>,
    /// Whether it has said that it is about to search the queue.
    is_looking: Cell<bool>,
}

/// The whole life of the thread on `slot`.
pub(super) fn run(workers: &Arc<Workers>, slot: usize) {
    workers.arrive();
    let worker = Worker {
        workers,
        slot,
        own_end: workers.slot(slot).occupy(),
        is_looking: Cell::new(false),
    };
    loop {
        while let Some(job) = worker.next() {
            worker.work(job);
        }
        if !workers.rest(slot) {
            break;
        }
    }
    workers.slot(slot).vacate(worker.own_end);
}

impl Worker<'_> {
    /// The next job, after seeing to it that what is left behind does not wait for this one's end.
    fn next(&self) -> Option<QueuedJob> {
        if let Some(job) = self.own_end.pop() {
            return Some(job);
        }
        let job = self.workers.queue().take(self.slot, &self.own_end);
        if self.is_looking.take() {
            self.workers.has_looked();
        } else if job.is_some() {
            self.workers.pass_on();
        }
        job
    }

    /// Runs a job, or drops it if the pool has been shut down.
    fn work(&self, mut job: QueuedJob) {
        let class = job.class();
        let slot = self.workers.slot(self.slot);
        let mut ended = None;
        if slot.begin(&mut job) {
            self.workers.job_begins();
            job.run_claimed();
            ended = slot.end();
        } else {
            drop(job);
        }
        self.workers.job_ended(class);
        // Before the result is told: who hears of it may have the next job at once.
        if self.own_end.is_empty() {
            self.workers.is_looking();
            self.is_looking.set(true);
        }
        if let Some(ticket) = ended {
            ticket.wake();
        }
    }
}
