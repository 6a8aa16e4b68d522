//! Promises: the outcome of a task for those who await it on any thread.
//!
//! A task that comes from another thread, or a blocking job, fills a cell when it ends. The cell is
//! all that its join handle holds, so the handle works everywhere and with every executor. Only
//! outputs that are `Send` go this way.

use std::any::Any;
use std::fmt;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use pin_project_lite::pin_project;

use super::JoinHandle;
use super::abort_handle::abort_local;
use super::join_handle;
use crate::context;
use crate::event_loop::{KeepAlive, Shared};
use crate::tasks::{Failure, Header, Identity, Outcome, Work, wake_contained_for};

/// The awaiting side of a cell, without its type.
pub(super) trait Awaited: Send + Sync {
    /// Whether there is an outcome; if not, registers the waker.
    fn watch(&self, cx: &Context<'_>) -> Poll<()>;
    /// Moves the outcome to `out`, an `Option<Outcome<T>>`, or registers the waker.
    fn poll(&self, cx: &Context<'_>, out: &mut dyn Any) -> Poll<()>;
    fn abort(&self);
    fn is_finished(&self) -> bool;
    fn set_ref(&self, is_ref: bool);
    fn has_ref(&self) -> bool;
    /// Nobody will ask for the outcome.
    fn detach(&self);
}

/// Something that can be kept from happening: a queued blocking job.
pub(crate) trait Cancel: Send {
    /// Whether it will not happen now.
    fn cancel(&mut self) -> bool;
    /// Says whether shutdown waits for it.
    fn set_ref(&self, is_ref: bool);
}

/// A place for one outcome.
pub(crate) struct Cell<T> {
    /// Who works for it, and where, for reports.
    identity: Identity,
    shared: Arc<Shared>,
    state: Mutex<State<T>>,
}

struct State<T> {
    stage: Stage<T>,
    waker: Option<Waker>,
    task: Task,
    /// Of a job: keeps the loop alive until it is done.
    hold: Option<KeepAlive>,
    aborted: bool,
    detached: bool,
    unref: bool,
}

enum Stage<T> {
    Empty,
    Full(Outcome<T>),
    Taken,
}

/// What works on the outcome.
enum Task {
    /// Not known yet, or not any more.
    Unknown,
    /// A task of a loop.
    Local(Arc<Header>),
    /// A job of the pool.
    Job(Box<dyn Cancel>),
}

/// The side that fills the cell. Dropped unfilled, it says cancelled.
pub(crate) struct Promise<T> {
    cell: Arc<Cell<T>>,
}

/// Makes a promise and the handle that awaits it.
pub(crate) fn promise<T: Send + 'static>(
    shared: &Arc<Shared>,
    identity: Identity,
) -> (Promise<T>, JoinHandle<T>) {
    let id = identity.id;
    let cell = Arc::new(Cell {
        identity,
        shared: Arc::clone(shared),
        state: Mutex::new(State {
            stage: Stage::Empty,
            waker: None,
            task: Task::Unknown,
            hold: None,
            aborted: false,
            detached: false,
            unref: false,
        }),
    });
    let promise = Promise {
        cell: Arc::clone(&cell),
    };
    (promise, JoinHandle::shared(cell, id))
}

impl<T> Cell<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_aborted(&self) -> bool {
        self.lock().aborted
    }

    /// Tells the cell which task works for it. An abort that came before is passed on.
    pub(super) fn set_header(&self, header: &Arc<Header>) {
        let (aborted, unref) = {
            let mut state = self.lock();
            state.task = Task::Local(Arc::clone(header));
            (state.aborted, state.unref)
        };
        if unref {
            join_handle::set_ref(header, false);
        }
        if aborted {
            abort_local(header);
        }
    }

    /// Keeps the loop alive until the cell is filled.
    pub(crate) fn hold(&self, hold: KeepAlive) {
        self.lock().hold = Some(hold);
    }

    /// Tells the cell which job works for it, unless it is done already.
    pub(crate) fn set_job(&self, mut job: Box<dyn Cancel>) {
        let mut state = self.lock();
        if !matches!(state.stage, Stage::Empty) {
            return;
        }
        if state.aborted && job.cancel() {
            drop(state);
            self.fill(Err(Failure::Cancelled));
            return;
        }
        state.task = Task::Job(job);
    }

    /// Fills an empty cell and wakes who awaits it. What is not needed any more is dropped after
    /// the lock is released.
    fn fill(&self, outcome: Outcome<T>) {
        let mut state = self.lock();
        if !matches!(state.stage, Stage::Empty) {
            drop(state);
            self.drop_outcome(outcome);
            return;
        }
        let unwanted = if state.detached {
            state.stage = Stage::Taken;
            Some(outcome)
        } else {
            state.stage = Stage::Full(outcome);
            None
        };
        let task = mem::replace(&mut state.task, Task::Unknown);
        let waker = state.waker.take();
        let hold = state.hold.take();
        drop(state);
        drop(task);
        drop(hold);
        if let Some(waker) = waker {
            wake_contained_for(&self.shared.reporter, waker);
        }
        self.discard(unwanted);
    }

    fn drop_outcome<O>(&self, outcome: O) {
        let what = "the destructor of an output";
        let reporter = &self.shared.reporter;
        reporter.drop_contained(outcome, what, &self.identity);
    }

    /// Drops an outcome that nobody wants; a panic in it is reported.
    fn discard(&self, outcome: Option<Outcome<T>>) {
        if let Some(Err(Failure::Panicked(payload))) = outcome {
            match context::home(self.shared.id) {
                Some(event_loop) => event_loop.tasks.panic_unhandled(&self.identity, payload),
                None => self.shared.panic_unhandled(&self.identity, payload),
            }
        } else {
            self.drop_outcome(outcome);
        }
    }
}

impl<T: Send + 'static> Awaited for Cell<T> {
    fn watch(&self, cx: &Context<'_>) -> Poll<()> {
        let new = cx.waker().clone();
        let mut state = self.lock();
        if let Stage::Empty = state.stage {
            let old = state.waker.replace(new);
            drop(state);
            drop(old);
            context::waits_for(&"the end of a task, by a handle for any thread");
            return Poll::Pending;
        }
        drop(state);
        Poll::Ready(())
    }

    fn poll(&self, cx: &Context<'_>, out: &mut dyn Any) -> Poll<()> {
        ready!(self.watch(cx));
        let stage = mem::replace(&mut self.lock().stage, Stage::Taken);
        let Stage::Full(outcome) = stage else {
            unreachable!("a handle that has answered does not poll its cell");
        };
        let out = out
            .downcast_mut::<Option<Outcome<T>>>()
            .expect("a handle and its cell agree on the type of the output");
        *out = Some(outcome);
        Poll::Ready(())
    }

    fn abort(&self) {
        let mut state = self.lock();
        state.aborted = true;
        let header = match &mut state.task {
            Task::Unknown => None,
            Task::Local(header) => Some(Arc::clone(header)),
            Task::Job(job) => {
                if job.cancel() {
                    drop(state);
                    self.fill(Err(Failure::Cancelled));
                }
                return;
            }
        };
        drop(state);
        if let Some(header) = header {
            abort_local(&header);
        }
    }

    fn is_finished(&self) -> bool {
        !matches!(self.lock().stage, Stage::Empty)
    }

    fn set_ref(&self, is_ref: bool) {
        let mut state = self.lock();
        state.unref = !is_ref;
        if !matches!(state.stage, Stage::Empty) {
            return;
        }
        let header = match &state.task {
            Task::Unknown => None,
            Task::Local(header) => Some(Arc::clone(header)),
            Task::Job(job) => {
                job.set_ref(is_ref);
                let hold = is_ref.then(|| KeepAlive::new(Arc::clone(&self.shared)));
                let old = mem::replace(&mut state.hold, hold);
                drop(state);
                drop(old);
                return;
            }
        };
        drop(state);
        if let Some(header) = header {
            join_handle::set_ref(&header, is_ref);
        }
    }

    fn has_ref(&self) -> bool {
        !self.lock().unref
    }

    fn detach(&self) {
        let mut state = self.lock();
        state.detached = true;
        let waker = state.waker.take();
        let unwanted = match &state.stage {
            Stage::Full(_) => mem::replace(&mut state.stage, Stage::Taken),
            Stage::Empty | Stage::Taken => Stage::Taken,
        };
        drop(state);
        drop(waker);
        if let Stage::Full(outcome) = unwanted {
            self.discard(Some(outcome));
        }
    }
}

impl<T> Promise<T> {
    pub(crate) fn cell(&self) -> &Arc<Cell<T>> {
        &self.cell
    }

    /// Keeps the promise.
    pub(crate) fn fill(self, outcome: Outcome<T>) {
        self.cell.fill(outcome);
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        self.cell.fill(Err(Failure::Cancelled));
    }
}

impl<T> fmt::Debug for Promise<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Promise").finish_non_exhaustive()
    }
}

pin_project! {
    /// Work whose outcome goes to a promise.
    pub(super) struct Promised<W: Work> {
        #[pin]
        work: W,
        promise: Option<Promise<W::Output>>,
        cell: Arc<Cell<W::Output>>,
    }
}

impl<W: Work> Promised<W> {
    pub(super) fn new(work: W, promise: Promise<W::Output>) -> Self {
        Promised {
            work,
            cell: Arc::clone(&promise.cell),
            promise: Some(promise),
        }
    }

    pub(super) fn promise(&self) -> &Arc<Cell<W::Output>> {
        &self.cell
    }
}

impl<W: Work<Output: Send>> Work for Promised<W> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome<()>> {
        let this = self.project();
        match this.work.poll(cx) {
            Poll::Ready(outcome) => {
                if let Some(promise) = this.promise.take() {
                    promise.fill(outcome);
                }
                Poll::Ready(Ok(()))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}
