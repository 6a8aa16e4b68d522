//! A slot: the place of one worker, whichever thread has it.
//!
//! Threads come and go with the work, slots stay. A slot keeps its worker's end of the queue, and
//! shows those who shut the pool down which job is being run there. Only the workers gives slots to
//! threads.

use std::sync::PoisonError;

use super::job::{JobTicket, Label, QueuedJob};
use super::queue::LocalQueue;
use crate::primitive::thread::{self, ThreadId};
use crate::primitive::{Arc, Mutex, MutexGuard};

/// One worker's place.
pub(super) struct WorkerSlot {
    /// Locked by the thread that sits here, for as long as it does.
    local_queue: Mutex<LocalQueue>,
    /// Never locked while users' code runs.
    state: Mutex<WorkerState>,
}

/// What of a worker the others may see.
struct WorkerState {
    thread: Option<ThreadId>,
    /// The job that was begun and has not been ended.
    running: Option<Running>,
    /// Set once, when the pool shuts down: no job begins here any more. It shares a lock with
    /// `running`, so a job is either seen by whoever sets this, or does not begin.
    closed: bool,
}

/// A job that is being run.
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

    /// Seats the calling thread. The thread that had this slot before may be a few steps from its
    /// end still; it is waited for.
    pub(super) fn occupy(&self) -> MutexGuard<'_, LocalQueue> {
        let local_queue = self
            .local_queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        self.state().thread = Some(thread::current().id());
        local_queue
    }

    /// Ends what `occupy` began.
    pub(super) fn vacate(&self, local_queue: MutexGuard<'_, LocalQueue>) {
        assert!(local_queue.is_empty(), "a worker leaves nothing behind");
        let mut state = self.state();
        debug_assert!(state.running.is_none(), "a worker ends its job");
        state.thread = None;
        // Its lock last: the next thread may sit down as soon as it is free.
        drop(state);
        drop(local_queue);
    }

    /// Claims `job` and shows that it is about to be run here. False: it must not be; it was
    /// cancelled, or the pool is shut down.
    pub(super) fn begin(&self, job: &mut QueuedJob) -> bool {
        // Not under the lock: a name takes an allocation.
        let label = job.label().clone();
        let mut state = self.state();
        if state.closed {
            return false;
        }
        state.running = job.claim().map(|ticket| Running { label, ticket });
        state.running.is_some()
    }

    /// Ends what `begin` began, and gives out the ticket, to be told.
    pub(super) fn end(&self) -> Option<Arc<dyn JobTicket>> {
        let running = self.state().running.take();
        running.map(|running| running.ticket)
    }

    /// Lets no further job begin.
    pub(super) fn close(&self) {
        self.state().closed = true;
    }

    /// The job that is being run here.
    pub(super) fn running(&self) -> Option<Running> {
        self.state().running.clone()
    }

    pub(super) fn is_of(&self, thread: ThreadId) -> bool {
        self.state().thread == Some(thread)
    }

    /// The state. Poison says nothing: each change of it is a single assignment or two that do not
    /// depend on each other.
    fn state(&self) -> MutexGuard<'_, WorkerState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
