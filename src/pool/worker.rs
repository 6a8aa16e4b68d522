//! A worker thread: takes jobs and runs them until it has been idle for too long.
//!
//! The crew starts it and tells it when to end. No panic of a job reaches it.

use std::cell::Cell;

use super::crew::Crew;
use super::job::QueuedJob;
use super::queue::OwnEnd;
use crate::primitive::{Arc, MutexGuard};

/// What a worker thread has at hand.
struct Worker<'crew> {
    crew: &'crew Arc<Crew>,
    /// Which seat is its own.
    seat: usize,
    own_end: MutexGuard<'crew, OwnEnd>,
    /// Whether it has said that it is about to search the queue.
    is_looking: Cell<bool>,
}

/// The whole life of the thread on `seat`.
pub(super) fn run(crew: &Arc<Crew>, seat: usize) {
    crew.arrive();
    let worker = Worker {
        crew,
        seat,
        own_end: crew.seat(seat).sit_down(),
        is_looking: Cell::new(false),
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
        let job = self.crew.queue().take(self.seat, &self.own_end);
        if self.is_looking.take() {
            self.crew.has_looked();
        } else if job.is_some() {
            self.crew.pass_on();
        }
        job
    }

    /// Runs a job, or drops it if the pool has been shut down.
    fn work(&self, mut job: QueuedJob) {
        let class = job.class();
        let seat = self.crew.seat(self.seat);
        let mut ended = None;
        if seat.begin(&mut job) {
            self.crew.job_begins();
            job.run_claimed();
            ended = seat.end();
        } else {
            drop(job);
        }
        self.crew.job_ended(class);
        // Before the result is told: who hears of it may have the next job at once.
        if self.own_end.is_empty() {
            self.crew.is_looking();
            self.is_looking.set(true);
        }
        if let Some(ticket) = ended {
            ticket.tell();
        }
    }
}
