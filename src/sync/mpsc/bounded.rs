//! The sending ends of a bounded channel.

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

/// Creates a bounded channel with room for `buffer` messages.
///
/// # Panics
///
/// Panics if `buffer` is zero, or more than
/// [`Semaphore::MAX_PERMITS`](crate::sync::Semaphore::MAX_PERMITS).
#[track_caller]
pub fn channel<T>(buffer: usize) -> (Sender<T>, Receiver<T>) {
    assert!(
        buffer > 0,
        "an mpsc channel has room for at least one message; for a rendezvous, reply by a oneshot"
    );
    let chan = Arc::new(Chan::new(Some(buffer)));
    (Sender::new(Tx::first(&chan)), Receiver::new(chan))
}

/// Sends to a bounded [`channel`]. Clones send to the same channel.
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

    /// Sends a message, and waits until there is room.
    ///
    /// # Errors
    ///
    /// Returns [`SendError`] if the channel is closed.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the message is not sent, and is lost. To keep the message,
    /// [`reserve`](Sender::reserve) room first.
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
    /// Returns the message in [`TrySendError::Full`] if there is no room, and in
    /// [`TrySendError::Closed`] if the channel is closed.
    pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        self.chan().try_push(message)
    }

    /// Sends a message, and waits for room for at most `duration`.
    ///
    /// # Errors
    ///
    /// Returns the message in [`SendTimeoutError::Timeout`] if there was no room in time, and in
    /// [`SendTimeoutError::Closed`] if the channel is closed.
    ///
    /// # Panics
    ///
    /// Awaiting it panics if no runtime is current.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the message is not sent, and is lost.
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

    /// Sends a message, and blocks the thread while it waits for room.
    ///
    /// # Errors
    ///
    /// Returns [`SendError`] if the channel is closed.
    ///
    /// # Panics
    ///
    /// Panics if a quintet loop runs on this thread.
    #[track_caller]
    pub fn blocking_send(&self, message: T) -> Result<(), SendError<T>> {
        block_on("mpsc::Sender::blocking_send", self.send(message))
    }

    /// Waits for room for a message.
    ///
    /// # Errors
    ///
    /// Returns [`SendError`] if the channel is closed.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: a dropped future loses its place in the queue.
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
    /// Returns [`SendError`] if the channel is closed, or if `count` is more than
    /// [`max_capacity`](Sender::max_capacity).
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: a dropped future loses its place in the queue, and the room that
    /// it has goes to the next waiter.
    pub async fn reserve_many(&self, count: usize) -> Result<PermitIterator<'_, T>, SendError<()>> {
        if count > self.max_capacity() {
            coop::operate().await;
            return Err(SendError(()));
        }
        self.wait_for_room(count).await?;
        Ok(PermitIterator::new(self.chan(), count))
    }

    /// Waits for room for a message, and returns a permit that owns the sender.
    ///
    /// # Errors
    ///
    /// Returns [`SendError`] if the channel is closed.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: a dropped future loses its place in the queue, and drops the
    /// sender.
    pub async fn reserve_owned(self) -> Result<OwnedPermit<T>, SendError<()>> {
        self.wait_for_room(1).await?;
        Ok(OwnedPermit::new(self.tx))
    }

    /// Reserves room for a message if there is room.
    ///
    /// # Errors
    ///
    /// Returns [`TrySendError::Full`] if there is no room, and [`TrySendError::Closed`] if the
    /// channel is closed.
    pub fn try_reserve(&self) -> Result<Permit<'_, T>, TrySendError<()>> {
        self.try_acquire_room(1)?;
        Ok(Permit::new(self.chan()))
    }

    /// Reserves room for `count` messages if there is so much room.
    ///
    /// # Errors
    ///
    /// Returns [`TrySendError::Full`] if there is less room, and [`TrySendError::Closed`] if the
    /// channel is closed.
    pub fn try_reserve_many(
        &self,
        count: usize,
    ) -> Result<PermitIterator<'_, T>, TrySendError<()>> {
        self.try_acquire_room(count)?;
        Ok(PermitIterator::new(self.chan(), count))
    }

    /// Reserves room for a message if there is room, and returns a permit that owns the sender.
    ///
    /// # Errors
    ///
    /// Returns the sender in [`TrySendError::Full`] if there is no room, and in
    /// [`TrySendError::Closed`] if the channel is closed.
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
    /// This method is cancel safe.
    pub async fn closed(&self) {
        self.chan().closed().await;
    }

    /// Returns whether the channel is closed.
    pub fn is_closed(&self) -> bool {
        self.chan().is_closed()
    }

    /// Returns whether both senders belong to the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        self.tx.same_channel(&other.tx)
    }

    /// Returns the number of messages for which there is room now.
    pub fn capacity(&self) -> usize {
        self.chan().free()
    }

    /// Returns the number of messages for which an empty channel has room.
    pub fn max_capacity(&self) -> usize {
        self.chan().limit()
    }

    /// Creates a [`WeakSender`], which does not keep the channel open.
    #[must_use = "a weak sender does nothing by itself"]
    pub fn downgrade(&self) -> WeakSender<T> {
        WeakSender {
            tx: self.tx.downgrade(),
        }
    }

    /// Returns the number of senders.
    pub fn strong_count(&self) -> usize {
        self.chan().strong_count()
    }

    /// Returns the number of weak senders.
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

/// A sender that does not keep its [`channel`] open. It can be upgraded while there is a
/// [`Sender`].
pub struct WeakSender<T> {
    tx: WeakTx<T>,
}

impl<T> WeakSender<T> {
    /// Upgrades to a [`Sender`]. Returns `None` if there are no senders.
    pub fn upgrade(&self) -> Option<Sender<T>> {
        self.tx.upgrade().map(Sender::new)
    }

    /// Returns the number of senders.
    pub fn strong_count(&self) -> usize {
        self.tx.chan().strong_count()
    }

    /// Returns the number of weak senders.
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
