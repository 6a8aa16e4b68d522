//! The waiters of a primitive, first in, first out.
//!
//! A waiter stands in the line until it is *called*; it then keeps its slot, with what it was
//! called for in its note, until it comes for it or is dropped. Each takes itself out by its
//! [`WaitKey`], from wherever it stands, in constant time.
//!
//! The list lies under its primitive's lock, where no waker may be cloned, woken or dropped, for
//! that runs users' code. So a waker is cloned for the list beforehand ([`poll_leaf`]), and those
//! that are called leave it as [`WakeList`], to be woken when the lock is released.

use std::task::{Context, Poll, Waker, ready};

use crate::context;
use crate::coop;
use crate::slots::{Key, Slots};
use crate::tasks::{Note, wake_contained};

/// Names a waiter of one list.
pub(super) type WaitKey = Key;

/// See the [module](self).
pub(super) struct WaitList<N> {
    slots: Slots<WaitNode<N>>,
    /// The first in line, or [`Key::DANGLING`].
    head: WaitKey,
    /// The last in line, or [`Key::DANGLING`].
    tail: WaitKey,
}

struct WaitNode<N> {
    /// Set when it has been polled since it was last called; taken by the call.
    waker: Option<Waker>,
    /// Whether it has left the line and only its slot is still there.
    is_notified: bool,
    /// Its neighbours in line, or [`Key::DANGLING`].
    before: WaitKey,
    after: WaitKey,
    note: N,
}

/// What is left of a waiter that has been taken out.
#[derive(Debug)]
pub(super) struct Cancelled<N> {
    pub(super) note: N,
    /// To be dropped when the lock is released.
    pub(super) waker: Option<Waker>,
}

impl<N> WaitList<N> {
    pub(super) const fn new() -> Self {
        WaitList {
            slots: Slots::new(),
            head: Key::DANGLING,
            tail: Key::DANGLING,
        }
    }

    /// The note of the first in line.
    pub(super) fn first(&mut self) -> Option<&mut N> {
        let waiter = self.slots.get_mut(self.head)?;
        Some(&mut waiter.note)
    }

    /// The note of the last in line.
    pub(super) fn last(&mut self) -> Option<&mut N> {
        let waiter = self.slots.get_mut(self.tail)?;
        Some(&mut waiter.note)
    }

    /// Whether the waiter has been called.
    pub(super) fn is_notified(&self, key: WaitKey) -> bool {
        self.slots.get(key).is_some_and(|waiter| waiter.is_notified)
    }

    /// Puts a waiter at the end of the line.
    pub(super) fn push(&mut self, note: N, waker: Option<Waker>) -> WaitKey {
        let key = self.slots.insert(WaitNode {
            waker,
            is_notified: false,
            before: self.tail,
            after: Key::DANGLING,
            note,
        });
        match self.slots.get_mut(self.tail) {
            Some(last) => last.after = key,
            None => self.head = key,
        }
        self.tail = key;
        key
    }

    /// Gives a slot to a waiter that is called without having stood in line.
    pub(super) fn push_notified(&mut self, note: N) -> WaitKey {
        self.slots.insert(WaitNode {
            waker: None,
            is_notified: true,
            before: Key::DANGLING,
            after: Key::DANGLING,
            note,
        })
    }

    /// Calls the first in line.
    pub(super) fn notify_first(&mut self, wakes: &mut WakeList) {
        self.notify(self.head, wakes);
    }

    /// Calls the last in line.
    pub(super) fn notify_last(&mut self, wakes: &mut WakeList) {
        self.notify(self.tail, wakes);
    }

    /// Calls everybody in line.
    pub(super) fn notify_all(&mut self, wakes: &mut WakeList) {
        if self.head != self.tail {
            wakes.0.more.reserve(self.slots.len());
        }
        while self.head != Key::DANGLING {
            self.notify_first(wakes);
        }
    }

    fn notify(&mut self, key: WaitKey, wakes: &mut WakeList) {
        self.unlink(key);
        if let Some(waiter) = self.slots.get_mut(key) {
            waiter.is_notified = true;
            wakes.0.extend(waiter.waker.take());
        }
    }

    /// Joins its neighbours.
    fn unlink(&mut self, key: WaitKey) {
        let Some(waiter) = self.slots.get(key).filter(|waiter| !waiter.is_notified) else {
            return;
        };
        let (before, after) = (waiter.before, waiter.after);
        match self.slots.get_mut(before) {
            Some(neighbour) => neighbour.after = after,
            None => self.head = after,
        }
        match self.slots.get_mut(after) {
            Some(neighbour) => neighbour.before = before,
            None => self.tail = before,
        }
    }

    /// Takes a waiter out, from the line or after its call.
    pub(super) fn remove(&mut self, key: WaitKey) -> Option<Cancelled<N>> {
        self.unlink(key);
        let WaitNode { note, waker, .. } = self.slots.remove(key)?;
        Some(Cancelled { note, waker })
    }

    /// Makes the waiter, which stands in line, wake `waker`. False if `waker` is to come again with
    /// a waker to spare.
    #[must_use]
    pub(super) fn update_waker(&mut self, key: WaitKey, waker: &mut PollWaker<'_>) -> bool {
        let waiter = self.slots.get_mut(key);
        waiter.is_none_or(|waiter| waker.register(&mut waiter.waker))
    }
}

/// Who is called, in order.
#[derive(Debug, Default)]
#[must_use = "the called are to be woken when the lock is released"]
pub(crate) struct WakeList(Few<Waker>);

impl WakeList {
    pub(super) fn add(&mut self, waker: Option<Waker>) {
        self.0.extend(waker);
    }

    /// Wakes them all. A panic of one is reported, and keeps no other from being woken.
    #[inline]
    pub(crate) fn wake(self) {
        if let Some(first) = self.0.first {
            wake_contained(first);
            self.0.more.into_iter().for_each(wake_contained);
        }
    }
}

/// Mostly one.
#[derive(Debug)]
struct Few<T> {
    first: Option<T>,
    more: Vec<T>,
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Few {
            first: None,
            more: Vec::new(),
        }
    }
}

impl<T> Few<T> {
    fn extend(&mut self, value: Option<T>) {
        if self.first.is_none() {
            self.first = value;
        } else {
            self.more.extend(value);
        }
    }
}

/// Who polls a leaf future.
#[derive(Debug)]
pub(super) struct PollWaker<'a> {
    waker: &'a Waker,
    /// A clone for a list; or an old waker that a list gave back.
    spare: Option<Waker>,
}

impl PollWaker<'_> {
    /// Puts its waker in `place`, if it is not there. False if it has none to spare.
    #[must_use]
    pub(super) fn register(&mut self, place: &mut Option<Waker>) -> bool {
        let is_there = place
            .as_ref()
            .is_some_and(|waker| waker.will_wake(self.waker));
        if !is_there {
            let Some(spare) = self.spare.take() else {
                return false;
            };
            self.spare = place.replace(spare);
        }
        true
    }

    /// Gives its spare waker away.
    pub(super) fn spare(&mut self) -> Option<Waker> {
        self.spare.take()
    }
}

/// What came of one attempt of a leaf future.
#[derive(Debug)]
pub(super) enum LeafPoll<R> {
    Ready(R),
    /// It must wait, and will be woken.
    Pending,
    /// It must wait, and needs a spare waker for that.
    NeedsWaker,
}

impl<R> LeafPoll<R> {
    /// It must wait; `will_wake` says whether it could leave its waker.
    pub(super) fn waiting(will_wake: bool) -> Self {
        if will_wake {
            LeafPoll::Pending
        } else {
            LeafPoll::NeedsWaker
        }
    }
}

/// Polls a leaf future that waits for `what`: asks and charges the budget, and calls `attempt`, a
/// second time if it needs a waker. `attempt` takes and releases the lock.
///
/// The order of a line is the order of first polls, also where the budget is spent: a future with a
/// line takes its place there before it calls this.
#[inline]
pub(super) fn poll_leaf<R>(
    cx: &Context<'_>,
    what: Note,
    mut attempt: impl FnMut(&mut PollWaker<'_>) -> LeafPoll<R>,
) -> Poll<R> {
    ready!(coop::poll_proceed(cx));
    let mut waker = PollWaker {
        waker: cx.waker(),
        spare: None,
    };
    loop {
        match attempt(&mut waker) {
            LeafPoll::Ready(result) => {
                coop::charge(0);
                return Poll::Ready(result);
            }
            LeafPoll::Pending => {
                context::waits_for(what);
                return Poll::Pending;
            }
            LeafPoll::NeedsWaker => waker.spare = Some(cx.waker().clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(list: &mut WaitList<u32>) -> Vec<u32> {
        let mut notes = Vec::new();
        while let Some(&mut note) = list.first() {
            notes.push(note);
            let mut wakes = WakeList::default();
            list.notify_first(&mut wakes);
            wakes.wake();
        }
        notes
    }

    #[test]
    fn a_waiter_leaves_from_any_place_in_line() {
        for left_out in 0..4 {
            let mut list = WaitList::new();
            let keys = [0, 1, 2, 3].map(|note| list.push(note, None));

            assert_eq!(list.remove(keys[left_out]).unwrap().note, left_out as u32);

            let expected: Vec<u32> = (0..4).filter(|&note| note != left_out as u32).collect();
            assert_eq!(line(&mut list), expected);
        }
    }

    #[test]
    fn the_called_keep_their_slots_but_not_their_places() {
        let mut list = WaitList::new();
        let keys = [0, 1, 2, 3].map(|note| list.push(note, None));
        let mut wakes = WakeList::default();
        list.notify_first(&mut wakes);
        list.notify_last(&mut wakes);
        wakes.wake();

        assert_eq!(
            keys.map(|key| list.is_notified(key)),
            [true, false, false, true]
        );
        assert_eq!(list.remove(keys[0]).unwrap().note, 0);
        assert!(list.remove(keys[0]).is_none());
        assert_eq!(list.last(), Some(&mut 2));
        assert_eq!(line(&mut list), [1, 2]);
    }
}
