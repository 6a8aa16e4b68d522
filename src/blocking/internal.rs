//! The jobs of this crate itself: file operations and name lookups.

use std::fmt;
use std::io;
use std::mem;
use std::panic::Location;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use super::call_site::call_site;
use super::spawn::{Admission, JobClosure, QueueEntry, label, queue_here};
use crate::context;
use crate::event_loop::EventLoop;
use crate::panics::{Payload, drop_quietly};
use crate::pool::{Class, JobBody, Label, NewJob};
use crate::primitive::lock;
use crate::ready::LoopId;
use crate::task::JoinHandle;
use crate::tasks::{Failure, Identity, Origin, Outcome, Work};
use crate::trace::ClosureShape;

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
    spawn_cell(&context::expect_current(), f, purpose, location).0
}

/// As [`spawn_internal`]. Returns also the cell that will have the result.
fn spawn_cell<F, T>(
    event_loop: &EventLoop,
    f: F,
    purpose: Purpose,
    location: &'static Location<'static>,
) -> (JoinHandle<()>, Arc<JobCell<F, T>>)
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let (identity, label, entry) = enter(event_loop, purpose, location, ClosureShape::of(&f));
    let cell = JobCell::new(label, entry, f);
    let end = Arc::clone(&cell) as Arc<dyn JobEnd>;
    let job = queue_cell(event_loop, identity, purpose, end);
    (job, cell)
}

/// The part of [`spawn_cell`] before there is a cell, which is the same for all operations.
fn enter(
    event_loop: &EventLoop,
    purpose: Purpose,
    location: &'static Location<'static>,
    shape: ClosureShape,
) -> (Identity, Label, QueueEntry) {
    let class = match purpose {
        Purpose::Change | Purpose::Read => Class::Plain,
        Purpose::Lookup => Class::Dns,
    };
    let origin = Origin {
        name: None,
        location,
    };
    let label = label(class, &origin);
    let identity = event_loop.tasks.identify(origin);
    let entry = QueueEntry::new(&event_loop.shared, &identity, class, Admission::Any, shape);
    (identity, label, entry)
}

/// The part of [`spawn_cell`] after that.
fn queue_cell(
    event_loop: &EventLoop,
    identity: Identity,
    purpose: Purpose,
    cell: Arc<dyn JobEnd>,
) -> JoinHandle<()> {
    if event_loop.shared.is_closed() {
        cell.drop_closure();
        return JoinHandle::cancelled(identity.id);
    }
    let body = Arc::clone(&cell) as Arc<dyn JobBody>;
    let job = NewJob::new(body.label().class, body);
    let job = queue_here(event_loop, identity, job, CellWork(Some(cell)));
    if purpose != Purpose::Change {
        job.set_unawaited_at_end();
    }
    if context::is_polled_unref() {
        job.count_in(false);
    }
    job
}

/// A closure, and then its result: both ends of a job of this crate. It is one allocation, where a
/// closure of a user takes an `async-task` as well.
struct JobCell<F, T> {
    label: Label,
    state: Mutex<JobCellState<F, T>>,
}

enum JobCellState<F, T> {
    Queued(JobClosure<F>),
    /// The closure was dropped.
    Dropped,
    Running,
    /// It runs, and the caller does not wait for it.
    Abandoned,
    Returned(T),
    /// The payload, until the loop takes it.
    Panicked(Option<Payload>),
    /// It has ended, and the result was taken or dropped.
    Over,
}

/// What the loop does with a [`JobCell`].
trait JobEnd: JobBody {
    /// Ready once the job has ended, with the payload if it has panicked, and with an error without
    /// payload if it has not run and never will.
    fn poll_end(&self) -> Poll<Result<(), Option<Payload>>>;
}

/// What the caller does with a [`JobCell`].
trait ResultCell<T>: Send + Sync {
    fn take_result(&self) -> Option<T>;

    /// The result is not wanted. A closure that has not begun is dropped now. What a running one
    /// returns is dropped by the worker.
    fn abandon(&self);
}

impl<F, T> JobCell<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    fn new(label: Label, entry: QueueEntry, f: F) -> Arc<Self> {
        let state = JobCellState::Queued(JobClosure::new(entry, f));
        Arc::new(JobCell {
            label,
            state: Mutex::new(state),
        })
    }
}

impl<F, T> JobBody for JobCell<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    fn label(&self) -> &Label {
        &self.label
    }

    fn run(&self) {
        let mut state = lock(&self.state);
        let JobCellState::Queued(closure) = &mut *state else {
            return;
        };
        let (entry, f) = closure.take();
        *state = JobCellState::Running;
        drop(state);
        let mut f = Some(f);
        let mut end = JobCellState::Over;
        let panic = entry.run_contained(&mut || {
            if let Some(f) = f.take() {
                end = JobCellState::Returned(f());
            }
        });
        if panic.is_some() {
            end = JobCellState::Panicked(panic);
        }
        let mut state = lock(&self.state);
        let is_unwanted = matches!(
            (&*state, &end),
            (JobCellState::Abandoned, JobCellState::Returned(_))
        );
        if is_unwanted {
            *state = JobCellState::Over;
            drop(state);
            drop_quietly(end);
        } else {
            *state = end;
        }
    }

    fn drop_closure(&self) -> bool {
        let mut state = lock(&self.state);
        if !matches!(&*state, JobCellState::Queued(_)) {
            return false;
        }
        let closure = mem::replace(&mut *state, JobCellState::Dropped);
        drop(state);
        drop_quietly(closure);
        true
    }
}

impl<F, T> JobEnd for JobCell<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    fn poll_end(&self) -> Poll<Result<(), Option<Payload>>> {
        let mut state = lock(&self.state);
        Poll::Ready(match &mut *state {
            JobCellState::Queued(_) | JobCellState::Running | JobCellState::Abandoned => {
                return Poll::Pending;
            }
            JobCellState::Returned(_) | JobCellState::Over => Ok(()),
            JobCellState::Dropped => Err(None),
            JobCellState::Panicked(payload) => Err(payload.take()),
        })
    }
}

impl<F, T> ResultCell<T> for JobCell<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    fn take_result(&self) -> Option<T> {
        let mut state = lock(&self.state);
        match mem::replace(&mut *state, JobCellState::Over) {
            JobCellState::Returned(result) => Some(result),
            _ => None,
        }
    }

    fn abandon(&self) {
        let mut state = lock(&self.state);
        let unwanted = match &*state {
            JobCellState::Queued(_) => mem::replace(&mut *state, JobCellState::Dropped),
            JobCellState::Running => mem::replace(&mut *state, JobCellState::Abandoned),
            JobCellState::Returned(_) => mem::replace(&mut *state, JobCellState::Over),
            _ => return,
        };
        drop(state);
        drop_quietly(unwanted);
    }
}

/// The work of the slot of a job. All jobs of this crate have work of this type, so it is compiled
/// once, and not for each operation. The cell is `None` once the job has ended.
struct CellWork(Option<Arc<dyn JobEnd>>);

impl Work for CellWork {
    type Output = ();
    const IS_JOB: bool = true;

    fn poll(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Outcome<()>> {
        let ended = self
            .0
            .as_ref()
            .map_or(Poll::Pending, |cell| cell.poll_end());
        if ended.is_ready() {
            self.0 = None;
        }
        ended.map(|result| result.map_err(Failure::of_job))
    }
}

impl Drop for CellWork {
    fn drop(&mut self) {
        if let Some(cell) = &self.0 {
            cell.drop_closure();
        }
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
        let Some(event_loop) = context::current() else {
            return Err(io::Error::other(context::no_loop()));
        };
        let location = call_site(Location::caller());
        let (job, cell) = spawn_cell(&event_loop, f, purpose, location);
        Ok(IoJob { job, cell, purpose })
    }
}

impl<T> IoJob<T> {
    /// Allows the loop to end before the job.
    pub(crate) fn unref(&self) {
        self.job.count_in(false);
    }

    /// Returns the loop of the job, if that is not the current one.
    pub(crate) fn foreign_home(&self) -> Option<LoopId> {
        let home = self.job.home()?;
        let is_here = context::with_loop(home, |_| ()).is_some();
        (!is_here).then_some(home)
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
        if self.job.home().is_none() {
            // It has resolved.
            return;
        }
        self.job.abort();
        self.cell.abandon();
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread::{self, ThreadId};

    use super::*;
    use crate::runtime::Runtime;
    use crate::task::yield_now;

    /// Sends the thread on which it is dropped.
    struct Dropped(mpsc::Sender<ThreadId>);

    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.send(thread::current().id()).unwrap();
        }
    }

    #[test]
    fn the_result_of_a_job_that_was_given_up_is_dropped_by_the_worker() {
        let runtime = Runtime::new().unwrap();
        let (begun, has_begun) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let (dropped, was_dropped) = mpsc::channel();
        runtime.block_on(async {
            let job = IoJob::spawn(Purpose::Change, move || {
                begun.send(()).unwrap();
                let _released = released.recv();
                Ok(Dropped(dropped))
            });
            has_begun.recv().unwrap();
            drop(job);
            drop(release);
        });
        runtime.run().unwrap();

        assert_ne!(was_dropped.recv().unwrap(), thread::current().id());
    }

    #[test]
    fn a_job_that_is_given_up_before_it_begins_drops_its_closure_at_once() {
        let runtime = Runtime::builder().worker_threads(1).build().unwrap();
        let (release, released) = mpsc::channel::<()>();
        let (dropped, was_dropped) = mpsc::channel();
        runtime.block_on(async {
            let _occupies = spawn_internal(
                move || _ = released.recv(),
                Purpose::Change,
                Location::caller(),
            );
            let captured = Dropped(dropped);
            let job = IoJob::spawn(Purpose::Change, move || {
                drop(captured);
                panic!("a job that was given up runs")
            });
            let job: IoJob<()> = job.unwrap();
            drop(job);
            assert_eq!(was_dropped.try_recv(), Ok(thread::current().id()));
            drop(release);
            yield_now().await;
        });
        runtime.run().unwrap();
    }
}
