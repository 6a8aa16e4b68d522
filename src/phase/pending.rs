//! The pending phase: callbacks that an earlier tick has deferred.
//!
//! One FIFO of tasks and events: tasks that a phase's budget did not reach, tasks that have spent
//! their own budget, and events that poll has fetched but not delivered. While the queue is not
//! empty, poll delivers nothing and does not wait, so older callbacks run before newer ones.

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

    pub(crate) fn len(&self) -> usize {
        self.queue.borrow().len()
    }

    pub(crate) fn push(&self, callback: Callback) {
        self.queue.borrow_mut().push_back(callback);
    }

    /// Puts a callback back to the front.
    pub(crate) fn push_front(&self, callback: Callback) {
        self.queue.borrow_mut().push_front(callback);
    }

    /// Delivers the entries that are there now.
    ///
    /// Unlike in the other phases, there is no checkpoint between two entries: the tasks that they
    /// wake are younger than all entries, so they run at the end.
    #[inline]
    pub(crate) fn run(&self, turn: &mut impl Deliver) {
        if !self.is_idle() {
            self.run_queue(turn);
        }
    }

    /// Returns whether there is nothing to deliver, and no memory of a burst to free.
    #[inline]
    fn is_idle(&self) -> bool {
        let queue = self.queue.borrow();
        queue.is_empty() && queue.capacity() <= ROOM_KEPT_MAX
    }

    fn run_queue(&self, turn: &mut impl Deliver) {
        self.trim();
        let len = self.queue.borrow().len();
        for _ in 0..len {
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

    /// Frees the memory of a burst while the queue shrinks. It frees half at a time, so that the
    /// cost is in proportion to the cost of growing.
    fn trim(&self) {
        let mut queue = self.queue.borrow_mut();
        let room = queue.capacity();
        if room > ROOM_KEPT_MAX && queue.len() < room / 4 {
            queue.shrink_to(room / 2);
        }
    }

    /// Empties the queue, for the shutdown of the loop.
    pub(crate) fn take_all(&self) -> VecDeque<Callback> {
        self.queue.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slots::Key;

    #[test]
    fn the_memory_of_a_burst_is_freed_while_the_queue_shrinks() {
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
