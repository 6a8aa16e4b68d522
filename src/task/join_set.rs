//! A set of tasks, joined in the order in which they end.
//!
//! The set watches each task with a separate waker, the task's *end waker*, which pushes the task's
//! key to a queue of ended tasks. So joining polls no task that has not ended, and the order is
//! that of the end wakers.
//!
//! The methods that spawn through a [`Handle`](crate::runtime::Handle) or onto the worker pool are
//! in `runtime/collections.rs`, since this layer knows neither.

mod ended;

use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::panic;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use super::{AbortHandle, Id, JoinError, JoinHandle, LocalSet, boxed_if_large};
use crate::context;
use crate::coop;
use crate::slots::{self, Key, Slots};
use ended::{EndWaker, Ended};

/// A set of tasks with the same output type.
///
/// Tasks are joined in the order in which they ended. Dropping the set aborts all of them.
///
/// Like a join handle, a set is `Send` and `Sync` whatever the outputs are. Tasks that were spawned
/// onto the current loop must be joined there.
///
/// # Examples
///
/// ```
/// use quintet::task::JoinSet;
///
/// # quintet::block_on(async {
/// let mut set = JoinSet::new();
/// for n in 1..=3 {
///     set.spawn(async move { n * n });
/// }
/// let mut squares = Vec::new();
/// while let Some(square) = set.join_next().await {
///     squares.push(square.unwrap());
/// }
/// assert_eq!(squares, [1, 4, 9]);
/// # });
/// ```
#[must_use = "dropping the set aborts its tasks"]
pub struct JoinSet<T> {
    entries: Slots<JoinSetEntry<T>>,
    ended: Arc<Ended>,
    /// How many tasks have been added, ever.
    added: u64,
}

/// One task of a set.
struct JoinSetEntry<T> {
    handle: JoinHandle<T>,
    end_waker: Waker,
    /// How many were added before it.
    sequence: u64,
}

impl<T> JoinSet<T> {
    /// Makes an empty set.
    pub fn new() -> Self {
        JoinSet {
            entries: Slots::new(),
            ended: Arc::new(Ended::new()),
            added: 0,
        }
    }

    /// Returns how many tasks are in the set: those that have not been joined, whether they have
    /// ended or not.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Cancels all tasks of the set, in the order in which they were added; see
    /// [`JoinHandle::abort`].
    ///
    /// They stay in the set and are joined as cancelled, unless they ended before.
    pub fn abort_all(&mut self) {
        for key in self.keys_in_order() {
            if let Some(entry) = self.entries.get(key) {
                entry.handle.abort();
            }
        }
    }

    /// Removes all tasks from the set and detaches them: they continue to run.
    pub fn detach_all(&mut self) {
        // One by one, so that no key is used again: end wakers of removed tasks may still be woken.
        for key in self.keys_in_order() {
            drop(self.entries.remove(key));
        }
    }

    fn keys_in_order(&self) -> Vec<Key> {
        let entries = self.entries.iter();
        slots::in_order(entries.map(|(key, entry)| (entry.sequence, key)))
    }
}

impl<T: 'static> JoinSet<T> {
    /// Starts to build a task with more than the default settings, to be added to the set.
    ///
    /// # Examples
    ///
    /// ```
    /// # quintet::block_on(async {
    /// let mut set = quintet::task::JoinSet::new();
    /// set.build_task().name("sum").spawn(async { 42 });
    /// assert_eq!(set.join_next().await.unwrap().unwrap(), 42);
    /// # });
    /// ```
    pub fn build_task(&mut self) -> Builder<'_, T> {
        Builder {
            set: self,
            task: super::Builder::new(),
        }
    }

    /// Spawns a task onto the current loop, adds it to the set, and returns its abort handle; see
    /// [`spawn`](super::spawn).
    ///
    /// # Panics
    ///
    /// If no runtime is current on this thread.
    #[track_caller]
    pub fn spawn<F>(&mut self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        self.insert(boxed_if_large!(future: F => super::spawn(future)))
    }

    /// The same as [`spawn`](JoinSet::spawn), which does not require `Send` either. For programs
    /// ported from other runtimes.
    ///
    /// # Panics
    ///
    /// If no runtime is current on this thread.
    #[track_caller]
    pub fn spawn_local<F>(&mut self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        boxed_if_large!(future: F => self.spawn(future))
    }

    /// Spawns a task onto the current loop, adds it to this set and to `set`, and returns its abort
    /// handle; see [`LocalSet::spawn_local`].
    ///
    /// # Panics
    ///
    /// If no runtime is current on this thread.
    #[track_caller]
    pub fn spawn_local_on<F>(&mut self, future: F, set: &LocalSet) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        self.insert(boxed_if_large!(future: F => set.spawn_local(future)))
    }

    /// Adds a task.
    #[track_caller]
    pub(crate) fn insert(&mut self, handle: JoinHandle<T>) -> AbortHandle {
        let abort_handle = handle.abort_handle();
        let sequence = self.added;
        self.added += 1;
        let ended = &self.ended;
        let key = self.entries.insert_with(|key| {
            let ended = Arc::clone(ended);
            JoinSetEntry {
                handle,
                end_waker: Waker::from(Arc::new(EndWaker { key, ended })),
                sequence,
            }
        });
        let entry = self.entries.get(key).expect("the key was inserted above");
        if entry
            .handle
            .watch(&Context::from_waker(&entry.end_waker))
            .is_ready()
        {
            self.ended.push(key);
        }
        abort_handle
    }

    /// Waits for the next task to end, removes it and returns its output, or `None` if the set is
    /// empty.
    ///
    /// # Errors
    ///
    /// Returns a [`JoinError`] if the task was aborted or panicked.
    ///
    /// # Panics
    ///
    /// If the task belongs to another loop than this thread's.
    ///
    /// # Cancel safety
    ///
    /// If this future is dropped, no task has been removed.
    pub async fn join_next(&mut self) -> Option<Result<T, JoinError>> {
        poll_fn(|cx| self.poll_join_next(cx)).await
    }

    /// Waits for the next task to end, like [`join_next`](JoinSet::join_next), and returns its id
    /// too.
    ///
    /// # Errors
    ///
    /// Returns a [`JoinError`], which [has the id](JoinError::id), if the task was aborted or
    /// panicked.
    ///
    /// # Panics
    ///
    /// If the task belongs to another loop than this thread's.
    ///
    /// # Cancel safety
    ///
    /// If this future is dropped, no task has been removed.
    pub async fn join_next_with_id(&mut self) -> Option<Result<(Id, T), JoinError>> {
        poll_fn(|cx| self.poll_join_next_with_id(cx)).await
    }

    /// Removes the next task that has ended and returns its output, or `None` if there is none.
    ///
    /// This does not charge the budget of the calling task.
    ///
    /// # Errors
    ///
    /// Returns a [`JoinError`] if the task was aborted or panicked.
    ///
    /// # Panics
    ///
    /// If the task belongs to another loop than this thread's.
    #[track_caller]
    pub fn try_join_next(&mut self) -> Option<Result<T, JoinError>> {
        self.try_join_next_with_id().map(without_id)
    }

    /// Removes the next task that has ended, like [`try_join_next`](JoinSet::try_join_next), and
    /// returns its id too.
    ///
    /// # Errors
    ///
    /// Returns a [`JoinError`], which [has the id](JoinError::id), if the task was aborted or
    /// panicked.
    ///
    /// # Panics
    ///
    /// If the task belongs to another loop than this thread's.
    #[track_caller]
    pub fn try_join_next_with_id(&mut self) -> Option<Result<(Id, T), JoinError>> {
        loop {
            let key = self.ended.pop()?;
            if let Poll::Ready(joined) = self.poll_entry(key) {
                return Some(joined);
            }
        }
    }

    /// Polls for the next task to end; see [`join_next`](JoinSet::join_next).
    ///
    /// Only the waker of the last call is woken. This also returns `Pending` when the calling task
    /// has spent its [budget](super::coop); the waker is then woken at once.
    ///
    /// # Errors
    ///
    /// Returns a [`JoinError`] if the task was aborted or panicked.
    ///
    /// # Panics
    ///
    /// If the task belongs to another loop than this thread's.
    #[track_caller]
    pub fn poll_join_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, JoinError>>> {
        let joined = ready!(self.poll_join_next_with_id(cx));
        Poll::Ready(joined.map(without_id))
    }

    /// Polls for the next task to end, like [`poll_join_next`](JoinSet::poll_join_next), and
    /// returns its id too.
    ///
    /// # Errors
    ///
    /// Returns a [`JoinError`], which [has the id](JoinError::id), if the task was aborted or
    /// panicked.
    ///
    /// # Panics
    ///
    /// If the task belongs to another loop than this thread's.
    #[track_caller]
    pub fn poll_join_next_with_id(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<(Id, T), JoinError>>> {
        ready!(coop::poll_proceed(cx));
        if self.is_empty() {
            // A caller that waited for tasks detached since must not be woken by later tasks.
            self.ended.forget_waiter();
            coop::charge(0);
            return Poll::Ready(None);
        }
        loop {
            let Poll::Ready(key) = self.ended.poll_pop(cx) else {
                context::waits_for(&"the end of a task of a set (JoinSet)");
                return Poll::Pending;
            };
            if let Poll::Ready(joined) = self.poll_entry(key) {
                coop::charge(0);
                return Poll::Ready(Some(joined));
            }
        }
    }

    /// Removes a task whose end waker was woken. Pending if the task is gone, or has not ended:
    /// then its end waker is woken again.
    #[track_caller]
    fn poll_entry(&mut self, key: Key) -> Poll<Result<(Id, T), JoinError>> {
        let Some(entry) = self.entries.get_mut(key) else {
            return Poll::Pending;
        };
        let id = entry.handle.id();
        let cx = Context::from_waker(&entry.end_waker);
        let joined = ready!(entry.handle.poll_uncharged(&cx));
        self.entries.remove(key);
        Poll::Ready(joined.map(|output| (id, output)))
    }

    /// Waits for all tasks and returns their outputs, in the order in which the tasks ended.
    ///
    /// # Panics
    ///
    /// If a task panics, with the payload of that panic, and if a task was cancelled. The other
    /// tasks are aborted. Also if a task belongs to another loop than this thread's.
    ///
    /// # Cancel safety
    ///
    /// If this future is dropped, all tasks are aborted and the outputs so far are lost.
    ///
    /// # Examples
    ///
    /// ```
    /// # quintet::block_on(async {
    /// let set: quintet::task::JoinSet<_> = (0..3).map(|n| async move { n }).collect();
    /// assert_eq!(set.join_all().await, [0, 1, 2]);
    /// # });
    /// ```
    pub async fn join_all(mut self) -> Vec<T> {
        let mut outputs = Vec::with_capacity(self.len());
        while let Some(joined) = self.join_next().await {
            match joined.map_err(JoinError::try_into_panic) {
                Ok(output) => outputs.push(output),
                Err(Ok(payload)) => panic::resume_unwind(payload),
                Err(Err(error)) => panic!("`join_all` needs every output, but {error}"),
            }
        }
        outputs
    }

    /// Aborts all tasks and waits until they have ended.
    ///
    /// Panics of tasks are ignored, and outputs are dropped.
    ///
    /// # Panics
    ///
    /// If a task belongs to another loop than this thread's.
    ///
    /// # Cancel safety
    ///
    /// If this future is dropped, the tasks are still aborted, and can be awaited again.
    pub async fn shutdown(&mut self) {
        self.abort_all();
        while self.join_next().await.is_some() {}
    }
}

fn without_id<T>(joined: Result<(Id, T), JoinError>) -> Result<T, JoinError> {
    joined.map(|(_, output)| output)
}

impl<T> Drop for JoinSet<T> {
    fn drop(&mut self) {
        self.abort_all();
        self.detach_all();
        self.ended.forget_waiter();
    }
}

impl<T> Default for JoinSet<T> {
    fn default() -> Self {
        JoinSet::new()
    }
}

impl<T> fmt::Debug for JoinSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinSet")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

/// Spawns each future; see [`JoinSet::spawn`].
impl<T, F> FromIterator<F> for JoinSet<T>
where
    F: Future<Output = T> + 'static,
    T: 'static,
{
    #[track_caller]
    fn from_iter<I: IntoIterator<Item = F>>(futures: I) -> Self {
        let mut set = JoinSet::new();
        set.extend(futures);
        set
    }
}

/// Spawns each future; see [`JoinSet::spawn`].
impl<T, F> Extend<F> for JoinSet<T>
where
    F: Future<Output = T> + 'static,
    T: 'static,
{
    #[track_caller]
    fn extend<I: IntoIterator<Item = F>>(&mut self, futures: I) {
        // Not `for_each`: its closure would be the spawn site.
        for future in futures {
            self.spawn(future);
        }
    }
}

/// Spawns a task of a set with more than the default settings; made by
/// [`JoinSet::build_task`].
#[derive(Debug)]
#[must_use = "a builder does nothing until it spawns"]
pub struct Builder<'a, T> {
    set: &'a mut JoinSet<T>,
    task: super::Builder,
}

impl<'a, T: 'static> Builder<'a, T> {
    /// Names the task, for messages about it.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.task = mem::take(&mut self.task).name(name);
        self
    }

    /// Spawns the task; see [`JoinSet::spawn`].
    ///
    /// # Panics
    ///
    /// If no runtime is current on this thread.
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        self.set
            .insert(boxed_if_large!(future: F => self.task.spawn(future)))
    }

    /// Returns the set and the builder of the task.
    pub(crate) fn into_parts(self) -> (&'a mut JoinSet<T>, super::Builder) {
        (self.set, self.task)
    }

    /// The same as [`spawn`](Builder::spawn).
    ///
    /// # Panics
    ///
    /// If no runtime is current on this thread.
    #[track_caller]
    pub fn spawn_local<F>(self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        boxed_if_large!(future: F => self.spawn(future))
    }
}

assert_impl!(JoinSet<std::rc::Rc<()>>: Send + Sync + Unpin);
