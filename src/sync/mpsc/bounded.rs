//! The sending end of a channel of limited room.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::chan::{Chan, Tx, WeakTx};
use super::error::{SendError, SendTimeoutError, TrySendError};
use super::permit::{OwnedPermit, Permit, PermitIterator};
use super::receiver::Receiver;
use crate::coop;
use crate::sync::blocking::block_on;
use crate::sync::raw_semaphore::PermitSource;
use crate::sync::semaphore::TryAcquireError;
use crate::time::timeout;

/// Returns the two ends of a channel that has room for `buffer` messages.
///
/// # Panics
///
/// If `buffer` is zero, or more than
/// [`Semaphore::MAX_PERMITS`](crate::sync::Semaphore::MAX_PERMITS).
#[track_caller]
pub fn channel<T>(buffer: usize) -> (Sender<T>, Receiver<T>) {
    assert!(
        buffer > 0,
        "an mpsc channel has room for at least one message; for a rendezvous, answer by a oneshot"
    );
    let chan = Arc::new(Chan::new(Some(buffer)));
    (Sender::new(Tx::first(&chan)), Receiver::new(chan))
}

/// Sends to a [`channel`]; clones send to the same.
pub struct Sender<T> {
    tx: Tx<T>,
}

impl<T> Sender<T> {
    pub(super) fn new(tx: Tx<T>) -> Self {
        Sender { tx }
    }

    pub(super) fn tx(&self) -> &Tx<T> {
        &self.tx
    }

    fn chan(&self) -> &Chan<T> {
        self.tx.chan()
    }

    /// Sends a message, waiting until there is room.
    ///
    /// # Errors
    ///
    /// If the channel is closed.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it has answered, the message is not sent, and lost. To keep
    /// it, [`reserve`](Sender::reserve) first.
    pub async fn send(&self, message: T) -> Result<(), SendError<T>> {
        match self.chan().acquire(1).await {
            Ok(()) => {
                self.chan().push(message);
                Ok(())
            }
            Err(_) => Err(SendError(message)),
        }
    }

    /// Sends a message if there is room.
    ///
    /// # Errors
    ///
    /// If there is not, or the channel is closed.
    pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        self.chan().try_push(message)
    }

    /// Sends a message, waiting for room, but at most for `duration`.
    ///
    /// # Errors
    ///
    /// If the time was up first, or the channel is closed.
    ///
    /// # Panics
    ///
    /// Awaiting it panics where no runtime is current.
    ///
    /// # Cancel safety
    ///
    /// As of [`send`](Sender::send).
    pub async fn send_timeout(
        &self,
        message: T,
        duration: Duration,
    ) -> Result<(), SendTimeoutError<T>> {
        match timeout(duration, self.reserve()).await {
            Ok(Ok(permit)) => {
                permit.send(message);
                Ok(())
            }
            Ok(Err(_)) => Err(SendTimeoutError::Closed(message)),
            Err(_) => Err(SendTimeoutError::Timeout(message)),
        }
    }

    /// Sends a message, waiting for room by blocking the thread.
    ///
    /// # Errors
    ///
    /// If the channel is closed.
    ///
    /// # Panics
    ///
    /// Where a quintet loop runs on this thread.
    #[track_caller]
    pub fn blocking_send(&self, message: T) -> Result<(), SendError<T>> {
        block_on("mpsc::Sender::blocking_send", self.send(message))
    }

    /// Waits for room for a message.
    ///
    /// # Errors
    ///
    /// If the channel is closed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the place in line.
    ///
    /// # Examples
    ///
    /// ```
    /// # quintet::block_on(async {
    /// let (sender, mut receiver) = quintet::sync::mpsc::channel(1);
    /// let permit = sender.reserve().await.unwrap();
    /// assert!(sender.try_send(1).is_err());
    /// permit.send(2);
    /// assert_eq!(receiver.recv().await, Some(2));
    /// # });
    /// ```
    pub async fn reserve(&self) -> Result<Permit<'_, T>, SendError<()>> {
        self.wait_for_room(1).await?;
        Ok(Permit::new(self.chan()))
    }

    /// Waits for room for `count` messages.
    ///
    /// # Errors
    ///
    /// If the channel is closed, or there can never be so much room.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the place in line; room that was set aside goes to the next.
    pub async fn reserve_many(&self, count: usize) -> Result<PermitIterator<'_, T>, SendError<()>> {
        if count > self.max_capacity() {
            coop::operate().await;
            return Err(SendError(()));
        }
        self.wait_for_room(count).await?;
        Ok(PermitIterator::new(self.chan(), count))
    }

    /// Waits for room for a message, with a permit that is not bound to a borrow of the sender.
    ///
    /// # Errors
    ///
    /// If the channel is closed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the place in line, and drops the sender.
    pub async fn reserve_owned(self) -> Result<OwnedPermit<T>, SendError<()>> {
        self.wait_for_room(1).await?;
        Ok(OwnedPermit::new(self.tx))
    }

    /// Takes room for a message if there is some.
    ///
    /// # Errors
    ///
    /// If there is none, or the channel is closed.
    pub fn try_reserve(&self) -> Result<Permit<'_, T>, TrySendError<()>> {
        self.try_acquire_room(1)?;
        Ok(Permit::new(self.chan()))
    }

    /// Takes room for `count` messages if there is so much.
    ///
    /// # Errors
    ///
    /// If there is not, or the channel is closed.
    pub fn try_reserve_many(
        &self,
        count: usize,
    ) -> Result<PermitIterator<'_, T>, TrySendError<()>> {
        self.try_acquire_room(count)?;
        Ok(PermitIterator::new(self.chan(), count))
    }

    /// Takes room for a message if there is some, with a permit that is not bound to a borrow of the
    /// sender.
    ///
    /// # Errors
    ///
    /// If there is none, or the channel is closed. The sender is in the error.
    pub fn try_reserve_owned(self) -> Result<OwnedPermit<T>, TrySendError<Self>> {
        match self.try_acquire_room(1) {
            Ok(()) => Ok(OwnedPermit::new(self.tx)),
            Err(TrySendError::Full(())) => Err(TrySendError::Full(self)),
            Err(TrySendError::Closed(())) => Err(TrySendError::Closed(self)),
        }
    }

    async fn wait_for_room(&self, count: usize) -> Result<(), SendError<()>> {
        let taken = self.chan().acquire(count).await;
        taken.map_err(|_| SendError(()))
    }

    fn try_acquire_room(&self, count: usize) -> Result<(), TrySendError<()>> {
        let taken = self.chan().semaphore().try_acquire(count);
        taken.map_err(|reason| match reason {
            TryAcquireError::NoPermits => TrySendError::Full(()),
            TryAcquireError::Closed => TrySendError::Closed(()),
        })
    }

    /// Waits until the channel is closed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing but the wait.
    pub async fn closed(&self) {
        self.chan().closed().await;
    }

    /// Returns whether the channel is closed.
    pub fn is_closed(&self) -> bool {
        self.chan().is_closed()
    }

    /// Returns whether the other sends to the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        self.tx.same_channel(&other.tx)
    }

    /// Returns for how many messages there is room now.
    pub fn capacity(&self) -> usize {
        self.chan().free()
    }

    /// Returns for how many messages there is room if none is there.
    pub fn max_capacity(&self) -> usize {
        self.chan().limit()
    }

    /// Returns a sender that does not keep the channel from ending.
    #[must_use = "it does nothing unless it is kept"]
    pub fn downgrade(&self) -> WeakSender<T> {
        WeakSender {
            tx: self.tx.downgrade(),
        }
    }

    /// Returns how many senders there are.
    pub fn strong_count(&self) -> usize {
        self.chan().strong_count()
    }

    /// Returns how many weak senders there are.
    pub fn weak_count(&self) -> usize {
        self.chan().weak_count()
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Sender::new(self.tx.clone())
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("capacity", &self.capacity())
            .field("is_closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

/// Does not keep a [`channel`] from ending; can become a sender while there is one.
pub struct WeakSender<T> {
    tx: WeakTx<T>,
}

impl<T> WeakSender<T> {
    /// Returns a sender, if there is still one.
    pub fn upgrade(&self) -> Option<Sender<T>> {
        self.tx.upgrade().map(Sender::new)
    }

    /// Returns how many senders there are.
    pub fn strong_count(&self) -> usize {
        self.tx.chan().strong_count()
    }

    /// Returns how many weak senders there are.
    pub fn weak_count(&self) -> usize {
        self.tx.chan().weak_count()
    }
}

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> Self {
        WeakSender {
            tx: self.tx.clone(),
        }
    }
}

impl<T> fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakSender").finish_non_exhaustive()
    }
}

assert_impl!(Sender<std::cell::Cell<()>>: Send + Sync);
assert_impl!(WeakSender<std::cell::Cell<()>>: Send + Sync);
