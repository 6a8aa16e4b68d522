//! Tokio's `block_in_place`.

use crate::ready;

/// Calls `f`, which may block this thread, and returns its result.
///
/// It exists for code that is ported from tokio, such as a library that blocks in a
/// [blocking job](crate::spawn_blocking). Where no loop runs on the thread it only calls `f`. On
/// the thread of a loop it panics, as tokio's does in a current-thread runtime: there is no other
/// thread to which the tasks could move.
///
/// # Panics
///
/// If a quintet loop runs on this thread.
///
/// # Examples
///
/// ```
/// use quintet::task::block_in_place;
///
/// # quintet::block_on(async {
/// let job = quintet::spawn_blocking(|| block_in_place(|| 7));
/// assert_eq!(job.await.unwrap(), 7);
/// # });
/// ```
#[track_caller]
pub fn block_in_place<F, R>(f: F) -> R
where
    F: FnOnce() -> R,
{
    assert!(
        !ready::is_any_running(),
        "`block_in_place` would block the quintet loop that runs on this thread; call this inside \
         `spawn_blocking`, or await `spawn_blocking` instead"
    );
    f()
}
