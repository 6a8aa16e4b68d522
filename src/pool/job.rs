//! A job: a closure on its way to a worker, and its result on the way back.
//!
//! The two ends are made together: the pool moves the [`QueuedJob`] to a worker, and the
//! caller keeps the [`JobResult`]. Between them stand an `async-task`, which carries the closure there
//! and the result back, and a [`JobTicket`], on which both ends decide whether the closure runs at all.
//! Queues and threads are not known here.
//!
//! Two things `async-task` has too. Its cancel leaves the closure to the worker that takes the
//! `Runnable` out of the queue, which may be long after the end was noted; so both ends can reach the
//! `Runnable`. Its waker is called before the worker can say that it is free; so the ticket notes the
//! end.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use async_task::{FallibleTask, Runnable};

use super::contained::Contained;
use crate::panics::{Payload, contain};

/// How much of the pool a job may take part in filling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// May run on any worker.
    Plain,
    /// A name look-up: may hang for as long as a name server likes, so at most half of the workers
    /// run such jobs at once, and the rest stay free for files.
    Dns,
}

/// What is known of a job besides its closure.
#[derive(Clone, Debug)]
pub(crate) struct Label {
    pub(crate) class: Class,
    pub(crate) name: Option<Box<str>>,
    /// Where the user asked for it.
    pub(crate) location: &'static Location<'static>,
}

/// What decides whether a job runs, and hears of its end.
///
/// The caller brings it. All of this is called on any thread, and all but `tell` under
/// the pool's locks: it must not panic, and must run no users' code.
pub(crate) trait JobTicket: Send + Sync {
    /// Claims the job for a worker. False: it was cancelled before, and never runs.
    fn start(&self) -> bool;

    /// The job is dropped unrun. True: its closure is to be dropped now, and then it is told. False:
    /// the end that has cancelled it does both.
    fn discard(&self) -> bool;

    /// Whether shutdown waits for it.
    fn is_ref(&self) -> bool;

    /// The job has come to its end. All that is the user's has been run and dropped.
    fn wake(self: Arc<Self>);
}

/// What both ends of a job have.
struct JobShared {
    label: Label,
    /// The closure. Absent when a worker runs it, and when it was dropped.
    runnable: Mutex<Option<Runnable>>,
}

impl JobShared {
    fn take(&self) -> Option<Runnable> {
        // Poison says nothing: no users' code runs under this lock.
        let mut runnable = self.runnable.lock().unwrap_or_else(PoisonError::into_inner);
        runnable.take()
    }
}

/// A job that has no ticket yet. Dropped with its [`JobResult`], it drops its closure.
#[must_use = "a job that is dropped does not run"]
pub(crate) struct NewJob(Arc<JobShared>);

impl NewJob {
    /// Makes it ready to be queued.
    pub(crate) fn with_ticket(self, ticket: Arc<dyn JobTicket>) -> QueuedJob {
        QueuedJob {
            shared: self.0,
            ticket: Some(ticket),
        }
    }
}

/// The worker's end of a job: run it or drop it, both are safe and neither panics.
pub(crate) struct QueuedJob {
    shared: Arc<JobShared>,
    /// Absent when whoever has claimed the job has it.
    ticket: Option<Arc<dyn JobTicket>>,
}

impl QueuedJob {
    /// Runs the closure on this thread, unless the job was cancelled, and tells of it.
    pub(crate) fn run(mut self) {
        if let Some(ticket) = self.claim() {
            self.run_claimed();
            ticket.wake();
        }
    }

    /// Claims the job and gives out its ticket, to be told when it has been run. None: it was
    /// cancelled, and is to be dropped.
    pub(super) fn claim(&mut self) -> Option<Arc<dyn JobTicket>> {
        self.ticket.take_if(|ticket| ticket.start())
    }

    /// Runs the closure of a job that was claimed.
    pub(super) fn run_claimed(self) {
        debug_assert!(self.ticket.is_none(), "it runs when it was claimed");
        if let Some(runnable) = self.shared.take() {
            runnable.run();
        }
    }

    pub(super) fn label(&self) -> &Label {
        &self.shared.label
    }

    pub(super) fn class(&self) -> Class {
        self.label().class
    }
}

impl Drop for QueuedJob {
    fn drop(&mut self) {
        // Who has the closure drops it and says so: it may be gone already, or just being dropped.
        if let Some(ticket) = self.ticket.take()
            && ticket.discard()
            && let Some(closure) = self.shared.take()
        {
            drop(closure);
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

/// The other end: the closure's result, to be taken when the ticket is told.
///
/// Dropped before the job began, it drops the closure, which then does not run; dropped later, it lets
/// the job go on, and the result is dropped on the worker.
pub(crate) struct JobResult<T> {
    shared: Arc<JobShared>,
    task: FallibleTask<Contained<Result<T, Payload>>>,
}

/// Makes both ends of a job that will run `f`, but for its ticket.
pub(super) fn make<T, F>(label: Label, f: F) -> (NewJob, JobResult<T>)
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let closure = Contained::new(f);
    let work = async move { Contained::new(contain(closure.into_inner())) };
    // The future is ready at its first poll and shows its waker to nobody, so there is no second
    // time at which it could be scheduled.
    let (runnable, task) = async_task::spawn(work, drop);
    let shared = Arc::new(JobShared {
        label,
        runnable: Mutex::new(Some(runnable)),
    });
    let result = JobResult {
        shared: Arc::clone(&shared),
        task: task.fallible(),
    };
    (NewJob(shared), result)
}

impl<T> JobResult<T> {
    /// The result, if the job has come to its end. Its ticket is told of that, so no waker is left
    /// here.
    ///
    /// # Errors
    ///
    /// The payload, if the closure panicked; none, if it did not run and never will.
    pub(crate) fn poll(&mut self) -> Poll<Result<T, Option<Payload>>> {
        let result = Pin::new(&mut self.task).poll(&mut Context::from_waker(Waker::noop()));
        result.map(|result| result.ok_or(None)?.into_inner().map_err(Some))
    }

    /// Takes the closure, to be dropped. None: a worker has it, to run it or to drop it.
    pub(crate) fn take_closure(&self) -> Option<impl Sized + use<T>> {
        self.shared.take()
    }
}

impl<T> Drop for JobResult<T> {
    fn drop(&mut self) {
        drop(self.take_closure());
    }
}
