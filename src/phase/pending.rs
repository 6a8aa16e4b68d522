//! The pending phase: what an earlier tick had to leave over.
//!
//! One FIFO, by age, of tasks and fetched events. The event loop puts here what a phase's budget did
//! not reach, tasks that spent their own budget, and what poll fetched but had to leave. While
//! anything stands here, poll delivers nothing and waits for nothing: what is older goes first.

use std::cell::RefCell;
use std::collections::VecDeque;

use super::{Callback, Deliver};
use crate::ready::ROOM_KEPT_MAX;

/// See the [module](self).
pub(crate) struct Pending {
    queue: RefCell<VecDeque<Callback>>,
}

impl Pending {
    pub(crate) fn new() -> Self {
        Pending {
            queue: RefCell::new(VecDeque::new()),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.borrow().is_empty()
    }

    pub(crate) fn push(&self, callback: Callback) {
        self.queue.borrow_mut().push_back(callback);
    }

    /// Puts back what was taken too early.
    pub(crate) fn push_front(&self, callback: Callback) {
        self.queue.borrow_mut().push_front(callback);
    }

    /// Delivers what is there now. Unlike in the other phases there is no checkpoint between two
    /// entries: what they make ready is younger than all of them, and is drained at the end.
    pub(crate) fn run(&self, turn: &mut impl Deliver) {
        let there = self.queue.borrow().len();
        for _ in 0..there {
            if !turn.may_go_on() {
                return;
            }
            let first = self.queue.borrow_mut().pop_front();
            if let Some(callback) = first {
                turn.deliver_alone(callback);
            }
        }
        turn.checkpoint();
    }

    /// Gives the memory of a past burst back, when nothing is there.
    pub(crate) fn trim(&self) {
        let mut queue = self.queue.borrow_mut();
        if queue.is_empty() && queue.capacity() > ROOM_KEPT_MAX {
            *queue = VecDeque::new();
        }
    }

    /// Empties the queue, for shutdown.
    pub(crate) fn take_all(&self) -> VecDeque<Callback> {
        self.queue.take()
    }
}
