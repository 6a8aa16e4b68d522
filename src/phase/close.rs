//! The close phase: the end of the tick, where what was closed is released.
//!
//! A source's descriptor is closed at once when it is dropped; its slot is freed only here, after
//! all events that were fetched for it are through. Those who await a close are told here, in the
//! order of asking.

use std::cell::RefCell;
use std::task::Poll;

use super::ticket_queue::TicketQueue;
use super::{Callback, Deliver};
use crate::slots::Key;
use crate::tasks::{Caller, Waiter};

/// Something that was closed.
pub(crate) struct Closing {
    /// Its slot, if it ever had one.
    pub(crate) source: Option<Key>,
    /// Who awaits it.
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

    /// Tells who awaits a close.
    pub(crate) fn for_each_waiter(&self, f: impl FnMut(&Waiter)) {
        let queue = self.queue.borrow();
        queue
            .iter()
            .filter_map(|closing| closing.waiter.as_ref())
            .for_each(f);
    }

    /// Joins the queue; returns the ticket.
    pub(crate) fn push(&self, closing: Closing) -> u64 {
        self.queue.borrow_mut().push(closing)
    }

    /// Whether the close of `ticket` has happened; if not, `caller` will be told.
    pub(crate) fn poll(&self, ticket: u64, caller: Caller<'_>) -> Poll<()> {
        // Cloning and dropping a waker runs foreign code: neither happens under the borrow.
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

    /// Nobody awaits the close of `ticket` any more. Who stood there is returned, to be dropped
    /// after this borrow has ended.
    pub(crate) fn forget(&self, ticket: u64) -> Option<Waiter> {
        let mut queue = self.queue.borrow_mut();
        queue
            .get_mut(ticket)
            .and_then(|closing| closing.waiter.take())
    }

    /// Releases by `release` and tells.
    #[inline]
    pub(crate) fn run(&self, turn: &mut impl Deliver, release: impl Fn(Key)) {
        let there = self.queue.borrow().len();
        for _ in 0..there {
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
