//! A worker thread: takes jobs and runs them until it has been idle for too long.
//!
//! The crew starts it and tells it when to end. No panic of a job reaches it.

use std::sync::{Arc, MutexGuard};

use super::crew::Crew;
use super::job::QueuedJob;
use super::queue::OwnEnd;

/// What a worker thread has at hand.
struct Worker<'crew> {
    crew: &'crew Arc<Crew>,
    /// Which seat is its own.
    seat: usize,
    own_end: MutexGuard<'crew, OwnEnd>,
}

/// The whole life of the thread on `seat`.
pub(super) fn run(crew: &Arc<Crew>, seat: usize) {
    crew.arrive();
    let worker = Worker {
        crew,
        seat,
        own_end: crew.seat(seat).sit_down(),
    };
    loop {
        while let Some(job) = worker.next() {
            worker.work(job);
        }
        if !crew.rest(seat) {
            break;
        }
    }
    crew.seat(seat).get_up(worker.own_end);
}

impl Worker<'_> {
    /// The next job, after seeing to it that what is left behind does not wait for this one's end.
    fn next(&self) -> Option<QueuedJob> {
        if let Some(job) = self.own_end.pop() {
            return Some(job);
        }
        let job = self.crew.queue().take(self.seat, &self.own_end)?;
        self.crew.pass_on();
        Some(job)
    }

    /// Runs a job, or drops it if the pool has been shut down.
    fn work(&self, job: QueuedJob) {
        let class = job.class();
        if self.crew.seat(self.seat).begin(&job) {
            job.run();
        } else {
            drop(job);
        }
        self.crew.job_ended(class);
    }
}
