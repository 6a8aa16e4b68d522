//! The handle of a task.

use std::any::Any;
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::mem;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use super::abort_handle::AbortTarget;
use super::remote::{Awaited, Remote};
use super::{AbortHandle, Id, JoinError};
use crate::context;
use crate::coop;
use crate::event_loop::EventLoop;
use crate::ready::LoopId;
use crate::tasks::{Failure, Header, Outcome, Spawned};

/// Awaits the end of a task.
///
/// A handle is a future that resolves to `Result<T, JoinError>`. Dropping it *detaches* the task,
/// which continues to run; to stop the task, call [`abort`](JoinHandle::abort).
///
/// A handle is `Send` and `Sync` whatever the output is, because the output stays with the task
/// until the handle is awaited. A handle must be awaited on the loop on which the task was spawned.
/// Those of [`Handle::spawn`](crate::runtime::Handle::spawn) may be awaited anywhere. After the end
/// of the loop a handle resolves to [cancelled](JoinError::is_cancelled) on any thread, since
/// outputs that were not taken are dropped with the loop.
///
/// # Cancel safety
///
/// Awaiting `&mut handle` and dropping that future loses nothing.
///
/// # Panics
///
/// Awaiting it panics if the task's loop has not ended and is not the current one, and if it is
/// polled after completion.
///
/// # Examples
///
/// ```
/// # quintet::block_on(async {
/// let task = quintet::spawn(async { std::future::pending::<()>().await });
/// task.abort();
/// assert!(task.await.unwrap_err().is_cancelled());
/// # });
/// ```
pub struct JoinHandle<T> {
    link: JoinLink,
    id: Id,
    _output: PhantomData<fn() -> T>,
}

enum JoinLink {
    /// A task in a slot of its loop.
    Local(Arc<Header>),
    /// A cell that is filled when the task or job ends.
    Remote(Arc<dyn Awaited>),
    /// The loop had ended.
    Cancelled,
    /// No worker thread could be started for the blocking job.
    NoWorker(io::Error),
    /// The handle has resolved.
    Resolved,
}

impl<T> JoinHandle<T> {
    fn new(link: JoinLink, id: u64) -> Self {
        JoinHandle {
            link,
            id: Id(id),
            _output: PhantomData,
        }
    }

    pub(crate) fn local(spawned: Spawned) -> Self {
        JoinHandle::new(JoinLink::Local(spawned.header), spawned.id)
    }

    /// The handle of what fills `remote`.
    pub(crate) fn remote(remote: Arc<Remote<T>>) -> Self
    where
        T: Send + 'static,
    {
        let id = remote.identity().id;
        JoinHandle::new(JoinLink::Remote(remote), id)
    }

    pub(crate) fn cancelled(id: u64) -> Self {
        JoinHandle::new(JoinLink::Cancelled, id)
    }

    pub(crate) fn no_worker(error: io::Error, id: u64) -> Self {
        JoinHandle::new(JoinLink::NoWorker(error), id)
    }

    /// Cancels the task.
    ///
    /// This marks the task and wakes it. At its next turn in the ready queue its future is dropped,
    /// on the thread of its loop, and the handle resolves to [cancelled](JoinError::is_cancelled).
    /// A task that completes in the poll which is running now is not cancelled. A blocking job that
    /// has not begun does not run; one that has begun continues, may learn of it by
    /// [`blocking::is_cancelled`](crate::blocking::is_cancelled), and the handle resolves to its
    /// result.
    pub fn abort(&self) {
        if let Some(target) = self.target() {
            target.abort();
        }
    }

    /// Returns a handle that can only abort the task.
    pub fn abort_handle(&self) -> AbortHandle {
        AbortHandle::new(self.target(), self.id)
    }

    fn target(&self) -> Option<AbortTarget> {
        match &self.link {
            JoinLink::Local(header) => Some(AbortTarget::Local(Arc::clone(header))),
            JoinLink::Remote(remote) => Some(AbortTarget::Remote(Arc::clone(remote))),
            JoinLink::Cancelled | JoinLink::NoWorker(_) | JoinLink::Resolved => None,
        }
    }

    /// Makes the task keep its runtime alive again, the default for every task; see
    /// [`Runtime::run`](crate::runtime::Runtime::run).
    ///
    /// Like [`unref`](JoinHandle::unref), this may be called on any thread and more than once.
    pub fn ref_(&self) {
        self.change_ref(true);
    }

    /// Allows the runtime to end before the task does: whatever the task waits for no longer keeps
    /// the loop alive.
    ///
    /// Shutdown does not wait for an unreferenced blocking job either.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use quintet::time::{Duration, sleep};
    /// let runtime = quintet::runtime::Runtime::new()?;
    /// let heartbeat = runtime.spawn(async {
    ///     loop {
    ///         sleep(Duration::from_secs(1)).await;
    ///     }
    /// });
    /// heartbeat.unref();
    /// runtime.run()?; // ends at once
    /// # Ok(())
    /// # }
    /// ```
    pub fn unref(&self) {
        self.change_ref(false);
    }

    /// Returns whether the task keeps its runtime alive until it ends.
    pub fn has_ref(&self) -> bool {
        self.header().is_some_and(|header| header.is_ref())
    }

    fn header(&self) -> Option<&Arc<Header>> {
        match &self.link {
            JoinLink::Local(header) => Some(header),
            JoinLink::Remote(remote) => Some(remote.header()),
            JoinLink::Cancelled | JoinLink::NoWorker(_) | JoinLink::Resolved => None,
        }
    }

    fn change_ref(&self, is_ref: bool) {
        if let Some(header) = self.header() {
            header.set_awaited_at_end(is_ref);
        }
        self.count_in(is_ref);
    }

    /// Marks this job, which is a task of the current loop, as one that shutdown does not wait for.
    pub(crate) fn set_unawaited_at_end(&self) {
        if let JoinLink::Local(header) = &self.link {
            header.set_awaited_at_end(false);
        }
    }

    /// Sets whether the task keeps the loop alive.
    pub(crate) fn count_in(&self, is_ref: bool) {
        if let Some(header) = self.header() {
            set_ref(header, is_ref);
        }
        if let JoinLink::Remote(remote) = &self.link {
            remote.hold(is_ref);
        }
    }

    /// Returns the loop of a task that is in a slot.
    #[inline]
    pub(crate) fn home(&self) -> Option<LoopId> {
        match &self.link {
            JoinLink::Local(header) => Some(header.home()),
            _ => None,
        }
    }

    /// Returns whether the task has ended.
    pub fn is_finished(&self) -> bool {
        self.target().is_none_or(|target| target.is_finished())
    }

    /// Returns the task's id.
    pub fn id(&self) -> Id {
        self.id
    }
}

impl<T: 'static> JoinHandle<T> {
    /// Polls for the outcome.
    #[track_caller]
    fn poll_outcome(&mut self, cx: &Context<'_>) -> Poll<Outcome<T>> {
        let mut outcome: Option<Outcome<T>> = None;
        match &self.link {
            JoinLink::Local(_) => ready!(self.link.poll_local(cx, &mut outcome)),
            JoinLink::Remote(remote) => {
                ready!(remote.poll(cx, &mut outcome));
                self.link = JoinLink::Resolved;
            }
            JoinLink::Cancelled | JoinLink::NoWorker(_) | JoinLink::Resolved => {
                outcome = Some(Err(self.take_failure()));
            }
        }
        // The loop has ended and dropped what no handle had taken.
        Poll::Ready(outcome.unwrap_or(Err(Failure::Cancelled)))
    }

    /// Polls for the result without a look at the budget.
    #[track_caller]
    pub(super) fn poll_uncharged(&mut self, cx: &Context<'_>) -> Poll<Result<T, JoinError>> {
        let outcome = ready!(self.poll_outcome(cx));
        Poll::Ready(outcome.map_err(|failure| JoinError::new(self.id.0, failure)))
    }

    /// Ready if the task has ended; otherwise `cx` is woken when it does. The outcome stays.
    #[track_caller]
    pub(super) fn watch(&self, cx: &Context<'_>) -> Poll<()> {
        match &self.link {
            JoinLink::Local(header) if header.is_finished() => Poll::Ready(()),
            JoinLink::Local(header) => match own_loop(header) {
                Some(event_loop) => {
                    event_loop.tasks.await_end(header.key(), cx);
                    Poll::Pending
                }
                None => Poll::Ready(()),
            },
            JoinLink::Remote(remote) => remote.watch(cx),
            JoinLink::Cancelled | JoinLink::NoWorker(_) | JoinLink::Resolved => Poll::Ready(()),
        }
    }

    /// The failure of a handle that never had a task.
    #[track_caller]
    fn take_failure(&mut self) -> Failure {
        match mem::replace(&mut self.link, JoinLink::Resolved) {
            JoinLink::NoWorker(error) => Failure::NoWorker(error),
            JoinLink::Resolved => panic!("`JoinHandle` polled after completion"),
            _ => Failure::Cancelled,
        }
    }
}

impl JoinLink {
    /// Moves the outcome of a task of this loop to `out`, an `Option<Outcome<T>>`.
    #[track_caller]
    fn poll_local(&mut self, cx: &Context<'_>, out: &mut dyn Any) -> Poll<()> {
        let JoinLink::Local(header) = &*self else {
            unreachable!("the caller has matched `Local`");
        };
        let key = header.key();
        let is_finished = header.is_finished();
        let done = context::with_loop(header.home(), |event_loop| {
            if !is_finished {
                return event_loop.tasks.await_end_plainly(key, cx);
            }
            if let JoinLink::Local(header) = mem::replace(self, JoinLink::Resolved) {
                event_loop.tasks.take_outcome(header, out);
            }
            true
        });
        if done != Some(true)
            && let JoinLink::Local(header) = &*self
        {
            let Some(event_loop) = own_loop(header) else {
                *self = JoinLink::Resolved;
                return Poll::Ready(());
            };
            event_loop.tasks.await_end(key, cx);
        }
        if is_finished {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

/// The loop of the task, which must be the current one. `None` if that loop has ended.
#[track_caller]
fn own_loop(header: &Header) -> Option<Rc<EventLoop>> {
    let home = header.home();
    match context::current_if(home) {
        Some(event_loop) => Some(event_loop),
        None if header.inbox().is_closed() => None,
        None => panic!(
            "this `JoinHandle` belongs to {}, but {}; await it there, or spawn by `Handle::spawn`, \
             whose handles can be awaited anywhere",
            context::describe(home),
            context::describe_current()
        ),
    }
}

impl<T: 'static> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(coop::poll_proceed(cx));
        let result = ready!(self.poll_uncharged(cx));
        coop::charge(0);
        Poll::Ready(result)
    }
}

// Values that a panic leaves inconsistent belong to the task and stay on its thread.
impl<T> UnwindSafe for JoinHandle<T> {}
impl<T> RefUnwindSafe for JoinHandle<T> {}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        match mem::replace(&mut self.link, JoinLink::Resolved) {
            JoinLink::Local(header) => detach(header),
            JoinLink::Remote(remote) => remote.detach(),
            JoinLink::Cancelled | JoinLink::NoWorker(_) | JoinLink::Resolved => {}
        }
    }
}

/// Sets whether the task keeps its loop alive, and informs that loop.
fn set_ref(header: &Arc<Header>, is_ref: bool) {
    header.set_ref(is_ref);
    let task = Arc::clone(header);
    context::call_on_loop(header.home(), header.inbox(), move |event_loop| {
        event_loop.tasks.recount(&task);
    });
}

/// Informs the task's loop that the outcome will not be taken.
fn detach(header: Arc<Header>) {
    let id = header.home();
    let mut header = Some(header);
    context::with_loop(id, |event_loop| {
        header = header
            .take()
            .and_then(|header| event_loop.tasks.detach_plainly(header));
    });
    let Some(header) = header else { return };
    if let Some(event_loop) = context::current_if(id) {
        event_loop.tasks.detach(header);
        return;
    }
    let inbox = Arc::clone(header.inbox());
    context::call_on_loop(id, &inbox, move |event_loop| {
        event_loop.tasks.detach(header);
    });
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle")
            .field("id", &self.id)
            .field("is_finished", &self.is_finished())
            .finish()
    }
}

assert_impl!(JoinHandle<Rc<Waker>>: Send + Sync + Unpin);
