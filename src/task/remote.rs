//! What a task and its handle share if the handle may be awaited on any thread.
//!
//! A task spawned from another thread, or a blocking job, stores its outcome here when it ends,
//! after its future or closure has been dropped. The handle needs nothing else, so it works on
//! every thread and with every executor. The output must be `Send`.

use std::any::Any;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{self, Context, Poll};

use super::abort_handle::abort_local;
use super::outcome_cell::OutcomeCell;
use crate::context;
use crate::event_loop::{AliveGuard, LoopShared};
use crate::pool::{JobResult, JobTicket};
use crate::primitive;
use crate::ready;
use crate::tasks::{Failure, Header, Identity, Message, Outcome, OutcomeSink, wake_contained_for};

/// The handle's side, without the type of the output.
pub(super) trait Awaited: Send + Sync {
    fn header(&self) -> &Arc<Header>;
    /// Ready if there is an outcome; otherwise registers the waker.
    fn watch(&self, cx: &Context<'_>) -> Poll<()>;
    /// Moves the outcome to `out`, an `Option<Outcome<T>>`, or registers the waker.
    fn poll(&self, cx: &Context<'_>, out: &mut dyn Any) -> Poll<()>;
    fn abort(self: Arc<Self>);
    fn is_finished(&self) -> bool;
    /// Sets whether a job keeps its loop alive.
    fn hold(&self, is_ref: bool);
    /// Detaches the handle: the outcome is dropped.
    fn detach(&self);
}

/// See the [module](self).
pub(crate) struct Remote<T> {
    /// The task or job, for reports.
    identity: Identity,
    shared: Arc<LoopShared>,
    /// The header of the task, or one for the job alone.
    header: Arc<Header>,
    outcome: OutcomeCell<Outcome<T>>,
    /// The job, until it has ended.
    job: Mutex<Option<RemoteJob<T>>>,
}

struct RemoteJob<T> {
    result: JobResult<T>,
    /// Keeps the loop alive until the outcome is stored: the loop does not know the job otherwise.
    hold: Option<AliveGuard>,
}

impl<T: Send + 'static> Remote<T> {
    pub(crate) fn new(shared: &Arc<LoopShared>, identity: Identity) -> Arc<Self> {
        Arc::new(Remote {
            identity,
            shared: Arc::clone(shared),
            header: Arc::new(Header::new(shared.id, Arc::clone(&shared.inbox))),
            outcome: OutcomeCell::new(),
            job: Mutex::new(None),
        })
    }

    /// Sets the job, which is about to be queued.
    pub(crate) fn set_job(&self, result: JobResult<T>) {
        let hold = Some(AliveGuard::new(Arc::clone(&self.shared)));
        *self.job() = Some(RemoteJob { result, hold });
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Locks the job. No user code runs under this lock.
    fn job(&self) -> MutexGuard<'_, Option<RemoteJob<T>>> {
        primitive::lock(&self.job)
    }

    /// Stores the outcome of the job, which has ended.
    fn end_job(&self) {
        let job = self.job().take();
        let Some(RemoteJob { mut result, hold }) = job else {
            return;
        };
        match result.poll() {
            Poll::Ready(result) => self.fill(result.map_err(Failure::of_job)),
            Poll::Pending => unreachable!("the job has ended"),
        }
        // After the wake: the task that was woken may belong to this loop, which could end without
        // the guard.
        drop(hold);
    }

    /// Ends a job that was aborted before it began, unless a worker is about to do so.
    fn cancel_job(&self) {
        let closure = self
            .job()
            .as_ref()
            .and_then(|job| job.result.take_closure());
        if let Some(closure) = closure {
            drop(closure);
            self.end_job();
        }
    }

    /// Stores the outcome; a second one is dropped.
    pub(super) fn fill(&self, outcome: Outcome<T>) {
        let (waker, unwanted) = self.outcome.fill(outcome);
        if let Some(waker) = waker {
            wake_contained_for(&self.shared.reporter, waker);
        }
        if let Some(unwanted) = unwanted {
            self.discard(unwanted);
        }
    }

    /// Drops an outcome that no handle takes; a panic in it is reported.
    fn discard(&self, outcome: Outcome<T>) {
        if let Err(Failure::Panicked(payload)) = outcome {
            match context::current_if(self.shared.id) {
                Some(event_loop) => event_loop.tasks.panic_unhandled(&self.identity, payload),
                None => self.shared.panic_unhandled(&self.identity, payload),
            }
        } else {
            let what = "the destructor of an output";
            let reporter = &self.shared.reporter;
            ready::acting_for(self.identity.id, || {
                reporter.drop_contained(outcome, what, &self.identity);
            });
        }
    }
}

impl<T: Send + 'static> OutcomeSink for Remote<T> {
    fn fill(&self, take: &mut dyn FnMut(&mut dyn Any)) {
        let mut outcome: Option<Outcome<T>> = None;
        take(&mut outcome);
        Remote::fill(self, outcome.unwrap_or(Err(Failure::Cancelled)));
    }
}

impl<T: Send + 'static> JobTicket for Remote<T> {
    fn start(&self) -> bool {
        self.header.start_job()
    }

    /// True also after an abort, since the message of the abort may reach the loop too late.
    fn discard(&self) -> bool {
        true
    }

    fn is_ref(&self) -> bool {
        self.header.is_awaited_at_end()
    }

    fn cancel(&self) {
        self.header.cancel_job();
    }

    fn is_cancelled(&self) -> bool {
        self.header.is_job_cancelled()
    }

    fn wake(self: Arc<Self>) {
        self.end_job();
    }
}

impl<T: Send + 'static> Awaited for Remote<T> {
    fn header(&self) -> &Arc<Header> {
        &self.header
    }

    fn watch(&self, cx: &Context<'_>) -> Poll<()> {
        let watched = self.outcome.watch(cx);
        if watched.is_pending() {
            context::waits_for(&"the end of a task, by a handle for any thread");
        }
        watched
    }

    fn poll(&self, cx: &Context<'_>, out: &mut dyn Any) -> Poll<()> {
        task::ready!(self.watch(cx));
        let out = out
            .downcast_mut::<Option<Outcome<T>>>()
            .expect("a handle and its task agree on the type of the output");
        *out = self.outcome.take();
        Poll::Ready(())
    }

    fn abort(self: Arc<Self>) {
        if self.job().is_none() {
            abort_local(&self.header);
        } else if self.header.abort() {
            // `abort` must not run the closure's destructor: the loop's thread does, or a worker
            // that takes the job before.
            let inbox = Arc::clone(&self.shared.inbox);
            let _refused = inbox.push(Message::Call(Box::new(move || self.cancel_job())));
        }
    }

    fn is_finished(&self) -> bool {
        self.outcome.is_finished()
    }

    fn hold(&self, is_ref: bool) {
        let mut job = self.job();
        let old = job.as_mut().and_then(|job| {
            let hold = is_ref.then(|| AliveGuard::new(Arc::clone(&self.shared)));
            mem::replace(&mut job.hold, hold)
        });
        drop(job);
        drop(old);
    }

    fn detach(&self) {
        if let Some(outcome) = self.outcome.detach() {
            self.discard(outcome);
        }
    }
}
