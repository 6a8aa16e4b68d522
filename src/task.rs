//! Tasks: futures that the event loop runs on its own thread.
//!
//! [`spawn`] turns a future into a task. The future need not be `Send`. The first poll comes from
//! the ready queue, in the order of spawning; after that the task is polled whenever it is woken.
//! Its [`JoinHandle`] resolves to the task's output. Dropping the handle detaches the task.
//!
//! [`yield_now`] and [`set_immediate`] use the check phase, which runs after the loop has polled
//! the OS.
//!
//! - Many tasks: a [`JoinSet`] joins tasks as they end, a [`TaskTracker`] waits for all of them, a
//!   [`scope`] has children that may borrow and that end with the scope.
//! - Stopping: [`JoinHandle::abort`], an [`AbortOnDropHandle`], a [`CancellationToken`].
//! - Values: a [`task_local!`](crate::task_local) of one task, a [`ContextVar`] that children
//!   inherit.
//! - Budget: [`unconstrained`] and [`coop`].
//! - Ports from tokio: [`LocalSet`], [`spawn_local`], [`block_in_place`].

pub mod coop;
pub mod join_set;

mod abort_handle;
mod abort_on_drop;
mod block_in_place;
mod builder;
mod cancellation_token;
mod context_var;
mod drained;
mod id;
mod immediate;
mod join_error;
mod join_handle;
mod local;
mod local_set;
mod outcome_cell;
mod remote;
mod scope;
#[cfg_attr(not(feature = "tracing"), path = "task/spans/off.rs")]
mod spans;
mod task_tracker;
mod yield_now;

use std::mem;
use std::panic::Location;
use std::sync::Arc;

use crate::context;
use crate::event_loop::LoopShared;
use crate::panics;
use crate::ready;
use crate::tasks::{
    AnyWork, BoxedWork, Failure, FutureWork, Identity, Message, Origin, OutcomeSink, SpareBox,
    Spawned, Work, boxed_size,
};
use crate::trace::{SpanKind, TaskSpan};
use remote::Awaited;

pub use crate::blocking::{spawn_blocking, spawn_cpu};
pub use abort_handle::AbortHandle;
pub use abort_on_drop::AbortOnDropHandle;
pub use block_in_place::block_in_place;
pub use builder::Builder;
pub use cancellation_token::{
    CancellationToken, DropGuard, DropGuardRef, WaitForCancellationFuture,
    WaitForCancellationFutureOwned,
};
pub use context_var::{ContextVar, ContextVarScope};
pub use coop::{Unconstrained, consume_budget, unconstrained};
pub use drained::Drained;
pub use id::{Id, id, try_id};
pub use immediate::set_immediate;
pub use join_error::JoinError;
pub use join_handle::JoinHandle;
pub use join_set::JoinSet;
pub use local::{AccessError, LocalKey, TaskLocalFuture};
pub use local_set::{LocalEnterGuard, LocalSet, spawn_local};
pub use scope::{Scope, ScopedJoinHandle, TryScope, scope, try_scope};
pub use task_tracker::{TaskTracker, TaskTrackerToken, TaskTrackerWaitFuture, TrackedFuture};
pub use yield_now::{YieldNow, yield_now};

pub(crate) use remote::Remote;

/// Spawns a task onto the current loop and returns its handle.
///
/// The future need not be `Send`: it is polled and dropped on this thread. The first poll comes
/// after those of the tasks that are ready now, never inside this call.
///
/// # Panics
///
/// If no runtime is current on this thread.
///
/// # Examples
///
/// ```
/// use std::rc::Rc;
///
/// # quintet::block_on(async {
/// let text = Rc::new(String::from("not Send"));
/// let task = quintet::spawn(async move { text.len() });
/// assert_eq!(task.await.unwrap(), 8);
/// # });
/// ```
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: 'static> + 'static,
{
    let origin = Origin {
        name: None,
        location: Location::caller(),
    };
    boxed_if_large!(future: F => spawn_with(future, origin))
}

#[track_caller]
pub(crate) fn spawn_with<F>(future: F, origin: Origin) -> JoinHandle<F::Output>
where
    F: Future<Output: 'static> + 'static,
{
    spawn_work(FutureWork::new(future), origin, FirstPoll::Ready)
}

/// Futures of this size in bytes, or more, are boxed at once. Each function that they pass through
/// may copy them on the stack, and does so without optimization; the copies cost more than a second
/// allocation. The sizes are tokio's.
const LARGE: usize = if cfg!(debug_assertions) {
    2 * 1024
} else {
    16 * 1024
};

/// Whether a future of this type is boxed at once.
pub(crate) const fn is_large<F>() -> bool {
    size_of::<F>() >= LARGE
}

/// Evaluates a call with a future, which is boxed first if it is large.
macro_rules! boxed_if_large {
    ($future:ident: $Type:ty => $call:expr) => {
        // A constant: only one of the branches is compiled.
        if const { $crate::task::is_large::<$Type>() } {
            let $future = Box::pin($future);
            $call
        } else {
            $call
        }
    };
}
pub(crate) use boxed_if_large;

/// Where a task is polled first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FirstPoll {
    /// At the end of the ready queue.
    Ready,
    /// In the check phase.
    Check,
}

impl From<FirstPoll> for SpanKind {
    fn from(first: FirstPoll) -> Self {
        match first {
            FirstPoll::Ready => SpanKind::Task,
            FirstPoll::Check => SpanKind::Immediate,
        }
    }
}

/// Spawns work onto the current loop.
#[track_caller]
fn spawn_work<W: Work>(work: W, origin: Origin, first: FirstPoll) -> JoinHandle<W::Output> {
    let mut work = Some(work);
    let mut fill = |spare| AnyWork::fill(spare, work.take().expect("the work is boxed once"));
    match spawn_any(boxed_size::<W>(), &mut fill, origin, first) {
        Ok(spawned) => JoinHandle::local(spawned),
        Err(id) => JoinHandle::cancelled(id),
    }
}

/// The part of [`spawn_work`] that is the same for all types. `fill` boxes the work, in a spare box
/// of this `size` if there is one. If the loop has ended, returns the id that the task would have
/// had.
#[track_caller]
fn spawn_any(
    size: usize,
    fill: &mut dyn FnMut(SpareBox) -> AnyWork,
    origin: Origin,
    first: FirstPoll,
) -> Result<Spawned, u64> {
    let spawned = context::with(|event_loop| {
        let identity = event_loop.tasks.identify(origin);
        if event_loop.is_closed() {
            return Err(identity.id);
        }
        let work = fill(event_loop.tasks.take_spare_box(size));
        Ok(match first {
            FirstPoll::Ready => event_loop.spawn(work, identity),
            FirstPoll::Check => event_loop.spawn_immediate(work, identity),
        })
    });
    match spawned {
        Some(Ok(spawned)) => {
            spans::begin(&spawned, first.into());
            Ok(spawned)
        }
        Some(Err(id)) => {
            refuse(id, fill(SpareBox::none()));
            Err(id)
        }
        None => panic!("{}", context::no_loop()),
    }
}

/// Drops the work of the task `id`, for which the loop has ended.
#[cold]
fn refuse<W>(id: u64, work: W) {
    let what = "the destructor of a future that was spawned too late";
    ready::acting_for(id, || panics::drop_contained(work, what));
}

/// Spawns a `Send` future from any thread onto the loop of `shared`. The caller boxes a large one.
pub(crate) fn spawn_from_elsewhere<F>(
    shared: &Arc<LoopShared>,
    future: F,
    origin: Origin,
) -> JoinHandle<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    let remote = Remote::new(shared, Identity::new(origin));
    let handle = JoinHandle::remote(Arc::clone(&remote));
    let policy = shared.span_policy;
    let arrival = RemoteSpawn {
        work: Some(BoxedWork::new(FutureWork::new(future))),
        span: TaskSpan::new(SpanKind::Task, remote.identity(), size_of::<F>(), policy),
        remote,
    };
    let is_home = context::with_loop(shared.id, |_| ()).is_some();
    if is_home {
        arrival.arrive();
    } else {
        let arrive = Message::Call(Box::new(move || arrival.arrive()));
        if let Err(refused) = shared.inbox.push(arrive) {
            refused.discard();
        }
    }
    handle
}

/// A task on its way to its loop. If it is dropped before [`arrive`](Arrival::arrive) has spawned
/// it, its handle resolves to cancelled.
struct RemoteSpawn<W: Work<Output: Send>> {
    work: Option<BoxedWork<W>>,
    remote: Arc<Remote<W::Output>>,
    span: TaskSpan,
}

impl<W: Work<Output: Send>> RemoteSpawn<W> {
    /// On the thread of the loop: spawns the task.
    fn arrive(mut self) {
        let remote = &self.remote;
        context::with(|event_loop| {
            if !event_loop.is_closed()
                && let Some(work) = self.work.take()
            {
                let sink = Arc::clone(remote) as Arc<dyn OutcomeSink>;
                let identity = remote.identity().clone();
                let span = mem::replace(&mut self.span, TaskSpan::none());
                event_loop.admit(work.into_any(), identity, remote.header(), sink, span);
            }
        });
    }
}

impl<W: Work<Output: Send>> Drop for RemoteSpawn<W> {
    fn drop(&mut self) {
        if let Some(work) = self.work.take() {
            refuse(self.remote.identity().id, work);
            self.remote.fill(Err(Failure::Cancelled));
        }
    }
}
