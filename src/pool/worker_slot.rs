//! A slot: what is known of one worker, whichever thread runs on it.
//!
//! Threads start and end with the load; slots stay. A slot shows to a shutdown which job runs
//! there. [`Workers`](super::workers::Workers) assigns slots to threads, and its lock protects
//! them.

use super::job::{JobTicket, Label, QueuedJob};
use crate::primitive::Arc;
use crate::primitive::thread::ThreadId;

/// See the [module](self).
#[derive(Default)]
pub(super) struct WorkerSlot {
    /// The thread that runs on it.
    pub(super) thread: Option<ThreadId>,
    /// The job that has begun and has not ended.
    running: Option<Running>,
}

/// A job that runs.
pub(super) struct Running {
    pub(super) label: Label,
    pub(super) ticket: Arc<dyn JobTicket>,
}

impl WorkerSlot {
    /// Claims `job`, records that it runs here, and returns its ticket, which the caller must wake
    /// once the job has run. Returns `None` if it must not run, because it was cancelled.
    pub(super) fn begin(&mut self, job: &mut QueuedJob) -> Option<Arc<dyn JobTicket>> {
        let ticket = job.claim()?;
        self.running = Some(Running {
            label: job.label().clone(),
            ticket: Arc::clone(&ticket),
        });
        Some(ticket)
    }

    /// Records that the job has ended. The caller drops what it returns, outside of the lock.
    #[must_use = "its last reference may own a user's value"]
    pub(super) fn end(&mut self) -> Option<Running> {
        self.running.take()
    }

    /// Returns the job that runs here.
    pub(super) fn running(&self) -> Option<&Running> {
        self.running.as_ref()
    }
}
