//! The name that every task has.

use crate::context;
use crate::ready;

pub use crate::identity::Id;

/// Returns the id of the task that is being polled, or whose future or output is being dropped.
///
/// The future of [`block_on`](crate::block_on) is a task too, and so is a blocking job.
///
/// # Panics
///
/// Where no task has a part in what runs: outside of a runtime, or in a hook of it.
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
        None => panic!("no task runs here; call `task::id` inside one, or `try_id`"),
    }
}

/// Returns the id of the task that is being polled, or whose future or output is being dropped, or of
/// the blocking job that runs on this thread, if there is one.
///
/// # Examples
///
/// ```
/// assert_eq!(quintet::task::try_id(), None);
/// assert!(quintet::block_on(async { quintet::task::try_id() }).is_some());
/// ```
pub fn try_id() -> Option<Id> {
    ready::acting()
        .or_else(|| context::with(|event_loop| event_loop.tasks.polled_id()).flatten())
        .or_else(|| context::with_job(|job| job.id))
        .map(Id)
}
