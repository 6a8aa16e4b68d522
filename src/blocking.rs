//! `spawn_blocking`: a closure as a task whose queue is the pool.
//!
//! On the loop's own thread a job has a slot like any task. The slot's header is the job's ticket, so
//! the result always arrives as a wake from the worker: the poll phase stores it in the slot, and the
//! join handle takes it from there. A job from another thread has a header too, and its ticket is what
//! its handle holds; so the result is there whether or not the loop runs.

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

/// Runs `f` on a worker thread and returns a handle that awaits its result.
///
/// For what blocks: file systems, databases without an async driver, long computations. There are
/// few workers (4, unless set otherwise), so what goes on for ever belongs on a thread of its own.
///
/// [`abort`](JoinHandle::abort) keeps a job from beginning; one that has begun runs to its end. A
/// panic of `f` is in the handle's [`JoinError`](crate::task::JoinError), and so is the OS's error
/// where no worker thread could be had.
///
/// # Panics
///
/// If no runtime is current on this thread.
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

/// What an operation of ours wants from a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// It may change something: a shutdown waits for it, up to the grace.
    Change,
    /// It only reads. At a shutdown no future is left that could have the result, so the shutdown
    /// does not wait.
    Read,
    /// It looks up a name: the same.
    LookUp,
}

/// Queues a job on behalf of the task that is being polled: it keeps the loop alive if the task does.
/// `location` is where the user asked for it.
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
        Purpose::LookUp => Class::Dns,
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

/// For `spawn_blocking` jobs with a name.
impl Builder {
    /// Runs `f` on a worker thread; see [`spawn_blocking`](crate::spawn_blocking).
    ///
    /// # Panics
    ///
    /// If no runtime is current on this thread.
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
        // A job spawns another one.
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
            // Under a seed the loop itself does the job.
            event_loop.touch();
            JoinHandle::local(spawned)
        }
        Err(error) => {
            // The slot ends by itself: its job says cancelled, and nobody asks.
            drop(JoinHandle::<T>::local(spawned));
            JoinHandle::no_worker(error, id)
        }
    }
}

/// Queues a job from any thread. Its handle works everywhere.
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
            // Under a seed the loop does the job, and where jobs wait it looks at the clock.
            if shared.is_seeded || !had_backlog && shared.pool.has_backlog() {
                shared.unpark();
            }
            handle
        }
        // The runtime has ended just now: the job was dropped, and its handle says cancelled.
        Err(_) if shared.is_closed() => handle,
        Err(error) => JoinHandle::no_worker(error, id),
    }
}

/// Drops the closure of the job `id`, which the runtime no longer takes.
fn refuse<F>(id: u64, f: F) {
    let what = "the destructor of a job that came too late";
    ready::acting_for(id, || panics::drop_contained(f, what));
}

/// The closure of a job, which is dropped on behalf of the job if it never runs.
struct JobClosure<F> {
    id: u64,
    f: Option<F>,
}

impl<F> JobClosure<F> {
    fn into_inner(mut self) -> F {
        self.f.take().expect("it is taken once")
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

/// Runs `f` on a worker and unwraps its result: what a file operation on the pool comes to. The job
/// is named after the call of the user, see [`called_here`].
///
/// Dropping this before the job has begun keeps it from beginning.
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

/// A job as work of a slot.
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

    /// After an abort the task is ended at home, and its closure dropped there.
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
