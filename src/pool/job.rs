//! A job: a closure on its way to a worker, and its result on the way back.
//!
//! A job has two ends: the pool moves the [`QueuedJob`] to a worker, and the caller keeps the
//! other. Both share the [`JobBody`], which has the closure. A [`JobTicket`] decides whether the
//! closure runs at all, and wakes the waiting task.
//!
//! The closure of a user is carried to the worker by an `async-task`, which brings its result back
//! to the [`JobResult`]. The body is then a [`JobShared`], which can serve one job after the other.
//! The crate's own jobs have bodies of their own.
//!
//! `async-task` has a cancel and a waker too, but both act at the wrong time. Its cancel leaves the
//! closure to the worker that takes the `Runnable` out of the queue, which may be long after the
//! task has ended; so here both ends can take the `Runnable`. Its waker is called before the worker
//! can record that it is free; so here the worker wakes the ticket itself.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use async_task::{FallibleTask, Runnable};

use super::contained::Contained;
use super::current_job;
use crate::identity::Name;
use crate::panics::{Payload, contain};
use crate::primitive::{ignore_poison, lock};

/// What a job does with its time, which decides on which threads it runs.
///
/// # Examples
///
/// ```
/// use quintet::blocking::{Builder, Class};
///
/// # quintet::block_on(async {
/// let sum = Builder::new().class(Class::Cpu).spawn(|| (1..=1_000_000u64).sum::<u64>());
/// assert_eq!(sum.await.unwrap(), 500_000_500_000);
/// # });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Class {
    /// It waits for something: a file, a database, another process. Such jobs share the [worker
    /// threads](crate::runtime::Builder::worker_threads) with the operations of [`fs`](crate::fs).
    #[default]
    Plain,
    /// It looks up a name, as [`lookup_host`](crate::net::lookup_host) does. It can hang for as
    /// long as the name server does, so such jobs occupy at most half of the worker threads, and
    /// the others stay free for files.
    Dns,
    /// It computes. Such jobs have [threads of their own](crate::runtime::Builder::cpu_threads),
    /// one for each processor, so they delay no job of the other classes, and none of those delays
    /// them.
    Cpu,
}

impl Class {
    /// All classes.
    pub(crate) const ALL: [Class; 3] = [Class::Plain, Class::Dns, Class::Cpu];

    /// Returns its place in [`ALL`](Class::ALL).
    pub(crate) fn index(self) -> usize {
        match self {
            Class::Plain => 0,
            Class::Dns => 1,
            Class::Cpu => 2,
        }
    }
}

/// The description of a job.
#[derive(Clone, Debug)]
pub(crate) struct Label {
    pub(crate) class: Class,
    pub(crate) name: Option<Name>,
    /// The call in user code that the job runs for.
    pub(crate) location: &'static Location<'static>,
}

/// Decides whether a job runs, and is notified of its end. The caller provides it.
///
/// The methods are called on any thread. All except `wake` are called under locks of the pool: they
/// must not panic and must not run user code.
pub(crate) trait JobTicket: Send + Sync {
    /// Claims the job for a worker. Returns false if it was cancelled; it never runs then.
    fn start(&self) -> bool;

    /// Called when the job is dropped before it has run. If this returns true, the caller drops the
    /// closure and calls `wake`. If it returns false, the side that cancelled the job drops the
    /// closure, and nothing is woken.
    fn discard(&self) -> bool;

    /// Returns whether a shutdown waits for the job.
    fn is_ref(&self) -> bool;

    /// Asks the job, which runs, to end.
    fn cancel(&self);

    /// Returns whether the job, which runs, has been asked to end.
    fn is_cancelled(&self) -> bool;

    /// Called when the job has ended and all user code of it has been run and dropped.
    fn wake(self: Arc<Self>);
}

/// What both ends of a job share: the closure, until it is taken to be run or dropped.
///
/// No method unwinds.
pub(crate) trait JobBody: Send + Sync {
    fn label(&self) -> &Label;

    /// Runs the closure, unless it was taken.
    fn run(&self);

    /// Drops the closure. Returns false if it was taken before.
    fn drop_closure(&self) -> bool;
}

/// The body of a job that an `async-task` carries.
pub(crate) struct JobShared {
    label: Label,
    /// The closure. `None` once a worker has taken it to run it, or it was taken to be dropped.
    runnable: Mutex<Option<Runnable>>,
}

impl JobShared {
    /// Takes the closure, which the caller runs or drops.
    #[inline]
    fn take(&self) -> Option<Runnable> {
        lock(&self.runnable).take()
    }
}

impl JobBody for JobShared {
    fn label(&self) -> &Label {
        &self.label
    }

    fn run(&self) {
        if let Some(runnable) = self.take() {
            runnable.run();
        }
    }

    fn drop_closure(&self) -> bool {
        self.take().is_some()
    }
}

/// A job without a ticket. The closure is dropped when both this and the caller's end are.
#[must_use = "a job that is dropped does not run"]
pub(crate) struct NewJob {
    class: Class,
    body: Arc<dyn JobBody>,
}

impl NewJob {
    #[inline]
    pub(crate) fn new(class: Class, body: Arc<dyn JobBody>) -> Self {
        NewJob { class, body }
    }

    /// Attaches the ticket. The job can then be queued.
    #[inline]
    pub(crate) fn with_ticket(self, ticket: Arc<dyn JobTicket>) -> QueuedJob {
        QueuedJob {
            class: self.class,
            body: self.body,
            ticket: Some(ticket),
        }
    }
}

/// The worker's end of a job. Neither running nor dropping it panics.
pub(crate) struct QueuedJob {
    class: Class,
    body: Arc<dyn JobBody>,
    /// `None` once the job has been claimed.
    ticket: Option<Arc<dyn JobTicket>>,
}

impl QueuedJob {
    /// Runs the closure on this thread and wakes the ticket, unless the job was cancelled.
    pub(crate) fn run(mut self) {
        if let Some(ticket) = self.claim() {
            self.run_claimed(ticket).wake();
        }
    }

    /// Claims the job. Returns its ticket, which the caller must wake once the job has run, or
    /// `None` if the job was cancelled and must be dropped.
    pub(super) fn claim(&mut self) -> Option<Arc<dyn JobTicket>> {
        self.ticket.take_if(|ticket| ticket.start())
    }

    /// Runs the closure of a claimed job, and returns its ticket, which is to be woken.
    #[inline]
    pub(super) fn run_claimed(self, ticket: Arc<dyn JobTicket>) -> Arc<dyn JobTicket> {
        debug_assert!(self.ticket.is_none(), "a job is claimed before it runs");
        current_job::set_while(ticket, || self.body.run())
    }

    pub(super) fn label(&self) -> &Label {
        self.body.label()
    }

    pub(super) fn class(&self) -> Class {
        self.class
    }
}

impl Drop for QueuedJob {
    fn drop(&mut self) {
        // The side that takes the closure drops it and wakes the ticket. The other end may have
        // taken it.
        if let Some(ticket) = self.ticket.take()
            && ticket.discard()
            && self.body.drop_closure()
        {
            ticket.wake();
        }
    }
}

impl fmt::Debug for QueuedJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueuedJob")
            .field("label", self.label())
            .finish_non_exhaustive()
    }
}

/// The caller's end of a job: the result of the closure, which is ready when the ticket is woken.
///
/// If this is dropped before the job has begun, the closure is dropped and does not run. If it is
/// dropped later, the job runs to its end, and the worker drops the result.
pub(crate) struct JobResult<T> {
    /// `None` once it was taken, after the end of the job.
    cell: Option<Arc<JobShared>>,
    task: FallibleTask<Contained<Result<T, Payload>>>,
}

/// Makes both ends of a job that runs `f`. The ticket is attached later. `spare` is the cell of a
/// job that is over, which is used again if nothing else refers to it.
pub(super) fn make<T, F>(
    spare: Option<Arc<JobShared>>,
    label: Label,
    f: F,
) -> (NewJob, JobResult<T>)
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let closure = Contained::new(f);
    let work = async move { Contained::new(contain(closure.into_inner())) };
    // The future is ready at its first poll and does not clone its waker, so it is never scheduled.
    let (runnable, task) = async_task::spawn(work, drop);
    let class = label.class;
    let cell = fill(spare, label, runnable);
    let job = NewJob::new(class, Arc::clone(&cell) as Arc<dyn JobBody>);
    let result = JobResult {
        cell: Some(cell),
        task: task.fallible(),
    };
    (job, result)
}

/// The cells of jobs that have ended, for the next jobs of the same thread.
#[derive(Default)]
pub(crate) struct SpareCells(RefCell<Vec<Arc<JobShared>>>);

/// How many cells are kept.
const SPARE_MAX: usize = 1024;

impl SpareCells {
    #[inline]
    pub(crate) fn take(&self) -> Option<Arc<JobShared>> {
        self.0.borrow_mut().pop()
    }

    #[inline]
    pub(crate) fn keep(&self, cell: Arc<JobShared>) {
        let mut cells = self.0.borrow_mut();
        if cells.len() < SPARE_MAX {
            cells.push(cell);
        }
    }
}

#[inline]
fn fill(spare: Option<Arc<JobShared>>, label: Label, runnable: Runnable) -> Arc<JobShared> {
    // Something else refers to it if the entry of an aborted job is still queued.
    if let Some(mut spare) = spare
        && let Some(cell) = Arc::get_mut(&mut spare)
    {
        cell.label = label;
        *ignore_poison(cell.runnable.get_mut()) = Some(runnable);
        return spare;
    }
    Arc::new(JobShared {
        label,
        runnable: Mutex::new(Some(runnable)),
    })
}

impl<T> JobResult<T> {
    /// Returns the result if the job has ended. Registers no waker: the ticket is woken.
    ///
    /// # Errors
    ///
    /// Returns the payload if the closure panicked, and `None` if it has not run and never will.
    pub(crate) fn poll(&mut self) -> Poll<Result<T, Option<Payload>>> {
        let result = Pin::new(&mut self.task).poll(&mut Context::from_waker(Waker::noop()));
        result.map(|result| result.ok_or(None)?.into_inner().map_err(Some))
    }

    /// Takes the closure, so that the caller drops it. Returns `None` if a worker has taken it.
    pub(crate) fn take_closure(&self) -> Option<impl Sized + use<T>> {
        self.cell.as_ref().and_then(|cell| cell.take())
    }

    /// Returns the cell of a job that has ended, for the next job.
    pub(crate) fn into_cell(mut self) -> Option<Arc<JobShared>> {
        self.cell.take()
    }
}

impl<T> Drop for JobResult<T> {
    fn drop(&mut self) {
        drop(self.take_closure());
    }
}
