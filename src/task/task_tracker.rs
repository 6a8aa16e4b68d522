//! Waiting for tasks without keeping their handles.
//!
//! A tracker counts tokens. The methods that spawn through a [`Handle`](crate::runtime::Handle) or
//! onto the worker pool are in `runtime/collections.rs`, since this layer knows neither.

use std::fmt;
use std::mem;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::drained::SpawnSites;
use super::{JoinHandle, LocalSet, boxed_if_large, spawn};
use crate::sync::watchers::{WatcherSlot, Watchers};

/// Counts tasks, so that a shutdown can wait for them to end.
///
/// Unlike a [`JoinSet`](super::JoinSet), it keeps nothing of a task that has ended. [`wait`]
/// resolves when the tracker has been [closed](TaskTracker::close) and all its tasks have ended. A
/// closed tracker still accepts tasks. [`drain`](TaskTracker::drain) does all that a shutdown
/// needs: it cancels, closes and waits until a deadline.
///
/// A task counts until its future has been dropped, so `wait` also waits for destructors. Clones
/// share one count, across threads.
///
/// [`wait`]: TaskTracker::wait
///
/// # Examples
///
/// ```
/// use quintet::task::{CancellationToken, TaskTracker};
///
/// # quintet::block_on(async {
/// let (tracker, token) = (TaskTracker::new(), CancellationToken::new());
/// for _ in 0..10 {
///     let token = token.clone();
///     tracker.spawn(async move { token.cancelled().await });
/// }
///
/// token.cancel();
/// tracker.close();
/// tracker.wait().await;
/// assert!(tracker.is_empty());
/// # });
/// ```
#[derive(Clone)]
pub struct TaskTracker {
    watchers: Arc<Watchers<TrackerState>>,
}

#[derive(Debug, Default)]
struct TrackerState {
    /// The tokens, by the place where they were made.
    tokens: SpawnSites,
    closed: bool,
    /// How many times the tracker has become closed and empty. A wait that began before the last of
    /// these times ends, even if the tracker has been opened or used again since.
    rounds: u64,
}

impl TrackerState {
    fn is_done(&self) -> bool {
        self.closed && self.tokens.total() == 0
    }
}

impl TaskTracker {
    /// Makes an empty, open tracker.
    pub fn new() -> Self {
        TaskTracker {
            watchers: Arc::new(Watchers::new(TrackerState::default())),
        }
    }

    /// Changes the state, and wakes all waiters if the tracker becomes closed and empty by that.
    fn change<R>(&self, change: impl FnOnce(&mut TrackerState) -> R) -> R {
        let mut result = None;
        let wakes = self.watchers.change_if(|state| {
            let was_done = state.is_done();
            result = Some(change(state));
            let becomes_done = state.is_done() && !was_done;
            state.rounds += u64::from(becomes_done);
            becomes_done
        });
        wakes.wake();
        result.expect("`change_if` calls its closure")
    }

    /// Waits until the tracker is closed and empty.
    ///
    /// If the tracker is closed and empty at this call, or becomes so later, the future completes,
    /// even if the tracker is opened or used again before the future is polled.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses its place in the order of waiters, and nothing else.
    pub fn wait(&self) -> TaskTrackerWaitFuture<'_> {
        let (rounds, is_over) = self.watchers.with(|state| (state.rounds, state.is_done()));
        TaskTrackerWaitFuture {
            tracker: self,
            rounds,
            is_over,
            place: WatcherSlot::default(),
        }
    }

    /// Closes the tracker, so that [`wait`](TaskTracker::wait) can complete. Returns whether it was
    /// open.
    ///
    /// Tasks may still be added.
    pub fn close(&self) -> bool {
        !self.change(|state| mem::replace(&mut state.closed, true))
    }

    /// Opens the tracker again. Returns whether it was closed.
    pub fn reopen(&self) -> bool {
        self.change(|state| mem::take(&mut state.closed))
    }

    /// Returns whether the tracker is closed.
    pub fn is_closed(&self) -> bool {
        self.watchers.with(|state| state.closed)
    }

    /// Returns the number of tracked tasks, which is the number of tokens.
    pub fn len(&self) -> usize {
        self.watchers.with(|state| state.tokens.total())
    }

    /// Returns whether nothing is tracked.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Spawns a task onto the current loop and tracks it; see [`spawn`].
    ///
    /// # Panics
    ///
    /// If no runtime is current on this thread.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: 'static> + 'static,
    {
        boxed_if_large!(future: F => spawn(self.track_future(future)))
    }

    /// The same as [`spawn`](TaskTracker::spawn), which does not require `Send` either. For
    /// programs ported from other runtimes.
    ///
    /// # Panics
    ///
    /// If no runtime is current on this thread.
    #[track_caller]
    pub fn spawn_local<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: 'static> + 'static,
    {
        boxed_if_large!(future: F => self.spawn(future))
    }

    /// Spawns a task onto the current loop, tracks it, and adds it to `set`; see
    /// [`LocalSet::spawn_local`].
    ///
    /// # Panics
    ///
    /// If no runtime is current on this thread.
    #[track_caller]
    pub fn spawn_local_on<F>(&self, future: F, set: &LocalSet) -> JoinHandle<F::Output>
    where
        F: Future<Output: 'static> + 'static,
    {
        boxed_if_large!(future: F => set.spawn_local(self.track_future(future)))
    }

    /// Tracks `future` from now until it is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// let tracker = quintet::task::TaskTracker::new();
    /// let tracked = tracker.track_future(async { 5 });
    /// assert_eq!(tracker.len(), 1);
    /// drop(tracked);
    /// assert!(tracker.is_empty());
    /// ```
    #[track_caller]
    pub fn track_future<F: Future>(&self, future: F) -> TrackedFuture<F> {
        TrackedFuture {
            future,
            token: self.token(),
        }
    }

    /// Polls until the tracker is closed and empty, for a future with this place in the queue. The
    /// future [cancels](TaskTracker::cancel) it on drop.
    pub(super) fn poll_done(&self, place: &mut WatcherSlot, cx: &Context<'_>) -> Poll<()> {
        let what = &"the end of local tasks (LocalSet)";
        let watchers = &self.watchers;
        watchers.poll(cx, what, place, |state| state.is_done().then_some(()))
    }

    /// Removes a future of [`poll_done`](TaskTracker::poll_done) from the queue.
    pub(super) fn cancel(&self, place: &mut WatcherSlot) {
        self.watchers.cancel(place);
    }

    /// Makes a token, which counts as a task until it is dropped.
    #[track_caller]
    pub fn token(&self) -> TaskTrackerToken {
        let location = Location::caller();
        TaskTrackerToken {
            tracker: self.clone(),
            site: self.change(|state| state.tokens.add(location)),
        }
    }

    /// Returns how many tasks are tracked, by the place where they were spawned.
    pub(super) fn sites(&self) -> SpawnSites {
        self.watchers.with(|state| state.tokens.clone())
    }

    /// Returns whether the two are clones of one tracker.
    pub fn ptr_eq(left: &TaskTracker, right: &TaskTracker) -> bool {
        Arc::ptr_eq(&left.watchers, &right.watchers)
    }
}

impl Default for TaskTracker {
    fn default() -> Self {
        TaskTracker::new()
    }
}

impl fmt::Debug for TaskTracker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskTracker")
            .field("len", &self.len())
            .field("is_closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

/// Counts as a task of a [`TaskTracker`] until it is dropped.
#[derive(Debug)]
#[must_use = "the token counts only until it is dropped"]
pub struct TaskTrackerToken {
    tracker: TaskTracker,
    /// The index of its place in the tracker.
    site: usize,
}

impl TaskTrackerToken {
    /// Returns the tracker.
    pub fn task_tracker(&self) -> &TaskTracker {
        &self.tracker
    }
}

impl Clone for TaskTrackerToken {
    /// Makes another token of the same tracker.
    #[track_caller]
    fn clone(&self) -> Self {
        self.tracker.token()
    }
}

impl Drop for TaskTrackerToken {
    fn drop(&mut self) {
        self.tracker.change(|state| state.tokens.remove(self.site));
    }
}

pin_project! {
    /// The future of [`TaskTracker::track_future`]: tracked until it is dropped.
    ///
    /// # Cancel safety
    ///
    /// The same as that of the future inside.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct TrackedFuture<F> {
        // Dropped before the token: `wait` also waits for this destructor.
        #[pin]
        future: F,
        token: TaskTrackerToken,
    }
}

impl<F: Future> Future for TrackedFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().future.poll(cx)
    }
}

/// The future of [`TaskTracker::wait`].
#[derive(Debug)]
#[must_use = "futures do nothing unless they are awaited"]
pub struct TaskTrackerWaitFuture<'a> {
    tracker: &'a TaskTracker,
    /// The tracker's rounds when the wait began.
    rounds: u64,
    /// Whether the tracker was closed and empty when the wait began.
    is_over: bool,
    place: WatcherSlot,
}

impl Future for TaskTrackerWaitFuture<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let (rounds, is_over) = (this.rounds, this.is_over);
        let what = &"the end of tracked tasks (TaskTracker)";
        let watchers = &this.tracker.watchers;
        watchers.poll(cx, what, &mut this.place, |state| {
            let is_over = is_over || state.is_done() || state.rounds != rounds;
            is_over.then_some(())
        })
    }
}

impl Drop for TaskTrackerWaitFuture<'_> {
    fn drop(&mut self) {
        self.tracker.watchers.cancel(&mut self.place);
    }
}

assert_impl!(TaskTracker: Send + Sync);
assert_impl!(TaskTrackerToken: Send + Sync);
assert_impl!(TaskTrackerWaitFuture<'_>: Send + Sync);
