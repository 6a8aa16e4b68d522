//! Telling somebody that something has happened.

use std::fmt;
use std::mem;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use super::lock;
use super::wait_list::{Cancelled, LeafPoll, PollWaker, WaitKey, WaitList, WakeList, poll_leaf};

/// Tells one task, or all, that something has happened.
///
/// [`notify_one`](Notify::notify_one) wakes the first of those who wait. Where nobody waits, the
/// notification is kept for the next who comes; only one is kept.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use quintet::sync::Notify;
///
/// # quintet::block_on(async {
/// let bell = Arc::new(Notify::new());
/// let heard = quintet::spawn({
///     let bell = Arc::clone(&bell);
///     async move { bell.notified().await }
/// });
/// bell.notify_one();
/// heard.await.unwrap();
/// # });
/// ```
pub struct Notify {
    state: Mutex<NotifyState>,
    /// How often all waiters were notified, which reaches futures that are not queued yet. It
    /// changes under the lock.
    rounds: AtomicU64,
}

struct NotifyState {
    /// Their notes say what they were called by.
    waiters: WaitList<NotifyKind>,
    /// Whether a notification is stored.
    is_stored: bool,
}

/// What a waiter was called by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NotifyKind {
    /// It was not called yet, or with all others.
    All,
    /// `notify_one`: to be passed on if the waiter does not take it.
    First,
    /// `notify_last`: likewise.
    Last,
}

impl Notify {
    /// Returns one that nobody has notified.
    pub fn new() -> Self {
        Notify::const_new()
    }

    /// Returns one that nobody has notified, for a `static`.
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
    /// The future takes its place in line when it is first polled, or [enabled](Notified::enable).
    /// But [`notify_waiters`](Notify::notify_waiters) reaches it from its making on.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the place in line. A notification that was meant for it goes to
    /// the next.
    pub fn notified(&self) -> Notified<'_> {
        Notified {
            notify: self,
            wait: NotifiedWait::new(self),
        }
    }

    /// Waits for a notification, with a future that keeps this alive; see
    /// [`notified`](Notify::notified).
    pub fn notified_owned(self: Arc<Self>) -> OwnedNotified {
        OwnedNotified {
            wait: NotifiedWait::new(&self),
            notify: self,
        }
    }

    /// Notifies the first of those who wait; or the next who comes, if nobody does.
    pub fn notify_one(&self) {
        self.notify(NotifyKind::First);
    }

    /// Notifies the last of those who wait; or the next who comes, if nobody does.
    pub fn notify_last(&self) {
        self.notify(NotifyKind::Last);
    }

    /// Notifies all who wait, in order, and nobody who comes later.
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
    /// Calls one of the line's ends, or keeps the notification.
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
    /// Takes its place in line before it is polled, and returns whether it has been notified.
    ///
    /// So nothing is missed between looking at what one waits for and waiting.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::pin::pin;
    /// use quintet::sync::Notify;
    ///
    /// # quintet::block_on(async {
    /// let bell = Notify::new();
    /// let mut heard = pin!(bell.notified());
    /// assert!(!heard.as_mut().enable());
    /// bell.notify_one();
    /// heard.await;
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
    /// Takes its place in line before it is polled; see [`Notified::enable`].
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
