//! The identity of a task: its id, its name, and where it was spawned.

use std::fmt;
use std::ops::Deref;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Each loop takes task ids from the process's counter in blocks of this size, so that spawning
/// does not access memory that is shared with other loops.
const ID_BLOCK: u64 = 1024;

/// The next task id of the process. Ids start at 1.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// The id of a task. It is unique in the process, and is not reused after the task has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(pub(crate) u64);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The name of a task. It is a thin pointer because every task has room for it and few have a name.
/// It is shared, because reports and dumps may outlive the task.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Name(Arc<Box<str>>);

impl Name {
    pub(crate) fn new(name: String) -> Self {
        Name(Arc::new(name.into_boxed_str()))
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

/// The name of a task, and where it was spawned.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    pub(crate) name: Option<Name>,
    pub(crate) location: &'static Location<'static>,
}

/// The id and the origin of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) id: u64,
    pub(crate) origin: Origin,
}

impl Identity {
    /// The identity of a task that does not take its id from the block of a loop.
    pub(crate) fn new(origin: Origin) -> Self {
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        Identity { id, origin }
    }
}

/// Takes a block of ids. Returns the first id of the block, and the first id after it.
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
