//! Telling somebody that something has happened.

use std::fmt;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use super::lock;
use super::wait_list::{LeafPoll, PollWaker, WaitKey, WaitList, WakeList, poll_leaf};
use crate::coop;

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
}

struct NotifyState {
    /// Their notes say what they were called by.
    waiters: WaitList<NotifyKind>,
    /// Whether a notification is kept.
    is_kept: bool,
    /// How often all were notified: who was there before is told even if not in line yet.
    rounds: u64,
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
                is_kept: false,
                rounds: 0,
            }),
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
            wait: Notification::new(self),
        }
    }

    /// Waits for a notification, with a future that keeps this alive; see
    /// [`notified`](Notify::notified).
    pub fn notified_owned(self: Arc<Self>) -> OwnedNotified {
        OwnedNotified {
            wait: Notification::new(&self),
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
        state.rounds += 1;
        state.waiters.notify_all(&mut wakes);
        drop(state);
        wakes.wake();
    }

    fn notify(&self, kind: NotifyKind) {
        let mut wakes = WakeList::default();
        lock(&self.state).notify(kind, &mut wakes);
        wakes.wake();
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
            None => self.is_kept = true,
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

/// The part of the futures that does not know who keeps the [`Notify`].
#[derive(Debug)]
struct Notification {
    /// The rounds at its making.
    rounds: u64,
    state: NotifiedState,
}

#[derive(Clone, Copy, Debug)]
enum NotifiedState {
    /// Until it is first polled or enabled.
    New,
    /// In line, or called and not polled since.
    Waiting(WaitKey),
    Done,
}

impl Notification {
    fn new(notify: &Notify) -> Self {
        Notification {
            rounds: lock(&notify.state).rounds,
            state: NotifiedState::New,
        }
    }

    /// Whether it has been notified. If not, it stands in line.
    fn has_come(&mut self, state: &mut NotifyState) -> bool {
        match self.state {
            // `notify_waiters` has reached it, so a notification that is kept is for another.
            NotifiedState::New if state.rounds != self.rounds => {}
            NotifiedState::New if state.is_kept => state.is_kept = false,
            NotifiedState::New => {
                self.state = NotifiedState::Waiting(state.waiters.push(NotifyKind::All, None));
                return false;
            }
            NotifiedState::Waiting(key) if state.waiters.is_notified(key) => {
                // Its waker is with those that were woken.
                state.waiters.remove(key);
            }
            NotifiedState::Waiting(_) => return false,
            NotifiedState::Done => {}
        }
        self.state = NotifiedState::Done;
        true
    }

    /// Stands in line, or sets the notification aside that is kept, for a future whose task has
    /// spent its budget. The future comes for it like any that is called.
    #[cold]
    fn enqueue(&mut self, state: &mut NotifyState) {
        if !matches!(self.state, NotifiedState::New) || state.rounds != self.rounds {
            return;
        }
        self.state = NotifiedState::Waiting(if mem::take(&mut state.is_kept) {
            state.waiters.push_notified(NotifyKind::First)
        } else {
            state.waiters.push(NotifyKind::All, None)
        });
    }

    fn enable(&mut self, notify: &Notify) -> bool {
        self.has_come(&mut lock(&notify.state))
    }

    fn poll(&mut self, notify: &Notify, cx: &Context<'_>) -> Poll<()> {
        if !coop::has_budget() {
            self.enqueue(&mut lock(&notify.state));
        }
        poll_leaf(cx, &"a notification (Notify)", |waker| {
            self.attempt(&mut lock(&notify.state), waker)
        })
    }

    fn attempt(&mut self, state: &mut NotifyState, waker: &mut PollWaker<'_>) -> LeafPoll<()> {
        if self.has_come(state) {
            return LeafPoll::Ready(());
        }
        let NotifiedState::Waiting(key) = self.state else {
            unreachable!("who is not notified stands in line");
        };
        LeafPoll::waiting(state.waiters.update_waker(key, waker))
    }

    /// Gives up. What it was called by is passed on.
    fn cancel(&mut self, notify: &Notify) {
        let NotifiedState::Waiting(key) = self.state else {
            return;
        };
        self.state = NotifiedState::Done;
        let mut wakes = WakeList::default();
        let mut state = lock(&notify.state);
        let cancelled = state.waiters.remove(key);
        if let Some(kind) = cancelled.as_ref().map(|cancelled| cancelled.note)
            && kind != NotifyKind::All
        {
            state.notify(kind, &mut wakes);
        }
        drop(state);
        wakes.wake();
        drop(cancelled);
    }
}

/// The future of [`Notify::notified`].
#[derive(Debug)]
#[must_use = "futures do nothing unless they are awaited"]
pub struct Notified<'a> {
    notify: &'a Notify,
    wait: Notification,
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
    wait: Notification,
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
