//! The registered sources: their readiness, and who waits for it.

use std::cell::Cell;
use std::os::fd::RawFd;

use mio::event::Event;

use super::waiters::{Displaced, Waiters};
use crate::slots::{Key, Slots};
use crate::tasks::{Asker, Waiter};

/// What an operation needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Read,
    Write,
}

/// Who waits: one operation, or any number of callers of the I/O traits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WaiterId(u64);

impl WaiterId {
    /// A future that does not wait yet; it gets a number when it does.
    pub(crate) const UNNUMBERED: WaiterId = WaiterId(0);

    /// A caller of a `poll_*` method, known by its waiter alone.
    pub(crate) const POLLER: WaiterId = WaiterId(1);

    /// Whether it is that of a future which may be on the list.
    #[inline]
    pub(crate) fn has_waited(self) -> bool {
        self != WaiterId::UNNUMBERED && self != WaiterId::POLLER
    }

    /// A future, which takes itself off the list when it is dropped.
    pub(super) fn operation(number: u64) -> Self {
        WaiterId(number + 2)
    }
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
    /// Where a source was last found that somebody waits for: most likely it still is one.
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
    waiters: Waiters,
}

impl Side {
    fn new() -> Self {
        Side {
            ready: true,
            closed: false,
            waiters: Waiters::default(),
        }
    }

    fn record(&mut self, is_ready: bool, is_closed: bool) {
        self.ready |= is_ready || is_closed;
        self.closed |= is_closed;
    }
}

impl Source {
    fn waiters(&self) -> impl Iterator<Item = (Direction, &Waiter)> {
        let readers = self.read.waiters.iter();
        let readers = readers.map(|waiter| (Direction::Read, waiter));
        let writers = self.write.waiters.iter();
        readers.chain(writers.map(|waiter| (Direction::Write, waiter)))
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
        self.find(|source| source.is_ref && source.waiters().any(|(_, waiter)| counts(waiter)))
    }

    /// Whether anybody waits for any source.
    pub(super) fn has_waiters(&self) -> bool {
        let has_waiters = |side: &Side| !side.waiters.is_empty();
        self.find(|source| has_waiters(&source.read) || has_waiters(&source.write))
    }

    /// Whether there is such a source. It is looked for where one was last found.
    fn find(&self, is_such: impl Fn(&Source) -> bool) -> bool {
        let mut sources = self.slots.iter_from(self.witness.get());
        match sources.find(|(_, source)| is_such(source)) {
            Some((key, _)) => {
                self.witness.set(key.index());
                true
            }
            None => false,
        }
    }

    /// Tells who waits for which descriptor, and to do what.
    pub(super) fn for_each_waiter(&self, mut tell: impl FnMut(&Waiter, RawFd, Direction)) {
        for (_, source) in self.slots.iter_from(0) {
            for (direction, waiter) in source.waiters() {
                tell(waiter, source.fd, direction);
            }
        }
    }

    /// The descriptors of the referenced sources that nobody waits for who `owns` them.
    pub(super) fn unowned(&self, owns: impl Fn(&Waiter) -> bool) -> Vec<RawFd> {
        let sources = self.slots.iter_from(0).map(|(_, source)| source);
        let is_unowned =
            |source: &&Source| source.is_ref && !source.waiters().any(|(_, waiter)| owns(waiter));
        let unowned = sources.filter(is_unowned);
        unowned.map(|source| source.fd).collect()
    }

    /// Frees a slot; who still waits there is returned, to be dropped outside.
    pub(super) fn remove(&mut self, key: Key) -> Vec<Waiter> {
        let mut waiters = Vec::new();
        if let Some(mut source) = self.slots.remove(key) {
            source.read.waiters.take_all(&mut waiters);
            source.write.waiters.take_all(&mut waiters);
        }
        waiters
    }

    /// Moves the waiters of all sources to `out`.
    pub(super) fn take_waiters(&mut self, out: &mut Vec<Waiter>) {
        for source in self.slots.values_mut() {
            source.read.waiters.take_all(out);
            source.write.waiters.take_all(out);
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

    #[inline]
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

    /// The same, unless the side is closed.
    #[inline]
    pub(super) fn clear_ready_unless_closed(&mut self, key: Key, direction: Direction) {
        if let Some(source) = self.slots.get_mut(key) {
            let side = source.side(direction);
            side.ready &= side.closed;
        }
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
        self.number(id);
        let source = self.slots.get_mut(key);
        source.is_some_and(|source| !source.side(direction).waiters.has(*id, asker))
    }

    /// An operation would block: has `own`, the task that polls it, wait, if nobody else does. False,
    /// with nothing done but the readiness cleared, if somebody does.
    #[inline]
    pub(super) fn wait_alone(
        &mut self,
        key: Key,
        direction: Direction,
        id: &mut WaiterId,
        own: Key,
    ) -> bool {
        self.number(id);
        let Some(source) = self.slots.get_mut(key) else {
            return false;
        };
        let side = source.side(direction);
        side.ready = false;
        side.waiters.wait_alone(*id, Waiter::Task(own))
    }

    /// Gives a future that waits for the first time its number.
    #[inline]
    fn number(&mut self, id: &mut WaiterId) {
        if *id == WaiterId::UNNUMBERED {
            self.next_waiter += 1;
            *id = WaiterId::operation(self.next_waiter);
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
        source.side(direction).waiters.add(id, waiter)
    }

    pub(super) fn remove_waiter(
        &mut self,
        key: Key,
        direction: Direction,
        id: WaiterId,
    ) -> Option<Waiter> {
        let source = self.slots.get_mut(key)?;
        source.side(direction).waiters.remove(id)
    }

    /// Takes an operation off the list. False, with nothing done, if it waits by a waker from
    /// elsewhere.
    #[inline]
    pub(super) fn forget_task(&mut self, key: Key, direction: Direction, id: WaiterId) -> bool {
        let source = self.slots.get_mut(key);
        source.is_none_or(|source| source.side(direction).waiters.forget_task(id))
    }

    /// Takes the one who waits for what is now ready. Those of a crowd, or of both directions, go to
    /// `out`.
    #[inline]
    pub(super) fn take_ready_waiters(&mut self, key: Key, out: &mut Vec<Waiter>) -> Option<Waiter> {
        let Source { read, write, .. } = self.slots.get_mut(key)?;
        let is_for_writers = write.ready && !write.waiters.is_empty();
        let is_for_readers = read.ready && !read.waiters.is_empty();
        let single = match (is_for_readers, is_for_writers) {
            (false, false) => return None,
            (true, false) => read.waiters.take_single(),
            (false, true) => write.waiters.take_single(),
            (true, true) => None,
        };
        if single.is_none() {
            for side in [read, write] {
                if side.ready {
                    side.waiters.take_all(out);
                }
            }
        }
        single
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
            source.read.waiters.take_all(out);
            source.write.waiters.take_all(out);
        }
    }
}
