//! The sending ends.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use super::error::SendError;
use super::log::{BroadcastShared, MessageLog};
use super::receiver::Receiver;
use crate::sync::peers::ChannelPeers;
use crate::sync::watchers::Watchers;

/// Sends messages to all receivers. Clones send to the same channel.
pub struct Sender<T> {
    shared: Arc<BroadcastShared<T>>,
}

impl<T> Sender<T> {
    /// Creates a channel without receivers; see [`channel`](super::channel).
    ///
    /// # Panics
    ///
    /// Panics if `capacity` is zero, or more than half of `usize::MAX`.
    #[track_caller]
    pub fn new(capacity: usize) -> Self {
        assert!(
            capacity > 0,
            "a broadcast channel has room for at least one message"
        );
        assert!(
            capacity <= usize::MAX >> 1,
            "a broadcast channel has room for at most `usize::MAX / 2` messages"
        );
        let log = MessageLog {
            messages: VecDeque::new(),
            first: 0,
            // Rounded like tokio's, so that the same messages are missed.
            capacity: capacity.next_power_of_two(),
            senders: 1,
            weak_senders: 0,
            receivers: 0,
        };
        Sender {
            shared: Arc::new(BroadcastShared {
                log: Watchers::new(log),
                closed: Watchers::new(()),
                peers: ChannelPeers::new(),
            }),
        }
    }

    /// Sends a message to all present receivers, and returns their number. Does not wait.
    ///
    /// # Errors
    ///
    /// Returns the message in a [`SendError`] if there are no receivers.
    pub fn send(&self, message: T) -> Result<usize, SendError<T>> {
        let (sent, wakes) = self.shared.log.change(|log| {
            if log.receivers == 0 {
                return Err(SendError(message));
            }
            Ok((log.push(message), log.receivers))
        });
        if sent.is_ok() {
            self.shared.peers.sent();
        }
        wakes.wake();
        let (displaced, receivers) = sent?;
        drop(displaced);
        Ok(receivers)
    }

    /// Creates a receiver for all messages that are sent from now on.
    pub fn subscribe(&self) -> Receiver<T> {
        self.shared.subscribe()
    }

    /// Returns the number of messages that some receiver has not received yet.
    pub fn len(&self) -> usize {
        self.shared.log.with(|log| log.messages.len())
    }

    /// Returns whether all receivers have received all messages.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of receivers.
    pub fn receiver_count(&self) -> usize {
        self.shared.log.with(|log| log.receivers)
    }

    /// Returns whether both senders belong to the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Waits until there are no receivers.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe.
    pub async fn closed(&self) {
        let shared = &*self.shared;
        let none = shared
            .closed
            .until(&"the end of all receivers (broadcast)", |()| {
                shared.is_abandoned().then_some(())
            });
        none.await;
    }

    /// Creates a [`WeakSender`], which does not keep the channel open.
    #[must_use = "a weak sender does nothing by itself"]
    pub fn downgrade(&self) -> WeakSender<T> {
        WeakSender::new(&self.shared)
    }

    /// Returns the number of senders.
    pub fn strong_count(&self) -> usize {
        self.shared.log.with(|log| log.senders)
    }

    /// Returns the number of weak senders.
    pub fn weak_count(&self) -> usize {
        self.shared.log.with(|log| log.weak_senders)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.shared.log.with(|log| log.senders += 1);
        Sender {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let is_last = self.shared.log.with(|log| {
            log.senders -= 1;
            log.senders == 0
        });
        if is_last {
            self.shared.log.wake();
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

/// A sender that does not keep the channel open. It can be upgraded while there is a [`Sender`].
pub struct WeakSender<T> {
    shared: Arc<BroadcastShared<T>>,
}

impl<T> WeakSender<T> {
    fn new(shared: &Arc<BroadcastShared<T>>) -> Self {
        shared.log.with(|log| log.weak_senders += 1);
        WeakSender {
            shared: Arc::clone(shared),
        }
    }

    /// Upgrades to a [`Sender`]. Returns `None` if there are no senders.
    #[must_use = "a weak sender does nothing by itself"]
    pub fn upgrade(&self) -> Option<Sender<T>> {
        self.shared.log.with(|log| {
            let is_open = log.senders > 0;
            log.senders += usize::from(is_open);
            is_open.then(|| Sender {
                shared: Arc::clone(&self.shared),
            })
        })
    }

    /// Returns the number of senders.
    pub fn strong_count(&self) -> usize {
        self.shared.log.with(|log| log.senders)
    }

    /// Returns the number of weak senders.
    pub fn weak_count(&self) -> usize {
        self.shared.log.with(|log| log.weak_senders)
    }
}

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> Self {
        WeakSender::new(&self.shared)
    }
}

impl<T> Drop for WeakSender<T> {
    fn drop(&mut self) {
        self.shared.log.with(|log| log.weak_senders -= 1);
    }
}

impl<T> fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakSender").finish_non_exhaustive()
    }
}

assert_impl!(Sender<std::cell::Cell<()>>: Send + Sync);
assert_impl!(WeakSender<std::cell::Cell<()>>: Send + Sync);
