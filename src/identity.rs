//! Who a task is: its id, its name, and where it was spawned.

use std::fmt;
use std::ops::Deref;
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering};

/// Task ids are taken from the process's counter in blocks of this size, so that spawning does not
/// touch memory shared with other loops.
const ID_BLOCK: u64 = 1024;

/// The process's counter of task ids. They begin with 1.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// Tells a task from all others of this process, for its whole life and after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(pub(crate) u64);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The name of a task. A thin pointer, for few tasks have one and all have room for it.
#[derive(Clone, Debug, PartialEq, Eq)]
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) name: Option<Name>,
    pub(crate) location: &'static Location<'static>,
}

/// Who a task is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) id: u64,
    pub(crate) origin: Origin,
}

impl Identity {
    /// The identity of a task that is spawned from another thread.
    pub(crate) fn new(origin: Origin) -> Self {
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        Identity { id, origin }
    }
}

/// Takes a block of ids: the first one, and the first one behind it.
pub(crate) fn next_block() -> (u64, u64) {
    let next = NEXT_ID.fetch_add(ID_BLOCK, Ordering::Relaxed);
    (next, next + ID_BLOCK)
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
