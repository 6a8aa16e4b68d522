//! Tasks: futures that run by themselves on the loop.
//!
//! [`spawn`] makes a task of a future, which need not be `Send`. A task is first polled from the
//! ready queue, in the order of spawning, and afterwards whenever it is woken. Its [`JoinHandle`]
//! tells how it ended; dropping the handle lets the task go on.
//!
//! [`yield_now`] and [`set_immediate`] belong to the check phase: what waits there runs once the
//! loop has looked at the OS.
//!
//! - Many tasks: a [`JoinSet`] awaits them as they end, a [`TaskTracker`] waits for all of them, a
//!   [`scope`] has children that may borrow and that end with it.
//! - Stopping: [`JoinHandle::abort`], an [`AbortOnDropHandle`], a [`CancellationToken`].
//! - Values: a [`task_local!`](crate::task_local) of one task, a [`ContextVar`] that children inherit.
//! - Turns: [`unconstrained`] and [`coop`].

pub mod coop;
pub mod join_set;

mod abort_handle;
mod abort_on_drop;
mod builder;
mod cancellation_token;
mod context_var;
mod id;
mod immediate;
mod join_error;
mod join_handle;
mod local;
mod outcome_cell;
mod remote;
mod scope;
mod task_tracker;
mod yield_now;

use std::panic::Location;
use std::sync::Arc;

use crate::context;
use crate::event_loop::LoopShared;
use crate::panics;
use crate::ready;
use crate::tasks::{
    AnyWork, BoxedWork, Failure, FutureWork, Identity, Message, Origin, OutcomeSink, Spawned, Work,
};
use remote::Awaited;

pub use abort_handle::AbortHandle;
pub use abort_on_drop::AbortOnDropHandle;
pub use builder::Builder;
pub use cancellation_token::{
    CancellationToken, DropGuard, DropGuardRef, WaitForCancellationFuture,
    WaitForCancellationFutureOwned,
};
pub use context_var::{ContextVar, ContextVarScope};
pub use coop::{Unconstrained, unconstrained};
pub use id::{Id, id, try_id};
pub use immediate::set_immediate;
pub use join_error::JoinError;
pub use join_handle::JoinHandle;
pub use join_set::JoinSet;
pub use local::{AccessError, LocalKey, TaskLocalFuture};
pub use scope::{Scope, ScopedJoinHandle, TryScope, scope, try_scope};
pub use task_tracker::{TaskTracker, TaskTrackerToken, TaskTrackerWaitFuture, TrackedFuture};
pub use yield_now::{YieldNow, yield_now};

pub(crate) use remote::Remote;

/// Spawns a task onto the current loop and returns its handle.
///
/// The future need not be `Send`: it runs on this thread, and is dropped here. It is first polled
/// when the tasks that are ready already have had their turn, never inside this call.
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
    boxed_if_large!(future: F, Box::pin => spawn_with(future, origin))
}

#[track_caller]
fn spawn_with<F>(future: F, origin: Origin) -> JoinHandle<F::Output>
where
    F: Future<Output: 'static> + 'static,
{
    spawn_work(FutureWork::new(future), origin, FirstPoll::Ready)
}

/// Futures and closures from this size on, in bytes, are boxed where they come in. Each function that
/// they pass through may hold a copy of them on the stack, and does so without optimization; the copies cost
/// more than a second allocation does. The sizes are tokio's.
const LARGE: usize = if cfg!(debug_assertions) {
    2 * 1024
} else {
    16 * 1024
};

/// Whether a future or closure of this type is boxed where it comes in.
pub(crate) const fn is_large<F>() -> bool {
    size_of::<F>() >= LARGE
}

/// Makes a call with a future or closure, which is put into a box before if it is large.
macro_rules! boxed_if_large {
    ($value:ident: $Type:ty, $boxed:path => $call:expr) => {
        if $crate::task::is_large::<$Type>() {
            let $value = $boxed($value);
            $call
        } else {
            $call
        }
    };
}
pub(crate) use boxed_if_large;

/// Where a task has its first turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FirstPoll {
    /// At the end of the ready queue.
    Ready,
    /// In the check phase.
    Check,
}

/// Spawns work onto the current loop.
#[track_caller]
fn spawn_work<W: Work>(work: W, origin: Origin, first: FirstPoll) -> JoinHandle<W::Output> {
    let mut work = Some(work);
    let boxed = context::with(|event_loop| Some(event_loop.tasks.box_work(work.take()?)));
    let Some(Some(boxed)) = boxed else {
        panic!("{}", context::no_loop());
    };
    match spawn_any(boxed, origin, first) {
        Ok(spawned) => JoinHandle::local(spawned),
        Err(id) => JoinHandle::cancelled(id),
    }
}

/// The part of it that is the same for all types. If the loop has ended: the id that the task would
/// have had.
#[track_caller]
#[inline(never)]
fn spawn_any(work: AnyWork, origin: Origin, first: FirstPoll) -> Result<Spawned, u64> {
    let mut work = Some(work);
    let spawned = context::with(|event_loop| {
        let identity = event_loop.tasks.identify(origin);
        let work = if event_loop.is_closed() {
            None
        } else {
            work.take()
        };
        match (work, first) {
            (Some(work), FirstPoll::Ready) => Ok(event_loop.spawn(work, identity)),
            (Some(work), FirstPoll::Check) => Ok(event_loop.spawn_immediate(work, identity)),
            (None, _) => Err(identity.id),
        }
    });
    match spawned {
        Some(Ok(spawned)) => Ok(spawned),
        Some(Err(id)) => {
            refuse(id, work);
            Err(id)
        }
        None => panic!("{}", context::no_loop()),
    }
}

/// Drops the work of the task `id`, which the loop no longer takes.
#[cold]
fn refuse<W>(id: u64, work: W) {
    let what = "the destructor of a future that came too late";
    ready::acting_for(id, || panics::drop_contained(work, what));
}

/// Spawns a `Send` future from any thread onto the loop of `shared`. A large one comes boxed.
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
    let arrival = RemoteSpawn {
        work: Some(BoxedWork::new(FutureWork::new(future))),
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

/// A task on its way home. Dropped there or before, it was not let in.
struct RemoteSpawn<W: Work<Output: Send>> {
    work: Option<BoxedWork<W>>,
    remote: Arc<Remote<W::Output>>,
}

impl<W: Work<Output: Send>> RemoteSpawn<W> {
    /// At home: makes a task of what came from elsewhere.
    fn arrive(mut self) {
        let remote = &self.remote;
        context::with(|event_loop| {
            if !event_loop.is_closed()
                && let Some(work) = self.work.take()
            {
                let sink = Arc::clone(remote) as Arc<dyn OutcomeSink>;
                let identity = remote.identity().clone();
                event_loop.admit(work.into_any(), identity, remote.header(), sink);
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
