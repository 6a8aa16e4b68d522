//! Jobs that a future awaits.

use std::io;
use std::mem;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::blocking::{self, IoJob, Purpose};
use crate::context;
use crate::ready::LoopId;

/// Returns an error if the future of the job that runs on this thread has been dropped. The job
/// ends with it, and no caller sees it.
pub(super) fn check_alive() -> io::Result<()> {
    if !blocking::is_cancelled() {
        return Ok(());
    }
    Err(io::Error::other("the future of this operation was dropped"))
}

/// Runs `f` on a worker.
///
/// If the future is dropped before the job has begun, `f` is not called: the drop aborts the job.
/// If it has begun, it is asked to end, which a long job sees by [`check_alive`].
pub(super) fn run<F, T>(f: F) -> FileJob<T>
where
    F: FnOnce() -> io::Result<T> + Send + 'static,
    T: Send + 'static,
{
    FileJob::new(Purpose::Change, f)
}

/// As [`run`], for a job that only reads: a shutdown does not wait for it.
pub(super) fn read<F, T>(f: F) -> FileJob<T>
where
    F: FnOnce() -> io::Result<T> + Send + 'static,
    T: Send + 'static,
{
    FileJob::new(Purpose::Read, f)
}

/// The future of a file operation, whose job has been queued.
#[must_use = "the job is aborted when its future is dropped"]
pub(super) struct FileJob<T> {
    job: io::Result<IoJob<T>>,
}

impl<T: Send + 'static> FileJob<T> {
    fn new<F>(purpose: Purpose, f: F) -> Self
    where
        F: FnOnce() -> io::Result<T> + Send + 'static,
    {
        FileJob {
            job: IoJob::spawn(purpose, f),
        }
    }
}

impl<T> Future for FileJob<T> {
    type Output = io::Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        match &mut self.job {
            Ok(job) => match job.foreign_home() {
                None => Pin::new(job).poll(cx),
                Some(home) => Poll::Ready(Err(wrong_loop(home))),
            },
            Err(error) => Poll::Ready(Err(mem::replace(error, already_failed()))),
        }
    }
}

#[cold]
fn already_failed() -> io::Error {
    io::Error::other("this file operation has failed already")
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
