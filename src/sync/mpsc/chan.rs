//! The channel between the handles: a queue of messages, and a semaphore for its capacity.
//!
//! A permit is acquired before a message is queued, and released when the message is received. An
//! unbounded channel has the same parts and never acquires permits.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use super::error::{SendError, TryRecvError, TrySendError};
use crate::sync::lock;
use crate::sync::raw_semaphore::{PERMITS_MAX, PermitSource, RawSemaphore};
use crate::sync::semaphore::TryAcquireError;
use crate::sync::wait_list::{LeafPoll, poll_leaf, wake};
use crate::sync::watchers::Watchers;
use crate::waits::PermitKind;

/// See the [module](self).
pub(super) struct Chan<T> {
    /// The capacity; `None` if the channel is unbounded.
    limit: Option<usize>,
    /// For messages that are not queued. It is closed when the channel is, under the lock of the
    /// state.
    semaphore: RawSemaphore,
    state: Mutex<ChanState<T>>,
    /// The tasks that wait until the channel is closed.
    closed: Watchers<()>,
}

struct ChanState<T> {
    queue: VecDeque<T>,
    /// The task that waits for a message.
    receiver: Option<Waker>,
    is_receiver_gone: bool,
    senders: usize,
    weak_senders: usize,
}

impl<T> Chan<T> {
    /// Creates a channel with one sender.
    #[track_caller]
    pub(super) fn new(limit: Option<usize>) -> Self {
        Chan {
            limit,
            semaphore: RawSemaphore::new(
                limit.unwrap_or(PERMITS_MAX),
                PermitKind::Room,
                &"room in a channel (mpsc)",
            ),
            state: Mutex::new(ChanState {
                queue: VecDeque::new(),
                receiver: None,
                is_receiver_gone: false,
                senders: 1,
                weak_senders: 0,
            }),
            closed: Watchers::new(()),
        }
    }

    /// Returns the total number of permits.
    pub(super) fn limit(&self) -> usize {
        self.limit.unwrap_or(PERMITS_MAX)
    }

    /// Returns whether the channel is closed and no permit is given out.
    fn is_closed_and_idle(&self) -> bool {
        self.is_closed() && self.semaphore.free() == self.limit()
    }

    /// Queues a message for which there is a permit. If there is no receiver, drops it.
    pub(super) fn push(&self, message: T) {
        let pushed = self.push_unless(message, |state| state.is_receiver_gone);
        drop(pushed);
    }

    /// Queues a message if there is room.
    pub(super) fn try_push(&self, message: T) -> Result<(), TrySendError<T>> {
        match self.semaphore.try_acquire(1) {
            Ok(()) => {
                let pushed = self.push_unless(message, |state| state.is_receiver_gone);
                pushed.map_err(|message| {
                    self.release(1);
                    TrySendError::Closed(message)
                })
            }
            Err(TryAcquireError::Closed) => Err(TrySendError::Closed(message)),
            Err(TryAcquireError::NoPermits) => Err(TrySendError::Full(message)),
        }
    }

    /// Queues a message of an unbounded channel.
    pub(super) fn push_unbounded(&self, message: T) -> Result<(), SendError<T>> {
        // Checked under the lock: without permits, a receiver that has seen the end must not get
        // more.
        let pushed = self.push_unless(message, |_| self.is_closed());
        pushed.map_err(SendError)
    }

    /// Queues a message, or returns it if `is_refused`.
    #[inline]
    fn push_unless(
        &self,
        message: T,
        is_refused: impl FnOnce(&ChanState<T>) -> bool,
    ) -> Result<(), T> {
        let mut state = lock(&self.state);
        if is_refused(&state) {
            return Err(message);
        }
        state.queue.push_back(message);
        let receiver = state.receiver.take();
        drop(state);
        self.semaphore.sent();
        if let Some(receiver) = receiver {
            wake(receiver);
        }
        Ok(())
    }

    /// Takes messages by `take`, which returns them and their number.
    #[inline]
    fn pop_with<R>(
        &self,
        state: &mut ChanState<T>,
        take: impl FnOnce(&mut VecDeque<T>) -> (R, usize),
    ) -> Result<(R, usize), TryRecvError> {
        if !state.queue.is_empty() {
            Ok(take(&mut state.queue))
        } else if state.senders == 0 || self.is_closed_and_idle() {
            Err(TryRecvError::Disconnected)
        } else {
            Err(TryRecvError::Empty)
        }
    }

    /// Releases the permits of messages that were received.
    #[inline]
    fn release_received(&self, count: usize) {
        if self.limit.is_some() {
            self.semaphore.release(count, None);
        }
    }

    pub(super) fn try_recv(&self) -> Result<T, TryRecvError> {
        let popped = self.pop_with(&mut lock(&self.state), pop);
        let (message, count) = popped?;
        self.semaphore.received();
        self.release_received(count);
        Ok(message)
    }

    pub(super) fn poll_recv(&self, cx: &Context<'_>) -> Poll<Option<T>> {
        self.poll_pop(cx, pop)
    }

    /// Moves up to `count_max` messages to `buffer`, and resolves to their number, or to `None` if
    /// no message will come.
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

    /// Waits until there are messages to take. Resolves to `None` if no message will come.
    fn poll_pop<R>(
        &self,
        cx: &Context<'_>,
        mut take: impl FnMut(&mut VecDeque<T>) -> (R, usize),
    ) -> Poll<Option<R>> {
        let received = poll_leaf(
            cx,
            &"a message (mpsc)",
            &mut (),
            |()| (),
            |(), waker| {
                let mut state = lock(&self.state);
                match self.pop_with(&mut state, &mut take) {
                    Ok(taken) => LeafPoll::Ready(Some(taken)),
                    Err(TryRecvError::Disconnected) => {
                        // A sender that is left must not wake the receiver, which knows the end.
                        let unneeded = state.receiver.take();
                        drop(state);
                        drop(unneeded);
                        LeafPoll::Ready(None)
                    }
                    Err(TryRecvError::Empty) => {
                        LeafPoll::waiting(waker.register(&mut state.receiver))
                    }
                }
            },
        );
        if received.is_pending() {
            self.semaphore.waits_for_message();
        }
        received.map(|received| {
            received.map(|(taken, count)| {
                self.semaphore.received();
                self.release_received(count);
                taken
            })
        })
    }

    /// Closes the channel, and wakes the tasks that wait for room or for the channel to be closed.
    pub(super) fn close(&self) {
        let state = lock(&self.state);
        if self.is_closed() {
            return;
        }
        let wakes = self.semaphore.close();
        drop(state);
        wakes.wake();
        self.closed.wake();
    }

    /// Closes the channel and drops its messages, when the receiver is dropped.
    pub(super) fn abandon(&self) {
        self.close();
        let mut state = lock(&self.state);
        state.is_receiver_gone = true;
        let receiver = state.receiver.take();
        let messages = std::mem::take(&mut state.queue);
        drop(state);
        self.release_received(messages.len());
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
        self.semaphore.is_closed()
    }

    /// Returns whether the channel is closed, or there are no senders.
    pub(super) fn is_closed_or_without_senders(&self) -> bool {
        self.is_closed() || lock(&self.state).senders == 0
    }

    pub(super) fn len(&self) -> usize {
        lock(&self.state).queue.len()
    }

    pub(super) fn free(&self) -> usize {
        self.semaphore.free()
    }

    pub(super) fn strong_count(&self) -> usize {
        lock(&self.state).senders
    }

    pub(super) fn weak_count(&self) -> usize {
        lock(&self.state).weak_senders
    }
}

/// Pops one message.
fn pop<T>(queue: &mut VecDeque<T>) -> (T, usize) {
    let message = queue.pop_front();
    (
        message.expect("the caller has checked that the queue is not empty"),
        1,
    )
}

impl<T> PermitSource for Chan<T> {
    #[inline]
    fn semaphore(&self) -> &RawSemaphore {
        &self.semaphore
    }

    /// Wakes the receiver if the last permit of a closed channel was released: no message will
    /// come.
    #[inline]
    fn after_release(&self) {
        if self.is_closed_and_idle() {
            let receiver = lock(&self.state).receiver.take();
            if let Some(receiver) = receiver {
                wake(receiver);
            }
        }
    }
}

/// A counted sender.
pub(super) struct Tx<T>(Arc<Chan<T>>);

impl<T> Tx<T> {
    /// Returns the first sender of a new channel.
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
        let mut state = lock(&self.0.state);
        state.senders -= 1;
        let is_last = state.senders == 0;
        let receiver = state.receiver.take_if(|_| is_last);
        drop(state);
        if let Some(receiver) = receiver {
            wake(receiver);
        }
    }
}

/// A sender that does not keep the channel open.
pub(super) struct WeakTx<T>(Arc<Chan<T>>);

impl<T> WeakTx<T> {
    pub(super) fn chan(&self) -> &Chan<T> {
        &self.0
    }

    /// Returns a sender, unless there is none.
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
