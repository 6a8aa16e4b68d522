//! The id of the current task.

use crate::context;

pub use crate::identity::Id;

/// Returns the id of the task that is being polled, or whose future or output is being dropped.
///
/// The future of [`block_on`](crate::block_on) is a task too, and so is a blocking job.
///
/// # Panics
///
/// If the calling code belongs to no task: outside of a runtime, or in one of its hooks.
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
        None => panic!("no task is running here; call `task::id` inside a task, or use `try_id`"),
    }
}

/// Returns the id of the task that is being polled, or whose future or output is being dropped, or
/// of the blocking job that runs on this thread. `None` if there is no such task or job.
///
/// # Examples
///
/// ```
/// assert_eq!(quintet::task::try_id(), None);
/// assert!(quintet::block_on(async { quintet::task::try_id() }).is_some());
/// ```
pub fn try_id() -> Option<Id> {
    context::acting_id().map(Id)
}
