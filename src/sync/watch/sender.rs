//! The sending end.

use std::fmt;
use std::mem;
use std::sync::{Arc, RwLock};

use super::error::SendError;
use super::receiver::Receiver;
use super::shared::{DebugValue, Ref, WatchShared, WatchState};
use crate::sync::peers::ChannelPeers;
use crate::sync::reentry::HeldHere;
use crate::sync::watchers::Watchers;

/// Sets the value. Clones set the value of the same channel.
pub struct Sender<T> {
    shared: Arc<WatchShared<T>>,
}

impl<T> Sender<T> {
    /// Creates a channel without receivers, with the initial value `value`.
    #[track_caller]
    pub fn new(value: T) -> Self {
        Sender {
            shared: Arc::new(WatchShared {
                value: RwLock::new(value),
                state: Watchers::new(WatchState {
                    version: 0,
                    senders: 1,
                }),
                receivers: Watchers::new(0),
                peers: ChannelPeers::new(),
            }),
        }
    }

    /// Sets the value and wakes all waiting receivers.
    ///
    /// # Errors
    ///
    /// Returns the value in a [`SendError`], and does not set it, if there are no receivers.
    ///
    /// # Panics
    ///
    /// Panics if this thread has a [`Ref`] of the channel, or runs the closure of
    /// [`send_modify`](Sender::send_modify): it would deadlock.
    #[track_caller]
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        if self.is_closed() {
            return Err(SendError(value));
        }
        self.send_replace(value);
        Ok(())
    }

    /// Sets the value, even if there are no receivers, and returns the old one.
    ///
    /// # Panics
    ///
    /// Panics like [`send`](Sender::send).
    #[track_caller]
    pub fn send_replace(&self, value: T) -> T {
        let mut value = value;
        self.send_modify(|old| mem::swap(old, &mut value));
        value
    }

    /// Changes the value in place, even if there are no receivers, and wakes all waiting receivers.
    ///
    /// `modify`, and the destructor of a value that it overwrites, run while the value is locked:
    /// to borrow from the channel or send to it panics.
    ///
    /// # Panics
    ///
    /// Panics if `modify` panics; the receivers are then not notified. Panics like
    /// [`send`](Sender::send).
    #[track_caller]
    pub fn send_modify<F: FnOnce(&mut T)>(&self, modify: F) {
        self.send_if_modified(|value| {
            modify(value);
            true
        });
    }

    /// Changes the value in place, even if there are no receivers, and wakes all waiting receivers
    /// if `modify` returns true. Returns the result of `modify`.
    ///
    /// # Panics
    ///
    /// Panics like [`send_modify`](Sender::send_modify).
    #[track_caller]
    pub fn send_if_modified<F: FnOnce(&mut T) -> bool>(&self, modify: F) -> bool {
        let shared = &*self.shared;
        let mut value = shared.write();
        let held = HeldHere::new(&shared.state);
        if !modify(&mut value) {
            return false;
        }
        drop(held);
        let ((), wakes) = shared.state.change(|state| state.version += 1);
        drop(value);
        shared.peers.sent();
        wakes.wake();
        true
    }

    /// Borrows the value.
    ///
    /// # Panics
    ///
    /// Panics if this thread runs the closure of [`send_modify`](Sender::send_modify), or has
    /// another [`Ref`] that a sender of another thread waits for: it would deadlock.
    #[track_caller]
    pub fn borrow(&self) -> Ref<'_, T> {
        let mut value = self.shared.borrow(0);
        value.has_changed = false;
        value
    }

    /// Waits until there are no receivers.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe.
    pub async fn closed(&self) {
        let receivers = &self.shared.receivers;
        let none = receivers.until(&"the end of all receivers (watch)", |count| {
            (*count == 0).then_some(())
        });
        none.await;
    }

    /// Returns whether there are no receivers.
    pub fn is_closed(&self) -> bool {
        self.receiver_count() == 0
    }

    /// Creates a receiver, which has seen the present value.
    pub fn subscribe(&self) -> Receiver<T> {
        Receiver::new(&self.shared, self.shared.version())
    }

    /// Returns the number of receivers.
    pub fn receiver_count(&self) -> usize {
        self.shared.receivers.with(|count| *count)
    }

    /// Returns the number of senders.
    pub fn sender_count(&self) -> usize {
        self.shared.state.with(|state| state.senders)
    }

    /// Returns whether both senders belong to the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.shared.state.with(|state| state.senders += 1);
        Sender {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<T: Default> Default for Sender<T> {
    #[track_caller]
    fn default() -> Self {
        Sender::new(T::default())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let is_last = self.shared.state.with(|state| {
            state.senders -= 1;
            state.senders == 0
        });
        if is_last {
            self.shared.state.wake();
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("value", &DebugValue(&self.shared))
            .finish_non_exhaustive()
    }
}

assert_impl!(Sender<()>: Send + Sync);
