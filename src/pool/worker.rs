//! A worker thread: takes jobs and runs them until it has been idle for too long.
//!
//! The panic of a job does not unwind into the thread.

use super::workers::{LookingAs, TakenJob, Workers};
use crate::primitive::Arc;

/// The main function of the thread on `slot`.
pub(super) fn run(workers: &Arc<Workers>, slot: usize) {
    let mut looking_as = LookingAs::Starting;
    while let Some(TakenJob { job, ticket }) = workers.take_job(slot, looking_as) {
        let class = job.class();
        let ended = match ticket {
            Some(ticket) => Some(job.run_claimed(ticket)),
            None => {
                drop(job);
                None
            }
        };
        // Before the wake: the woken task may push its next job at once, and then this worker takes
        // it without a wake-up.
        looking_as = workers.job_ended(slot, class);
        if let Some(ticket) = ended {
            ticket.wake();
        }
    }
}
