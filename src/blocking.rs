//! Blocking work: closures that run on threads of a pool, with the handle of a task.
//!
//! A closure that blocks a thread, or computes for long, must not run in a task: it would delay all
//! other tasks of the loop. [`spawn_blocking`] runs it on a worker thread if it waits, and
//! [`spawn_cpu`] on a thread for computations. The [`guide`](crate::guide::blocking) says which to
//! use for what.
//!
//! - [`Builder`] spawns a job of any [`Class`], with a name, and also one that is refused
//!   ([`try_spawn`](Builder::try_spawn)) or delayed
//!   ([`spawn_when_room`](Builder::spawn_when_room)) while many jobs are queued.
//! - [`is_cancelled`] says to a running job that it should end.
//! - [`Handle::pool_stats`](crate::runtime::Handle::pool_stats) returns [`PoolStats`].

mod builder;
mod call_site;
mod internal;
mod spawn;

use crate::pool;
use crate::task::JoinHandle;

pub use builder::{Builder, QueueFull};
pub use pool::{Class, ClassStats, PoolStats, ThreadStats};

pub(crate) use call_site::{call_site, called_at, called_here};
pub(crate) use internal::{IoJob, Purpose, run_io, spawn_internal};
pub(crate) use spawn::{Admission, JobOrder, UserClosure, spawn_from_elsewhere};

/// Runs the closure `f` on a worker thread, where it may block, and returns a handle to its result.
///
/// Use it for blocking calls, such as those of a database without an async driver. Closures wait in
/// a FIFO queue for a worker. The number of workers is small ([4 by
/// default](crate::runtime::Builder::worker_threads)), and they also run file operations and name
/// lookups. So long computations are for [`spawn_cpu`], and a closure that runs
/// for the whole life of the program should have its own thread.
///
/// The closure runs even if the handle is dropped. Like a task, it keeps the loop alive until it
/// ends.
///
/// # Cancellation
///
/// [`JoinHandle::abort`] prevents a closure from beginning. One that has begun learns of it by
/// [`blocking::is_cancelled`](is_cancelled), and the handle resolves to what it returns. A shutdown
/// of the runtime drops closures that have not begun, and waits for the others for up to the
/// [grace period](crate::runtime::Builder::shutdown_grace).
///
/// # Errors
///
/// The handle resolves to a [`JoinError`](crate::task::JoinError) if `f` panics, if it was aborted
/// before it began, or if the OS cannot start the first worker thread.
///
/// # Panics
///
/// Panics if no runtime is current on this thread.
///
/// # Examples
///
/// ```
/// # quintet::block_on(async {
/// let name = quintet::spawn_blocking(|| std::fs::read_to_string("/proc/sys/kernel/hostname"));
/// match name.await.unwrap() {
///     Ok(name) => println!("{name}"),
///     Err(error) => println!("unknown: {error}"),
/// }
/// # });
/// ```
#[track_caller]
pub fn spawn_blocking<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    Builder::new().spawn(f)
}

/// Runs the closure `f`, which computes for long, on a thread for computations, and returns a
/// handle to its result.
///
/// There is [one such thread for each processor](crate::runtime::Builder::cpu_threads). They start
/// when they are needed, and end when they have had nothing to do for the
/// [keep-alive](crate::runtime::Builder::thread_keep_alive). They run nothing else: computations
/// delay no file operation, name lookup or closure of [`spawn_blocking`],
/// and none of those delays a computation. Closures wait in a FIFO queue of their own.
///
/// In all else it is as [`spawn_blocking`]: how a closure is cancelled, what
/// keeps the loop alive, and what a shutdown waits for. A closure that runs for long should look at
/// [`blocking::is_cancelled`](is_cancelled) from time to time.
///
/// # Errors
///
/// The handle resolves to a [`JoinError`](crate::task::JoinError) if `f` panics, if it was aborted
/// before it began, or if the OS cannot start the first thread.
///
/// # Panics
///
/// Panics if no runtime is current on this thread.
///
/// # Examples
///
/// ```
/// # quintet::block_on(async {
/// let sum = quintet::spawn_cpu(|| (1..=1_000_000u64).sum::<u64>());
/// assert_eq!(sum.await.unwrap(), 500_000_500_000);
/// # });
/// ```
#[track_caller]
pub fn spawn_cpu<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    Builder::new().class(Class::Cpu).spawn(f)
}

/// Returns whether the job that runs on this thread has been asked to end.
///
/// It has been if its handle was [aborted](JoinHandle::abort) after it began, also through an
/// [`AbortHandle`](crate::task::AbortHandle), an
/// [`AbortOnDropHandle`](crate::task::AbortOnDropHandle) or a [`JoinSet`](crate::task::JoinSet), or
/// if its runtime has begun to shut down. No one can end the job but itself: a loop that takes long
/// should call this in each round, which takes about a nanosecond, and return early. The handle
/// then resolves to what the job returns.
///
/// Outside of a job, and on threads that a job has started, it returns false. Those learn of it by
/// a [`CancellationToken`](crate::task::CancellationToken), or by a flag that the job sets.
///
/// # Examples
///
/// ```
/// use quintet::blocking;
///
/// # quintet::block_on(async {
/// # let (begun, begins) = quintet::sync::oneshot::channel();
/// let search = quintet::spawn_cpu(move || {
/// #   begun.send(()).unwrap();
///     let mut rounds = 0u64;
///     while !blocking::is_cancelled() {
///         rounds = rounds.wrapping_add(1); // a piece of the work
///     }
///     rounds
/// });
/// # begins.await.unwrap();
/// search.abort();
/// // It had begun, so this is what it has returned.
/// assert!(search.await.is_ok());
/// # });
/// ```
#[inline]
pub fn is_cancelled() -> bool {
    pool::is_cancelled()
}
