//! Tasks that wait for each other.

use std::fmt;

use super::WaitReason;
use crate::identity::{Id, Name};

/// Tasks that wait for each other, so that none of them ever continues; part of a
/// [`Dump`](super::Dump).
///
/// It consists of joins, locks and semaphores. It is named only if nothing else can wake one of its
/// tasks: each of them waits for the next, its waker is registered nowhere else, and it has no
/// timer and no socket. So a task that waits for several things at once is part of a cycle only if
/// none of them can happen. A cycle ends when one of its tasks is aborted, or when a semaphore gets
/// more permits or is closed.
#[derive(Clone, Debug)]
pub struct Cycle {
    pub(crate) links: Vec<CycleLink>,
    pub(crate) is_certain: bool,
}

/// A task of a [`Cycle`], and why it waits for the next one.
#[derive(Clone, Debug)]
pub(crate) struct CycleLink {
    pub(crate) id: Id,
    pub(crate) name: Option<Name>,
    pub(crate) wait: WaitReason,
}

impl Cycle {
    /// Returns the tasks: each waits for the next, and the last waits for the first. A task that
    /// waits for itself is alone.
    pub fn tasks(&self) -> impl Iterator<Item = Id> {
        self.links.iter().map(|link| link.id)
    }

    /// Returns what each of the [tasks](Cycle::tasks) waits for.
    pub fn waits(&self) -> impl Iterator<Item = &WaitReason> {
        self.links.iter().map(|link| &link.wait)
    }

    /// Returns whether each task certainly waits for the next.
    ///
    /// Otherwise a lock or semaphore is held by a guard that [may be
    /// elsewhere](super::Holder::is_certain) than in the task that acquired it.
    pub fn is_certain(&self) -> bool {
        self.is_certain
    }
}

impl fmt::Display for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let certainty = if self.is_certain { "" } else { "possible " };
        write!(f, "{certainty}deadlock of ")?;
        match self.links.len() {
            1 => f.write_str("a task with itself:")?,
            count => write!(f, "{count} tasks:")?,
        }
        for link in &self.links {
            write!(f, "\n    task {}", link.id)?;
            if let Some(name) = &link.name {
                write!(f, " `{name}`")?;
            }
            write!(f, " {}", link.wait)?;
        }
        Ok(())
    }
}
