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
    #[inline]
    pub(crate) fn run(&self, turn: &mut impl Deliver) {
        if !self.is_idle() {
            self.run_queue(turn);
        }
    }

    /// Whether there is nothing to deliver, nor memory of a burst to give back.
    #[inline]
    fn is_idle(&self) -> bool {
        let queue = self.queue.borrow();
        queue.is_empty() && queue.capacity() <= ROOM_KEPT_MAX
    }

    fn run_queue(&self, turn: &mut impl Deliver) {
        self.trim();
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

    /// Gives the memory of a past burst back, as it is worked off: by halves, so that this costs as
    /// little as it did to grow.
    fn trim(&self) {
        let mut queue = self.queue.borrow_mut();
        let room = queue.capacity();
        if room > ROOM_KEPT_MAX && queue.len() < room / 4 {
            queue.shrink_to(room / 2);
        }
    }

    /// Empties the queue, for shutdown.
    pub(crate) fn take_all(&self) -> VecDeque<Callback> {
        self.queue.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slots::Key;

    #[test]
    fn the_memory_of_a_burst_goes_as_it_is_worked_off() {
        let pending = Pending::new();
        let room = || pending.queue.borrow().capacity();
        for n in 0..100_000 {
            pending.push(Callback::Deferred(Key::from_bits(n)));
        }
        pending.trim();
        assert!(room() >= 100_000, "all of it is needed");
        while !pending.is_empty() {
            pending.queue.borrow_mut().drain(..1000);
            pending.trim();
            assert!(room() < 8 * pending.queue.borrow().len().max(ROOM_KEPT_MAX));
        }
        pending.push(Callback::Deferred(Key::from_bits(7)));
        pending.trim();
        assert!(
            matches!(pending.take_all().pop_front(), Some(Callback::Deferred(key)) if key.to_bits() == 7)
        );
    }
}
