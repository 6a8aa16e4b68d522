//! The registered sources: their readiness ([`readiness`]), and the waiters for it.
//!
//! The sources are borrowed during each call. No waker is cloned, called or dropped under the
//! borrow, because that runs user code: methods return what the caller has to wake or drop.

mod readiness;

use std::cell::{Cell, RefCell};

use super::descriptor::Descriptor;
use super::waiters::{WaiterEntry, WaiterId};
use crate::phase::candidates::{Candidates, Liveness};
use crate::slots::{Key, Slots};
use crate::tasks::{Caller, Owner, ReferencedAgain, Tasks, Waiter};
use readiness::DirectionState;

pub(crate) use readiness::{KnownReadiness, Readiness, ReadinessParts};

/// What an operation waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Read,
    Write,
}

/// When the events of a source are delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SourceKind {
    Ordinary,
    /// After all other events of the same fetch.
    Signal,
}

/// All sources of one loop.
#[derive(Debug)]
pub(crate) struct Sources {
    slots: RefCell<Slots<SourceSlot>>,
    /// How many operations have got a number.
    operations: Cell<u64>,
    /// How many directions of sources have waiters.
    waiting: Cell<usize>,
    candidates: Candidates,
}

#[derive(Debug)]
struct SourceSlot {
    kind: SourceKind,
    /// For reports.
    descriptor: Descriptor,
    /// Whether the source keeps the loop alive while a task waits for it, and the number of the
    /// call that has set this.
    is_ref: bool,
    ref_call: u32,
    /// How many events there were. A caller that does not know the last one must not clear the
    /// readiness that it reported.
    events: u32,
    read: DirectionState,
    write: DirectionState,
    /// Urgent data, and errors. Operations do not change these, but only callers that wait for
    /// them, which are among the readers.
    priority: Readiness,
    error: Readiness,
}

impl SourceSlot {
    fn entries(&self) -> impl Iterator<Item = (Direction, &WaiterEntry)> {
        let readers = self.read.waiters.iter();
        let readers = readers.map(|entry| (Direction::Read, entry));
        let writers = self.write.waiters.iter();
        readers.chain(writers.map(|entry| (Direction::Write, entry)))
    }

    #[inline]
    fn side(&self, direction: Direction) -> &DirectionState {
        match direction {
            Direction::Read => &self.read,
            Direction::Write => &self.write,
        }
    }

    #[inline]
    fn side_mut(&mut self, direction: Direction) -> &mut DirectionState {
        match direction {
            Direction::Read => &mut self.read,
            Direction::Write => &mut self.write,
        }
    }

    /// Returns whether the source keeps the loop alive: it is referenced, and a referenced task
    /// waits for it. Passes the tasks because of which it does not to `because_of`.
    fn liveness(
        &self,
        owner: &impl Fn(&Waiter) -> Owner,
        mut because_of: impl FnMut(Key),
    ) -> Liveness {
        let mut liveness = Liveness::No;
        for (_, entry) in self.entries().filter(|_| self.is_ref) {
            match entry.liveness(owner) {
                Liveness::Yes => return Liveness::Yes,
                Liveness::Maybe => liveness = Liveness::Maybe,
                Liveness::No => entry.waiter.owner().into_iter().for_each(&mut because_of),
            }
        }
        liveness
    }
}

/// A waiter of which only a poll can tell whether it still waits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UncertainWaiter {
    source: Key,
    direction: Direction,
    /// The task that was polled when it began to wait; [`Key::DANGLING`] if that has ended.
    pub(crate) task: Key,
}

impl Sources {
    pub(super) fn new() -> Self {
        Sources {
            slots: RefCell::new(Slots::new()),
            operations: Cell::new(0),
            waiting: Cell::new(0),
            candidates: Candidates::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.slots.borrow().len()
    }

    pub(super) fn insert(&self, kind: SourceKind, descriptor: Descriptor) -> Key {
        self.slots.borrow_mut().insert(SourceSlot {
            kind,
            descriptor,
            is_ref: true,
            ref_call: 0,
            events: 0,
            read: DirectionState::new(),
            write: DirectionState::new(),
            priority: Readiness::Unknown,
            error: Readiness::Unknown,
        })
    }

    /// Sets whether a source keeps the loop alive while a task waits for it. Other threads may set
    /// it as well; the call with the latest number counts.
    pub(crate) fn set_ref(&self, key: Key, is_ref: bool, ref_call: u32) {
        self.candidates
            .add(key.to_bits(), || self.slots.borrow().len());
        if let Some(source) = self.slots.borrow_mut().get_mut(key)
            && ref_call.wrapping_sub(source.ref_call).cast_signed() > 0
        {
            source.is_ref = is_ref;
            source.ref_call = ref_call;
        }
    }

    /// Frees a slot. Returns its waiters, for the caller to drop.
    pub(super) fn remove(&self, key: Key) -> Vec<Waiter> {
        let mut waiters = Vec::new();
        if let Some(mut source) = self.slots.borrow_mut().remove(key) {
            self.take_all(&mut source, &mut waiters);
        }
        waiters
    }

    /// Adds `caller` to the waiters if it is a task that polls by its own waker. Returns false if
    /// it is not, or if the list has to be swept first: then the caller calls
    /// [`wait_by_waker`](Sources::wait_by_waker), which runs user code and must not be called under
    /// a borrow of the loop.
    ///
    /// The operation of the caller would block, unless `is_blocked` is false: then the caller waits
    /// for something else that the events of this direction report.
    #[inline]
    pub(crate) fn wait_by_task(
        &self,
        key: Key,
        direction: Direction,
        id: &mut WaiterId,
        caller: &Caller<'_>,
        is_blocked: bool,
    ) -> bool {
        let Some(task) = caller.as_task() else {
            return false;
        };
        self.number(id);
        self.candidates
            .add(key.to_bits(), || self.slots.borrow().len());
        let is_added = self.change_list(key, direction, |side| {
            if is_blocked {
                side.block();
            }
            side.waiters.add_task(*id, caller, Waiter::Task(task))
        });
        is_added == Some(true)
    }

    /// Adds any caller to the waiters. It clones, wakes and drops wakers. `tick` is the number of
    /// the tick. If the operation of the caller would block, the caller has cleared the readiness.
    pub(crate) fn wait_by_waker(
        &self,
        key: Key,
        direction: Direction,
        id: &mut WaiterId,
        caller: &Caller<'_>,
        tasks: &Tasks,
        tick: u64,
    ) {
        let owner = |waiter: &Waiter| tasks.owner(waiter);
        self.number(id);
        if *id == WaiterId::TRAIT_CALLER {
            *id = WaiterId::trait_caller(tasks.polls(caller.polled()));
        }
        let is_there = self.change_list(key, direction, |side| side.waiters.renew(*id, caller));
        if is_there != Some(false) {
            return;
        }
        self.candidates
            .add(key.to_bits(), || self.slots.borrow().len());
        let waiter = caller.to_waiter();
        let mut swept = Vec::new();
        let old = self.change_list(key, direction, |side| {
            if side.waiters.is_full() {
                swept = side.waiters.sweep(tick, owner);
            }
            side.waiters.add(*id, waiter)
        });
        drop(old);
        swept.into_iter().for_each(|waiter| tasks.wake(waiter));
    }

    /// Numbers an operation that waits for the first time.
    #[inline]
    fn number(&self, id: &mut WaiterId) {
        if *id == WaiterId::UNNUMBERED {
            self.operations.set(self.operations.get() + 1);
            *id = WaiterId::operation(self.operations.get());
        }
    }

    /// Removes an operation that has completed, and resets `id`, if it waits as a task. An
    /// operation that waits by a waker keeps its `id`: its waker must not be dropped here, under a
    /// borrow of the loop, but when the operation is dropped.
    #[inline]
    pub(crate) fn forget_task(&self, key: Key, direction: Direction, id: &mut WaiterId) {
        let is_off = self.change_list(key, direction, |side| {
            side.waiters.is_empty() || side.waiters.remove_task(*id)
        });
        if is_off != Some(false) {
            *id = WaiterId::UNNUMBERED;
        }
    }

    /// Removes an operation that is dropped. Returns its waiter, for the caller to drop.
    pub(crate) fn forget(&self, key: Key, direction: Direction, id: WaiterId) -> Option<Waiter> {
        self.change_list(key, direction, |side| side.waiters.remove(id))
            .flatten()
    }

    /// Takes the waiters of the directions that are ready. A single one is returned; several are
    /// moved to `out`: first readers, then writers, each in order of arrival.
    #[inline]
    pub(crate) fn take_ready_waiters(&self, key: Key, out: &mut Vec<Waiter>) -> Option<Waiter> {
        let mut slots = self.slots.borrow_mut();
        let SourceSlot { read, write, .. } = slots.get_mut(key)?;
        let single = match (read.has_ready_waiters(), write.has_ready_waiters()) {
            (false, false) => return None,
            (true, false) => read.waiters.take_single(),
            (false, true) => write.waiters.take_single(),
            (true, true) => None,
        };
        if single.is_some() {
            self.waiting.update(|waiting| waiting - 1);
            return single;
        }
        for side in [read, write] {
            if side.has_ready_waiters() {
                side.waiters.take_all(out);
                self.waiting.update(|waiting| waiting - 1);
            }
        }
        None
    }

    /// Returns whether a direction that is ready has waiters.
    pub(super) fn has_ready_waiters(&self, key: Key) -> bool {
        let slots = self.slots.borrow();
        slots.get(key).is_some_and(|source| {
            source.read.has_ready_waiters() || source.write.has_ready_waiters()
        })
    }

    /// Moves all waiters of a source to `out`, because the source has been closed.
    pub(crate) fn take_all_waiters(&self, key: Key, out: &mut Vec<Waiter>) {
        if let Some(source) = self.slots.borrow_mut().get_mut(key) {
            self.take_all(source, out);
        }
    }

    /// Moves the waiters of all sources to `out`, for the shutdown of the loop.
    pub(crate) fn take_waiters(&self, out: &mut Vec<Waiter>) {
        for source in self.slots.borrow_mut().values_mut() {
            self.take_all(source, out);
        }
    }

    fn take_all(&self, source: &mut SourceSlot, out: &mut Vec<Waiter>) {
        for side in [&mut source.read, &mut source.write] {
            if !side.waiters.is_empty() {
                side.waiters.take_all(out);
                self.waiting.update(|waiting| waiting - 1);
            }
        }
    }

    /// Calls `change` with one direction of a source, and updates `waiting`.
    #[inline]
    fn change_list<R>(
        &self,
        key: Key,
        direction: Direction,
        change: impl FnOnce(&mut DirectionState) -> R,
    ) -> Option<R> {
        let mut slots = self.slots.borrow_mut();
        let side = slots.get_mut(key)?.side_mut(direction);
        let had_waiters = usize::from(!side.waiters.is_empty());
        let result = change(side);
        let has_waiters = usize::from(!side.waiters.is_empty());
        self.waiting
            .set(self.waiting.get() + has_waiters - had_waiters);
        Some(result)
    }
}

/// What keeps the loop alive.
impl Sources {
    /// Returns whether any source has a waiter.
    pub(crate) fn has_waiters(&self) -> bool {
        self.waiting.get() > 0
    }

    /// Calls `f` for each waiter, with the descriptor and the direction.
    pub(crate) fn for_each_waiter(&self, mut f: impl FnMut(&Waiter, &Descriptor, Direction)) {
        for (_, source) in self.slots.borrow().iter() {
            for (direction, entry) in source.entries() {
                f(&entry.waiter, &source.descriptor, direction);
            }
        }
    }

    /// Returns the descriptors of the referenced sources without a waiter for which `owns` returns
    /// true.
    pub(crate) fn unowned(&self, owns: impl Fn(&Waiter) -> bool) -> Vec<Descriptor> {
        let slots = self.slots.borrow();
        let is_owned = |source: &SourceSlot| source.entries().any(|(_, entry)| owns(&entry.waiter));
        let sources = slots.iter().map(|(_, source)| source);
        let unowned = sources.filter(|source| source.is_ref && !is_owned(source));
        unowned.map(|source| source.descriptor.clone()).collect()
    }

    /// Looks again at sources that did not count because of these tasks.
    pub(crate) fn count_again(&self, tasks: &ReferencedAgain) {
        self.candidates.restore_of_tasks(tasks);
    }

    /// Returns a source that keeps the loop alive, and whether it surely does.
    pub(crate) fn find_alive(&self, tasks: &Tasks) -> Option<(Key, Liveness)> {
        let slots = self.slots.borrow();
        let owner = |waiter: &Waiter| tasks.owner(waiter);
        let found = self.candidates.find(
            || slots.iter().map(|(key, _)| key.to_bits()),
            |key, because_of| {
                let source = slots.get(Key::from_bits(key));
                source.map_or(Liveness::No, |source| source.liveness(&owner, because_of))
            },
        );
        found.map(|(key, liveness)| (Key::from_bits(key), liveness))
    }

    /// Removes one waiter of `source` of which only a poll can tell whether it still waits. The
    /// caller wakes it; if it does, it comes back.
    pub(crate) fn take_uncertain(
        &self,
        source: Key,
        tasks: &Tasks,
    ) -> Option<(UncertainWaiter, Waiter)> {
        let owner = |waiter: &Waiter| tasks.owner(waiter);
        [Direction::Read, Direction::Write]
            .into_iter()
            .find_map(|direction| {
                let is_uncertain = |entry: &WaiterEntry| entry.liveness(&owner) == Liveness::Maybe;
                let taken = self.change_list(source, direction, |side| {
                    side.waiters.remove_first(is_uncertain)
                });
                let waiter = taken??.waiter;
                let task = waiter.owner().unwrap_or(Key::DANGLING);
                let uncertain = UncertainWaiter {
                    source,
                    direction,
                    task,
                };
                Some((uncertain, waiter))
            })
    }

    /// Returns whether the task of `uncertain` waits there again.
    pub(crate) fn is_waiting(&self, uncertain: &UncertainWaiter) -> bool {
        let slots = self.slots.borrow();
        slots.get(uncertain.source).is_some_and(|source| {
            let mut entries = source.side(uncertain.direction).waiters.iter();
            source.is_ref && entries.any(|entry| entry.waiter.owner() == Some(uncertain.task))
        })
    }
}
