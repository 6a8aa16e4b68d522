//! The check phase: callbacks that run right after poll.
//!
//! `set_immediate` and `yield_now` add themselves to the queue. Entries that are added while the
//! phase runs wait for the next tick, so a task that yields for ever starves no other phase.

use super::ticket_queue::TicketQueue;
use super::{Callback, Deliver};
use crate::tasks::Waiter;
use std::cell::RefCell;

/// See the [module](self).
pub(crate) struct Check {
    /// `None` for an entry whose future has been dropped.
    queue: RefCell<TicketQueue<Option<Waiter>>>,
}

impl Check {
    pub(crate) fn new() -> Self {
        Check {
            queue: RefCell::new(TicketQueue::new()),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.borrow().len() == 0
    }

    /// Returns whether any waiter satisfies `counts`.
    pub(crate) fn is_any_alive(&self, counts: impl Fn(&Waiter) -> bool) -> bool {
        self.queue.borrow().iter().flatten().any(counts)
    }

    /// Calls `f` for each waiter.
    pub(crate) fn for_each_waiter(&self, f: impl FnMut(&Waiter)) {
        self.queue.borrow().iter().flatten().for_each(f);
    }

    /// Adds a waiter, and returns its ticket.
    #[inline]
    pub(crate) fn push(&self, waiter: Waiter) -> u64 {
        self.queue.borrow_mut().push(Some(waiter))
    }

    /// Returns whether the entry of `ticket` has been taken.
    #[inline]
    pub(crate) fn is_taken(&self, ticket: u64) -> bool {
        self.queue.borrow().is_taken(ticket)
    }

    /// Replaces the waiter of `ticket` and returns the old one, which the caller drops after this
    /// borrow has ended. Returns `waiter` as an error if the entry of `ticket` has been taken.
    pub(crate) fn replace(
        &self,
        ticket: u64,
        waiter: Option<Waiter>,
    ) -> Result<Option<Waiter>, Option<Waiter>> {
        match self.queue.borrow_mut().get_mut(ticket) {
            Some(old) => Ok(std::mem::replace(old, waiter)),
            None => Err(waiter),
        }
    }

    /// Moves all waiters to `out`, for the shutdown of the loop.
    pub(crate) fn take_waiters(&self, out: &mut Vec<Waiter>) {
        while let Some(waiter) = self.queue.borrow_mut().pop() {
            out.extend(waiter);
        }
    }

    #[inline]
    pub(crate) fn run(&self, turn: &mut impl Deliver) {
        let len = self.queue.borrow().len();
        for _ in 0..len {
            if !turn.may_go_on() {
                return;
            }
            let first = self.queue.borrow_mut().pop();
            if let Some(Some(waiter)) = first {
                turn.deliver(Callback::Wake(waiter));
            }
        }
    }
}
