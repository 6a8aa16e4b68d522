//! `spawn_blocking`: a closure that runs on the worker pool, with the handle of a task.
//!
//! A job that is spawned on the thread of the loop has a slot like any task. The header of the
//! slot is the ticket of the job. So the result arrives as a wake from the worker: the poll phase
//! stores it in the slot, and the join handle takes it from there. A job that is spawned on
//! another thread has no slot. Its ticket is the [`Remote`] that its handle holds, so the result
//! is available whether or not the loop runs.

mod call_site;

use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::context::{self, RunningJob};
use crate::event_loop::{EventLoop, LoopShared};
use crate::panics;
use crate::pool::{Class, JobResult, JobTicket, Label, Pool};
use crate::ready;
use crate::task::{Builder, JoinHandle, Remote, boxed_if_large};
use crate::tasks::{Failure, Header, Identity, Origin, Outcome, Work};

pub(crate) use call_site::{call_site, called_here};

/// Runs the closure `f` on a worker thread, where it may block, and returns a handle to its result.
///
/// Use it for blocking calls, such as those of a database without an async driver, and for long
/// computations, which would otherwise delay all tasks. Closures wait in a FIFO queue for a
/// worker. The number of workers is small ([4 by
/// default](crate::runtime::Builder::worker_threads)), and they also run file operations and name
/// lookups. A closure that runs for the whole life of the program should have its own thread.
///
/// The closure runs even if the handle is dropped. Like a task, it keeps the loop alive until it
/// ends.
///
/// # Cancellation
///
/// [`JoinHandle::abort`] prevents a closure from beginning. A closure that has begun runs to its
/// end. A shutdown of the runtime drops closures that have not begun, and waits for the others
/// for up to the [grace period](crate::runtime::Builder::shutdown_grace).
///
/// # Errors
///
/// The handle resolves to a [`JoinError`](crate::task::JoinError) if `f` panics, if it was aborted
/// before it began, or if the OS cannot start the first worker thread.
///
/// # Panics
///
/// Panics if no runtime is current on this thread.
///
/// # Examples
///
/// ```
/// # quintet::block_on(async {
/// let sum = quintet::spawn_blocking(|| (1..=1_000_000u64).sum::<u64>());
/// assert_eq!(sum.await.unwrap(), 500_000_500_000);
/// # });
/// ```
#[track_caller]
pub fn spawn_blocking<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let origin = Origin {
        name: None,
        location: Location::caller(),
    };
    boxed_if_large!(f: F, Box::new => spawn_with(f, Class::Plain, origin))
}

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
    let origin = Origin {
        name: None,
        location,
    };
    let job = spawn_with(f, class, origin);
    if purpose != Purpose::Change {
        job.set_unawaited_at_end();
    }
    if context::is_polled_unref() {
        job.count_in(false);
    }
    job
}

/// `spawn_blocking` with a name.
impl Builder {
    /// Runs the closure `f` on a worker thread; see [`spawn_blocking`](crate::spawn_blocking).
    ///
    /// # Panics
    ///
    /// Panics if no runtime is current on this thread.
    #[track_caller]
    pub fn spawn_blocking<F, T>(self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let origin = Origin {
            name: self.into_name(),
            location: Location::caller(),
        };
        boxed_if_large!(f: F, Box::new => spawn_with(f, Class::Plain, origin))
    }
}

#[track_caller]
fn spawn_with<F, T>(f: F, class: Class, origin: Origin) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let Some(event_loop) = context::current() else {
        // The calling code is itself a job.
        return match context::current_shared() {
            Some(shared) => spawn_from_elsewhere(&shared, f, origin),
            None => panic!("{}", context::no_loop()),
        };
    };
    let identity = event_loop.tasks.identify(origin);
    if event_loop.is_closed() {
        refuse(identity.id, f);
        return JoinHandle::cancelled(identity.id);
    }
    spawn_here(&event_loop, f, class, identity)
}

fn spawn_here<F, T>(event_loop: &EventLoop, f: F, class: Class, identity: Identity) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let id = identity.id;
    let running = RunningJob {
        shared: Arc::clone(&event_loop.shared),
        id,
    };
    let f = JobClosure { id, f: Some(f) };
    let f = move || context::run_job(running, f.into_inner());
    let (job, result) = Pool::job(label(class, &identity.origin), f);
    let work = event_loop.tasks.box_work(JobWork { result });
    let spawned = event_loop.insert(work, identity);
    let ticket = Arc::clone(&spawned.header);
    match event_loop.shared.pool.push(job.with_ticket(ticket)) {
        Ok(()) => {
            // Under a seed the loop itself runs the job.
            event_loop.notify_host();
            JoinHandle::local(spawned)
        }
        Err(error) => {
            // The push has dropped the job, which ends the slot as cancelled.
            drop(JoinHandle::<T>::local(spawned));
            JoinHandle::no_worker(error, id)
        }
    }
}

/// Queues a job from any thread. Its handle can be awaited on any thread.
pub(crate) fn spawn_from_elsewhere<F, T>(
    shared: &Arc<LoopShared>,
    f: F,
    origin: Origin,
) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let identity = Identity::new(origin);
    if shared.is_closed() {
        refuse(identity.id, f);
        return JoinHandle::cancelled(identity.id);
    }
    let running = RunningJob {
        shared: Arc::clone(shared),
        id: identity.id,
    };
    let id = identity.id;
    let f = JobClosure { id, f: Some(f) };
    let f = move || context::run_job(running, f.into_inner());
    let (job, result) = Pool::job(label(Class::Plain, &identity.origin), f);
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
fn refuse<F>(id: u64, f: F) {
    let what = "the destructor of a job that was spawned after the shutdown";
    ready::acting_for(id, || panics::drop_contained(f, what));
}

/// The closure of a job. If it never runs, its destructor runs with the job as the current one.
struct JobClosure<F> {
    id: u64,
    f: Option<F>,
}

impl<F> JobClosure<F> {
    fn into_inner(mut self) -> F {
        self.f.take().expect("this consumes `self`")
    }
}

impl<F> Drop for JobClosure<F> {
    fn drop(&mut self) {
        if let Some(f) = self.f.take() {
            ready::acting_for(self.id, || drop(f));
        }
    }
}

fn label(class: Class, origin: &Origin) -> Label {
    Label {
        class,
        name: origin.name.as_deref().map(Box::from),
        location: origin.location,
    }
}

/// Runs an I/O operation `f` on a worker and returns its result. The location of the job is the
/// call in user code, see [`called_here`].
///
/// If the future is dropped before the job has begun, the job is aborted.
pub(crate) async fn run_io<F, T>(purpose: Purpose, f: F) -> io::Result<T>
where
    F: FnOnce() -> io::Result<T> + Send + 'static,
    T: Send + 'static,
{
    struct AbortOnDrop<T>(JoinHandle<T>);
    impl<T> Drop for AbortOnDrop<T> {
        fn drop(&mut self) {
            self.0.abort();
        }
    }
    if context::with(|_| ()).is_none() {
        return Err(io::Error::other(context::no_loop()));
    }
    let mut job = AbortOnDrop(spawn_internal(f, purpose, call_site(Location::caller())));
    (&mut job.0).await?
}

/// The work of a slot that belongs to a job.
struct JobWork<T> {
    result: JobResult<T>,
}

impl<T: Send + 'static> Work for JobWork<T> {
    type Output = T;
    const IS_JOB: bool = true;

    fn poll(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Outcome<T>> {
        self.result.poll().map_err(Failure::of_job)
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

    fn wake(self: Arc<Self>) {
        Header::wake_for_end(&self);
    }
}
