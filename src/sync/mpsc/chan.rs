//! The channel between the handles: the queue, and the permits for its room, under one lock.
//!
//! A permit is taken before a message is queued, and goes back when the message is received. A
//! channel without limit has the same parts and never asks for permits.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use super::error::{SendError, TryRecvError, TrySendError};
use crate::sync::lock;
use crate::sync::raw_semaphore::{PERMITS_MAX, PermitSource, Permits};
use crate::sync::semaphore::TryAcquireError;
use crate::sync::wait_list::{LeafPoll, WakeList, poll_leaf};
use crate::sync::watchers::Watchers;
use crate::tasks::Note;

/// See the [module](self).
pub(super) struct Chan<T> {
    /// The room; `None` if it is not limited.
    limit: Option<usize>,
    state: Mutex<ChanState<T>>,
    /// Those who wait for the channel to be closed.
    closed: Watchers<()>,
}

struct ChanState<T> {
    queue: VecDeque<T>,
    /// For messages that are not queued. They are closed when the channel is.
    permits: Permits,
    /// Who waits for a message, or for the end.
    receiver: Option<Waker>,
    is_receiver_gone: bool,
    senders: usize,
    weak_senders: usize,
}

impl<T> ChanState<T> {
    fn is_closed(&self) -> bool {
        self.permits.is_closed()
    }

    /// Whether no message can come any more: neither from a sender nor by a permit.
    fn has_ended(&self, limit: usize) -> bool {
        self.senders == 0 || self.is_closed() && self.permits.free() == limit
    }
}

impl<T> Chan<T> {
    /// A channel with one sender.
    pub(super) fn new(limit: Option<usize>) -> Self {
        Chan {
            limit,
            state: Mutex::new(ChanState {
                queue: VecDeque::new(),
                permits: Permits::new(limit.unwrap_or(PERMITS_MAX)),
                receiver: None,
                is_receiver_gone: false,
                senders: 1,
                weak_senders: 0,
            }),
            closed: Watchers::new(()),
        }
    }

    /// All permits that there are.
    pub(super) fn limit(&self) -> usize {
        self.limit.unwrap_or(PERMITS_MAX)
    }

    /// Queues a message for which there is a permit.
    pub(super) fn push(&self, message: T) {
        let pushed = self.push_if(message, |_| Ok(()));
        // Nobody will ever receive it.
        drop(pushed);
    }

    /// Queues a message if there is room.
    pub(super) fn try_push(&self, message: T) -> Result<(), TrySendError<T>> {
        let pushed = self.push_if(message, |permits| permits.try_acquire(1));
        pushed.map_err(|(message, reason)| match reason {
            TryAcquireError::Closed => TrySendError::Closed(message),
            TryAcquireError::NoPermits => TrySendError::Full(message),
        })
    }

    /// Queues a message without asking for room.
    pub(super) fn push_unlimited(&self, message: T) -> Result<(), SendError<T>> {
        let pushed = self.push_if(message, |permits| permits.try_acquire(0));
        pushed.map_err(|(message, _closed)| SendError(message))
    }

    /// Queues a message if `may` allows it. If not, or if there is no receiver, gives it back.
    fn push_if(
        &self,
        message: T,
        may: impl FnOnce(&mut Permits) -> Result<(), TryAcquireError>,
    ) -> Result<(), (T, TryAcquireError)> {
        let mut wakes = WakeList::default();
        let mut state = lock(&self.state);
        if let Err(reason) = may(&mut state.permits) {
            return Err((message, reason));
        }
        if state.is_receiver_gone {
            return Err((message, TryAcquireError::Closed));
        }
        state.queue.push_back(message);
        wakes.add(state.receiver.take());
        drop(state);
        wakes.wake();
        Ok(())
    }

    /// Calls `take` with the queue; it answers what it took and how many that are. Their permits go
    /// to the senders.
    fn pop_with<R>(
        &self,
        state: &mut ChanState<T>,
        wakes: &mut WakeList,
        take: impl FnOnce(&mut VecDeque<T>) -> (R, usize),
    ) -> Result<R, TryRecvError> {
        if state.queue.is_empty() {
            return Err(if state.has_ended(self.limit()) {
                TryRecvError::Disconnected
            } else {
                TryRecvError::Empty
            });
        }
        let (taken, count) = take(&mut state.queue);
        if self.limit.is_some() {
            state.permits.release(count, wakes);
        }
        Ok(taken)
    }

    pub(super) fn try_recv(&self) -> Result<T, TryRecvError> {
        let mut wakes = WakeList::default();
        let mut state = lock(&self.state);
        let popped = self.pop_with(&mut state, &mut wakes, pop);
        drop(state);
        wakes.wake();
        popped
    }

    pub(super) fn poll_recv(&self, cx: &Context<'_>) -> Poll<Option<T>> {
        self.poll_pop(cx, pop)
    }

    /// Moves up to `count_max` messages to `buffer`, and answers how many. `None` at the end.
    pub(super) fn poll_recv_many(
        &self,
        cx: &Context<'_>,
        buffer: &mut Vec<T>,
        count_max: usize,
    ) -> Poll<Option<usize>> {
        self.poll_pop(cx, |queue| {
            let count = queue.len().min(count_max);
            buffer.extend(queue.drain(..count));
            (count, count)
        })
    }

    /// Waits until something can be popped. `None` at the end.
    fn poll_pop<R>(
        &self,
        cx: &Context<'_>,
        mut take: impl FnMut(&mut VecDeque<T>) -> (R, usize),
    ) -> Poll<Option<R>> {
        poll_leaf(cx, &"a message (mpsc)", |waker| {
            let mut wakes = WakeList::default();
            let mut unneeded = None;
            let mut state = lock(&self.state);
            let attempt = match self.pop_with(&mut state, &mut wakes, &mut take) {
                Ok(taken) => LeafPoll::Ready(Some(taken)),
                Err(TryRecvError::Disconnected) => {
                    // It knows the end: a sender that is left must not wake it for that.
                    unneeded = state.receiver.take();
                    LeafPoll::Ready(None)
                }
                Err(TryRecvError::Empty) => LeafPoll::waiting(waker.register(&mut state.receiver)),
            };
            drop(state);
            drop(unneeded);
            wakes.wake();
            attempt
        })
    }

    /// Lets nothing be sent any more, and tells those who wait to send or for this.
    pub(super) fn close(&self) {
        let mut wakes = WakeList::default();
        let mut state = lock(&self.state);
        if state.is_closed() {
            return;
        }
        state.permits.close(&mut wakes);
        drop(state);
        wakes.wake();
        self.closed.wake();
    }

    /// The receiver is dropped.
    pub(super) fn abandon(&self) {
        self.close();
        let mut wakes = WakeList::default();
        let mut state = lock(&self.state);
        state.is_receiver_gone = true;
        let receiver = state.receiver.take();
        let messages = std::mem::take(&mut state.queue);
        if self.limit.is_some() {
            state.permits.release(messages.len(), &mut wakes);
        }
        drop(state);
        wakes.wake();
        drop(receiver);
        drop(messages);
    }

    pub(super) async fn closed(&self) {
        let closed = self.closed.until(&"the end of a receiver (mpsc)", |()| {
            self.is_closed().then_some(())
        });
        closed.await;
    }

    pub(super) fn is_closed(&self) -> bool {
        lock(&self.state).is_closed()
    }

    /// Whether no sender can send any more.
    pub(super) fn is_closed_or_without_senders(&self) -> bool {
        let state = lock(&self.state);
        state.is_closed() || state.senders == 0
    }

    pub(super) fn len(&self) -> usize {
        lock(&self.state).queue.len()
    }

    pub(super) fn free(&self) -> usize {
        lock(&self.state).permits.free()
    }

    pub(super) fn strong_count(&self) -> usize {
        lock(&self.state).senders
    }

    pub(super) fn weak_count(&self) -> usize {
        lock(&self.state).weak_senders
    }
}

/// Takes one message.
fn pop<T>(queue: &mut VecDeque<T>) -> (T, usize) {
    let message = queue.pop_front();
    (message.expect("the queue was found not to be empty"), 1)
}

impl<T> PermitSource for Chan<T> {
    fn what(&self) -> Note {
        &"room in a channel (mpsc)"
    }

    fn with_permits<R>(&self, f: impl FnOnce(&mut Permits) -> R) -> R {
        let mut wakes = WakeList::default();
        let mut state = lock(&self.state);
        let result = f(&mut state.permits);
        // The last permit of a closed channel has come back: the receiver waits in vain.
        if state.is_closed() && state.has_ended(self.limit()) {
            wakes.add(state.receiver.take());
        }
        drop(state);
        wakes.wake();
        result
    }
}

/// A counted sender.
pub(super) struct Tx<T>(Arc<Chan<T>>);

impl<T> Tx<T> {
    /// The first of a new channel.
    pub(super) fn first(chan: &Arc<Chan<T>>) -> Self {
        Tx(Arc::clone(chan))
    }

    pub(super) fn chan(&self) -> &Chan<T> {
        &self.0
    }

    pub(super) fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(super) fn downgrade(&self) -> WeakTx<T> {
        lock(&self.0.state).weak_senders += 1;
        WeakTx(Arc::clone(&self.0))
    }
}

impl<T> Clone for Tx<T> {
    fn clone(&self) -> Self {
        lock(&self.0.state).senders += 1;
        Tx(Arc::clone(&self.0))
    }
}

impl<T> Drop for Tx<T> {
    fn drop(&mut self) {
        let mut wakes = WakeList::default();
        let mut state = lock(&self.0.state);
        state.senders -= 1;
        if state.senders == 0 {
            wakes.add(state.receiver.take());
        }
        drop(state);
        wakes.wake();
    }
}

/// A sender that does not keep the channel from ending.
pub(super) struct WeakTx<T>(Arc<Chan<T>>);

impl<T> WeakTx<T> {
    pub(super) fn chan(&self) -> &Chan<T> {
        &self.0
    }

    /// A sender, unless there is none any more.
    pub(super) fn upgrade(&self) -> Option<Tx<T>> {
        let mut state = lock(&self.0.state);
        if state.senders == 0 {
            return None;
        }
        state.senders += 1;
        drop(state);
        Some(Tx(Arc::clone(&self.0)))
    }
}

impl<T> Clone for WeakTx<T> {
    fn clone(&self) -> Self {
        lock(&self.0.state).weak_senders += 1;
        WeakTx(Arc::clone(&self.0))
    }
}

impl<T> Drop for WeakTx<T> {
    fn drop(&mut self) {
        lock(&self.0.state).weak_senders -= 1;
    }
}
