//! The candidates that may keep the loop alive.
//!
//! Before a loop that runs while something is alive waits, it looks for one timer or one source
//! that keeps it alive. There may be very many that do not. So the first search looks at all, and
//! puts those that keep the loop alive on a list. From then on, whatever may have changed is added
//! to the list, and an entry that does not keep the loop alive is removed when it is looked at. The
//! list is correct because it only has to contain *at least* the entries that count.
//!
//! An entry that does not count because its task is unreferenced is set aside under the key of that
//! task. It comes back to the list when the task is referenced again.
//!
//! An entry is the bits of the key of a timer or a source, so that there is one copy of this code.
//!
//! Until the first search there is no list, and [`add`](Candidates::add) does nothing.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use crate::slots::Key;
use crate::tasks::{Owner, ReferencedAgain, Waiter};

/// Whether an entry keeps the loop alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Liveness {
    Yes,
    /// It did when it was last polled. Only another poll can tell whether it still does.
    Maybe,
    No,
}

impl Liveness {
    /// Returns whether a waiter of a referenced timer or source keeps the loop alive; `owner` is
    /// the task of `waiter`.
    #[inline]
    pub(super) fn of(waiter: &Waiter, owner: Owner) -> Self {
        match owner {
            Owner::None | Owner::Task { is_ref: true, .. } => Liveness::Yes,
            // A combinator with its own wakers may have moved to another task.
            Owner::Gone if waiter.is_foreign() => Liveness::Maybe,
            Owner::Gone | Owner::Task { is_ref: false, .. } => Liveness::No,
        }
    }
}

/// After an entry that may count, the search looks at so many more for one that surely counts.
const LOOKED_AT_MAX: usize = 16;

/// How many entries the list may have beyond twice the number of timers or sources, because an
/// entry may be on it more than once. A longer list is discarded and made anew.
const SLACK: usize = 64;

#[cfg(test)]
thread_local! {
    /// How many entries have been looked at on this thread.
    pub(crate) static LOOKED_AT: Cell<u64> = const { Cell::new(0) };
}

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Candidates {
    keys: RefCell<Vec<u64>>,
    aside: RefCell<Aside>,
    /// How many entries were set aside when the list was made.
    aside_first: Cell<usize>,
    /// Whether the list contains all entries that count.
    is_complete: Cell<bool>,
}

/// Entries that do not count because of a task.
#[derive(Debug, Default)]
struct Aside {
    /// By the key of the task. An entry may occur more than once.
    of_task: HashMap<Key, Vec<u64>>,
    len: usize,
}

impl Aside {
    fn add(&mut self, task: Key, key: u64) {
        let keys = self.of_task.entry(task).or_default();
        // The one entry of a busy task is set aside again and again.
        if keys.last() != Some(&key) {
            keys.push(key);
            self.len += 1;
        }
    }

    fn take(&mut self, task: Key) -> Vec<u64> {
        let keys = self.of_task.remove(&task).unwrap_or_default();
        self.len -= keys.len();
        keys
    }
}

impl Candidates {
    pub(super) fn new() -> Self {
        Candidates {
            keys: RefCell::new(Vec::new()),
            aside: RefCell::default(),
            aside_first: Cell::new(0),
            is_complete: Cell::new(false),
        }
    }

    /// Adds an entry that may have begun to count. `len` returns the number of timers or sources.
    #[inline]
    pub(super) fn add(&self, key: u64, len: impl FnOnce() -> usize) {
        if self.is_complete.get() {
            self.push(key, len());
        }
    }

    #[cold]
    fn push(&self, key: u64, len: usize) {
        let mut keys = self.keys.borrow_mut();
        let most = 2 * len + SLACK;
        let aside_most = most + 2 * self.aside_first.get();
        if keys.len() > most || self.aside.borrow().len > aside_most {
            drop(keys);
            self.forget();
        } else {
            keys.push(key);
        }
    }

    /// Discards the list. The next search makes it anew.
    fn forget(&self) {
        *self.keys.borrow_mut() = Vec::new();
        *self.aside.borrow_mut() = Aside::default();
        self.is_complete.set(false);
    }

    /// Puts the entries that were set aside because of these tasks back on the list.
    pub(super) fn restore_of_tasks(&self, tasks: &ReferencedAgain) {
        let ReferencedAgain::These(tasks) = tasks else {
            self.forget();
            return;
        };
        for &task in tasks {
            let mut restored = self.aside.borrow_mut().take(task);
            self.keys.borrow_mut().append(&mut restored);
        }
    }

    /// Returns an entry that surely counts, or else one that may count.
    ///
    /// If there is no list, it is made from `all`. `liveness` says whether an entry counts, and
    /// passes the tasks because of which it does not to its callback.
    pub(super) fn find<I: Iterator<Item = u64>>(
        &self,
        all: impl FnOnce() -> I,
        liveness: impl Fn(u64, &mut dyn FnMut(Key)) -> Liveness,
    ) -> Option<(u64, Liveness)> {
        let liveness = |key| {
            #[cfg(test)]
            LOOKED_AT.set(LOOKED_AT.get() + 1);
            let mut aside = self.aside.borrow_mut();
            liveness(key, &mut |task| {
                aside.add(task, key);
            })
        };
        let mut keys = self.keys.borrow_mut();
        if !self.is_complete.replace(true) {
            keys.clear();
            keys.extend(all().filter(|&key| liveness(key) != Liveness::No));
            self.aside_first.set(self.aside.borrow().len);
        }
        let mut maybe = None;
        for index in (0..keys.len()).rev() {
            match liveness(keys[index]) {
                Liveness::Yes => {
                    // At the end it is the first one that the next search looks at.
                    let last = keys.len() - 1;
                    keys.swap(index, last);
                    return Some((keys[last], Liveness::Yes));
                }
                Liveness::No => {
                    keys.swap_remove(index);
                }
                Liveness::Maybe => {
                    let first = *maybe.get_or_insert((index, keys[index]));
                    if first.0 - index >= LOOKED_AT_MAX {
                        break;
                    }
                }
            }
        }
        maybe.map(|(_, key)| (key, Liveness::Maybe))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A thousand entries, of which few count.
    struct Things {
        verdicts: Vec<Cell<Liveness>>,
        looked_at: Cell<usize>,
        /// The task because of which an entry does not count.
        task: Cell<Option<Key>>,
        candidates: Candidates,
    }

    impl Things {
        fn new() -> Self {
            Things {
                verdicts: vec![Cell::new(Liveness::No); 1000],
                looked_at: Cell::new(0),
                task: Cell::new(None),
                candidates: Candidates::new(),
            }
        }

        fn set(&self, thing: u64, liveness: Liveness) {
            self.verdicts[thing as usize].set(liveness);
            if liveness != Liveness::No {
                self.candidates.add(thing, || self.verdicts.len());
            }
        }

        /// Returns what is found, and how many entries were looked at.
        fn find(&self) -> (Option<(u64, Liveness)>, usize) {
            self.looked_at.set(0);
            let liveness = |thing: u64, because_of: &mut dyn FnMut(Key)| {
                self.looked_at.update(|n| n + 1);
                let liveness = self.verdicts[thing as usize].get();
                if liveness == Liveness::No {
                    self.task.get().into_iter().for_each(because_of);
                }
                liveness
            };
            let all = || 0..self.verdicts.len() as u64;
            let found = self.candidates.find(all, liveness);
            (found, self.looked_at.get())
        }
    }

    #[test]
    fn an_entry_that_does_not_count_is_looked_at_once() {
        let things = Things::new();
        assert_eq!(things.find(), (None, 1000));
        assert_eq!(things.find(), (None, 0));

        things.set(7, Liveness::Yes);
        assert_eq!(things.find(), (Some((7, Liveness::Yes)), 1));
        assert_eq!(things.find(), (Some((7, Liveness::Yes)), 1));

        things.set(7, Liveness::No);
        assert_eq!(things.find(), (None, 1));
        assert_eq!(things.find(), (None, 0));
    }

    #[test]
    fn a_tick_looks_at_few_entries_however_often_they_change() {
        let things = Things::new();
        things.find();
        let mut looked_at = 0;
        for tick in 0..10_000 {
            things.set(tick % 1000, Liveness::Yes);
            assert!(things.find().0.is_some());
            things.set(tick % 1000, Liveness::No);
            // Added although it does not count.
            things.candidates.add((tick + 500) % 1000, || 1000);
            looked_at += things.find().1;
        }
        assert!(looked_at <= 10 * 10_000, "{looked_at} in 10 000 ticks");
    }

    #[test]
    fn an_entry_that_surely_counts_is_preferred_to_those_that_may() {
        let things = Things::new();
        things.find();
        things.set(1, Liveness::Yes);
        for thing in 2..10 {
            things.set(thing, Liveness::Maybe);
        }
        assert_eq!(things.find(), (Some((1, Liveness::Yes)), 9));
        assert_eq!(things.find(), (Some((1, Liveness::Yes)), 1));

        for thing in 100..200 {
            things.set(thing, Liveness::Maybe);
        }
        let (found, looked_at) = things.find();
        assert_eq!(found, Some((199, Liveness::Maybe)));
        assert!(looked_at <= LOOKED_AT_MAX + 1);
    }

    #[test]
    fn an_entry_that_was_set_aside_comes_back_with_its_task_only() {
        let things = Things::new();
        let [own, others] = [1, 2].map(Key::from_bits);
        things.task.set(Some(others));
        things.find();
        things.task.set(Some(own));
        things.candidates.add(3, || 1000);
        things.find();

        // Not added itself: its task has become referenced.
        things.verdicts[3].set(Liveness::Yes);
        assert_eq!(things.find(), (None, 0));
        let back = |tasks| things.candidates.restore_of_tasks(&tasks);
        back(ReferencedAgain::These(vec![Key::from_bits(3)]));
        assert_eq!(things.find(), (None, 0));
        back(ReferencedAgain::These(vec![own]));
        assert_eq!(things.find(), (Some((3, Liveness::Yes)), 1));

        things.verdicts[3].set(Liveness::No);
        things.verdicts[5].set(Liveness::Yes);
        assert_eq!(things.find(), (None, 1));
        back(ReferencedAgain::Many);
        assert_eq!(things.find(), (Some((5, Liveness::Yes)), 1001));
    }

    #[test]
    fn a_list_is_not_made_anew_when_each_entry_is_set_aside_by_many_tasks() {
        const TASKS: u64 = 100;
        let candidates = Candidates::new();
        let looked_at = Cell::new(0);
        let liveness = |_: u64, because_of: &mut dyn FnMut(Key)| {
            looked_at.update(|n| n + 1);
            (0..TASKS).map(Key::from_bits).for_each(because_of);
            Liveness::No
        };
        for _ in 0..100 {
            candidates.find(|| 0..1000, liveness);
            candidates.add(1, || 1000);
        }
        assert_eq!(looked_at.get(), 1000 + 99);
    }

    #[test]
    fn entries_that_are_set_aside_are_forgotten_in_time() {
        let things = Things::new();
        things.find();
        for task in 0..10_000 {
            things.task.set(Some(Key::from_bits(task)));
            things.candidates.add(1, || 1000);
            things.find();
            assert!(things.candidates.aside.borrow().len <= 4 * 1000 + SLACK + 1);
        }
    }

    #[test]
    fn a_list_that_is_not_searched_does_not_grow() {
        let things = Things::new();
        things.candidates.add(1, || 1000);
        assert!(
            things.candidates.keys.borrow().is_empty(),
            "there is no list yet"
        );
        things.find();
        for _ in 0..10_000 {
            things.candidates.add(1, || 1000);
        }
        assert!(things.candidates.keys.borrow().len() <= 2 * 1000 + SLACK + 1);
        things.verdicts[3].set(Liveness::Yes);
        assert_eq!(
            things.find().0,
            Some((3, Liveness::Yes)),
            "it was made anew"
        );
    }
}
