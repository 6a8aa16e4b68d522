//! The readiness of a source.
//!
//! Each direction of a source has a readiness, a hint that saves system calls:
//!
//! ```text
//!               an operation would block, or has drained the source
//!    Unknown, Ready ───────────────────────────────────────────> NotReady
//!                   <───────────────────────────────────────────
//!                                      an event
//! ```
//!
//! Sources are edge-triggered: after an event there is no other one while the source stays ready.
//! So only an operation that would block, or that proves the source drained, may clear the
//! readiness. It may be too optimistic, and then the operation finds that it would block; if it
//! were too pessimistic, a task would sleep for ever.
//!
//! Urgent data and errors have a readiness, too, because callers wait for these alone. Operations
//! say nothing about it, so only those callers clear it.

use mio::event::Event;

use super::super::events::SHORT_READ_PROVES_DRAINED;
use super::super::waiters::Waiters;
use super::{Direction, SourceKind, SourceSlot, Sources};
use crate::slots::Key;

/// One direction of a source.
#[derive(Debug)]
pub(super) struct DirectionState {
    pub(super) readiness: Readiness,
    /// Set when the other end has closed this direction, or when the source has failed. There are
    /// no further events then, so the readiness is no longer cleared by a short read. An operation
    /// that would block proves that it was not for good: a FIFO has a writer again, or the error
    /// was that of one datagram.
    is_closed: bool,
    has_failed: bool,
    /// Set for good when urgent data has come. A read ends before urgent data, so a short read does
    /// not prove that the source is drained.
    is_urgent: bool,
    pub(super) waiters: Waiters,
}

/// A hint, as in mio: whether an operation may succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// There was no event yet. An operation is tried.
    Unknown,
    /// There was an event, and no operation has drained the source since.
    Ready,
    /// An operation would block. It is not tried before the next event.
    NotReady,
}

impl DirectionState {
    pub(super) fn new() -> Self {
        DirectionState {
            readiness: Readiness::Unknown,
            is_closed: false,
            has_failed: false,
            is_urgent: false,
            waiters: Waiters::default(),
        }
    }

    fn record(&mut self, is_ready: bool, is_closed: bool, has_failed: bool) {
        if is_ready || is_closed || has_failed {
            self.readiness = Readiness::Ready;
        }
        self.is_closed |= is_closed;
        self.has_failed |= has_failed;
    }

    /// An operation would have blocked.
    #[inline]
    pub(super) fn block(&mut self) {
        self.readiness = Readiness::NotReady;
        self.is_closed = false;
        self.has_failed = false;
    }

    #[inline]
    pub(super) fn has_ready_waiters(&self) -> bool {
        self.readiness != Readiness::NotReady && !self.waiters.is_empty()
    }
}

/// What events and operations have said about a source.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KnownReadiness {
    pub(crate) read: Readiness,
    pub(crate) write: Readiness,
    pub(crate) priority: Readiness,
    pub(crate) error: Readiness,
    /// Whether the other end has closed the direction.
    pub(crate) is_read_closed: bool,
    pub(crate) is_write_closed: bool,
    /// How many events there were.
    pub(crate) events: u32,
}

impl KnownReadiness {
    /// Of a source that is not registered.
    pub(crate) const NOTHING: KnownReadiness = KnownReadiness {
        read: Readiness::Unknown,
        write: Readiness::Unknown,
        priority: Readiness::Unknown,
        error: Readiness::Unknown,
        is_read_closed: false,
        is_write_closed: false,
        events: 0,
    };
}

/// Parts of the readiness of a source.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadinessParts {
    pub(crate) read: bool,
    pub(crate) write: bool,
    pub(crate) priority: bool,
    pub(crate) error: bool,
}

impl ReadinessParts {
    pub(crate) const ALL: ReadinessParts = ReadinessParts {
        read: true,
        write: true,
        priority: true,
        error: true,
    };
}

/// The readiness of sources.
impl Sources {
    /// Records the readiness that an event reports. Returns when the event is delivered, or `None`
    /// if the source has been released.
    pub(in crate::phase::poll) fn record(&self, key: Key, event: &Event) -> Option<SourceKind> {
        let mut slots = self.slots.borrow_mut();
        let source = slots.get_mut(key)?;
        source.events = source.events.wrapping_add(1);
        let has_failed = event.is_error();
        let is_urgent = event.is_priority();
        let is_readable = event.is_readable() || is_urgent;
        let SourceSlot { read, write, .. } = source;
        read.record(is_readable, event.is_read_closed(), has_failed);
        read.is_urgent |= is_urgent;
        write.record(event.is_writable(), event.is_write_closed(), has_failed);
        if is_urgent {
            source.priority = Readiness::Ready;
        }
        if has_failed {
            source.error = Readiness::Ready;
        }
        Some(source.kind)
    }

    /// Records that the next operation may succeed, as an event would.
    pub(crate) fn set_ready(&self, key: Key, direction: Direction) {
        if let Some(source) = self.slots.borrow_mut().get_mut(key) {
            source.events = source.events.wrapping_add(1);
            source.side_mut(direction).readiness = Readiness::Ready;
        }
    }

    #[inline]
    pub(crate) fn readiness(&self, key: Key, direction: Direction) -> Readiness {
        let slots = self.slots.borrow();
        slots.get(key).map_or(Readiness::Unknown, |source| {
            source.side(direction).readiness
        })
    }

    /// An operation would have blocked: it is not tried before the next event.
    pub(crate) fn clear_ready(&self, key: Key, direction: Direction) {
        if let Some(source) = self.slots.borrow_mut().get_mut(key) {
            source.side_mut(direction).block();
        }
    }

    /// An operation has moved less than it could have: the same, unless that is no proof.
    #[inline]
    pub(crate) fn clear_ready_if_drained(&self, key: Key, direction: Direction) {
        if let Some(source) = self.slots.borrow_mut().get_mut(key) {
            let is_proof = direction == Direction::Write || SHORT_READ_PROVES_DRAINED;
            let side = source.side_mut(direction);
            if is_proof && !side.is_closed && !side.has_failed && !side.is_urgent {
                side.readiness = Readiness::NotReady;
            }
        }
    }

    /// Returns what is known of a source.
    #[inline]
    pub(crate) fn known(&self, key: Key) -> KnownReadiness {
        let slots = self.slots.borrow();
        slots
            .get(key)
            .map_or(KnownReadiness::NOTHING, |source| KnownReadiness {
                read: source.read.readiness,
                write: source.write.readiness,
                priority: source.priority,
                error: source.error,
                is_read_closed: source.read.is_closed,
                is_write_closed: source.write.is_closed,
                events: source.events,
            })
    }

    /// Clears parts of the readiness: a system call has said that they are not ready.
    #[inline]
    pub(crate) fn clear(&self, key: Key, parts: ReadinessParts) {
        if let Some(source) = self.slots.borrow_mut().get_mut(key) {
            source.clear(parts);
        }
    }

    /// Clears parts of the readiness because the user says that they are not ready, unless there
    /// was an event since there were `events`. A direction that has been closed stays ready,
    /// because there are no further events.
    pub(crate) fn clear_unless_changed(&self, key: Key, mut parts: ReadinessParts, events: u32) {
        if let Some(source) = self.slots.borrow_mut().get_mut(key)
            && source.events == events
        {
            parts.read &= !source.read.is_closed;
            parts.write &= !source.write.is_closed;
            source.clear(parts);
        }
    }
}

impl SourceSlot {
    #[inline]
    fn clear(&mut self, parts: ReadinessParts) {
        if parts.read {
            self.read.block();
        }
        if parts.write {
            self.write.block();
        }
        if parts.priority {
            self.priority = Readiness::NotReady;
        }
        if parts.error {
            self.error = Readiness::NotReady;
        }
    }
}
