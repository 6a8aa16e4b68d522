//! A job: a closure on its way to a worker, and the future of its result.
//!
//! The two ends are made together: the pool moves the [`QueuedJob`] to a worker, the event loop
//! awaits the [`JobResult`]. Between them stand an `async-task`, which carries the result and the
//! waker, and a [`Ticket`], on which both ends decide whether the closure runs at all. Queues and
//! threads are not known here.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::task::{Context, Poll, ready};

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

/// Why a job has no result.
#[derive(Debug)]
pub(crate) enum JobError {
    /// The closure panicked, with this payload.
    Panicked(Payload),
    /// The closure did not run and never will.
    Cancelled,
}

/// What decides whether a job runs, and hears of its end.
///
/// Whoever asks for the job brings it. All of this is called on any thread, and under the pool's locks:
/// it must not panic, and must run no users' code.
pub(crate) trait Ticket: Send + Sync {
    /// Claims the job for a worker. False: it was cancelled before, and never runs.
    fn start(&self) -> bool;

    /// The job is dropped unrun. True: nobody has cancelled it, so it is to be told.
    fn give_up(&self) -> bool;

    /// Whether nobody can have the result of this job, which was started, as yet.
    fn is_running(&self) -> bool;

    /// Whether shutdown waits for it.
    fn is_ref(&self) -> bool;

    /// The job has come to its end, unless by being cancelled: whoever cancels knows. All that is
    /// the user's has been run and dropped.
    fn tell(self: Arc<Self>);
}

/// The ticket of a job that is no task of a loop: how far it has come.
///
/// ```text
/// QUEUED ──1──> STARTED ──2──> FINISHED
///    └─────3──> CANCELLED
/// ```
///
/// 1. `start`, by the worker; 2. `finish`, by the worker when the closure has returned or
///    panicked; 3. `cancel`, by the owner of the `Job`, or by whoever drops the job unrun.
#[derive(Debug)]
struct OwnTicket {
    /// One of the four constants below. All its operations are relaxed: they only need the one
    /// order that all changes of a single atomic have. What the closure reads and what it returns
    /// are published by the queue and by `async-task`.
    progress: AtomicU8,
    /// Whether shutdown does not wait for it.
    unref: AtomicBool,
}

/// Nobody has decided yet whether the closure runs.
const QUEUED: u8 = 0;
/// A worker runs the closure.
const STARTED: u8 = 1;
/// The closure has returned or panicked.
const FINISHED: u8 = 2;
/// The closure did not run and never will.
const CANCELLED: u8 = 3;

impl OwnTicket {
    fn new() -> OwnTicket {
        OwnTicket {
            progress: AtomicU8::new(QUEUED),
            unref: AtomicBool::new(false),
        }
    }

    /// Keeps the job from starting. Competes with `start`: one of the two wins. True for a job
    /// that is cancelled already, too.
    fn cancel(&self) -> bool {
        self.leave_queue_for(CANCELLED) || self.is_cancelled()
    }

    fn leave_queue_for(&self, next: u8) -> bool {
        self.progress
            .compare_exchange(QUEUED, next, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }

    fn is_cancelled(&self) -> bool {
        self.progress.load(Ordering::Relaxed) == CANCELLED
    }

    #[cfg(test)]
    fn has_started(&self) -> bool {
        matches!(self.progress.load(Ordering::Relaxed), STARTED | FINISHED)
    }
}

impl Ticket for OwnTicket {
    fn start(&self) -> bool {
        self.leave_queue_for(STARTED)
    }

    fn give_up(&self) -> bool {
        self.leave_queue_for(CANCELLED)
    }

    fn is_running(&self) -> bool {
        self.progress.load(Ordering::Relaxed) == STARTED
    }

    fn is_ref(&self) -> bool {
        !self.unref.load(Ordering::Relaxed)
    }

    /// Whoever polls the `Job` has left a waker there.
    fn tell(self: Arc<Self>) {}
}

/// Says that a closure is through, however it ended, when this is dropped. That comes before the
/// result is published, so whoever has the result finds the job no longer running.
struct Finish(Arc<OwnTicket>);

impl Drop for Finish {
    fn drop(&mut self) {
        debug_assert!(self.0.is_running());
        self.0.progress.store(FINISHED, Ordering::Relaxed);
    }
}

/// A job that has no ticket yet. Dropped, it drops its closure, and its [`JobResult`] answers
/// [`JobError::Cancelled`].
#[derive(Debug)]
#[must_use = "a job that is dropped does not run"]
pub(crate) struct NewJob(Runnable<Label>);

impl NewJob {
    /// Makes it ready to be queued.
    pub(crate) fn with_ticket(self, ticket: Arc<dyn Ticket>) -> QueuedJob {
        QueuedJob {
            runnable: Some(self.0),
            ticket: Some(ticket),
        }
    }
}

/// The worker's end of a job: run it or drop it, both are safe and neither panics.
///
/// Dropped before it ran, it drops its closure and its [`JobResult`] answers
/// [`JobError::Cancelled`].
pub(crate) struct QueuedJob {
    /// Absent when it is being run.
    runnable: Option<Runnable<Label>>,
    /// Absent when whoever has claimed the job has it.
    ticket: Option<Arc<dyn Ticket>>,
}

impl QueuedJob {
    /// Runs the closure on this thread, unless the job was cancelled, and tells of it.
    pub(crate) fn run(mut self) {
        if let Some(ticket) = self.claim() {
            self.run_claimed();
            ticket.tell();
        }
    }

    /// Claims the job and gives out its ticket, to be told when it has been run. None: it was
    /// cancelled, and is to be dropped.
    pub(super) fn claim(&mut self) -> Option<Arc<dyn Ticket>> {
        self.ticket.take_if(|ticket| ticket.start())
    }

    /// Runs the closure of a job that was claimed.
    pub(super) fn run_claimed(mut self) {
        debug_assert!(self.ticket.is_none(), "it runs when it was claimed");
        if let Some(runnable) = self.runnable.take() {
            runnable.run();
        }
    }

    pub(super) fn label(&self) -> &Label {
        let runnable = self.runnable.as_ref();
        runnable.expect("it is there until it is run").metadata()
    }

    pub(super) fn class(&self) -> Class {
        self.label().class
    }
}

impl Drop for QueuedJob {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket.take() else {
            return;
        };
        let is_told = ticket.give_up();
        drop(self.runnable.take());
        if is_told {
            ticket.tell();
        }
    }
}

impl fmt::Debug for QueuedJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueuedJob")
            .field("runnable", &self.runnable)
            .finish_non_exhaustive()
    }
}

/// The other end: a future of the closure's result.
///
/// Its waker is called on the worker, and must not panic: `async-task` would abort the process. So
/// it is polled with the loop's own wakers only. Whoever hears of the job's end by its ticket need not
/// poll it before.
///
/// Dropped before the job began, it keeps it from running; dropped later, it lets the job go on,
/// and the result is dropped on the worker. Either way it lets go of its waker at once, by waking
/// it a last time.
#[must_use = "a job whose result is dropped before it began does not run"]
pub(crate) struct JobResult<T> {
    /// Its drop is the one promised above: `async-task` does not run a closed task.
    task: FallibleTask<Contained<Result<T, Payload>>, Label>,
}

impl<T> Future for JobResult<T> {
    type Output = Result<T, JobError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let result = ready!(Pin::new(&mut self.task).poll(cx));
        // None: its other end was dropped.
        let result = result.ok_or(JobError::Cancelled)?;
        Poll::Ready(result.into_inner().map_err(JobError::Panicked))
    }
}

/// The same for a job with a ticket of its own, by which it can be cancelled.
#[must_use = "a job whose `Job` is dropped before it began does not run"]
pub(crate) struct Job<T> {
    result: JobResult<T>,
    ticket: Arc<OwnTicket>,
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
    let (runnable, task) = async_task::Builder::new()
        .metadata(label)
        .spawn(|_| work, drop);
    let task = task.fallible();
    (NewJob(runnable), JobResult { task })
}

/// Makes both ends of a job that will run `f`, with a ticket of its own.
pub(super) fn make_with_ticket<T, F>(label: Label, f: F) -> (QueuedJob, Job<T>)
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let ticket = Arc::new(OwnTicket::new());
    let theirs = Arc::clone(&ticket);
    let (job, result) = make(label, move || {
        let _finish = Finish(theirs);
        f()
    });
    let own = Arc::clone(&ticket);
    (job.with_ticket(own), Job { result, ticket })
}

impl<T> Job<T> {
    /// Tries to keep the job from starting. True: it never runs, a worker may drop its closure
    /// later, and this future answers [`JobError::Cancelled`] from now on. False: it runs or has
    /// run, and nothing has changed.
    pub(crate) fn cancel(&mut self) -> bool {
        self.ticket.cancel()
    }

    /// Says whether shutdown waits for the job.
    pub(crate) fn set_ref(&self, is_ref: bool) {
        self.ticket.unref.store(!is_ref, Ordering::Relaxed);
    }

    /// Whether a worker has begun with the closure, be it finished by now or not.
    #[cfg(test)]
    pub(crate) fn has_started(&self) -> bool {
        self.ticket.has_started()
    }
}

impl<T> Future for Job<T> {
    type Output = Result<T, JobError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // The closure of a cancelled job may stay in the queue for long: not waited for.
        if self.ticket.is_cancelled() {
            return Poll::Ready(Err(JobError::Cancelled));
        }
        Pin::new(&mut self.result).poll(cx)
    }
}

impl<T> fmt::Debug for Job<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job")
            .field("ticket", &self.ticket)
            .finish_non_exhaustive()
    }
}
