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

/// Receives all messages that are sent after its creation.
pub struct Receiver<T> {
    shared: Arc<BroadcastShared<T>>,
    /// The position of the next message to receive.
    next: u64,
    /// The place in the queue of all futures of `recv`, of which there is one at a time. To reuse
    /// its node saves 60 instructions a message.
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

    /// Returns the number of messages that were sent and not received yet. Missed messages count
    /// until they are reported.
    pub fn len(&self) -> usize {
        self.shared.log.with(|log| log.end() - self.next) as usize
    }

    /// Returns whether there is no message that was sent and not received yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns whether both receivers belong to the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Returns the number of senders.
    pub fn sender_strong_count(&self) -> usize {
        self.shared.log.with(|log| log.senders)
    }

    /// Returns the number of weak senders.
    pub fn sender_weak_count(&self) -> usize {
        self.shared.log.with(|log| log.weak_senders)
    }

    /// Returns whether there are no senders.
    pub fn is_closed(&self) -> bool {
        self.sender_strong_count() == 0
    }
}

impl<T: Clone> Receiver<T> {
    /// Creates another receiver, for all messages that are sent from now on.
    pub fn resubscribe(&self) -> Self {
        self.shared.subscribe()
    }

    /// Receives the next message.
    ///
    /// # Errors
    ///
    /// Returns [`RecvError::Lagged`] if it has missed messages, and [`RecvError::Closed`] if all
    /// are received and there are no senders.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: if the future is dropped, no message is received.
    ///
    /// # Panics
    ///
    /// Panics if `clone` of the message panics, or receives the same message by another receiver.
    pub async fn recv(&mut self) -> Result<T, RecvError> {
        let received = Recv { receiver: self };
        received.await.map(copy)
    }

    /// Receives the next message if it has been sent.
    ///
    /// # Errors
    ///
    /// Returns [`TryRecvError::Lagged`] if it has missed messages, [`TryRecvError::Empty`] if there
    /// is no message now, and [`TryRecvError::Closed`] if there are no senders either.
    ///
    /// # Panics
    ///
    /// Panics like [`recv`](Receiver::recv).
    #[track_caller]
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let taken = self.shared.log.with(|log| log.take(&mut self.next))?;
        self.shared.peers.received();
        Ok(copy(taken))
    }

    /// Receives the next message, and blocks the thread while it waits.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`recv`](Receiver::recv).
    ///
    /// # Panics
    ///
    /// Panics if a quintet loop runs on this thread.
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
        let what = &"a message (broadcast)";
        let received = shared.log.poll(cx, what, slot, |log| match log.take(next) {
            Ok(body) => Some(Ok(body)),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Closed) => Some(Err(RecvError::Closed)),
            Err(TryRecvError::Lagged(missed)) => Some(Err(RecvError::Lagged(missed))),
        });
        shared.peers.polled(&received, what);
        received
    }
}

impl<T> Drop for Recv<'_, T> {
    #[inline]
    fn drop(&mut self) {
        let Receiver { shared, slot, .. } = &mut *self.receiver;
        shared.log.detach(slot);
    }
}

/// Returns the message for one receiver. The last receiver needs no clone.
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
