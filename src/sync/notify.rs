//! Notifications of one task or of all tasks that wait.

use std::fmt;
use std::mem;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use super::lock;
use super::wait_list::{Cancelled, LeafPoll, PollWaker, WaitKey, WaitList, WakeList, poll_leaf};

/// Notifies a single task, or all waiting tasks, of an event.
///
/// [`notify_one`](Notify::notify_one) wakes the first task that waits. If no task waits, the
/// notification is stored for the next one; at most one is stored.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use quintet::sync::Notify;
///
/// # quintet::block_on(async {
/// let notify = Arc::new(Notify::new());
/// let notified = quintet::spawn({
///     let notify = Arc::clone(&notify);
///     async move { notify.notified().await }
/// });
/// notify.notify_one();
/// notified.await.unwrap();
/// # });
/// ```
pub struct Notify {
    state: Mutex<NotifyState>,
    /// How often all waiters were notified, which reaches futures that are not queued yet. It
    /// changes under the lock.
    rounds: AtomicU64,
}

struct NotifyState {
    /// Their notes are what they were notified by.
    waiters: WaitList<NotifyKind>,
    /// Whether a notification is stored.
    is_stored: bool,
}

/// What a waiter was notified by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NotifyKind {
    /// Not notified yet, or `notify_waiters`.
    All,
    /// `notify_one`: passed on if the waiter does not consume it.
    First,
    /// `notify_last`: passed on likewise.
    Last,
}

impl Notify {
    /// Creates a `Notify` without a stored notification.
    pub fn new() -> Self {
        Notify::const_new()
    }

    /// Creates a `Notify` without a stored notification, for a `static`.
    pub const fn const_new() -> Self {
        Notify {
            state: Mutex::new(NotifyState {
                waiters: WaitList::new(),
                is_stored: false,
            }),
            rounds: AtomicU64::new(0),
        }
    }

    /// Waits for a notification.
    ///
    /// The future takes its place in the queue when it is first polled, or
    /// [enabled](Notified::enable). [`notify_waiters`](Notify::notify_waiters) reaches it from its
    /// creation on.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: a dropped future loses its place in the queue, and a
    /// notification that it has received goes to the next task.
    pub fn notified(&self) -> Notified<'_> {
        Notified {
            notify: self,
            wait: NotifiedWait::new(self),
        }
    }

    /// Waits for a notification with a future that owns a reference to the `Notify`; see
    /// [`notified`](Notify::notified).
    pub fn notified_owned(self: Arc<Self>) -> OwnedNotified {
        OwnedNotified {
            wait: NotifiedWait::new(&self),
            notify: self,
        }
    }

    /// Notifies the first task that waits. If no task waits, stores the notification for the next.
    pub fn notify_one(&self) {
        self.notify(NotifyKind::First);
    }

    /// Notifies the last task that waits. If no task waits, stores the notification for the next.
    pub fn notify_last(&self) {
        self.notify(NotifyKind::Last);
    }

    /// Notifies all waiting tasks, in order. Nothing is stored for later ones.
    pub fn notify_waiters(&self) {
        let mut wakes = WakeList::default();
        let mut state = lock(&self.state);
        self.rounds.fetch_add(1, Ordering::Release);
        state.waiters.notify_all(&mut wakes);
        drop(state);
        wakes.wake();
    }

    fn notify(&self, kind: NotifyKind) {
        let mut wakes = WakeList::default();
        lock(&self.state).notify(kind, &mut wakes);
        wakes.wake();
    }

    /// Removes a waiter, and passes the notification on that it has not consumed.
    fn cancel(&self, key: WaitKey) {
        let mut wakes = WakeList::default();
        let mut state = lock(&self.state);
        let Cancelled { note, waker } = state.waiters.remove(key);
        if note != NotifyKind::All {
            state.notify(note, &mut wakes);
        }
        drop(state);
        wakes.wake();
        drop(waker);
    }
}

impl Default for Notify {
    fn default() -> Self {
        Notify::new()
    }
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notify").finish_non_exhaustive()
    }
}

impl NotifyState {
    /// Notifies the first or last waiter, or stores the notification.
    fn notify(&mut self, kind: NotifyKind, wakes: &mut WakeList) {
        let is_last = kind == NotifyKind::Last;
        let note = if is_last {
            self.waiters.last()
        } else {
            self.waiters.first()
        };
        match note {
            None => self.is_stored = true,
            Some(note) => {
                *note = kind;
                if is_last {
                    self.waiters.notify_last(wakes);
                } else {
                    self.waiters.notify_first(wakes);
                }
            }
        }
    }
}

/// The part that both futures share: the wait for a notification.
#[derive(Debug)]
struct NotifiedWait {
    /// The number of rounds when it was created.
    rounds: u64,
    state: NotifiedState,
}

#[derive(Debug)]
enum NotifiedState {
    /// Neither polled nor enabled.
    New,
    /// Queued; or notified, and not polled since.
    Waiting(WaitKey),
    Done,
}

impl NotifiedWait {
    #[inline]
    fn new(notify: &Notify) -> Self {
        NotifiedWait {
            rounds: notify.rounds.load(Ordering::Acquire),
            state: NotifiedState::New,
        }
    }

    /// Returns whether it has been notified. If not, it is queued, with `waker` if that is given.
    #[inline]
    fn check(
        &mut self,
        notify: &Notify,
        state: &mut NotifyState,
        waker: Option<&mut PollWaker<'_>>,
    ) -> LeafPoll<()> {
        match &self.state {
            // `notify_waiters` has reached it, so a stored notification is for another.
            NotifiedState::New if notify.rounds.load(Ordering::Relaxed) != self.rounds => {}
            NotifiedState::New if state.is_stored => state.is_stored = false,
            NotifiedState::New => {
                let clone = waker.and_then(PollWaker::take_clone);
                let is_registered = clone.is_some();
                self.state = NotifiedState::Waiting(state.waiters.push(NotifyKind::All, clone));
                return LeafPoll::waiting(is_registered);
            }
            NotifiedState::Waiting(key) if !state.waiters.is_notified(key) => {
                return LeafPoll::waiting(
                    waker.is_none_or(|waker| state.waiters.update_waker(key, waker)),
                );
            }
            NotifiedState::Waiting(_) | NotifiedState::Done => {}
        }
        if let NotifiedState::Waiting(key) = mem::replace(&mut self.state, NotifiedState::Done) {
            state.waiters.remove_notified(key);
        }
        LeafPoll::Ready(())
    }

    /// Queues a future whose task has spent its budget, or sets a stored notification aside for it.
    /// The future fetches that like one that was notified.
    #[cold]
    fn enqueue(&mut self, notify: &Notify) {
        let mut state = lock(&notify.state);
        let is_reached = notify.rounds.load(Ordering::Relaxed) != self.rounds;
        if is_reached || !matches!(self.state, NotifiedState::New) {
            return;
        }
        self.state = NotifiedState::Waiting(if mem::take(&mut state.is_stored) {
            state.waiters.push_notified(NotifyKind::First)
        } else {
            state.waiters.push(NotifyKind::All, None)
        });
    }

    fn enable(&mut self, notify: &Notify) -> bool {
        let checked = self.check(notify, &mut lock(&notify.state), None);
        matches!(checked, LeafPoll::Ready(()))
    }

    #[inline]
    fn poll(&mut self, notify: &Notify, cx: &Context<'_>) -> Poll<()> {
        poll_leaf(
            cx,
            &"a notification (Notify)",
            self,
            |wait| wait.enqueue(notify),
            |wait, waker| wait.check(notify, &mut lock(&notify.state), Some(waker)),
        )
    }

    /// Stops waiting. A notification that it has not consumed is passed on.
    #[inline]
    fn cancel(&mut self, notify: &Notify) {
        if let NotifiedState::Waiting(key) = mem::replace(&mut self.state, NotifiedState::Done) {
            notify.cancel(key);
        }
    }
}

/// The future of [`Notify::notified`].
#[derive(Debug)]
#[must_use = "futures do nothing unless they are awaited"]
pub struct Notified<'a> {
    notify: &'a Notify,
    wait: NotifiedWait,
}

impl Notified<'_> {
    /// Takes its place in the queue before it is polled, and returns whether it has been notified.
    ///
    /// So no notification is missed between a check of the awaited condition and the wait.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::pin::pin;
    /// use quintet::sync::Notify;
    ///
    /// # quintet::block_on(async {
    /// let notify = Notify::new();
    /// let mut notified = pin!(notify.notified());
    /// assert!(!notified.as_mut().enable());
    /// notify.notify_one();
    /// notified.await;
    /// # });
    /// ```
    pub fn enable(mut self: Pin<&mut Self>) -> bool {
        let notify = self.notify;
        self.wait.enable(notify)
    }
}

impl Future for Notified<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let notify = self.notify;
        self.wait.poll(notify, cx)
    }
}

impl Drop for Notified<'_> {
    fn drop(&mut self) {
        self.wait.cancel(self.notify);
    }
}

/// The future of [`Notify::notified_owned`].
#[derive(Debug)]
#[must_use = "futures do nothing unless they are awaited"]
pub struct OwnedNotified {
    notify: Arc<Notify>,
    wait: NotifiedWait,
}

impl OwnedNotified {
    /// Takes its place in the queue before it is polled; see [`Notified::enable`].
    pub fn enable(mut self: Pin<&mut Self>) -> bool {
        let this = &mut *self;
        this.wait.enable(&this.notify)
    }
}

impl Future for OwnedNotified {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        this.wait.poll(&this.notify, cx)
    }
}

impl Drop for OwnedNotified {
    fn drop(&mut self) {
        self.wait.cancel(&self.notify);
    }
}

assert_impl!(Notify: Send + Sync);
assert_impl!(Notified<'_>: Send + Sync);
assert_impl!(OwnedNotified: Send + Sync);
