//! Leak checks for tests.
//!
//! If a task still waits at the end of a test, the test often did not test what it should: a server
//! was never stopped, a connection was never closed, or a job hangs. With [`#[quintet::test(leaks =
//! "deny")]`](macro@crate::test), such a test fails, and the message lists what is left and where
//! it was spawned. [`guide::testing`](crate::guide::testing) has an example, beside the other
//! checks of the attribute. [`assert_no_leaks`] does the same for a runtime that a test builds
//! itself, and [`leaks`] returns the list.
//!
//! # What counts as a leak
//!
//! The check runs after the future of `block_on` has completed and has been dropped. First it runs
//! everything that can end without waiting: ready tasks, closes, and events of sockets that have
//! arrived. It waits for unfinished blocking jobs, up to the
//! [grace period](crate::runtime::Builder::shutdown_grace) of the runtime. Paused time does not
//! advance.
//!
//! Then these are leaks:
//!
//! - tasks that have not ended, with or without a join handle;
//! - sockets and other descriptors that are registered with the loop, and armed timers; if they
//!   belong to a task that is left, they are listed with it, as what it waits for;
//! - blocking jobs that are queued or running;
//! - [`KeepAlive`](crate::runtime::KeepAlive) guards.
//!
//! Things that were excluded by `unref` are no leaks. Files, and sockets on which no operation has
//! waited yet, are not registered with the loop, so the check does not find them.

use crate::runtime::Runtime;

pub use crate::runtime::leaks::{Leak, Leaks};

/// Runs everything on `runtime` that can end without waiting, and returns what is left.
///
/// Call it outside of tasks, after [`block_on`](crate::runtime::Runtime::block_on).
///
/// # Panics
///
/// If a runtime is running on this thread.
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
#[inline]
#[track_caller]
pub fn leaks(runtime: &Runtime) -> Leaks {
    Leaks::of(runtime)
}

/// Asserts that nothing is left on `runtime`.
///
/// # Panics
///
/// If something is left, with a list of it. If a runtime is running on this thread.
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
