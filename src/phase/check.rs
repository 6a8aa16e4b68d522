//! The check phase: what asked to run right after poll.
//!
//! `set_immediate` and `yield_now` stand here in line. Whoever joins while the phase runs is served
//! in the next tick, so an endless chain of them starves nobody.

use std::cell::RefCell;
use std::task::Waker;

use super::line::Line;
use super::{Callback, Deliver};
use crate::slots::Key;

/// Somebody in the line.
pub(crate) enum Entry {
    /// A task asks for its own turn: no counted reference is needed to run it.
    Task(Key),
    /// A waker that is not the task's own asks.
    Waker(Waker),
    /// The one who asked has gone.
    Nobody,
}

/// See the [module](self).
pub(crate) struct Check {
    line: RefCell<Line<Entry>>,
}

impl Check {
    pub(crate) fn new() -> Self {
        Check {
            line: RefCell::new(Line::new()),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.line.borrow().len() == 0
    }

    /// Joins the line; returns the ticket.
    pub(crate) fn push(&self, entry: Entry) -> u64 {
        self.line.borrow_mut().push(entry)
    }

    /// Replaces the entry of `ticket` and returns the old one, to be dropped after this borrow has
    /// ended. Gives `entry` back if the ticket has been served.
    pub(crate) fn replace(&self, ticket: u64, entry: Entry) -> Result<Entry, Entry> {
        match self.line.borrow_mut().get_mut(ticket) {
            Some(old) => Ok(std::mem::replace(old, entry)),
            None => Err(entry),
        }
    }

    /// Takes all wakers out, for the end of the loop.
    pub(crate) fn take_wakers(&self, out: &mut Vec<Waker>) {
        while let Some(entry) = self.line.borrow_mut().pop() {
            if let Entry::Waker(waker) = entry {
                out.push(waker);
            }
        }
    }

    pub(crate) fn run(&self, turn: &mut impl Deliver) {
        let there = self.line.borrow().len();
        for _ in 0..there {
            if !turn.may_go_on() {
                return;
            }
            let first = self.line.borrow_mut().pop();
            match first {
                Some(Entry::Task(key)) => turn.deliver(Callback::Task(key)),
                Some(Entry::Waker(waker)) => turn.deliver(Callback::Wake(waker)),
                Some(Entry::Nobody) | None => {}
            }
        }
    }
}
