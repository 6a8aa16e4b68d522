//! The receiving end.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::error::{RecvError, TryRecvError};
use super::log::BroadcastShared;
use crate::sync::blocking::block_on;
use crate::sync::reentry::ReentryMutex;
use crate::sync::watchers::WatcherSlot;

/// Receives all messages that are sent after its making.
pub struct Receiver<T> {
    shared: Arc<BroadcastShared<T>>,
    /// The position of the message that is to be received next.
    next: u64,
    /// For the futures of `recv`, which come one after the other: a node for all saves 60
    /// instructions a message.
    slot: WatcherSlot,
}

impl<T> Receiver<T> {
    pub(super) fn new(shared: Arc<BroadcastShared<T>>, next: u64) -> Self {
        Receiver {
            shared,
            next,
            slot: WatcherSlot::reused(),
        }
    }

    /// Returns how many messages have been sent that it has not received. Those that it has missed
    /// are counted until it is told of them.
    pub fn len(&self) -> usize {
        self.shared.log.with(|log| log.end() - self.next) as usize
    }

    /// Returns whether it has received, or missed, all messages.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns whether the other receives from the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Returns how many senders there are.
    pub fn sender_strong_count(&self) -> usize {
        self.shared.log.with(|log| log.senders)
    }

    /// Returns how many weak senders there are.
    pub fn sender_weak_count(&self) -> usize {
        self.shared.log.with(|log| log.weak_senders)
    }

    /// Returns whether there are no senders any more.
    pub fn is_closed(&self) -> bool {
        self.sender_strong_count() == 0
    }
}

impl<T: Clone> Receiver<T> {
    /// Returns another receiver, of all messages that are sent from now on.
    pub fn resubscribe(&self) -> Self {
        self.shared.subscribe()
    }

    /// Receives the next message.
    ///
    /// # Errors
    ///
    /// If it has missed messages, or there are no senders any more and it has received all.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no message.
    ///
    /// # Panics
    ///
    /// If the `clone` of the message does; and in that, for the same message by another receiver.
    pub async fn recv(&mut self) -> Result<T, RecvError> {
        let received = Recv { receiver: self };
        received.await.map(copy)
    }

    /// Receives the next message if there is one.
    ///
    /// # Errors
    ///
    /// If there is none now, or none will come, or it has missed messages.
    ///
    /// # Panics
    ///
    /// As [`recv`](Receiver::recv).
    #[track_caller]
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let taken = self.shared.log.with(|log| log.take(&mut self.next));
        Ok(copy(taken?))
    }

    /// Receives the next message, waiting by blocking the thread.
    ///
    /// # Errors
    ///
    /// As of [`recv`](Receiver::recv).
    ///
    /// # Panics
    ///
    /// Where a quintet loop runs on this thread.
    #[track_caller]
    pub fn blocking_recv(&mut self) -> Result<T, RecvError> {
        block_on("broadcast::Receiver::blocking_recv", self.recv())
    }
}

/// Receives the body of a message.
struct Recv<'a, T> {
    receiver: &'a mut Receiver<T>,
}

impl<T> Future for Recv<'_, T> {
    type Output = Result<Arc<ReentryMutex<T>>, RecvError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Receiver { shared, next, slot } = &mut *self.receiver;
        shared.log.poll(cx, &"a message (broadcast)", slot, |log| {
            match log.take(next) {
                Ok(body) => Some(Ok(body)),
                Err(TryRecvError::Empty) => None,
                Err(TryRecvError::Closed) => Some(Err(RecvError::Closed)),
                Err(TryRecvError::Lagged(missed)) => Some(Err(RecvError::Lagged(missed))),
            }
        })
    }
}

impl<T> Drop for Recv<'_, T> {
    #[inline]
    fn drop(&mut self) {
        let Receiver { shared, slot, .. } = &mut *self.receiver;
        shared.log.detach(slot);
    }
}

/// The message for one receiver: the last needs no clone.
#[track_caller]
fn copy<T: Clone>(body: Arc<ReentryMutex<T>>) -> T {
    match Arc::try_unwrap(body) {
        Ok(message) => message.into_inner(),
        Err(body) => {
            let message = body.lock(
                "the `clone` of a broadcast message receives the same message by another receiver",
            );
            message.clone()
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.shared.log.cancel(&mut self.slot);
        let (unwanted, is_last) = self.shared.log.with(|log| {
            let unwanted = log.leave(self.next);
            (unwanted, log.receivers == 0)
        });
        if is_last {
            self.shared.closed.wake();
        }
        drop(unwanted);
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}

assert_impl!(Receiver<std::cell::Cell<()>>: Send + Sync);
