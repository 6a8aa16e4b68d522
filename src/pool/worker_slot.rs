//! A slot: the state of one worker, whichever thread runs on it.
//!
//! Threads start and end with the load; slots stay. A slot owns the local queue of its worker, and
//! shows to a shutdown which job runs there. [`Workers`](super::workers::Workers) assigns slots to
//! threads.

use super::job::{JobTicket, Label, QueuedJob};
use super::queue::LocalQueue;
use crate::primitive::thread::{self, ThreadId};
use crate::primitive::{self, Arc, Mutex, MutexGuard};

/// The state of one worker.
pub(super) struct WorkerSlot {
    /// Locked by the thread on this slot for as long as it runs.
    local_queue: Mutex<LocalQueue>,
    /// Not locked while user code runs.
    state: Mutex<WorkerState>,
}

/// The part of a worker's state that other threads read.
struct WorkerState {
    thread: Option<ThreadId>,
    /// The job that has begun and has not ended.
    running: Option<Running>,
    /// Set once, at shutdown: no further job begins here. It shares a lock with `running`, so the
    /// thread that sets it either sees a job here, or prevents it from beginning.
    closed: bool,
}

/// A job that runs.
#[derive(Clone)]
pub(super) struct Running {
    pub(super) label: Label,
    pub(super) ticket: Arc<dyn JobTicket>,
}

impl WorkerSlot {
    pub(super) fn new(local_queue: LocalQueue) -> WorkerSlot {
        WorkerSlot {
            local_queue: Mutex::new(local_queue),
            state: Mutex::new(WorkerState {
                thread: None,
                running: None,
                closed: false,
            }),
        }
    }

    /// Assigns the slot to the calling thread. If the previous thread of the slot is about to end,
    /// waits for it.
    pub(super) fn occupy(&self) -> MutexGuard<'_, LocalQueue> {
        let local_queue = primitive::lock(&self.local_queue);
        self.state().thread = Some(thread::current().id());
        local_queue
    }

    /// Frees the slot, which the calling thread has occupied.
    pub(super) fn vacate(&self, local_queue: MutexGuard<'_, LocalQueue>) {
        assert!(local_queue.is_empty(), "a worker ends with an empty queue");
        let mut state = self.state();
        debug_assert!(state.running.is_none(), "a worker ends between two jobs");
        state.thread = None;
        // This lock last: the next thread occupies the slot as soon as it is free.
        drop(state);
        drop(local_queue);
    }

    /// Claims `job`, records that it runs here, and returns its ticket, which the caller must wake
    /// once the job has run. Returns `None` if it must not run, because it was cancelled or the
    /// pool has been shut down.
    pub(super) fn begin(&self, job: &mut QueuedJob) -> Option<Arc<dyn JobTicket>> {
        // Not under the lock: cloning a name allocates.
        let label = job.label().clone();
        let mut state = self.state();
        if state.closed {
            return None;
        }
        let ticket = job.claim()?;
        state.running = Some(Running {
            label,
            ticket: Arc::clone(&ticket),
        });
        Some(ticket)
    }

    /// Records that the job has ended.
    pub(super) fn end(&self) {
        let running = self.state().running.take();
        drop(running);
    }

    /// Prevents further jobs from beginning here, and asks the one that runs to end.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        if let Some(running) = &state.running {
            running.ticket.cancel();
        }
    }

    /// Returns the job that runs here.
    pub(super) fn running(&self) -> Option<Running> {
        self.state().running.clone()
    }

    pub(super) fn is_occupied_by(&self, thread: ThreadId) -> bool {
        self.state().thread == Some(thread)
    }

    fn state(&self) -> MutexGuard<'_, WorkerState> {
        primitive::lock(&self.state)
    }
}
