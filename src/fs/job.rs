//! Jobs that a future awaits.

use std::future::poll_fn;
use std::io;
use std::panic::Location;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::task::Poll;

use crate::blocking::{self, Purpose};
use crate::context;
use crate::ready::LoopId;

/// The reference of a job to the future that awaits it.
pub(super) struct FutureRef(Weak<()>);

impl FutureRef {
    /// Returns the strong reference, which the future holds, and the job's weak one.
    pub(super) fn new() -> (Arc<()>, Self) {
        let future = Arc::new(());
        let future_ref = FutureRef(Arc::downgrade(&future));
        (future, future_ref)
    }

    /// Returns an error if the future has been dropped. The job ends with it, and no caller sees
    /// it.
    pub(super) fn check_alive(&self) -> io::Result<()> {
        if self.0.strong_count() > 0 {
            return Ok(());
        }
        Err(io::Error::other("the future of this operation was dropped"))
    }
}

/// Runs `f` on a worker.
///
/// If this future is dropped before the job has begun, `f` is not called. Aborting the job is not
/// enough for that: the loop aborts it later, and a worker may begin it before. So the job checks
/// a [`FutureRef`].
pub(super) async fn run<F, T>(f: F) -> io::Result<T>
where
    F: FnOnce() -> io::Result<T> + Send + 'static,
    T: Send + 'static,
{
    run_cancellable(|_| f()).await
}

/// As [`run`], for a job that only reads: a shutdown does not wait for it.
pub(super) async fn read<F, T>(f: F) -> io::Result<T>
where
    F: FnOnce() -> io::Result<T> + Send + 'static,
    T: Send + 'static,
{
    read_cancellable(|_| f()).await
}

/// As [`read`], for a long job that checks from time to time whether the future still exists.
pub(super) async fn read_cancellable<F, T>(f: F) -> io::Result<T>
where
    F: FnOnce(&FutureRef) -> io::Result<T> + Send + 'static,
    T: Send + 'static,
{
    run_for(Purpose::Read, f).await
}

/// As [`run`], for a long job that checks from time to time whether the future still exists.
pub(super) async fn run_cancellable<F, T>(f: F) -> io::Result<T>
where
    F: FnOnce(&FutureRef) -> io::Result<T> + Send + 'static,
    T: Send + 'static,
{
    run_for(Purpose::Change, f).await
}

async fn run_for<F, T>(purpose: Purpose, f: F) -> io::Result<T>
where
    F: FnOnce(&FutureRef) -> io::Result<T> + Send + 'static,
    T: Send + 'static,
{
    let (future, future_ref) = FutureRef::new();
    let job = move || {
        future_ref.check_alive()?;
        f(&future_ref)
    };
    let loop_id = context::with(|event_loop| event_loop.id());
    let mut result = pin!(blocking::run_io(purpose, job));
    let result = poll_fn(|cx| match loop_id {
        Some(loop_id) if context::with(|event_loop| event_loop.id()) != Some(loop_id) => {
            Poll::Ready(Err(wrong_loop(loop_id)))
        }
        _ => result.as_mut().poll(cx),
    });
    let result = result.await;
    drop(future);
    result
}

/// Drops `value` on a worker. If no loop is current, or it has been shut down, drops it on this
/// thread.
pub(super) fn drop_on_worker<T: Send + 'static>(value: T, location: &'static Location<'static>) {
    if context::with(|_| ()).is_some() {
        let job = move || drop(value);
        let _detached = blocking::spawn_internal(job, Purpose::Change, location);
    }
}

fn wrong_loop(loop_id: LoopId) -> io::Error {
    io::Error::other(format!(
        "this file operation was begun on {}, but {}; await it on its own loop",
        context::describe(loop_id),
        context::describe_current()
    ))
}
