//! Who waits for one direction of a source, in the order in which they came.
//!
//! Most often that is nobody or one task, so the first stands in the source's own slot and only a
//! crowd has memory of its own.

use std::mem;

use super::sources::WaiterId;
use crate::tasks::{Asker, Waiter};

/// How many different wakers may wait for one direction through the `poll_*` methods of the I/O
/// traits, which cannot say that they have stopped waiting. One more wakes the oldest, who asks
/// again if it is still there.
const POLLERS_MAX: usize = 8;

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Waiters {
    first: Option<(WaiterId, Waiter)>,
    crowd: Option<Box<Crowd>>,
}

/// Those behind the first, who is there.
#[derive(Debug, Default)]
struct Crowd(Vec<(WaiterId, Waiter)>);

/// Whose place a new waiter has taken, to be dealt with outside of any borrow.
pub(super) enum Displaced {
    Nobody,
    /// Itself, as it was.
    Dropped(Waiter),
    /// Another who may still be there and must ask again.
    Told(Waiter),
}

impl Waiters {
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Waiter> {
        self.places().map(|(_, waiter)| waiter)
    }

    fn places(&self) -> impl Iterator<Item = &(WaiterId, Waiter)> {
        let crowd = self.crowd.iter().flat_map(|crowd| &crowd.0);
        self.first.iter().chain(crowd)
    }

    fn places_mut(&mut self) -> impl Iterator<Item = &mut (WaiterId, Waiter)> {
        let crowd = self.crowd.iter_mut().flat_map(|crowd| &mut crowd.0);
        self.first.iter_mut().chain(crowd)
    }

    /// Has `own`, a task, wait as `id`, if nobody else waits. False if somebody does.
    #[inline]
    pub(super) fn wait_alone(&mut self, id: WaiterId, own: Waiter) -> bool {
        match &mut self.first {
            None => {
                self.first = Some((id, own));
                true
            }
            Some((other, waiter @ Waiter::Task(_))) if *other == id && self.crowd.is_none() => {
                // A poller is known by its waker alone.
                if id == WaiterId::POLLER && !waiter.is_same_task(&own) {
                    return false;
                }
                *waiter = own;
                true
            }
            Some(_) => false,
        }
    }

    /// Whether `asker` stands on the list, as `id`.
    pub(super) fn has(&self, id: WaiterId, asker: Asker<'_>) -> bool {
        self.places()
            .any(|(other, waiter)| *other == id && asker.is(waiter))
    }

    /// Adds a waiter, or puts it in the place of the one of the same operation.
    pub(super) fn add(&mut self, id: WaiterId, waiter: Waiter) -> Displaced {
        if id != WaiterId::POLLER
            && let Some((_, old)) = self.places_mut().find(|(other, _)| *other == id)
        {
            return Displaced::Dropped(mem::replace(old, waiter));
        }
        if self.first.is_none() {
            self.first = Some((id, waiter));
            return Displaced::Nobody;
        }
        self.crowd.get_or_insert_default().0.push((id, waiter));
        match self.evict_poller() {
            Some(evicted) => Displaced::Told(evicted),
            None => Displaced::Nobody,
        }
    }

    /// The first poller, if there are too many.
    fn evict_poller(&mut self) -> Option<Waiter> {
        let is_poller = |(id, _): &(WaiterId, Waiter)| *id == WaiterId::POLLER;
        let pollers = self.places().filter(|place| is_poller(place)).count();
        if pollers <= POLLERS_MAX {
            return None;
        }
        let index = self.places().position(is_poller)?;
        self.remove_at(index)
    }

    /// Takes the waiter of an operation off the list.
    #[inline]
    pub(super) fn remove(&mut self, id: WaiterId) -> Option<Waiter> {
        if self.is_empty() {
            return None;
        }
        let index = self.places().position(|(other, _)| *other == id)?;
        self.remove_at(index)
    }

    /// Takes an operation that waits by itself off the list, if it is there. False, with nothing done,
    /// if it waits by a waker from elsewhere.
    #[inline]
    pub(super) fn forget_task(&mut self, id: WaiterId) -> bool {
        let place = self.places().find(|(other, _)| *other == id);
        match place {
            None => true,
            Some((_, Waiter::Task(_))) => {
                self.remove(id);
                true
            }
            Some((_, Waiter::Foreign(_))) => false,
        }
    }

    fn remove_at(&mut self, index: usize) -> Option<Waiter> {
        let (_, removed) = match index.checked_sub(1) {
            Some(index) => self.crowd.as_mut()?.0.remove(index),
            None => {
                let crowd = self.crowd.as_mut();
                let next = crowd.map(|crowd| crowd.0.remove(0));
                mem::replace(&mut self.first, next)?
            }
        };
        if self.crowd.as_ref().is_some_and(|crowd| crowd.0.is_empty()) {
            self.crowd = None;
        }
        Some(removed)
    }

    /// Takes the one who waits alone; nobody, if there is a crowd.
    #[inline]
    pub(super) fn take_single(&mut self) -> Option<Waiter> {
        if self.crowd.is_some() {
            return None;
        }
        self.first.take().map(|(_, waiter)| waiter)
    }

    /// Moves all to `out`.
    pub(super) fn take_all(&mut self, out: &mut Vec<Waiter>) {
        let crowd = self.crowd.take().map_or_else(Vec::new, |crowd| crowd.0);
        let all = self.first.take().into_iter().chain(crowd);
        out.extend(all.map(|(_, waiter)| waiter));
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;
    use crate::slots::Key;

    fn key(index: u64) -> Key {
        Key::from_bits(index)
    }

    fn keys(waiters: &Waiters) -> Vec<u64> {
        waiters
            .iter()
            .map(|waiter| waiter.owner().map_or(u64::MAX, Key::to_bits))
            .collect()
    }

    fn three() -> Waiters {
        let mut waiters = Waiters::default();
        for n in 1..=3 {
            let added = waiters.add(WaiterId::operation(n), Waiter::Task(key(n)));
            assert!(matches!(added, Displaced::Nobody));
        }
        waiters
    }

    #[test]
    fn all_come_out_in_the_order_in_which_they_came() {
        let mut waiters = three();
        assert!(waiters.take_single().is_none(), "a crowd is not one");
        let mut out = Vec::new();
        waiters.take_all(&mut out);
        assert_eq!(
            out.iter()
                .map(|w| w.owner().unwrap().to_bits())
                .collect::<Vec<_>>(),
            [1, 2, 3]
        );
        assert!(waiters.is_empty());
    }

    #[test]
    fn whoever_goes_leaves_the_others_in_their_order() {
        for (gone, left) in [(1, [2, 3]), (2, [1, 3]), (3, [1, 2])] {
            let mut waiters = three();
            let removed = waiters.remove(WaiterId::operation(gone));
            assert_eq!(removed.unwrap().owner(), Some(key(gone)));
            assert_eq!(keys(&waiters), left);
            assert!(waiters.remove(WaiterId::operation(gone)).is_none());
        }
    }

    #[test]
    fn the_last_of_a_crowd_is_single_again() {
        let mut waiters = three();
        waiters.remove(WaiterId::operation(1));
        waiters.remove(WaiterId::operation(3));
        assert_eq!(waiters.take_single().unwrap().owner(), Some(key(2)));
    }

    #[test]
    fn a_task_is_forgotten_where_it_stands() {
        let mut waiters = three();
        assert!(waiters.forget_task(WaiterId::operation(2)));
        assert!(waiters.forget_task(WaiterId::operation(2)));
        assert_eq!(keys(&waiters), [1, 3]);
        let foreign = Asker::foreign(Waker::noop()).to_waiter();
        waiters.add(WaiterId::operation(4), foreign);
        assert!(!waiters.forget_task(WaiterId::operation(4)));
        assert_eq!(waiters.iter().count(), 3);
    }

    #[test]
    fn an_operation_has_one_place() {
        let mut waiters = three();
        let old = waiters.add(WaiterId::operation(2), Waiter::Task(key(9)));
        assert!(matches!(old, Displaced::Dropped(waiter) if waiter.owner() == Some(key(2))));
        assert_eq!(keys(&waiters), [1, 9, 3]);
    }

    #[test]
    fn a_task_waits_alone_only_where_nobody_else_does() {
        let mut waiters = Waiters::default();
        assert!(waiters.wait_alone(WaiterId::POLLER, Waiter::Task(key(1))));
        assert!(waiters.wait_alone(WaiterId::POLLER, Waiter::Task(key(1))));
        assert_eq!(keys(&waiters), [1]);
        assert!(!waiters.wait_alone(WaiterId::POLLER, Waiter::Task(key(2))));
        assert!(!waiters.wait_alone(WaiterId::operation(1), Waiter::Task(key(2))));
        assert_eq!(keys(&waiters), [1]);
        let mut waiters = three();
        assert!(!waiters.wait_alone(WaiterId::operation(1), Waiter::Task(key(1))));
    }

    #[test]
    fn too_many_pollers_wake_the_oldest_of_them() {
        let mut waiters = Waiters::default();
        waiters.add(WaiterId::operation(1), Waiter::Task(key(100)));
        for n in 0..POLLERS_MAX as u64 {
            let added = waiters.add(WaiterId::POLLER, Waiter::Task(key(n)));
            assert!(matches!(added, Displaced::Nobody));
        }
        let one_more = waiters.add(WaiterId::POLLER, Waiter::Task(key(50)));
        assert!(matches!(one_more, Displaced::Told(waiter) if waiter.owner() == Some(key(0))));
        assert_eq!(waiters.iter().count(), 1 + POLLERS_MAX);
        let nobody = Asker::foreign(Waker::noop());
        assert!(!waiters.has(WaiterId::POLLER, nobody));
    }
}
