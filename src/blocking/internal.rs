//! The jobs of this crate itself: file operations and name lookups.

use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::call_site::call_site;
use super::spawn::{Admission, JobOrder, spawn_with};
use crate::context;
use crate::pool::Class;
use crate::task::JoinHandle;
use crate::tasks::Origin;

/// What a job of this crate does, which decides whether a shutdown waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// It may change something. A shutdown waits for it, up to the grace period.
    Change,
    /// It only reads. A shutdown does not wait for it, because it drops all futures that could use
    /// the result.
    Read,
    /// It looks up a host name. A shutdown does not wait for it.
    Lookup,
}

/// Queues a job of this crate for the task that is polled now. The job keeps the loop alive if the
/// task does. `location` is the call in user code that it runs for.
pub(crate) fn spawn_internal<F, T>(
    f: F,
    purpose: Purpose,
    location: &'static Location<'static>,
) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let class = match purpose {
        Purpose::Change | Purpose::Read => Class::Plain,
        Purpose::Lookup => Class::Dns,
    };
    let order = JobOrder {
        class,
        origin: Origin {
            name: None,
            location,
        },
        admission: Admission::Any,
    };
    let job = spawn_with(f, order);
    if purpose != Purpose::Change {
        job.set_unawaited_at_end();
    }
    if context::is_polled_unref() {
        job.count_in(false);
    }
    job
}

/// Runs an I/O operation `f` on a worker and returns its result. The location of the job is the
/// call in user code, see [`called_here`](super::called_here).
///
/// If the future is dropped before the job has begun, the job is aborted. If it has begun and looks
/// up a name, which may take long, it no longer keeps the loop alive.
pub(crate) async fn run_io<F, T>(purpose: Purpose, f: F) -> io::Result<T>
where
    F: FnOnce() -> io::Result<T> + Send + 'static,
    T: Send + 'static,
{
    IoJob::spawn(purpose, f)?.await
}

/// The future of [`run_io`], once its job has been queued.
#[derive(Debug)]
#[must_use = "a job is aborted when its future is dropped"]
pub(crate) struct IoJob<T> {
    job: JoinHandle<io::Result<T>>,
    purpose: Purpose,
}

impl<T: Send + 'static> IoJob<T> {
    /// # Errors
    ///
    /// Returns an error if no loop is current.
    pub(crate) fn spawn<F>(purpose: Purpose, f: F) -> io::Result<Self>
    where
        F: FnOnce() -> io::Result<T> + Send + 'static,
    {
        if context::with(|_| ()).is_none() {
            return Err(io::Error::other(context::no_loop()));
        }
        let job = spawn_internal(f, purpose, call_site(Location::caller()));
        Ok(IoJob { job, purpose })
    }

    /// Allows the loop to end before the job.
    pub(crate) fn unref(&self) {
        self.job.count_in(false);
    }
}

impl<T: 'static> Future for IoJob<T> {
    type Output = io::Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let result = ready!(Pin::new(&mut self.job).poll(cx));
        Poll::Ready(result.map_err(io::Error::from).and_then(|result| result))
    }
}

impl<T> Drop for IoJob<T> {
    fn drop(&mut self) {
        self.job.abort();
        if self.purpose == Purpose::Lookup {
            self.job.count_in(false);
        }
    }
}
