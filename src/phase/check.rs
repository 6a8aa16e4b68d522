//! The check phase: what asked to run right after poll.
//!
//! `set_immediate` and `yield_now` stand here in queue. Whoever joins while the phase runs is served
//! in the next tick, so an endless chain of them starves nobody.

use super::ticket_queue::TicketQueue;
use super::{Callback, Deliver};
use crate::tasks::Waiter;
use std::cell::RefCell;

/// See the [module](self).
pub(crate) struct Check {
    /// Nobody stands where the one who asked has gone.
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

    /// Whether somebody stands in the queue who `counts`.
    pub(crate) fn is_any_alive(&self, counts: impl Fn(&Waiter) -> bool) -> bool {
        self.queue.borrow().iter().flatten().any(counts)
    }

    /// Tells who stands in the queue.
    pub(crate) fn for_each_waiter(&self, f: impl FnMut(&Waiter)) {
        self.queue.borrow().iter().flatten().for_each(f);
    }

    /// Joins the queue; returns the ticket.
    #[inline]
    pub(crate) fn push(&self, waiter: Waiter) -> u64 {
        self.queue.borrow_mut().push(Some(waiter))
    }

    /// Whether `ticket` has been served.
    #[inline]
    pub(crate) fn is_served(&self, ticket: u64) -> bool {
        self.queue.borrow().is_served(ticket)
    }

    /// Replaces the waiter of `ticket` and returns the old one, to be dropped after this borrow has
    /// ended. Gives `waiter` back if the ticket has been served.
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

    /// Takes all waiters out, for the end of the loop.
    pub(crate) fn take_waiters(&self, out: &mut Vec<Waiter>) {
        while let Some(waiter) = self.queue.borrow_mut().pop() {
            out.extend(waiter);
        }
    }

    #[inline]
    pub(crate) fn run(&self, turn: &mut impl Deliver) {
        let there = self.queue.borrow().len();
        for _ in 0..there {
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
