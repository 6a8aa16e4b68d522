//! A state, and the tasks that wait for it to change: a change wakes them all.

use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use super::lock;
use super::peers::ChannelPeers;
use super::wait_list::{LeafPoll, PollWaker, WaitKey, WaitList, WakeList, poll_leaf};
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

    /// Changes the state and notifies all waiters, in order. `f` must not run users' code.
    pub(super) fn change<R>(&self, f: impl FnOnce(&mut S) -> R) -> (R, WakeList) {
        let mut wakes = WakeList::default();
        let mut inner = lock(&self.inner);
        let result = f(&mut inner.state);
        inner.waiters.notify_all(&mut wakes);
        (result, wakes)
    }

    /// Changes the state, and notifies all waiters, in order, if `f` returns true. `f` must not run
    /// users' code.
    pub(crate) fn change_if(&self, f: impl FnOnce(&mut S) -> bool) -> WakeList {
        let mut wakes = WakeList::default();
        let mut inner = lock(&self.inner);
        if f(&mut inner.state) {
            inner.waiters.notify_all(&mut wakes);
        }
        wakes
    }

    /// Wakes all waiters, after a change of data outside of the state that they check.
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
            peers: None,
        }
    }

    /// Polls for what `look` finds in the state, for a future with this slot. `look` must not run
    /// users' code.
    #[inline]
    pub(crate) fn poll<R>(
        &self,
        cx: &Context<'_>,
        what: Note,
        slot: &mut WatcherSlot,
        mut look: impl FnMut(&mut S) -> Option<R>,
    ) -> Poll<R> {
        poll_leaf(
            cx,
            what,
            slot,
            |slot| lock(&self.inner).enqueue(slot),
            |slot, waker| {
                // Dropped after the lock is released, because it may be foreign.
                let _waker;
                let mut inner = lock(&self.inner);
                match look(&mut inner.state) {
                    Some(found) => {
                        _waker = inner.found(slot);
                        LeafPoll::Ready(found)
                    }
                    None => inner.wait(slot, waker),
                }
            },
        )
    }

    /// Removes the future from the queue.
    #[inline]
    pub(crate) fn cancel(&self, slot: &mut WatcherSlot) {
        if let Some(key) = slot.key.take() {
            let cancelled = lock(&self.inner).waiters.remove(key);
            drop(cancelled);
        }
    }

    /// Removes the future from the queue, and keeps its node for another.
    #[inline]
    pub(super) fn detach(&self, slot: &mut WatcherSlot) {
        if slot.is_queued
            && let Some(key) = &slot.key
        {
            slot.is_queued = false;
            let waker = lock(&self.inner).waiters.detach(key);
            drop(waker);
        }
    }
}

/// A future's place in the queue, once it has had to wait.
#[derive(Debug, Default)]
pub(crate) struct WatcherSlot {
    key: Option<WaitKey>,
    /// Whether it is queued, or was when it was polled last.
    is_queued: bool,
    when_found: WhenFound,
}

/// What becomes of the place when something is found.
#[derive(Clone, Copy, Debug, Default)]
enum WhenFound {
    /// It is given up, here and not on drop, which would lock again.
    #[default]
    Remove,
    /// The future leaves the queue, and the node is kept for the next.
    Detach,
    /// The future stays in the queue, for the next wait.
    Stay,
}

impl WatcherSlot {
    /// Returns a slot for one future after the other, each with a place of its own in the queue.
    pub(super) fn reused() -> Self {
        WatcherSlot {
            when_found: WhenFound::Detach,
            ..WatcherSlot::default()
        }
    }
}

impl<S> Inner<S> {
    /// Queues a future whose task has spent its budget, without a look.
    #[cold]
    fn enqueue(&mut self, slot: &mut WatcherSlot) {
        let is_detached = matches!(slot.when_found, WhenFound::Detach) && !slot.is_queued;
        if is_detached && let Some(key) = slot.key.take() {
            self.waiters.remove(key);
        }
        slot.key.get_or_insert_with(|| self.waiters.push((), None));
        slot.is_queued = true;
    }

    /// Queues a future. One that was notified and has found nothing is queued again, at the end.
    #[inline]
    fn wait<R>(&mut self, slot: &mut WatcherSlot, waker: &mut PollWaker<'_>) -> LeafPoll<R> {
        if let Some(key) = &slot.key
            && !self.waiters.is_notified(key)
        {
            return LeafPoll::waiting(self.waiters.update_waker(key, waker));
        }
        let Some(clone) = waker.take_clone() else {
            return LeafPoll::NeedsWaker;
        };
        match &slot.key {
            Some(key) => self.waiters.requeue(key, clone),
            None => slot.key = Some(self.waiters.push((), Some(clone))),
        }
        slot.is_queued = true;
        LeafPoll::Pending
    }

    /// Ends a wait. Returns the waker that it has left, to be dropped after the lock is released.
    #[inline]
    fn found(&mut self, slot: &mut WatcherSlot) -> Option<Waker> {
        match slot.when_found {
            WhenFound::Remove => self.waiters.remove(slot.key.take()?).waker,
            WhenFound::Detach => {
                slot.is_queued = false;
                self.waiters.detach(slot.key.as_ref()?)
            }
            WhenFound::Stay => None,
        }
    }
}

/// The future of [`Watchers::until`].
pub(super) struct Until<'a, S, F> {
    watchers: &'a Watchers<S>,
    /// The record of the channel that this is a receiver of.
    peers: Option<&'a ChannelPeers>,
    what: Note,
    look: F,
    slot: WatcherSlot,
}

impl<'a, S, F> Until<'a, S, F> {
    /// Records what a receiver of a channel finds.
    pub(super) fn of_channel(mut self, peers: &'a ChannelPeers) -> Self {
        self.peers = Some(peers);
        self
    }

    /// Keeps its place in the queue when it is ready, so that it can be polled again.
    pub(super) fn keeping_its_place(mut self) -> Self {
        self.slot.when_found = WhenFound::Stay;
        self
    }
}

impl<S, F, R> Future for Until<'_, S, F>
where
    F: FnMut(&mut S) -> Option<R> + Unpin,
{
    type Output = R;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R> {
        let this = &mut *self;
        let polled = this
            .watchers
            .poll(cx, this.what, &mut this.slot, &mut this.look);
        if let Some(peers) = this.peers {
            peers.polled(&polled, this.what);
        }
        polled
    }
}

impl<S, F> Drop for Until<'_, S, F> {
    #[inline]
    fn drop(&mut self) {
        self.watchers.cancel(&mut self.slot);
    }
}
