//! What may keep the loop alive, found without looking at what does not.
//!
//! Before a loop that runs while something is alive would wait, it looks for one timer or one source
//! that counts. Of those that do not count there may be very many. So once all have been looked at,
//! what counts stands on a list here, and whatever may have come to count since is added to it. Each
//! entry is looked at once: one that does not count goes off the list.
//!
//! Until something asks there is no list, and [`add`](Candidates::add) does nothing.

use std::cell::{Cell, RefCell};

/// Whether an entry keeps the loop alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Yes,
    /// It did when it last asked; it must be asked again.
    Maybe,
    No,
}

/// Among so many candidates that may count one is looked for that surely does.
const LOOKED_AT_MAX: usize = 16;

/// The list may have so many entries more than twice the number of things there are. Beyond that it
/// is made anew.
const SPARE: usize = 64;

#[cfg(test)]
thread_local! {
    /// How many entries have been looked at on this thread.
    pub(crate) static LOOKED_AT: Cell<u64> = const { Cell::new(0) };
}

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Candidates<K> {
    keys: RefCell<Vec<K>>,
    /// Whether all that counts is on the list.
    is_complete: Cell<bool>,
    /// How often tasks had been referenced again when the list was made.
    made_at: Cell<u64>,
}

impl<K: Copy> Candidates<K> {
    pub(super) const fn new() -> Self {
        Candidates {
            keys: RefCell::new(Vec::new()),
            is_complete: Cell::new(false),
            made_at: Cell::new(0),
        }
    }

    /// Adds one that may have come to count. `len` returns how many things there are.
    #[inline]
    pub(super) fn add(&self, key: K, len: impl FnOnce() -> usize) {
        if self.is_complete.get() {
            self.push(key, len());
        }
    }

    #[cold]
    fn push(&self, key: K, len: usize) {
        let mut keys = self.keys.borrow_mut();
        if keys.len() > 2 * len + SPARE {
            *keys = Vec::new();
            self.is_complete.set(false);
        } else {
            keys.push(key);
        }
    }

    /// Looks for one that counts: surely, if there is such a one among the latest, or else maybe.
    ///
    /// The list is made of `all` where there is none, or where tasks have been referenced `again` since.
    pub(super) fn find<I: Iterator<Item = K>>(
        &self,
        again: u64,
        all: impl FnOnce() -> I,
        verdict: impl Fn(K) -> Verdict,
    ) -> Option<(K, Verdict)> {
        #[cfg(test)]
        let verdict = |key| {
            LOOKED_AT.set(LOOKED_AT.get() + 1);
            verdict(key)
        };
        let mut keys = self.keys.borrow_mut();
        if self.made_at.replace(again) != again || !self.is_complete.replace(true) {
            keys.clear();
            keys.extend(all().filter(|&key| verdict(key) != Verdict::No));
        }
        let mut maybe = None;
        for index in (0..keys.len()).rev() {
            match verdict(keys[index]) {
                Verdict::Yes => {
                    // Most likely it counts the next time, too.
                    let last = keys.len() - 1;
                    keys.swap(index, last);
                    return Some((keys[last], Verdict::Yes));
                }
                Verdict::No => {
                    keys.swap_remove(index);
                }
                Verdict::Maybe => {
                    let first = *maybe.get_or_insert((index, keys[index]));
                    if first.0 - index >= LOOKED_AT_MAX {
                        break;
                    }
                }
            }
        }
        maybe.map(|(_, key)| (key, Verdict::Maybe))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A thousand things, of which few count, and how many were looked at.
    struct Things {
        verdicts: Vec<Cell<Verdict>>,
        looked_at: Cell<usize>,
        again: Cell<u64>,
        candidates: Candidates<usize>,
    }

    impl Things {
        fn new() -> Self {
            Things {
                verdicts: vec![Cell::new(Verdict::No); 1000],
                looked_at: Cell::new(0),
                again: Cell::new(0),
                candidates: Candidates::new(),
            }
        }

        fn set(&self, thing: usize, verdict: Verdict) {
            self.verdicts[thing].set(verdict);
            if verdict != Verdict::No {
                self.candidates.add(thing, || self.verdicts.len());
            }
        }

        /// What is found, and how many it took to look at.
        fn find(&self) -> (Option<(usize, Verdict)>, usize) {
            self.looked_at.set(0);
            let verdict = |thing: usize| {
                self.looked_at.update(|n| n + 1);
                self.verdicts[thing].get()
            };
            let all = || 0..self.verdicts.len();
            let found = self.candidates.find(self.again.get(), all, verdict);
            (found, self.looked_at.get())
        }
    }

    #[test]
    fn what_does_not_count_is_looked_at_once() {
        let things = Things::new();
        assert_eq!(things.find(), (None, 1000));
        assert_eq!(things.find(), (None, 0));

        things.set(7, Verdict::Yes);
        assert_eq!(things.find(), (Some((7, Verdict::Yes)), 1));
        assert_eq!(things.find(), (Some((7, Verdict::Yes)), 1));

        things.set(7, Verdict::No);
        assert_eq!(things.find(), (None, 1));
        assert_eq!(things.find(), (None, 0));
    }

    #[test]
    fn a_tick_looks_at_little_however_often_things_change() {
        let things = Things::new();
        things.find();
        let mut looked_at = 0;
        for tick in 0..10_000 {
            things.set(tick % 1000, Verdict::Yes);
            assert!(things.find().0.is_some());
            things.set(tick % 1000, Verdict::No);
            // Added, though it does not count.
            things.candidates.add((tick + 500) % 1000, || 1000);
            looked_at += things.find().1;
        }
        assert!(looked_at <= 10 * 10_000, "{looked_at} in 10 000 ticks");
    }

    #[test]
    fn one_that_surely_counts_goes_before_those_that_may() {
        let things = Things::new();
        things.find();
        things.set(1, Verdict::Yes);
        for thing in 2..10 {
            things.set(thing, Verdict::Maybe);
        }
        assert_eq!(things.find(), (Some((1, Verdict::Yes)), 9));
        assert_eq!(things.find(), (Some((1, Verdict::Yes)), 1));

        for thing in 100..200 {
            things.set(thing, Verdict::Maybe);
        }
        let (found, looked_at) = things.find();
        assert_eq!(found, Some((199, Verdict::Maybe)));
        assert!(looked_at <= LOOKED_AT_MAX + 1);
    }

    #[test]
    fn all_are_looked_at_again_where_tasks_were_referenced_again() {
        let things = Things::new();
        things.find();
        // Not added: its task has come to count, not itself.
        things.verdicts[3].set(Verdict::Yes);
        assert_eq!(things.find().0, None);
        things.again.set(1);
        assert_eq!(things.find(), (Some((3, Verdict::Yes)), 1001));
    }

    #[test]
    fn a_list_that_nothing_asks_for_does_not_grow() {
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
        assert!(things.candidates.keys.borrow().len() <= 2 * 1000 + SPARE + 1);
        things.verdicts[3].set(Verdict::Yes);
        assert_eq!(things.find().0, Some((3, Verdict::Yes)), "it was made anew");
    }
}
