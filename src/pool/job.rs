//! A job: a closure on its way to a worker, and the future of its result.
//!
//! The two ends are made together: the pool moves the [`QueuedJob`] to a worker, the event loop
//! awaits the [`Job`]. Between them stand an `async-task`, which carries the result and the waker,
//! and a [`Ticket`], on which both ends decide whether the closure runs at all. Queues and threads
//! are not known here.

use std::fmt;
use std::future::Future;
use std::mem;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::task::{Context, Poll, Waker, ready};

use async_task::{Runnable, Task};

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

/// What the two ends of a job share: its label and how far it has come.
///
/// ```text
/// QUEUED ──1──> STARTED ──2──> FINISHED
///    └─────3──> CANCELLED
/// ```
///
/// 1. `start`, by the worker; 2. `finish`, by the worker when the closure has returned or
///    panicked; 3. `cancel`, by the owner of the `Job`, by the pool when it shuts down, or by
///    whoever drops the job unrun.
#[derive(Debug)]
pub(crate) struct Ticket {
    /// One of the four constants below. All its operations are relaxed: they only need the one
    /// order that all changes of a single atomic have. What the closure reads and what it returns
    /// are published by the queue and by `async-task`.
    progress: AtomicU8,
    /// Whether shutdown does not wait for it.
    unref: AtomicBool,
    label: Label,
}

/// Nobody has decided yet whether the closure runs.
const QUEUED: u8 = 0;
/// A worker runs the closure.
const STARTED: u8 = 1;
/// The closure has returned or panicked.
const FINISHED: u8 = 2;
/// The closure did not run and never will.
const CANCELLED: u8 = 3;

impl Ticket {
    pub(super) fn new(label: Label) -> Ticket {
        Ticket {
            progress: AtomicU8::new(QUEUED),
            unref: AtomicBool::new(false),
            label,
        }
    }

    pub(super) fn label(&self) -> &Label {
        &self.label
    }

    /// Claims the job for a worker. Competes with `cancel`: one of the two wins.
    fn start(&self) -> bool {
        self.leave_queue_for(STARTED)
    }

    /// Keeps the job from starting. Competes with `start`: one of the two wins. True for a job
    /// that is cancelled already, too.
    pub(crate) fn cancel(&self) -> bool {
        self.leave_queue_for(CANCELLED) || self.is_cancelled()
    }

    fn leave_queue_for(&self, next: u8) -> bool {
        self.progress
            .compare_exchange(QUEUED, next, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }

    /// Says that the closure is through. This comes before the result is published, so whoever
    /// has the result finds the job no longer running.
    fn finish(&self) {
        debug_assert!(self.is_running());
        self.progress.store(FINISHED, Ordering::Relaxed);
    }

    pub(super) fn is_running(&self) -> bool {
        self.progress.load(Ordering::Relaxed) == STARTED
    }

    /// Says whether shutdown waits for the job.
    pub(crate) fn set_ref(&self, is_ref: bool) {
        self.unref.store(!is_ref, Ordering::Relaxed);
    }

    pub(super) fn is_ref(&self) -> bool {
        !self.unref.load(Ordering::Relaxed)
    }

    fn is_cancelled(&self) -> bool {
        self.progress.load(Ordering::Relaxed) == CANCELLED
    }

    #[cfg(test)]
    fn has_started(&self) -> bool {
        matches!(self.progress.load(Ordering::Relaxed), STARTED | FINISHED)
    }
}

/// The worker's end of a job: run it or drop it, both are safe and neither panics.
///
/// Dropped before it ran, it drops its closure and its [`Job`] answers [`JobError::Cancelled`].
#[derive(Debug)]
pub(crate) struct QueuedJob {
    /// Absent when it is being run.
    runnable: Option<Runnable<Arc<Ticket>>>,
    tidings: Tidings,
}

impl QueuedJob {
    /// Lets `waker` be woken when the job has come to its end, unless by [`Ticket::cancel`]: whoever
    /// cancels knows. Whoever does this before the push need not poll the [`Job`] for it.
    ///
    /// The waker must not panic, and must run no users' code.
    pub(crate) fn tell(&mut self, waker: Waker) {
        self.tidings = Tidings(Some(waker));
    }

    /// Runs the closure on this thread, unless the job was cancelled, and wakes whoever awaits the
    /// [`Job`].
    pub(crate) fn run(self) {
        drop(self.run_untold());
    }

    /// The same, but leaves it to the caller to tell of it. All that is the user's has been run and
    /// dropped by then.
    pub(super) fn run_untold(mut self) -> Tidings {
        if self.ticket().start()
            && let Some(runnable) = self.runnable.take()
        {
            runnable.run();
            return mem::take(&mut self.tidings);
        }
        // Dropped here, and whoever cancelled it knows already.
        Tidings::default()
    }

    pub(super) fn class(&self) -> Class {
        self.ticket().label.class
    }

    pub(super) fn ticket(&self) -> &Arc<Ticket> {
        let runnable = self.runnable.as_ref();
        runnable.expect("it is there until it is run").metadata()
    }
}

impl Drop for QueuedJob {
    fn drop(&mut self) {
        let Some(runnable) = self.runnable.take() else {
            return;
        };
        if !runnable.metadata().leave_queue_for(CANCELLED) {
            self.tidings.0 = None;
        }
    }
}

/// That a job has come to its end: told when this is dropped.
#[derive(Debug, Default)]
pub(super) struct Tidings(Option<Waker>);

impl Drop for Tidings {
    fn drop(&mut self) {
        if let Some(waker) = self.0.take() {
            waker.wake();
        }
    }
}

/// The event loop's end of a job: a future of the closure's result.
///
/// Its waker is called on the worker, and must not panic: `async-task` would abort the process. So
/// it is polled with the loop's own wakers only.
///
/// Dropped before the job began, it keeps it from running; dropped later, it lets the job go on,
/// and the result is dropped on the worker. Either way it lets go of its waker at once, by waking
/// it a last time.
#[must_use = "a job whose `Job` is dropped before it began does not run"]
pub(crate) struct Job<T> {
    /// Its drop is the one promised above: `async-task` does not run a closed task.
    task: Task<Contained<Result<T, Payload>>, Arc<Ticket>>,
}

/// Makes both ends of a job that will run `f`.
pub(super) fn make<T, F>(ticket: Arc<Ticket>, f: F) -> (QueuedJob, Job<T>)
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let closure = Contained::new(f);
    let shared = Arc::clone(&ticket);
    let work = async move {
        let result = contain(closure.into_inner());
        shared.finish();
        Contained::new(result)
    };
    // The future is ready at its first poll and shows its waker to nobody, so there is no second
    // time at which it could be scheduled.
    let (runnable, task) = async_task::Builder::new()
        .metadata(ticket)
        .spawn(|_| work, drop);
    let queued = QueuedJob {
        runnable: Some(runnable),
        tidings: Tidings::default(),
    };
    (queued, Job { task })
}

impl<T> Job<T> {
    /// Tries to keep the job from starting. True: it never runs, a worker may drop its closure
    /// later, and this future answers [`JobError::Cancelled`] from now on. False: it runs or has
    /// run, and nothing has changed.
    pub(crate) fn cancel(&mut self) -> bool {
        self.ticket().cancel()
    }

    /// For whoever may keep the job from starting while others await it.
    pub(crate) fn ticket(&self) -> &Arc<Ticket> {
        self.task.metadata()
    }

    /// Whether a worker has begun with the closure, be it finished by now or not.
    #[cfg(test)]
    pub(crate) fn has_started(&self) -> bool {
        self.ticket().has_started()
    }
}

impl<T> Future for Job<T> {
    type Output = Result<T, JobError>;

    /// # Panics
    ///
    /// When it has answered before.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // The closure of a cancelled job may stay in the queue for long: not waited for. And a
        // runnable that was dropped has cancelled its job before.
        if self.ticket().is_cancelled() {
            return Poll::Ready(Err(JobError::Cancelled));
        }
        let result = ready!(Pin::new(&mut self.task).poll(cx));
        Poll::Ready(result.into_inner().map_err(JobError::Panicked))
    }
}

impl<T> fmt::Debug for Job<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job")
            .field("ticket", self.ticket())
            .finish_non_exhaustive()
    }
}
