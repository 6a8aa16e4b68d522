//! Who a task is, and how it can end.

use std::fmt;
use std::ops::Deref;
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Tasks;
use crate::panics::{self, Payload};

/// Task ids are taken from the process's counter in blocks of this size, so that spawning does not
/// touch memory shared with other loops.
const ID_BLOCK: u64 = 1024;

/// How a task ended.
pub(crate) type Outcome<T> = Result<T, Failure>;

/// Why a task has no output.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It was aborted, or its loop ended first.
    Cancelled,
    /// It panicked.
    Panicked(Payload),
    /// It is a blocking job that no worker could be had for.
    NoWorker(std::io::Error),
}

/// The name of a task. A thin pointer, for few tasks have one and all have room for it.
#[derive(Clone, Debug)]
pub(crate) struct Name(Box<Box<str>>);

impl Name {
    pub(crate) fn new(name: String) -> Self {
        Name(Box::new(name.into_boxed_str()))
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

/// Where a task comes from: for messages, dumps and the order of shutdown.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) name: Option<Name>,
    pub(crate) location: &'static Location<'static>,
}

/// Who a task is.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) id: u64,
    pub(crate) origin: Origin,
}

/// The process's counter of task ids. They begin with 1.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

impl Identity {
    /// The identity of a task that is spawned from another thread.
    pub(crate) fn from_elsewhere(origin: Origin) -> Self {
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        Identity { id, origin }
    }

    /// Says that the task panicked, for nobody awaits it.
    fn report_panic(&self, payload: &Payload) {
        panics::report(format_args!(
            "{self} panicked, and nobody awaits it: {}",
            panics::message(&**payload)
        ));
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("task ")?;
        if let Some(name) = &self.origin.name {
            write!(f, "`{name}` ")?;
        }
        write!(f, "(id {}, spawned at {})", self.id, self.origin.location)
    }
}

/// What becomes of a panic that nobody is told of by a join handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnhandledPanic {
    Ignore,
    Report,
    /// It is reported, and ends the loop.
    Shutdown,
}

impl UnhandledPanic {
    /// Deals with the panic of a task. One that is to end the loop is returned.
    pub(crate) fn deal_with(self, identity: &Identity, payload: Payload) -> Option<Payload> {
        if self != UnhandledPanic::Ignore {
            identity.report_panic(&payload);
        }
        if self == UnhandledPanic::Shutdown {
            return Some(payload);
        }
        panics::discard(payload);
        None
    }
}

impl Tasks {
    /// Makes the identity of a task that is about to be spawned.
    pub(crate) fn identify(&self, origin: Origin) -> Identity {
        let (mut next, mut end) = self.ids.get();
        if next == end {
            next = NEXT_ID.fetch_add(ID_BLOCK, Ordering::Relaxed);
            end = next + ID_BLOCK;
        }
        self.ids.set((next + 1, end));
        Identity { id: next, origin }
    }

    /// Deals with a panic of which no join handle tells.
    pub(crate) fn panic_unhandled(&self, identity: &Identity, payload: Payload) {
        if let Some(fatal) = self.unhandled_panic.deal_with(identity, payload) {
            self.end_by(fatal);
        }
    }

    /// Lets a panic end the loop, unless an earlier one does.
    pub(crate) fn end_by(&self, fatal: Payload) {
        if self.has_fatal_panic.replace(true) {
            panics::discard(fatal);
        } else {
            self.fatal_panic.replace(Some(fatal));
        }
    }

    /// Whether a panic is to end the loop.
    #[inline]
    pub(crate) fn has_fatal_panic(&self) -> bool {
        self.has_fatal_panic.get()
    }

    /// The panic that is to end the loop. It ends it only once.
    pub(crate) fn take_fatal_panic(&self) -> Option<Payload> {
        self.fatal_panic.take()
    }
}
