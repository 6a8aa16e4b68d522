//! The waiters of one direction of a source, in the order of arrival.
//!
//! An event wakes all of them. An operation that it has woken in vain, because one before it was
//! quicker, comes back with its number, and goes before those with a larger one. So tasks that
//! operate on a source again and again take turns.
//!
//! There are two kinds. An *operation*, a future of this crate, has a number, and removes its entry
//! when it is dropped. A *trait caller* is a task or a waker that has called a `poll_*` method of
//! an I/O trait. It does not say when it stops waiting, so its entry may be out of date. It has one
//! entry, however often it calls.
//!
//! Entries of trait callers that are out of date must not pile up. A task by its own waker has one
//! entry at most, so tasks need no care. But combinators such as `FuturesUnordered` make any number
//! of wakers, and drop them silently. When the list is full, a [sweep](Waiters::sweep) removes
//! wakers that may have stopped waiting, and wakes them: those that still wait come back.
//!
//! Most sources have one waiter at most, so the first entry is stored inline, and only the second
//! one allocates.

use std::mem;

use crate::phase::candidates::Liveness;
use crate::tasks::{Caller, Owner, Waiter};

/// The initial number of entries behind the first at which the list is swept. It doubles while
/// sweeps follow each other closely; see [`Waiters::sweep`].
const LIMIT_MIN: usize = 16;

/// So many ticks after a sweep, the wakers that it has woken have come back, if they still wait. So
/// the next sweep may lower the limit.
const SWEPT_LONG_AGO: u64 = 64;

/// The identity of an entry: zero, the number of an operation, or the bit of a trait caller with
/// the count of polls of its task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WaiterId(u64);

impl WaiterId {
    /// An operation that has not waited yet. It is numbered when it does.
    pub(crate) const UNNUMBERED: WaiterId = WaiterId(0);

    /// A caller of a `poll_*` method, which is identified by its waiter alone.
    pub(crate) const TRAIT_CALLER: WaiterId = WaiterId(TRAIT_CALLER_BIT);

    /// A trait caller in the poll number `polls` of its task.
    pub(super) fn trait_caller(polls: u32) -> Self {
        WaiterId(TRAIT_CALLER_BIT | u64::from(polls))
    }

    /// An operation.
    pub(super) fn operation(number: u64) -> Self {
        WaiterId(number + 1)
    }

    #[inline]
    fn is_trait_caller(self) -> bool {
        self.0 & TRAIT_CALLER_BIT != 0
    }

    /// The poll of its task in which a trait caller last called.
    fn called_in(self) -> u32 {
        self.0 as u32
    }

    /// Returns whether this is an operation that may have an entry.
    #[inline]
    pub(crate) fn is_numbered(self) -> bool {
        self != WaiterId::UNNUMBERED && !self.is_trait_caller()
    }

    /// Returns whether both are operations, and this one has waited first.
    fn is_older_than(self, other: WaiterId) -> bool {
        self.is_numbered() && other.is_numbered() && self.0 < other.0
    }
}

/// The bit that marks a trait caller. Operations are never so many that they reach it.
const TRAIT_CALLER_BIT: u64 = 1 << 63;

#[derive(Debug)]
pub(super) struct WaiterEntry {
    pub(super) id: WaiterId,
    pub(super) waiter: Waiter,
}

impl WaiterEntry {
    /// Returns whether this is the entry of `caller`, which calls as `id`.
    #[inline]
    fn is(&self, id: WaiterId, caller: &Caller<'_>) -> bool {
        if id.is_trait_caller() {
            self.id.is_trait_caller() && caller.is(&self.waiter)
        } else {
            self.id == id
        }
    }

    /// Returns whether the entry keeps the loop alive.
    #[inline]
    pub(super) fn liveness(&self, owner: &impl Fn(&Waiter) -> Owner) -> Liveness {
        let owner = owner(&self.waiter);
        match Liveness::of(&self.waiter, owner) {
            // The task is alive, but it may no longer wait for this source.
            Liveness::Yes if self.id.is_trait_caller() && owner != Owner::None => Liveness::Maybe,
            liveness => liveness,
        }
    }

    /// Returns whether the entry holds a waker other than a task's own.
    #[inline]
    fn is_waker(&self) -> bool {
        self.waiter.is_foreign()
    }

    /// Returns whether this is a trait caller that may have stopped waiting: its task has ended, or
    /// it is a waker and its task has been polled since it last called.
    fn may_be_over(&self, owner: &impl Fn(&Waiter) -> Owner) -> bool {
        self.id.is_trait_caller()
            && match owner(&self.waiter) {
                Owner::Gone => true,
                // Not of this loop, so its polls are not counted.
                Owner::None => self.is_waker(),
                Owner::Task { polls, .. } => self.is_waker() && self.id.called_in() != polls,
            }
    }
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Waiters {
    first: Option<WaiterEntry>,
    others: Option<Box<Others>>,
}

/// The entries behind the first. If there are any, there is a first.
#[derive(Debug)]
struct Others {
    entries: Vec<WaiterEntry>,
    /// With so many entries the list is swept before the next one is added.
    limit: usize,
    /// The tick of the last sweep.
    swept_at: u64,
}

impl Default for Others {
    fn default() -> Self {
        Others {
            entries: Vec::new(),
            limit: LIMIT_MIN,
            swept_at: 0,
        }
    }
}

impl Waiters {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &WaiterEntry> {
        let others = self.others.iter().flat_map(|others| &others.entries);
        self.first.iter().chain(others)
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = &mut WaiterEntry> {
        let others = self
            .others
            .iter_mut()
            .flat_map(|others| &mut others.entries);
        self.first.iter_mut().chain(others)
    }

    /// Adds `task`, which polls by its own waker, or updates its entry. Returns false, and does
    /// nothing, if the entry holds a waker, which would have to be dropped, or if the list has to
    /// be swept.
    #[inline]
    pub(super) fn add_task(&mut self, id: WaiterId, caller: &Caller<'_>, task: Waiter) -> bool {
        match &mut self.first {
            None => {
                self.first = Some(WaiterEntry { id, waiter: task });
                true
            }
            Some(first) if first.is(id, caller) && !first.is_waker() => {
                first.waiter = task;
                true
            }
            Some(_) => self.add_task_behind(id, caller, task),
        }
    }

    fn add_task_behind(&mut self, id: WaiterId, caller: &Caller<'_>, task: Waiter) -> bool {
        if let Some(entry) = self.iter_mut().find(|entry| entry.is(id, caller)) {
            let is_task = !entry.is_waker();
            if is_task {
                entry.waiter = task;
            }
            return is_task;
        }
        let has_room = !self.is_full();
        if has_room {
            self.push(id, task);
        }
        has_room
    }

    /// Notes that `caller` waits again, if it has an entry that wakes it. Returns false if it has
    /// none, or if its entry would wake something else.
    pub(super) fn renew(&mut self, id: WaiterId, caller: &Caller<'_>) -> bool {
        let mut entries = self.iter_mut();
        match entries.find(|entry| entry.is(id, caller) && caller.is(&entry.waiter)) {
            Some(entry) => {
                // For a trait caller: the number of the present poll.
                entry.id = id;
                true
            }
            None => false,
        }
    }

    /// Adds an entry. If the operation has one, its waiter is replaced, and returned for the caller
    /// to drop outside of any borrow.
    pub(super) fn add(&mut self, id: WaiterId, waiter: Waiter) -> Option<Waiter> {
        // A trait caller that has an entry with this waiter was found by `renew`.
        if !id.is_trait_caller()
            && let Some(entry) = self.iter_mut().find(|entry| entry.id == id)
        {
            return Some(mem::replace(&mut entry.waiter, waiter));
        }
        self.push(id, waiter);
        None
    }

    /// Adds an entry before the younger operations. Trait callers keep their places.
    fn push(&mut self, id: WaiterId, waiter: Waiter) {
        let entry = WaiterEntry { id, waiter };
        let Some(first) = &mut self.first else {
            self.first = Some(entry);
            return;
        };
        let entries = &mut self.others.get_or_insert_default().entries;
        if id.is_older_than(first.id) {
            entries.insert(0, mem::replace(first, entry));
            return;
        }
        // Usually it is the youngest. Operations are in order, so one look says so.
        if entries.last().is_some_and(|last| last.id.is_older_than(id)) {
            entries.push(entry);
            return;
        }
        let younger = entries.iter().position(|other| id.is_older_than(other.id));
        entries.insert(younger.unwrap_or(entries.len()), entry);
    }

    /// Returns whether the list has to be swept before an entry is added.
    pub(super) fn is_full(&self) -> bool {
        let others = self.others.as_ref();
        others.is_some_and(|others| others.entries.len() >= others.limit)
    }

    /// Removes the trait callers that may have stopped waiting. The caller wakes them; those that
    /// still wait come back.
    ///
    /// If all of them still wait, each sweep wakes them all, they come back, and fill the list
    /// again. To end this, the limit doubles while sweeps follow each other closely, until all have
    /// room. Later sweeps halve it again, so the list stays in proportion to what really waits.
    pub(super) fn sweep(&mut self, tick: u64, owner: impl Fn(&Waiter) -> Owner) -> Vec<Waiter> {
        let Some(others) = &mut self.others else {
            return Vec::new();
        };
        others.limit = if tick - others.swept_at < SWEPT_LONG_AGO {
            2 * others.limit
        } else {
            (others.limit / 2).max(LIMIT_MIN)
        };
        others.swept_at = tick;
        // The first entry is not swept: one entry that is out of date costs nothing.
        let may_be_over = |entry: &mut WaiterEntry| entry.may_be_over(&owner);
        let swept = others.entries.extract_if(.., may_be_over);
        swept.map(|entry| entry.waiter).collect()
    }

    /// Removes an operation, and returns its waiter.
    #[inline]
    pub(super) fn remove(&mut self, id: WaiterId) -> Option<Waiter> {
        let index = self.iter().position(|entry| entry.id == id)?;
        Some(self.remove_at(index)?.waiter)
    }

    /// Removes an operation that waits as a task, if it has an entry. Returns false, and does
    /// nothing, if it waits by a waker.
    #[inline]
    pub(super) fn remove_task(&mut self, id: WaiterId) -> bool {
        let entry = self.iter().find(|entry| entry.id == id);
        match entry.map(WaiterEntry::is_waker) {
            None => true,
            Some(true) => false,
            Some(false) => self.remove(id).is_some(),
        }
    }

    /// Removes the first entry for which `is_it` returns true.
    pub(super) fn remove_first(
        &mut self,
        is_it: impl Fn(&WaiterEntry) -> bool,
    ) -> Option<WaiterEntry> {
        let index = self.iter().position(is_it)?;
        self.remove_at(index)
    }

    fn remove_at(&mut self, index: usize) -> Option<WaiterEntry> {
        let removed = match index.checked_sub(1) {
            Some(index) => Some(self.others.as_mut()?.entries.remove(index)),
            // The second entry becomes the first.
            None => {
                let others = self.others.as_mut();
                let next = others.map(|others| others.entries.remove(0));
                mem::replace(&mut self.first, next)
            }
        };
        // `others` is `None` if it would be empty: `take_single` relies on it.
        if self
            .others
            .as_ref()
            .is_some_and(|others| others.entries.is_empty())
        {
            self.others = None;
        }
        removed
    }

    /// Takes the only entry, or returns `None` if there are several.
    #[inline]
    pub(super) fn take_single(&mut self) -> Option<Waiter> {
        if self.others.is_some() {
            return None;
        }
        self.first.take().map(|entry| entry.waiter)
    }

    /// Moves all waiters to `out`.
    pub(super) fn take_all(&mut self, out: &mut Vec<Waiter>) {
        let others = self
            .others
            .take()
            .map_or_else(Vec::new, |others| others.entries);
        let all = self.first.take().into_iter().chain(others);
        out.extend(all.map(|entry| entry.waiter));
    }
}

#[cfg(test)]
mod tests;
