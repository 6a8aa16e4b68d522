//! The sending end.

use std::fmt;
use std::mem;
use std::sync::{Arc, RwLock};

use super::error::SendError;
use super::receiver::Receiver;
use super::shared::{DebugValue, Ref, WatchShared, WatchState};
use crate::sync::reentry::HeldHere;
use crate::sync::watchers::Watchers;

/// Sets the value; clones set the same.
pub struct Sender<T> {
    shared: Arc<WatchShared<T>>,
}

impl<T> Sender<T> {
    /// Returns the sender of a channel without receivers yet, whose value is `value` at first.
    pub fn new(value: T) -> Self {
        Sender {
            shared: Arc::new(WatchShared {
                value: RwLock::new(value),
                state: Watchers::new(WatchState {
                    version: 0,
                    senders: 1,
                }),
                receivers: Watchers::new(0),
            }),
        }
    }

    /// Sets the value and wakes all receivers that wait.
    ///
    /// # Errors
    ///
    /// If there are no receivers: the value is then not set, and in the error.
    ///
    /// # Panics
    ///
    /// If this thread keeps a [`Ref`] of the channel, or is inside of the closure of
    /// [`send_modify`](Sender::send_modify).
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
    /// As [`send`](Sender::send).
    #[track_caller]
    pub fn send_replace(&self, value: T) -> T {
        let mut value = value;
        self.send_modify(|old| mem::swap(old, &mut value));
        value
    }

    /// Changes the value in place, even if there are no receivers, and wakes them.
    ///
    /// `modify`, and the destructor of a value that it overwrites, run while the value is locked:
    /// if they borrow from the channel or send to it, that panics.
    ///
    /// # Panics
    ///
    /// If `modify` does; the receivers do not see a change then. And as [`send`](Sender::send).
    #[track_caller]
    pub fn send_modify<F: FnOnce(&mut T)>(&self, modify: F) {
        self.send_if_modified(|value| {
            modify(value);
            true
        });
    }

    /// Changes the value in place, even if there are no receivers, and wakes them if `modify`
    /// returns true. Returns what `modify` returns.
    ///
    /// # Panics
    ///
    /// As [`send_modify`](Sender::send_modify).
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
        wakes.wake();
        true
    }

    /// Looks at the value.
    ///
    /// # Panics
    ///
    /// If this thread is inside of the closure of [`send_modify`](Sender::send_modify); and where
    /// it keeps another [`Ref`] that a sender of another thread waits for.
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
    /// Dropping the future loses nothing but the wait.
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

    /// Returns a new receiver, which has seen the present value.
    pub fn subscribe(&self) -> Receiver<T> {
        Receiver::new(&self.shared, self.shared.version())
    }

    /// Returns how many receivers there are.
    pub fn receiver_count(&self) -> usize {
        self.shared.receivers.with(|count| *count)
    }

    /// Returns how many senders there are.
    pub fn sender_count(&self) -> usize {
        self.shared.state.with(|state| state.senders)
    }

    /// Returns whether the other sends to the same channel.
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
