//! The job that runs on a thread, which may have been asked to end.

use std::cell::RefCell;
use std::sync::Arc;

use super::job::JobTicket;

thread_local! {
    static TICKET: RefCell<Option<Arc<dyn JobTicket>>> = const { RefCell::new(None) };
}

/// Calls `run`, which does not unwind, with `ticket` as that of the thread's job, and returns it.
pub(super) fn set_while(ticket: Arc<dyn JobTicket>, run: impl FnOnce()) -> Arc<dyn JobTicket> {
    // A job may run a loop of its own, which under a seed runs its jobs on this thread.
    let outer = TICKET.replace(Some(ticket));
    run();
    let ticket = TICKET.replace(outer);
    ticket.expect("what runs meanwhile restores it")
}

/// Returns whether the job that runs on this thread has been asked to end. False if there is none.
#[inline]
pub(crate) fn is_cancelled() -> bool {
    let is_cancelled = TICKET.try_with(|ticket| {
        let ticket = ticket.borrow();
        ticket.as_ref().is_some_and(|ticket| ticket.is_cancelled())
    });
    // In the destructor of another thread-local, it may have been destroyed already.
    is_cancelled.unwrap_or(false)
}
