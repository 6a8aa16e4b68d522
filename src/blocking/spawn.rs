//! A job on its way to the pool, and its result on the way back.
//!
//! A job that is spawned on the thread of the loop has a slot like any task. The header of the
//! slot is the ticket of the job. So the result arrives as a wake from the worker: the poll phase
//! stores it in the slot, and the join handle takes it from there. A job that is spawned on
//! another thread has no slot. Its ticket is the [`Remote`] that its handle holds, so the result
//! is available whether or not the loop runs.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use crate::context::{self, RunningJob};
use crate::event_loop::{EventLoop, LoopShared};
use crate::panics::{self, Payload};
use crate::pool::{Class, JobResult, JobTicket, Label, NewJob, Pool};
use crate::ready;
use crate::task::{JoinHandle, Remote};
use crate::tasks::{Failure, Header, Identity, Origin, Outcome, Work, wake_contained_for};
use crate::trace::{ClosureShape, TaskSpan};

/// Whether a job has been counted among the queued ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It has not: it is queued whether or not there is room.
    Any,
    /// It has room in the queue.
    Entered,
}

/// What is known of a job before it has an id.
#[derive(Debug)]
pub(crate) struct JobOrder {
    pub(crate) class: Class,
    pub(crate) origin: Origin,
    pub(crate) admission: Admission,
}

/// A closure of a user. It is boxed, so that what follows is compiled once for each type of result,
/// and not for each closure.
pub(crate) struct UserClosure<T> {
    call: Box<dyn FnOnce() -> T + Send>,
    shape: ClosureShape,
}

impl<T> UserClosure<T> {
    pub(crate) fn new<F>(f: F) -> Self
    where
        F: FnOnce() -> T + Send + 'static,
    {
        UserClosure {
            shape: ClosureShape::of(&f),
            call: Box::new(f),
        }
    }
}

/// Queues a job of the current runtime.
#[track_caller]
pub(super) fn spawn_with<T>(f: UserClosure<T>, order: JobOrder) -> JoinHandle<T>
where
    T: Send + 'static,
{
    let Some(event_loop) = context::current() else {
        // The calling code is itself a job.
        return match context::current_shared() {
            Some(shared) => spawn_from_elsewhere(&shared, f, order),
            None => panic!("{}", context::no_loop()),
        };
    };
    spawn_here(&event_loop, f, order)
}

/// Queues a job of the runtime `shared`, which may be the current one.
pub(super) fn spawn_onto<T>(
    shared: &Arc<LoopShared>,
    f: UserClosure<T>,
    order: JobOrder,
) -> JoinHandle<T>
where
    T: Send + 'static,
{
    match context::current_if(shared.id) {
        Some(event_loop) => spawn_here(&event_loop, f, order),
        None => spawn_from_elsewhere(shared, f, order),
    }
}

/// Queues a job of the loop of this thread.
fn spawn_here<T>(event_loop: &EventLoop, f: UserClosure<T>, order: JobOrder) -> JoinHandle<T>
where
    T: Send + 'static,
{
    let class = order.class;
    let shared = &event_loop.shared;
    let identity = event_loop.tasks.identify(order.origin);
    let entry = QueueEntry::new(shared, &identity, class, order.admission, f.shape);
    let closure = JobClosure::new(entry, f.call);
    if shared.is_closed() {
        return refuse(identity.id, closure);
    }
    let label = label(class, &identity.origin);
    let spare = event_loop.spare_cells.take();
    let (job, result) = Pool::job(spare, label, move || closure.run());
    let result = Some(result);
    queue_here(event_loop, identity, job, JobWork { result })
}

/// Queues `job`, whose slot on the loop of this thread has `work`.
pub(super) fn queue_here<W: Work>(
    event_loop: &EventLoop,
    identity: Identity,
    job: NewJob,
    work: W,
) -> JoinHandle<W::Output> {
    let id = identity.id;
    let spawned = event_loop.insert(event_loop.tasks.box_work(work), identity);
    let ticket = Arc::clone(&spawned.header);
    match event_loop.shared.pool.push(job.with_ticket(ticket)) {
        Ok(()) => {
            // Under a seed the loop itself runs the job.
            event_loop.notify_host();
            JoinHandle::local(spawned)
        }
        Err(error) => {
            // The push has dropped the job, which ends the slot as cancelled.
            drop(JoinHandle::<W::Output>::local(spawned));
            JoinHandle::no_worker(error, id)
        }
    }
}

/// Queues a job from any thread. Its handle can be awaited on any thread.
pub(crate) fn spawn_from_elsewhere<T>(
    shared: &Arc<LoopShared>,
    f: UserClosure<T>,
    order: JobOrder,
) -> JoinHandle<T>
where
    T: Send + 'static,
{
    let class = order.class;
    let identity = Identity::new(order.origin);
    let id = identity.id;
    let entry = QueueEntry::new(shared, &identity, class, order.admission, f.shape);
    let closure = JobClosure::new(entry, f.call);
    if shared.is_closed() {
        return refuse(id, closure);
    }
    let label = label(class, &identity.origin);
    let (job, result) = Pool::job(None, label, move || closure.run());
    let remote = Remote::new(shared, identity);
    remote.set_job(result);
    let handle = JoinHandle::remote(Arc::clone(&remote));
    let had_backlog = shared.pool.has_backlog();
    match shared.pool.push(job.with_ticket(remote)) {
        Ok(()) => {
            // Under a seed the loop runs the job. And once jobs wait, the loop must look at the
            // clock from time to time to detect a starved pool.
            if shared.is_seeded || !had_backlog && shared.pool.has_backlog() {
                shared.unpark();
            }
            handle
        }
        // The runtime was shut down meanwhile. The job was dropped, and its handle is cancelled.
        Err(_) if shared.is_closed() => handle,
        Err(error) => JoinHandle::no_worker(error, id),
    }
}

/// Drops the closure of the job `id` after the shutdown of the runtime.
fn refuse<F, T>(id: u64, closure: JobClosure<F>) -> JoinHandle<T> {
    let what = "the destructor of a job that was spawned after the shutdown";
    // For the report.
    ready::acting_for(id, || panics::drop_contained(closure, what));
    JoinHandle::cancelled(id)
}

/// What a job is counted as, until it runs or is dropped.
pub(super) struct QueueEntry {
    id: u64,
    class: Class,
    /// If it is measured for how long jobs wait.
    queued_at: Option<Instant>,
    shared: Arc<LoopShared>,
    /// Ends when the job does.
    span: TaskSpan,
}

impl QueueEntry {
    /// Counts a job as queued, unless it has been counted. `shape` is that of its closure.
    pub(super) fn new(
        shared: &Arc<LoopShared>,
        job: &Identity,
        class: Class,
        admission: Admission,
        shape: ClosureShape,
    ) -> QueueEntry {
        let counts = shared.pool.counts(class);
        if admission == Admission::Any {
            counts.room.enter();
        }
        QueueEntry {
            id: job.id,
            class,
            queued_at: counts.now(),
            shared: Arc::clone(shared),
            span: TaskSpan::of_job(shape, job, shared.span_policy),
        }
    }

    /// Runs `f` as the job.
    #[inline]
    fn run<T>(self, f: impl FnOnce() -> T) -> T {
        let QueueEntry {
            id, class, shared, ..
        } = self;
        let counts = shared.pool.counts(class);
        let began_at = counts.now();
        wake_for(&shared, counts.job_begins(self.queued_at));
        let job = RunningJob { shared, id };
        let end = |job: &RunningJob| job.shared.pool.counts(class).job_ends(began_at);
        self.span.in_scope(|| context::run_job(job, f, end))
    }

    /// As [`run`](QueueEntry::run), compiled once. Returns the payload if `f` panics.
    pub(super) fn run_contained(self, f: &mut dyn FnMut()) -> Option<Payload> {
        panics::contain(|| self.run(f)).err()
    }

    /// Counts the job as cancelled, and drops its closure by calling `drop_closure`.
    fn cancel(self, drop_closure: impl FnOnce()) {
        let shared = &self.shared;
        wake_for(shared, shared.pool.counts(self.class).job_is_cancelled());
        self.span
            .in_scope(|| ready::acting_for(self.id, drop_closure));
    }
}

/// The closure of a job, which counts as queued until it runs or is dropped. If it never runs, its
/// destructor runs with the job as the current one.
pub(super) struct JobClosure<F> {
    /// `None` once it runs.
    waiting: Option<(QueueEntry, F)>,
}

impl<F> JobClosure<F> {
    #[inline]
    pub(super) fn new(entry: QueueEntry, f: F) -> JobClosure<F> {
        JobClosure {
            waiting: Some((entry, f)),
        }
    }

    /// Takes the closure, which is to be run.
    #[inline]
    pub(super) fn take(&mut self) -> (QueueEntry, F) {
        self.waiting.take().expect("a job runs once")
    }

    #[inline]
    fn run<T>(mut self) -> T
    where
        F: FnOnce() -> T,
    {
        let (entry, f) = self.take();
        entry.run(f)
    }
}

impl<F> Drop for JobClosure<F> {
    fn drop(&mut self) {
        if let Some((entry, f)) = self.waiting.take() {
            entry.cancel(|| drop(f));
        }
    }
}

/// Wakes a task that has got room in the queue, because a job of `shared` has left it.
fn wake_for(shared: &LoopShared, waker: Option<Waker>) {
    if let Some(waker) = waker {
        wake_contained_for(&shared.reporter, waker);
    }
}

#[inline]
pub(super) fn label(class: Class, origin: &Origin) -> Label {
    Label {
        class,
        name: origin.name.clone(),
        location: origin.location,
    }
}

/// The work of a slot that belongs to a job.
struct JobWork<T> {
    /// `None` once the job has ended.
    result: Option<JobResult<T>>,
}

impl<T: Send + 'static> Work for JobWork<T> {
    type Output = T;
    const IS_JOB: bool = true;

    fn poll(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Outcome<T>> {
        let Some(mut job) = self.result.take() else {
            return Poll::Pending;
        };
        match job.poll() {
            Poll::Ready(result) => {
                if let Some(cell) = job.into_cell() {
                    context::with(|event_loop| event_loop.spare_cells.keep(cell));
                }
                Poll::Ready(result.map_err(Failure::of_job))
            }
            Poll::Pending => {
                self.result = Some(job);
                Poll::Pending
            }
        }
    }
}

impl JobTicket for Header {
    fn start(&self) -> bool {
        self.start_job()
    }

    /// After an abort the loop ends the task and drops the closure.
    fn discard(&self) -> bool {
        !self.is_aborted()
    }

    fn is_ref(&self) -> bool {
        self.is_awaited_at_end()
    }

    fn cancel(&self) {
        self.cancel_job();
    }

    fn is_cancelled(&self) -> bool {
        self.is_job_cancelled()
    }

    fn wake(self: Arc<Self>) {
        Header::wake_for_end(self);
    }
}
