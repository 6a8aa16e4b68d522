//! Jobs that a future waits for.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::task::Poll;

use crate::blocking::{self, Purpose};
use crate::context;
use crate::ready::LoopId;

/// Says to a job whether its future is still there.
pub(super) struct FutureRef(Weak<()>);

impl FutureRef {
    /// The future's part, which it holds as long as it wants the result, and the job's.
    pub(super) fn new() -> (Arc<()>, Self) {
        let future = Arc::new(());
        let job = FutureRef(Arc::downgrade(&future));
        (future, job)
    }

    /// An error to end the job with if it is not. No caller gets to see it then.
    pub(super) fn check_alive(&self) -> io::Result<()> {
        if self.0.strong_count() > 0 {
            return Ok(());
        }
        Err(io::Error::other("the future of this operation is gone"))
    }
}

/// Runs `f` on a worker.
///
/// If this is dropped before the job has begun, the job does not begin. To abort it is not enough:
/// that happens where its task next stands in the queue, and by then a worker may have it.
pub(super) async fn run<F, T>(f: F) -> io::Result<T>
where
    F: FnOnce() -> io::Result<T> + Send + 'static,
    T: Send + 'static,
{
    run_cancellable(|_| f()).await
}

/// The same for a job that only reads: a shutdown does not wait for it.
pub(super) async fn read<F, T>(f: F) -> io::Result<T>
where
    F: FnOnce() -> io::Result<T> + Send + 'static,
    T: Send + 'static,
{
    read_cancellable(|_| f()).await
}

/// The same for a long one, which looks at times whether it is still wanted.
pub(super) async fn read_cancellable<F, T>(f: F) -> io::Result<T>
where
    F: FnOnce(&FutureRef) -> io::Result<T> + Send + 'static,
    T: Send + 'static,
{
    run_for(Purpose::Read, f).await
}

/// As [`run`] for a long job, which looks at times whether it is still wanted.
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

fn wrong_loop(loop_id: LoopId) -> io::Error {
    io::Error::other(format!(
        "this operation on a file was begun on {}, but {}; await it there",
        context::describe(loop_id),
        context::describe_current()
    ))
}
