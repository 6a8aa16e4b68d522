//! Telling somebody that something has happened.

use std::fmt;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use super::lock;
use super::wait_list::{Attempt, Guest, Ticket, WaitList, Wakes, poll_leaf};
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
    state: Mutex<State>,
}

struct State {
    /// Their notes say what they were called by.
    waiters: WaitList<Notice>,
    /// Whether a notification is kept.
    is_kept: bool,
    /// How often all were notified: who was there before is told even if not in line yet.
    rounds: u64,
}

/// What a waiter was called by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Notice {
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
            state: Mutex::new(State {
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
            wait: Wait::new(self),
        }
    }

    /// Waits for a notification, with a future that keeps this alive; see
    /// [`notified`](Notify::notified).
    pub fn notified_owned(self: Arc<Self>) -> OwnedNotified {
        OwnedNotified {
            wait: Wait::new(&self),
            notify: self,
        }
    }

    /// Notifies the first of those who wait; or the next who comes, if nobody does.
    pub fn notify_one(&self) {
        self.notify(Notice::First);
    }

    /// Notifies the last of those who wait; or the next who comes, if nobody does.
    pub fn notify_last(&self) {
        self.notify(Notice::Last);
    }

    /// Notifies all who wait, in order, and nobody who comes later.
    pub fn notify_waiters(&self) {
        let mut wakes = Wakes::default();
        let mut state = lock(&self.state);
        state.rounds += 1;
        state.waiters.call_all(&mut wakes);
        drop(state);
        wakes.wake();
    }

    fn notify(&self, notice: Notice) {
        let mut wakes = Wakes::default();
        lock(&self.state).notify(notice, &mut wakes);
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

impl State {
    /// Calls one of the line's ends, or keeps the notification.
    fn notify(&mut self, notice: Notice, wakes: &mut Wakes) {
        let is_last = notice == Notice::Last;
        let note = if is_last {
            self.waiters.last()
        } else {
            self.waiters.first()
        };
        match note {
            None => self.is_kept = true,
            Some(note) => {
                *note = notice;
                if is_last {
                    self.waiters.call_last(wakes);
                } else {
                    self.waiters.call_first(wakes);
                }
            }
        }
    }
}

/// The part of the futures that does not know who keeps the [`Notify`].
#[derive(Debug)]
struct Wait {
    /// The rounds at its making.
    rounds: u64,
    stage: Stage,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// Until it is first polled or enabled.
    New,
    /// In line, or called and not polled since.
    Waiting(Ticket),
    Done,
}

impl Wait {
    fn new(notify: &Notify) -> Self {
        Wait {
            rounds: lock(&notify.state).rounds,
            stage: Stage::New,
        }
    }

    /// Whether it has been notified. If not, it stands in line.
    fn has_come(&mut self, state: &mut State) -> bool {
        match self.stage {
            // `notify_waiters` has reached it, so a notification that is kept is for another.
            Stage::New if state.rounds != self.rounds => {}
            Stage::New if state.is_kept => state.is_kept = false,
            Stage::New => {
                self.stage = Stage::Waiting(state.waiters.push(Notice::All, None));
                return false;
            }
            Stage::Waiting(ticket) if state.waiters.is_called(ticket) => {
                // Its waker is with those that were woken.
                state.waiters.remove(ticket);
            }
            Stage::Waiting(_) => return false,
            Stage::Done => {}
        }
        self.stage = Stage::Done;
        true
    }

    /// Stands in line, or sets the notification aside that is kept, for a future whose task has
    /// spent its budget. The future comes for it like any that is called.
    #[cold]
    fn take_place(&mut self, state: &mut State) {
        if !matches!(self.stage, Stage::New) || state.rounds != self.rounds {
            return;
        }
        self.stage = Stage::Waiting(if mem::take(&mut state.is_kept) {
            state.waiters.push_called(Notice::First)
        } else {
            state.waiters.push(Notice::All, None)
        });
    }

    fn enable(&mut self, notify: &Notify) -> bool {
        self.has_come(&mut lock(&notify.state))
    }

    fn poll(&mut self, notify: &Notify, cx: &Context<'_>) -> Poll<()> {
        if !coop::has_budget() {
            self.take_place(&mut lock(&notify.state));
        }
        poll_leaf(cx, &"a notification (Notify)", |guest| {
            self.attempt(&mut lock(&notify.state), guest)
        })
    }

    fn attempt(&mut self, state: &mut State, guest: &mut Guest<'_>) -> Attempt<()> {
        if self.has_come(state) {
            return Attempt::Done(());
        }
        let Stage::Waiting(ticket) = self.stage else {
            unreachable!("who is not notified stands in line");
        };
        Attempt::waiting(state.waiters.renew(ticket, guest))
    }

    /// Gives up. What it was called by is passed on.
    fn leave(&mut self, notify: &Notify) {
        let Stage::Waiting(ticket) = self.stage else {
            return;
        };
        self.stage = Stage::Done;
        let mut wakes = Wakes::default();
        let mut state = lock(&notify.state);
        let departed = state.waiters.remove(ticket);
        if let Some(notice) = departed.as_ref().map(|departed| departed.note)
            && notice != Notice::All
        {
            state.notify(notice, &mut wakes);
        }
        drop(state);
        wakes.wake();
        drop(departed);
    }
}

/// The future of [`Notify::notified`].
#[derive(Debug)]
#[must_use = "futures do nothing unless they are awaited"]
pub struct Notified<'a> {
    notify: &'a Notify,
    wait: Wait,
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
        self.wait.leave(self.notify);
    }
}

/// The future of [`Notify::notified_owned`].
#[derive(Debug)]
#[must_use = "futures do nothing unless they are awaited"]
pub struct OwnedNotified {
    notify: Arc<Notify>,
    wait: Wait,
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
        self.wait.leave(&self.notify);
    }
}

const _: () = {
    const fn assert_send_sync<T: Send + Sync>() {}
    assert_send_sync::<Notify>();
    assert_send_sync::<Notified<'_>>();
    assert_send_sync::<OwnedNotified>();
};
