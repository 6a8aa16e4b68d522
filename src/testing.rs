//! For tests: what a test leaves behind.
//!
//! A test that ends while one of its tasks still waits has often not tested what it was meant to: the
//! server that is never told to stop, the connection that is never closed, the job that hangs. With
//! [`#[quintet::test(leaks = "deny")]`](macro@crate::test) such a test fails, and says what is left and
//! where that was spawned. [`assert_no_leaks`] is the same for a runtime that a test makes itself, and
//! [`leaks`] returns what is left.
//!
//! # What counts
//!
//! These checks look when the future of `block_on` has ended and what it owned has been dropped. What
//! can end then without waiting does so first: tasks that are ready, closes, events of sockets that have
//! arrived. Blocking jobs that are under way are waited for, for up to the
//! [grace](crate::runtime::Builder::shutdown_grace) of the runtime. Time that is paused does not move.
//!
//! What is left then counts, whatever holds it, be it a `static` or a cycle of references:
//!
//! - tasks that have not ended, with a handle or without;
//! - sockets and other descriptors that are registered with the loop, which they are once they have
//!   had to wait; and timers that are armed. Those of a task that is left are listed with it, as what
//!   it waits for;
//! - blocking jobs that are queued or run, and [`KeepAlive`](crate::runtime::KeepAlive) guards.
//!
//! What has been taken out of the count by `unref` is meant to be left, and does not count. Files do
//! not count either, nor sockets that never had to wait: the loop does not know of them.

use crate::runtime::Runtime;

pub use crate::runtime::leaks::{Leak, Leaks};

/// Lets what can end on `runtime` do so, and returns what is left.
///
/// # Panics
///
/// If a runtime runs on this thread: it is for the code around
/// [`block_on`](crate::runtime::Runtime::block_on), not for tasks.
///
/// # Examples
///
/// ```
/// use quintet::testing::{Leak, leaks};
///
/// # fn main() -> std::io::Result<()> {
/// let runtime = quintet::runtime::Runtime::new()?;
/// runtime.block_on(async {
///     let _server = quintet::spawn(std::future::pending::<()>());
/// });
/// let leaks = leaks(&runtime);
/// assert!(matches!(leaks.as_slice(), [Leak::Task(task)] if task.location().file() == file!()));
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn leaks(runtime: &Runtime) -> Leaks {
    Leaks::of(runtime)
}

/// Asserts that nothing is left on `runtime`.
///
/// # Panics
///
/// If something is left, with a list of it; and as [`leaks`] does.
///
/// # Examples
///
/// ```
/// use quintet::testing::assert_no_leaks;
///
/// # fn main() -> std::io::Result<()> {
/// let runtime = quintet::runtime::Runtime::new()?;
/// runtime.block_on(async {
///     let server = quintet::spawn(std::future::pending::<()>());
///     server.abort();
/// });
/// assert_no_leaks(&runtime);
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn assert_no_leaks(runtime: &Runtime) {
    let leaks = leaks(runtime);
    assert!(leaks.is_empty(), "{leaks}");
}
