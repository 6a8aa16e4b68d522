//! A seat: the place of one worker, whichever thread has it.
//!
//! Threads come and go with the work, seats stay. A seat keeps its worker's end of the queue, and
//! shows those who shut the pool down which job is being run there. Only the crew gives seats to
//! threads.

use std::sync::PoisonError;

use super::job::{Label, QueuedJob, Ticket};
use super::queue::OwnEnd;
use crate::primitive::thread::{self, ThreadId};
use crate::primitive::{Arc, Mutex, MutexGuard};

/// One worker's place.
pub(super) struct Seat {
    /// Locked by the thread that sits here, for as long as it does.
    own_end: Mutex<OwnEnd>,
    /// Never locked while users' code runs.
    desk: Mutex<Desk>,
}

/// What of a worker the others may see.
struct Desk {
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
    pub(super) ticket: Arc<dyn Ticket>,
}

impl Seat {
    pub(super) fn new(own_end: OwnEnd) -> Seat {
        Seat {
            own_end: Mutex::new(own_end),
            desk: Mutex::new(Desk {
                thread: None,
                running: None,
                closed: false,
            }),
        }
    }

    /// Seats the calling thread. The thread that had this seat before may be a few steps from its
    /// end still; it is waited for.
    pub(super) fn sit_down(&self) -> MutexGuard<'_, OwnEnd> {
        let own_end = self.own_end.lock().unwrap_or_else(PoisonError::into_inner);
        self.desk().thread = Some(thread::current().id());
        own_end
    }

    /// Ends what `sit_down` began.
    pub(super) fn get_up(&self, own_end: MutexGuard<'_, OwnEnd>) {
        assert!(own_end.is_empty(), "a worker leaves nothing behind");
        let mut desk = self.desk();
        debug_assert!(desk.running.is_none(), "a worker ends its job");
        desk.thread = None;
        // Its lock last: the next thread may sit down as soon as it is free.
        drop(desk);
        drop(own_end);
    }

    /// Claims `job` and shows that it is about to be run here. False: it must not be; it was
    /// cancelled, or the pool is shut down.
    pub(super) fn begin(&self, job: &mut QueuedJob) -> bool {
        // Not under the lock: a name takes an allocation.
        let label = job.label().clone();
        let mut desk = self.desk();
        if desk.closed {
            return false;
        }
        desk.running = job.claim().map(|ticket| Running { label, ticket });
        desk.running.is_some()
    }

    /// Ends what `begin` began, and gives out the ticket, to be told.
    pub(super) fn end(&self) -> Option<Arc<dyn Ticket>> {
        let running = self.desk().running.take();
        running.map(|running| running.ticket)
    }

    /// Lets no further job begin.
    pub(super) fn close(&self) {
        self.desk().closed = true;
    }

    /// The job that is being run here.
    pub(super) fn running(&self) -> Option<Running> {
        self.desk().running.clone()
    }

    pub(super) fn is_of(&self, thread: ThreadId) -> bool {
        self.desk().thread == Some(thread)
    }

    /// The desk. Poison says nothing: each change of it is a single assignment or two that do not
    /// depend on each other.
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
