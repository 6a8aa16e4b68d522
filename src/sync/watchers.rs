//! A state, and those who wait until it has changed in some way: a change wakes them all.

use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};

use super::lock;
use super::wait_list::{LeafPoll, PollWaker, WaitKey, WaitList, WakeList, poll_leaf};
use crate::coop;
use crate::tasks::Note;

/// See the [module](self).
pub(crate) struct Watchers<S> {
    inner: Mutex<Inner<S>>,
}

struct Inner<S> {
    state: S,
    waiters: WaitList<()>,
}

impl<S> Watchers<S> {
    pub(crate) const fn new(state: S) -> Self {
        Watchers {
            inner: Mutex::new(Inner {
                state,
                waiters: WaitList::new(),
            }),
        }
    }

    /// Calls `f` with the state locked. `f` must not run users' code.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut S) -> R) -> R {
        f(&mut lock(&self.inner).state)
    }

    /// Changes the state and calls those who wait, in order. `f` must not run users' code.
    pub(super) fn change<R>(&self, f: impl FnOnce(&mut S) -> R) -> (R, WakeList) {
        let mut wakes = WakeList::default();
        let mut inner = lock(&self.inner);
        let result = f(&mut inner.state);
        inner.waiters.notify_all(&mut wakes);
        (result, wakes)
    }

    /// Changes the state, and if `f` says that it matters, calls those who wait, in order. `f` must not
    /// run users' code.
    pub(crate) fn change_if(&self, f: impl FnOnce(&mut S) -> bool) -> WakeList {
        let mut wakes = WakeList::default();
        let mut inner = lock(&self.inner);
        if f(&mut inner.state) {
            inner.waiters.notify_all(&mut wakes);
        }
        wakes
    }

    /// Wakes those who wait, for a change of something that `until` looks at beside the state.
    pub(super) fn wake(&self) {
        let ((), wakes) = self.change(|_| ());
        wakes.wake();
    }

    /// Waits until `look` finds something in the state. `look` must not run users' code.
    pub(super) fn until<R, F>(&self, what: Note, look: F) -> Until<'_, S, F>
    where
        F: FnMut(&mut S) -> Option<R> + Unpin,
    {
        Until {
            watchers: self,
            what,
            look,
            slot: WatcherSlot::default(),
        }
    }

    /// Polls for what `look` finds in the state, on behalf of a future with this slot. `look` must
    /// not run users' code.
    pub(crate) fn poll<R>(
        &self,
        cx: &Context<'_>,
        what: Note,
        slot: &mut WatcherSlot,
        mut look: impl FnMut(&mut S) -> Option<R>,
    ) -> Poll<R> {
        if !coop::has_budget() {
            lock(&self.inner).enqueue(slot);
        }
        poll_leaf(cx, what, |waker| {
            // Dropped when the lock is released, since it has a waker.
            let _cancelled;
            let mut inner = lock(&self.inner);
            match look(&mut inner.state) {
                Some(found) => {
                    // Here and not when the future is dropped, which saves a way through the lock.
                    if let Some(key) = slot.key.take_if(|_| !slot.is_kept) {
                        _cancelled = inner.waiters.remove(key);
                    }
                    LeafPoll::Ready(found)
                }
                None => inner.wait(slot, waker),
            }
        })
    }

    /// Gives a place up.
    pub(crate) fn cancel(&self, slot: &mut WatcherSlot) {
        if let Some(key) = slot.key.take() {
            let cancelled = lock(&self.inner).waiters.remove(key);
            drop(cancelled);
        }
    }
}

/// Where a future stands in line, once it has had to wait.
#[derive(Debug, Default)]
pub(crate) struct WatcherSlot {
    key: Option<WaitKey>,
    /// Whether it is kept when something is found, for another wait.
    is_kept: bool,
}

impl<S> Inner<S> {
    /// Stands in line without a look, for a future whose task has spent its budget and is polled
    /// again.
    #[cold]
    fn enqueue(&mut self, slot: &mut WatcherSlot) {
        let key = &mut slot.key;
        key.get_or_insert_with(|| self.waiters.push((), None));
    }

    /// Stands in line, at its end if it has been called in vain.
    fn wait<R>(&mut self, slot: &mut WatcherSlot, waker: &mut PollWaker<'_>) -> LeafPoll<R> {
        if let Some(key) = slot.key {
            if !self.waiters.is_notified(key) {
                return LeafPoll::waiting(self.waiters.update_waker(key, waker));
            }
            // Its waker is with those that were woken.
            self.waiters.remove(key);
            slot.key = None;
        }
        match waker.spare() {
            Some(waker) => {
                slot.key = Some(self.waiters.push((), Some(waker)));
                LeafPoll::Pending
            }
            None => LeafPoll::NeedsWaker,
        }
    }
}

/// The future of [`Watchers::until`].
pub(super) struct Until<'a, S, F> {
    watchers: &'a Watchers<S>,
    what: Note,
    look: F,
    slot: WatcherSlot,
}

impl<S, F> Until<'_, S, F> {
    /// Keeps its place in line when it has found something, and is polled again for the next.
    pub(super) fn keeping_its_place(mut self) -> Self {
        self.slot.is_kept = true;
        self
    }
}

impl<S, F, R> Future for Until<'_, S, F>
where
    F: FnMut(&mut S) -> Option<R> + Unpin,
{
    type Output = R;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R> {
        let this = &mut *self;
        this.watchers
            .poll(cx, this.what, &mut this.slot, &mut this.look)
    }
}

impl<S, F> Drop for Until<'_, S, F> {
    fn drop(&mut self) {
        self.watchers.cancel(&mut self.slot);
    }
}
