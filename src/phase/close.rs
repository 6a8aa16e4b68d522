//! The close phase: the end of the tick, where closed sources are released.
//!
//! The descriptor of a source is closed as soon as the source is dropped. Its slot is freed only
//! here, after all events that were fetched for it have been delivered. Tasks that wait for a close
//! are woken here, in the order of the closes.

use std::cell::RefCell;
use std::task::Poll;

use super::ticket_queue::TicketQueue;
use super::{Callback, Deliver};
use crate::slots::Key;
use crate::tasks::{Caller, Waiter};

/// A source that has been closed.
pub(crate) struct Closing {
    /// Its slot, if it was ever registered.
    pub(crate) source: Option<Key>,
    /// The task that waits for the close.
    pub(crate) waiter: Option<Waiter>,
}

/// See the [module](self).
pub(crate) struct Close {
    queue: RefCell<TicketQueue<Closing>>,
}

impl Close {
    pub(crate) fn new() -> Self {
        Close {
            queue: RefCell::new(TicketQueue::new()),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.borrow().len() == 0
    }

    /// Calls `f` for each waiter.
    pub(crate) fn for_each_waiter(&self, f: impl FnMut(&Waiter)) {
        let queue = self.queue.borrow();
        queue
            .iter()
            .filter_map(|closing| closing.waiter.as_ref())
            .for_each(f);
    }

    /// Adds an entry, and returns its ticket.
    pub(crate) fn push(&self, closing: Closing) -> u64 {
        self.queue.borrow_mut().push(closing)
    }

    /// Returns whether the close of `ticket` has happened. If not, `caller` will be woken.
    pub(crate) fn poll(&self, ticket: u64, caller: Caller<'_>) -> Poll<()> {
        // To clone or drop a waker runs user code, which must not happen under the borrow.
        let waiter = caller.to_waiter();
        let mut queue = self.queue.borrow_mut();
        let Some(closing) = queue.get_mut(ticket) else {
            return Poll::Ready(());
        };
        let old = closing.waiter.replace(waiter);
        drop(queue);
        drop(old);
        Poll::Pending
    }

    /// Removes the waiter of `ticket` and returns it. The caller drops it after this borrow has
    /// ended.
    pub(crate) fn forget(&self, ticket: u64) -> Option<Waiter> {
        let mut queue = self.queue.borrow_mut();
        queue
            .get_mut(ticket)
            .and_then(|closing| closing.waiter.take())
    }

    /// Calls `release` for each source, and wakes the waiter of each entry.
    #[inline]
    pub(crate) fn run(&self, turn: &mut impl Deliver, release: impl Fn(Key)) {
        let len = self.queue.borrow().len();
        for _ in 0..len {
            if !turn.may_go_on() {
                return;
            }
            let Some(closing) = self.queue.borrow_mut().pop() else {
                return;
            };
            if let Some(source) = closing.source {
                release(source);
            }
            if let Some(waiter) = closing.waiter {
                turn.deliver(Callback::Wake(waiter));
            }
        }
    }
}
