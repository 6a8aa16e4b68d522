//! The sending ends of an unbounded channel.

use std::fmt;
use std::sync::Arc;

use super::chan::{Chan, Tx, WeakTx};
use super::error::SendError;
use super::receiver::UnboundedReceiver;

/// Creates an unbounded channel, whose capacity is limited only by memory.
///
/// # Examples
///
/// ```
/// # quintet::block_on(async {
/// let (sender, mut receiver) = quintet::sync::mpsc::unbounded_channel();
/// sender.send(1).unwrap();
/// assert_eq!(receiver.recv().await, Some(1));
/// # });
/// ```
#[track_caller]
pub fn unbounded_channel<T>() -> (UnboundedSender<T>, UnboundedReceiver<T>) {
    let chan = Arc::new(Chan::new(None));
    let sender = UnboundedSender {
        tx: Tx::first(&chan),
    };
    (sender, UnboundedReceiver::new(chan))
}

/// Sends to an [`unbounded_channel`]. Clones send to the same channel.
pub struct UnboundedSender<T> {
    tx: Tx<T>,
}

impl<T> UnboundedSender<T> {
    /// Sends a message. Does not wait.
    ///
    /// # Errors
    ///
    /// Returns the message in a [`SendError`] if the channel is closed.
    pub fn send(&self, message: T) -> Result<(), SendError<T>> {
        self.tx.chan().push_unbounded(message)
    }

    /// Waits until the channel is closed.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe.
    pub async fn closed(&self) {
        self.tx.chan().closed().await;
    }

    /// Returns whether the channel is closed.
    pub fn is_closed(&self) -> bool {
        self.tx.chan().is_closed()
    }

    /// Returns whether both senders belong to the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        self.tx.same_channel(&other.tx)
    }

    /// Creates a [`WeakUnboundedSender`], which does not keep the channel open.
    #[must_use = "a weak sender does nothing by itself"]
    pub fn downgrade(&self) -> WeakUnboundedSender<T> {
        WeakUnboundedSender {
            tx: self.tx.downgrade(),
        }
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

impl<T> Clone for UnboundedSender<T> {
    fn clone(&self) -> Self {
        UnboundedSender {
            tx: self.tx.clone(),
        }
    }
}

impl<T> fmt::Debug for UnboundedSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnboundedSender")
            .field("is_closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

/// A sender that does not keep its [`unbounded_channel`] open. It can be upgraded while there is an
/// [`UnboundedSender`].
pub struct WeakUnboundedSender<T> {
    tx: WeakTx<T>,
}

impl<T> WeakUnboundedSender<T> {
    /// Upgrades to an [`UnboundedSender`]. Returns `None` if there are no senders.
    pub fn upgrade(&self) -> Option<UnboundedSender<T>> {
        let tx = self.tx.upgrade()?;
        Some(UnboundedSender { tx })
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

impl<T> Clone for WeakUnboundedSender<T> {
    fn clone(&self) -> Self {
        WeakUnboundedSender {
            tx: self.tx.clone(),
        }
    }
}

impl<T> fmt::Debug for WeakUnboundedSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakUnboundedSender")
            .finish_non_exhaustive()
    }
}

assert_impl!(UnboundedSender<std::cell::Cell<()>>: Send + Sync);
assert_impl!(WeakUnboundedSender<std::cell::Cell<()>>: Send + Sync);
