//! Tokio's `LocalSet`: a group of tasks that are awaited and aborted together.

use std::cell::RefCell;
use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::{
    AbortHandle, Builder, JoinHandle, TaskTracker, TaskTrackerToken, boxed_if_large, join_set,
    spawn,
};
use crate::numbered::Numbered;
use crate::scope_guard::on_drop;
use crate::sync::watchers::WatcherSlot;

thread_local! {
    /// The set to which [`spawn_local`] adds.
    static CURRENT: RefCell<Option<Rc<SetTasks>>> = const { RefCell::new(None) };
}

/// Spawns a task onto the current loop, and adds it to the current [`LocalSet`], if there is one.
///
/// Outside of a `LocalSet` it is the same as [`spawn`], which does not require `Send` either. A set
/// is current in the future of [`LocalSet::run_until`], in the set's tasks, and while a guard of
/// [`LocalSet::enter`] lives.
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
/// let text = Rc::new("not Send");
/// let task = quintet::task::spawn_local(async move { text.len() });
/// assert_eq!(task.await.unwrap(), 8);
/// # });
/// ```
#[track_caller]
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: 'static> + 'static,
{
    match current() {
        Some(set) => boxed_if_large!(future: F => set.spawn(Builder::new(), future)),
        None => boxed_if_large!(future: F => spawn(future)),
    }
}

fn current() -> Option<Rc<SetTasks>> {
    let current = CURRENT.try_with(|current| current.borrow().clone());
    current.ok().flatten()
}

fn replace_current(set: Option<Rc<SetTasks>>) -> Option<Rc<SetTasks>> {
    let previous = CURRENT.try_with(|current| current.replace(set));
    previous.ok().flatten()
}

/// A group of tasks of the current loop that are awaited and aborted together.
///
/// It exists for code that is ported from tokio, where only a `LocalSet` runs futures that are not
/// `Send`. Here [`spawn`] does that, so most programs need no set. To wait for a group of tasks, a
/// [`TaskTracker`] or a [`scope`](super::scope) is usually simpler.
///
/// - The tasks run on the loop like all others, in the order of the loop, whether the set is
///   awaited or not. So a runtime must be current when they are spawned.
/// - Awaiting the set waits until all its tasks have ended.
/// - Dropping the set aborts its tasks: the loop drops each of them in its turn.
///
/// # Examples
///
/// ```
/// use quintet::task::{self, LocalSet};
///
/// # quintet::block_on(async {
/// let set = LocalSet::new();
/// let sum = set.run_until(async {
///     let task = task::spawn_local(async { 1 + 1 });
///     task.await.unwrap()
/// });
/// assert_eq!(sum.await, 2);
///
/// set.spawn_local(async { task::yield_now().await });
/// set.await;
/// # });
/// ```
#[must_use = "dropping the set aborts its tasks"]
pub struct LocalSet {
    tasks: Rc<SetTasks>,
    /// The place of the set's own future in the queue.
    place: WatcherSlot,
}

struct SetTasks {
    tracker: TaskTracker,
    /// The tasks that have not ended, in the order of spawning. One that is being spawned has no
    /// handle yet.
    handles: RefCell<Numbered<Option<AbortHandle>>>,
}

impl LocalSet {
    /// Creates an empty set.
    pub fn new() -> Self {
        let tracker = TaskTracker::new();
        tracker.close();
        LocalSet {
            tasks: Rc::new(SetTasks {
                tracker,
                handles: RefCell::default(),
            }),
            place: WatcherSlot::default(),
        }
    }

    /// Spawns a task onto the current loop, and adds it to the set.
    ///
    /// # Panics
    ///
    /// If no runtime is current on this thread.
    #[track_caller]
    pub fn spawn_local<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: 'static> + 'static,
    {
        boxed_if_large!(future: F => self.tasks.spawn(Builder::new(), future))
    }

    /// Spawns a task that `builder` describes.
    #[track_caller]
    fn spawn_built<F>(&self, builder: Builder, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: 'static> + 'static,
    {
        self.tasks.spawn(builder, future)
    }

    /// Runs `future`, in which the set is current, and resolves to its output.
    ///
    /// The future is polled by the task that awaits this, and the tasks of the set run meanwhile.
    /// They continue when the future has completed.
    ///
    /// # Cancel safety
    ///
    /// The same as that of `future`.
    pub async fn run_until<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|cx| self.tasks.current_during(|| future.as_mut().poll(cx))).await
    }

    /// Makes the set current on this thread until the guard is dropped, so that
    /// [`spawn_local`](fn@spawn_local) adds to it.
    ///
    /// # Examples
    ///
    /// ```
    /// use quintet::task::{LocalSet, spawn_local};
    ///
    /// # quintet::block_on(async {
    /// let set = LocalSet::new();
    /// let guard = set.enter();
    /// let task = spawn_local(async { 7 });
    /// drop(guard);
    /// set.await;
    /// assert!(task.is_finished());
    /// # });
    /// ```
    pub fn enter(&self) -> LocalEnterGuard {
        LocalEnterGuard {
            previous: replace_current(Some(Rc::clone(&self.tasks))),
        }
    }
}

impl<T: 'static> join_set::Builder<'_, T> {
    /// Spawns the task, and adds it to `local_set`, too; see
    /// [`JoinSet::spawn_local_on`](super::JoinSet::spawn_local_on).
    ///
    /// # Panics
    ///
    /// If no runtime is current on this thread.
    #[track_caller]
    pub fn spawn_local_on<F>(self, future: F, local_set: &LocalSet) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        let (set, builder) = self.into_parts();
        set.insert(boxed_if_large!(future: F => local_set.spawn_built(builder, future)))
    }
}

impl SetTasks {
    #[track_caller]
    fn spawn<F>(self: &Rc<Self>, builder: Builder, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: 'static> + 'static,
    {
        let number = self.handles.borrow_mut().push(None);
        let handle = builder.spawn(LocalTask {
            future,
            member: SetMember {
                number,
                set: Rc::clone(self),
                _token: self.tracker.token(),
            },
        });
        // It is absent if the loop has ended, which drops the task at once.
        if let Some(place) = self.handles.borrow_mut().get_mut(number) {
            *place = Some(handle.abort_handle());
        }
        handle
    }

    /// Calls `f` while this is the current set.
    fn current_during<R>(self: &Rc<Self>, f: impl FnOnce() -> R) -> R {
        let previous = replace_current(Some(Rc::clone(self)));
        let _restore = on_drop(|| drop(replace_current(previous)));
        f()
    }
}

/// Completes when all tasks of the set have ended.
impl Future for LocalSet {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        this.tasks.tracker.poll_done(&mut this.place, cx)
    }
}

impl Drop for LocalSet {
    #[inline]
    fn drop(&mut self) {
        self.tasks.tracker.cancel(&mut self.place);
        let mut handles = self.tasks.handles.take();
        for handle in handles.iter_mut().flatten() {
            handle.abort();
        }
    }
}

impl Default for LocalSet {
    fn default() -> Self {
        LocalSet::new()
    }
}

impl fmt::Debug for LocalSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalSet")
            .field("len", &self.tasks.tracker.len())
            .finish_non_exhaustive()
    }
}

/// Keeps a [`LocalSet`] current on this thread; returned by [`LocalSet::enter`].
#[must_use = "the set is current only while the guard lives"]
pub struct LocalEnterGuard {
    previous: Option<Rc<SetTasks>>,
}

impl Drop for LocalEnterGuard {
    fn drop(&mut self) {
        drop(replace_current(self.previous.take()));
    }
}

impl fmt::Debug for LocalEnterGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalEnterGuard").finish_non_exhaustive()
    }
}

pin_project! {
    /// A task of a set, which is current while the task is polled.
    struct LocalTask<F> {
        // Dropped first: awaiting the set also waits for this destructor.
        #[pin]
        future: F,
        member: SetMember,
    }
}

struct SetMember {
    number: u64,
    set: Rc<SetTasks>,
    _token: TaskTrackerToken,
}

impl Drop for SetMember {
    #[inline]
    fn drop(&mut self) {
        let handle = self.set.handles.borrow_mut().remove(self.number);
        drop(handle);
    }
}

impl<F: Future> Future for LocalTask<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let future = this.future;
        this.member.set.current_during(|| future.poll(cx))
    }
}
