//! The jobs of this crate itself: file operations and name lookups.

use std::fmt;
use std::io;
use std::mem;
use std::panic::Location;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use super::call_site::call_site;
use super::spawn::{Admission, JobOrder, spawn_here};
use crate::context;
use crate::pool::Class;
use crate::primitive::lock;
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
/// task does. `location` is the call in user code that it runs for. There must be a current loop.
pub(crate) fn spawn_internal<F>(
    f: F,
    purpose: Purpose,
    location: &'static Location<'static>,
) -> JoinHandle<()>
where
    F: FnOnce() + Send + 'static,
{
    spawn_closure(JobCell::closure(&JobCell::new(f)), purpose, location)
}

/// All jobs of this crate are of one type, so the code of a job is compiled once, and not for each
/// operation.
fn spawn_closure(
    closure: CellClosure,
    purpose: Purpose,
    location: &'static Location<'static>,
) -> JoinHandle<()> {
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
    let event_loop = context::expect_current();
    let job = spawn_here(&event_loop, move || closure.run(), order);
    if purpose != Purpose::Change {
        job.set_unawaited_at_end();
    }
    if context::is_polled_unref() {
        job.count_in(false);
    }
    job
}

/// A closure, and then its result, for which the caller waits.
struct JobCell<F, T>(Mutex<JobCellState<F, T>>);

enum JobCellState<F, T> {
    Closure(F),
    Result(T),
    /// The closure runs or was dropped, or the result was taken.
    Empty,
}

/// What a worker does with a [`JobCell`].
trait RunCell: Send + Sync {
    fn run(&self);
    fn drop_closure(&self);
}

/// What the caller does with a [`JobCell`].
trait ResultCell<T>: Send + Sync {
    fn take_result(&self) -> Option<T>;
}

impl<F, T> JobCell<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    fn new(f: F) -> Arc<Self> {
        Arc::new(JobCell(Mutex::new(JobCellState::Closure(f))))
    }

    fn closure(cell: &Arc<Self>) -> CellClosure {
        CellClosure(Arc::clone(cell) as Arc<dyn RunCell>)
    }

    fn take(&self) -> JobCellState<F, T> {
        mem::replace(&mut *lock(&self.0), JobCellState::Empty)
    }
}

impl<F, T> RunCell for JobCell<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    fn run(&self) {
        if let JobCellState::Closure(f) = self.take() {
            let result = f();
            *lock(&self.0) = JobCellState::Result(result);
        }
    }

    fn drop_closure(&self) {
        let mut state = lock(&self.0);
        if let JobCellState::Closure(_) = &*state {
            let closure = mem::replace(&mut *state, JobCellState::Empty);
            drop(state);
            drop(closure);
        }
    }
}

impl<F, T> ResultCell<T> for JobCell<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    fn take_result(&self) -> Option<T> {
        match self.take() {
            JobCellState::Result(result) => Some(result),
            JobCellState::Closure(_) | JobCellState::Empty => None,
        }
    }
}

/// The closure in a [`JobCell`], which is dropped with this if it has not run.
struct CellClosure(Arc<dyn RunCell>);

impl CellClosure {
    fn run(self) {
        self.0.run();
    }
}

impl Drop for CellClosure {
    fn drop(&mut self) {
        self.0.drop_closure();
    }
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
#[must_use = "a job is aborted when its future is dropped"]
pub(crate) struct IoJob<T> {
    job: JoinHandle<()>,
    cell: Arc<dyn ResultCell<io::Result<T>>>,
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
        check_loop()?;
        let cell = JobCell::new(f);
        let location = call_site(Location::caller());
        let job = spawn_closure(JobCell::closure(&cell), purpose, location);
        Ok(IoJob { job, cell, purpose })
    }
}

fn check_loop() -> io::Result<()> {
    match context::with(|_| ()) {
        Some(()) => Ok(()),
        None => Err(io::Error::other(context::no_loop())),
    }
}

impl<T> IoJob<T> {
    /// Allows the loop to end before the job.
    pub(crate) fn unref(&self) {
        self.job.count_in(false);
    }
}

impl<T> Future for IoJob<T> {
    type Output = io::Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        Poll::Ready(match ready!(Pin::new(&mut self.job).poll(cx)) {
            Ok(()) => self.cell.take_result().expect("the job has stored it"),
            Err(error) => Err(error.into()),
        })
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

impl<T> fmt::Debug for IoJob<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IoJob")
            .field("job", &self.job)
            .finish_non_exhaustive()
    }
}
