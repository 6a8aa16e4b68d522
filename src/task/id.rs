//! The name that every task has.

use std::fmt;

use crate::context;

/// Tells a task from all others of this process, for its whole life and after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(pub(crate) u64);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Returns the id of the task that is being polled.
///
/// The future of [`block_on`](crate::block_on) is a task too.
///
/// # Panics
///
/// Where no task is being polled: outside of a runtime, in a blocking job, in the destructor of a
/// task's future that is dropped by an abort.
///
/// # Examples
///
/// ```
/// # quintet::block_on(async {
/// let task = quintet::spawn(async { quintet::task::id() });
/// let id = task.id();
/// assert_eq!(task.await.unwrap(), id);
/// # });
/// ```
#[track_caller]
pub fn id() -> Id {
    match try_id() {
        Some(id) => id,
        None => panic!("no task is being polled here; call `task::id` inside one, or `try_id`"),
    }
}

/// Returns the id of the task that is being polled, if there is one.
///
/// # Examples
///
/// ```
/// assert_eq!(quintet::task::try_id(), None);
/// assert!(quintet::block_on(async { quintet::task::try_id() }).is_some());
/// ```
pub fn try_id() -> Option<Id> {
    context::with(|event_loop| event_loop.tasks.polled_id())
        .flatten()
        .map(Id)
}
