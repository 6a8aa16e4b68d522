//! A seat: the place of one worker, whichever thread has it.
//!
//! Threads come and go with the work, seats stay. A seat keeps its worker's end of the queue, and
//! shows those who shut the pool down which job is being run there. Only the crew gives seats to
//! threads.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use super::job::{QueuedJob, Ticket};
use super::queue::OwnEnd;

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
    /// The job that was begun last.
    ticket: Option<Arc<Ticket>>,
    /// Set once, when the pool shuts down: no job begins here any more. It shares a lock with
    /// `ticket`, so a job is either seen by whoever sets this, or does not begin.
    closed: bool,
}

impl Seat {
    pub(super) fn new(own_end: OwnEnd) -> Seat {
        Seat {
            own_end: Mutex::new(own_end),
            desk: Mutex::new(Desk {
                thread: None,
                ticket: None,
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
        desk.thread = None;
        desk.ticket = None;
        // Its lock last: the next thread may sit down as soon as it is free.
        drop(desk);
        drop(own_end);
    }

    /// Shows that `job` is about to be run here. False: it must not, the pool is shut down.
    pub(super) fn begin(&self, job: &QueuedJob) -> bool {
        let mut desk = self.desk();
        if desk.closed {
            return false;
        }
        desk.ticket = Some(Arc::clone(job.ticket()));
        true
    }

    /// Lets no further job begin, not even the one that is on the desk but has not begun.
    pub(super) fn close(&self) {
        let mut desk = self.desk();
        desk.closed = true;
        if let Some(ticket) = &desk.ticket {
            ticket.cancel();
        }
    }

    /// The job that is being run here.
    pub(super) fn running(&self) -> Option<Arc<Ticket>> {
        self.desk()
            .ticket
            .clone()
            .filter(|ticket| ticket.is_running())
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
