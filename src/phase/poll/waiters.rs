//! The list of what waits for one direction of a source, in the order of arrival.
//!
//! An entry is one operation, which takes itself off the list when it is dropped, or one *poller*: a
//! task or a waker that called a `poll_*` method of an I/O trait. A poller never says that it has
//! stopped waiting. A task has one entry as a poller, however often it asks, and so has each waker
//! that is not a task's own.
//!
//! Most often nothing waits, or one task, so the first entry stands in the source's own slot and
//! only a second one allocates.

use std::mem;

use crate::phase::candidates::Liveness;
use crate::tasks::{Caller, Owner, Waiter};

/// How many entries may stand behind the first before those are looked for that have stopped
/// waiting without saying so. The limit doubles while this happens often; see [`Waiters::sweep`].
const LIMIT_MIN: usize = 16;

/// A sweep this many ticks after another one, or more, halves the limit. Wakers that a sweep wakes
/// are back on the list by then, if they still wait.
const SWEPT_LONG_AGO: u64 = 64;

/// What waits: one operation, or a caller of the I/O traits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WaiterId(u64);

impl WaiterId {
    /// An operation that does not wait yet; it gets a number when it does.
    pub(crate) const UNNUMBERED: WaiterId = WaiterId(0);

    /// A caller of a `poll_*` method, known by its waiter alone.
    pub(crate) const TRAIT_CALLER: WaiterId = WaiterId(TRAIT_CALLER_BIT);

    /// A poller that asks in its task's poll number `polls`.
    pub(super) fn trait_caller(polls: u32) -> Self {
        WaiterId(TRAIT_CALLER_BIT | u64::from(polls))
    }

    /// An operation, which takes itself off the list when it is dropped.
    pub(super) fn operation(number: u64) -> Self {
        WaiterId(number + 1)
    }

    #[inline]
    fn is_trait_caller(self) -> bool {
        self.0 & TRAIT_CALLER_BIT != 0
    }

    /// The poll of its task in which a poller last asked.
    fn asked_in(self) -> u32 {
        self.0 as u32
    }

    /// Whether it is an operation that may be on the list.
    #[inline]
    pub(crate) fn is_numbered(self) -> bool {
        self != WaiterId::UNNUMBERED && !self.is_trait_caller()
    }
}

/// The bit that tells a poller from an operation, whose numbers never come so far.
const TRAIT_CALLER_BIT: u64 = 1 << 63;

/// One that waits.
#[derive(Debug)]
pub(super) struct WaiterEntry {
    pub(super) id: WaiterId,
    pub(super) waiter: Waiter,
}

impl WaiterEntry {
    /// Whether this is the entry of `caller`, which asks as `id`.
    #[inline]
    fn is(&self, id: WaiterId, caller: &Caller<'_>) -> bool {
        if id.is_trait_caller() {
            self.id.is_trait_caller() && caller.is(&self.waiter)
        } else {
            self.id == id
        }
    }

    /// Whether it keeps the loop alive.
    #[inline]
    pub(super) fn liveness(&self, owner: &impl Fn(&Waiter) -> Owner) -> Liveness {
        let owner = owner(&self.waiter);
        match Liveness::of(&self.waiter, owner) {
            Liveness::Yes if self.id.is_trait_caller() && owner != Owner::None => Liveness::Maybe,
            liveness => liveness,
        }
    }

    /// Whether it wakes something else than a task by its own waker.
    #[inline]
    fn is_waker(&self) -> bool {
        self.waiter.is_foreign()
    }

    /// Whether it is a poller that may have stopped waiting: a task that has ended, or a waker whose
    /// task has been polled since it last asked by it.
    fn may_be_over(&self, owner: &impl Fn(&Waiter) -> Owner) -> bool {
        self.id.is_trait_caller()
            && match owner(&self.waiter) {
                Owner::Gone => true,
                Owner::None => self.is_waker(),
                Owner::Task { polls, .. } => self.is_waker() && self.id.asked_in() != polls,
            }
    }
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Waiters {
    first: Option<WaiterEntry>,
    others: Option<Box<Others>>,
}

/// The entries behind the first, which is there.
#[derive(Debug)]
struct Others {
    entries: Vec<WaiterEntry>,
    /// With so many entries the next one is preceded by a sweep.
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

    /// Adds `task`, which polls by its own waker, or finds its entry. Returns false, with nothing
    /// done, where that takes more: a waker is to be dropped, or the list is to be swept.
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

    /// Notes that `caller` asks again, if its entry is as it should be. False if there is none, or it
    /// would wake something else.
    pub(super) fn renew(&mut self, id: WaiterId, caller: &Caller<'_>) -> bool {
        let mut entries = self.iter_mut();
        match entries.find(|entry| entry.is(id, caller) && caller.is(&entry.waiter)) {
            Some(entry) => {
                entry.id = id;
                true
            }
            None => false,
        }
    }

    /// Adds an entry, or puts the waiter in the place of the same operation's old one, which is
    /// returned to be dropped outside of any borrow.
    pub(super) fn add(&mut self, id: WaiterId, waiter: Waiter) -> Option<Waiter> {
        if !id.is_trait_caller()
            && let Some(entry) = self.iter_mut().find(|entry| entry.id == id)
        {
            return Some(mem::replace(&mut entry.waiter, waiter));
        }
        self.push(id, waiter);
        None
    }

    fn push(&mut self, id: WaiterId, waiter: Waiter) {
        let entry = WaiterEntry { id, waiter };
        if self.first.is_none() {
            self.first = Some(entry);
        } else {
            self.others.get_or_insert_default().entries.push(entry);
        }
    }

    /// Whether the list is to be swept before anything is added.
    pub(super) fn is_full(&self) -> bool {
        let others = self.others.as_ref();
        others.is_some_and(|others| others.entries.len() >= others.limit)
    }

    /// Takes pollers off the list that may have stopped waiting. They are to be woken: those that
    /// still wait ask again.
    ///
    /// While nothing happens this must come to rest, whatever number of wakers waits. So the limit
    /// doubles as long as sweeps follow each other closely, until all have room. It is halved later,
    /// so the list stays in proportion to what really waits.
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
        let may_be_over = |entry: &mut WaiterEntry| entry.may_be_over(&owner);
        let swept = others.entries.extract_if(.., may_be_over);
        swept.map(|entry| entry.waiter).collect()
    }

    /// Takes an operation off the list.
    #[inline]
    pub(super) fn remove(&mut self, id: WaiterId) -> Option<Waiter> {
        let index = self.iter().position(|entry| entry.id == id)?;
        Some(self.remove_at(index)?.waiter)
    }

    /// Takes an operation that waits as a task off the list, if it is there. False, with nothing
    /// done, if it waits by another waker.
    #[inline]
    pub(super) fn remove_task(&mut self, id: WaiterId) -> bool {
        let entry = self.iter().find(|entry| entry.id == id);
        match entry.map(WaiterEntry::is_waker) {
            None => true,
            Some(true) => false,
            Some(false) => self.remove(id).is_some(),
        }
    }

    /// Takes the first entry off the list that `is_it`.
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
            None => {
                let others = self.others.as_mut();
                let next = others.map(|others| others.entries.remove(0));
                mem::replace(&mut self.first, next)
            }
        };
        if self
            .others
            .as_ref()
            .is_some_and(|others| others.entries.is_empty())
        {
            self.others = None;
        }
        removed
    }

    /// Takes the only entry; nothing, if there are several.
    #[inline]
    pub(super) fn take_single(&mut self) -> Option<Waiter> {
        if self.others.is_some() {
            return None;
        }
        self.first.take().map(|entry| entry.waiter)
    }

    /// Moves all to `out`.
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
