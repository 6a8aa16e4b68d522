//! The jobs of this crate itself: file operations and name lookups.

use std::io;
use std::panic::Location;

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
    struct AbortOnDrop<T>(JoinHandle<T>, Purpose);
    impl<T> Drop for AbortOnDrop<T> {
        fn drop(&mut self) {
            self.0.abort();
            if self.1 == Purpose::Lookup {
                self.0.count_in(false);
            }
        }
    }
    if context::with(|_| ()).is_none() {
        return Err(io::Error::other(context::no_loop()));
    }
    let job = spawn_internal(f, purpose, call_site(Location::caller()));
    let mut job = AbortOnDrop(job, purpose);
    (&mut job.0).await?
}
