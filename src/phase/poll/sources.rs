//! The registered sources: their readiness, and who waits for it.

use std::cell::Cell;
use std::mem;
use std::os::fd::RawFd;

use mio::event::Event;

use crate::slots::{Key, Slots};
use crate::tasks::{Asker, Waiter};

/// How many different wakers may wait for one direction through the `poll_*` methods of the I/O
/// traits, which cannot say that they have stopped waiting. One more wakes the oldest, who asks
/// again if it is still there.
const POLLERS_MAX: usize = 8;

/// What an operation needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Read,
    Write,
}

/// Who waits: one operation, or any number of callers of the I/O traits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WaiterId {
    /// A future that has not waited yet; it gets a number when it does.
    Unnumbered,
    /// A future, which takes itself off the list when it is dropped.
    Operation(u64),
    /// A caller of a `poll_*` method, known by its waiter alone.
    Poller,
}

/// How a source's events are delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Ordinary,
    /// After everything else of the same fetch.
    Signal,
}

/// All sources of one loop.
#[derive(Debug)]
pub(super) struct Sources {
    slots: Slots<Source>,
    next_waiter: u64,
    /// Where a source was last found that keeps the loop alive: most likely it still does.
    witness: Cell<usize>,
}

#[derive(Debug)]
struct Source {
    kind: Kind,
    /// The descriptor, for those who ask; it may be closed.
    fd: RawFd,
    /// Whether it keeps the loop alive while somebody waits for it.
    is_ref: bool,
    read: Side,
    write: Side,
}

/// One direction of a source.
#[derive(Debug)]
struct Side {
    /// A hint, as in mio: an operation may succeed. Set by an event, and at first, for the OS
    /// has not been asked; cleared when an operation would block.
    ready: bool,
    /// Set for good when the other end has closed this direction, or the source has failed.
    closed: bool,
    waiters: Vec<(WaiterId, Waiter)>,
}

/// Whose place a new waiter has taken, to be dealt with outside of any borrow.
pub(super) enum Displaced {
    Nobody,
    /// Itself, as it was.
    Dropped(Waiter),
    /// Another who may still be there and must ask again.
    Told(Waiter),
}

impl Side {
    fn new() -> Self {
        Side {
            ready: true,
            closed: false,
            waiters: Vec::new(),
        }
    }

    fn record(&mut self, is_ready: bool, is_closed: bool) {
        self.ready |= is_ready || is_closed;
        self.closed |= is_closed;
    }

    fn position(&self, id: WaiterId, is_same: impl Fn(&Waiter) -> bool) -> Option<usize> {
        self.waiters
            .iter()
            .position(|(other, waiter)| *other == id && (id != WaiterId::Poller || is_same(waiter)))
    }

    fn take_waiters(&mut self, out: &mut Vec<Waiter>) {
        out.extend(self.waiters.drain(..).map(|(_, waiter)| waiter));
    }

    /// The first poller, if there are too many.
    fn evict_poller(&mut self) -> Option<Waiter> {
        let mut pollers = self
            .waiters
            .iter()
            .enumerate()
            .filter(|(_, (id, _))| *id == WaiterId::Poller)
            .map(|(index, _)| index);
        let first = pollers.next()?;
        let others = pollers.count();
        (others >= POLLERS_MAX).then(|| self.waiters.remove(first).1)
    }
}

impl Source {
    fn waiters(&self) -> impl Iterator<Item = (Direction, &Waiter)> {
        let readers = self.read.waiters.iter();
        let readers = readers.map(|(_, waiter)| (Direction::Read, waiter));
        let writers = self.write.waiters.iter();
        readers.chain(writers.map(|(_, waiter)| (Direction::Write, waiter)))
    }

    fn side(&mut self, direction: Direction) -> &mut Side {
        match direction {
            Direction::Read => &mut self.read,
            Direction::Write => &mut self.write,
        }
    }
}

impl Sources {
    pub(super) fn new() -> Self {
        Sources {
            slots: Slots::new(),
            next_waiter: 0,
            witness: Cell::new(0),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.slots.len() == 0
    }

    pub(super) fn insert(&mut self, kind: Kind, fd: RawFd, is_ref: bool) -> Key {
        self.slots.insert(Source {
            kind,
            fd,
            is_ref,
            read: Side::new(),
            write: Side::new(),
        })
    }

    pub(super) fn set_ref(&mut self, key: Key, is_ref: bool) {
        if let Some(source) = self.slots.get_mut(key) {
            source.is_ref = is_ref;
        }
    }

    /// Whether somebody waits for a source who keeps the loop alive: one who `counts`, for a
    /// referenced source.
    pub(super) fn is_any_alive(&self, counts: impl Fn(&Waiter) -> bool) -> bool {
        let found = self
            .slots
            .iter_from(self.witness.get())
            .find(|(_, source)| {
                source.is_ref && source.waiters().any(|(_, waiter)| counts(waiter))
            });
        if let Some((key, _)) = &found {
            self.witness.set(key.index());
        }
        found.is_some()
    }

    /// Whether anybody waits for any source.
    pub(super) fn has_waiters(&self) -> bool {
        let mut sources = self.slots.iter_from(self.witness.get());
        sources.any(|(_, source)| source.waiters().next().is_some())
    }

    /// Tells who waits for which descriptor, and to do what.
    pub(super) fn for_each_waiter(&self, mut tell: impl FnMut(&Waiter, RawFd, Direction)) {
        for (_, source) in self.slots.iter_from(0) {
            for (direction, waiter) in source.waiters() {
                tell(waiter, source.fd, direction);
            }
        }
    }

    /// Frees a slot; who still waits there is returned, to be dropped outside.
    pub(super) fn remove(&mut self, key: Key) -> Vec<Waiter> {
        let mut waiters = Vec::new();
        if let Some(mut source) = self.slots.remove(key) {
            source.read.take_waiters(&mut waiters);
            source.write.take_waiters(&mut waiters);
        }
        waiters
    }

    /// Moves the waiters of all sources to `out`.
    pub(super) fn take_waiters(&mut self, out: &mut Vec<Waiter>) {
        for source in self.slots.values_mut() {
            source.read.take_waiters(out);
            source.write.take_waiters(out);
        }
    }

    /// Notes what an event says; `None` if the source is gone.
    pub(super) fn record(&mut self, key: Key, event: &Event) -> Option<Kind> {
        let source = self.slots.get_mut(key)?;
        let failed = event.is_error();
        source
            .read
            .record(event.is_readable(), event.is_read_closed() || failed);
        source
            .write
            .record(event.is_writable(), event.is_write_closed() || failed);
        Some(source.kind)
    }

    pub(super) fn is_ready(&self, key: Key, direction: Direction) -> bool {
        self.slots.get(key).is_none_or(|source| match direction {
            Direction::Read => source.read.ready,
            Direction::Write => source.write.ready,
        })
    }

    pub(super) fn clear_ready(&mut self, key: Key, direction: Direction) {
        if let Some(source) = self.slots.get_mut(key) {
            source.side(direction).ready = false;
        }
    }

    pub(super) fn is_closed(&mut self, key: Key, direction: Direction) -> bool {
        let source = self.slots.get_mut(key);
        source.is_none_or(|source| source.side(direction).closed)
    }

    /// Whether `asker` is to be added for `id`, which gets its number here. False if it stands on
    /// the list already.
    pub(super) fn admit(
        &mut self,
        key: Key,
        direction: Direction,
        id: &mut WaiterId,
        asker: Asker<'_>,
    ) -> bool {
        if *id == WaiterId::Unnumbered {
            self.next_waiter += 1;
            *id = WaiterId::Operation(self.next_waiter);
        }
        let Some(source) = self.slots.get_mut(key) else {
            return false;
        };
        let side = source.side(direction);
        match side.position(*id, |waiter| asker.is(waiter)) {
            Some(index) => !asker.is(&side.waiters[index].1),
            None => true,
        }
    }

    /// Adds a waiter, or puts it in the place of the one of the same operation.
    pub(super) fn add_waiter(
        &mut self,
        key: Key,
        direction: Direction,
        id: WaiterId,
        waiter: Waiter,
    ) -> Displaced {
        let Some(source) = self.slots.get_mut(key) else {
            return Displaced::Dropped(waiter);
        };
        let side = source.side(direction);
        if let Some(index) = side.position(id, |_| false) {
            let old = mem::replace(&mut side.waiters[index].1, waiter);
            return Displaced::Dropped(old);
        }
        side.waiters.push((id, waiter));
        match side.evict_poller() {
            Some(evicted) => Displaced::Told(evicted),
            None => Displaced::Nobody,
        }
    }

    pub(super) fn remove_waiter(
        &mut self,
        key: Key,
        direction: Direction,
        id: WaiterId,
    ) -> Option<Waiter> {
        let side = self.slots.get_mut(key)?.side(direction);
        let index = side.waiters.iter().position(|(other, _)| *other == id)?;
        Some(side.waiters.remove(index).1)
    }

    pub(super) fn take_ready_waiters(&mut self, key: Key, out: &mut Vec<Waiter>) {
        if let Some(source) = self.slots.get_mut(key) {
            for side in [&mut source.read, &mut source.write] {
                if side.ready {
                    side.take_waiters(out);
                }
            }
        }
    }

    /// Whether somebody waits for what is now ready.
    pub(super) fn has_ready_waiters(&self, key: Key) -> bool {
        self.slots.get(key).is_some_and(|source| {
            let sides = [&source.read, &source.write];
            sides
                .iter()
                .any(|side| side.ready && !side.waiters.is_empty())
        })
    }

    pub(super) fn take_all_waiters(&mut self, key: Key, out: &mut Vec<Waiter>) {
        if let Some(source) = self.slots.get_mut(key) {
            source.read.take_waiters(out);
            source.write.take_waiters(out);
        }
    }
}
