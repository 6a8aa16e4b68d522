//! The receiving end.

use std::fmt;
use std::sync::Arc;

use super::error::RecvError;
use super::shared::{DebugValue, NEW_VALUE, Ref, WatchShared};

/// Reads the value and waits for new ones. A clone has seen the same value.
pub struct Receiver<T> {
    shared: Arc<WatchShared<T>>,
    /// The version that it has seen.
    seen: u64,
}

impl<T> Receiver<T> {
    pub(super) fn new(shared: &Arc<WatchShared<T>>, seen: u64) -> Self {
        shared.receivers.with(|count| *count += 1);
        Receiver {
            shared: Arc::clone(shared),
            seen,
        }
    }

    /// Borrows the value, and does not mark it as seen.
    ///
    /// # Panics
    ///
    /// Panics like [`Sender::borrow`](super::Sender::borrow).
    #[track_caller]
    pub fn borrow(&self) -> Ref<'_, T> {
        self.shared.borrow(self.seen)
    }

    /// Borrows the value and marks it as seen.
    ///
    /// # Panics
    ///
    /// Panics like [`Sender::borrow`](super::Sender::borrow).
    #[track_caller]
    pub fn borrow_and_update(&mut self) -> Ref<'_, T> {
        let value = self.shared.borrow(self.seen);
        self.seen = value.version;
        self.shared.peers.received();
        value
    }

    /// Returns whether there is a value that it has not seen.
    ///
    /// # Errors
    ///
    /// Returns [`RecvError`] if there are no senders.
    pub fn has_changed(&self) -> Result<bool, RecvError> {
        self.shared.state.with(|state| {
            if state.senders == 0 {
                return Err(RecvError::new());
            }
            Ok(state.version != self.seen)
        })
    }

    /// Returns whether there are no senders.
    pub fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }

    /// Marks the value as not seen.
    pub fn mark_changed(&mut self) {
        self.seen = self.seen.wrapping_sub(1);
    }

    /// Marks the value as seen.
    pub fn mark_unchanged(&mut self) {
        self.seen = self.shared.version();
    }

    /// Waits for a value that it has not seen, and marks it as seen.
    ///
    /// # Errors
    ///
    /// Returns [`RecvError`] if there are no senders, and no value that it has not seen.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: if the future is dropped, no value is marked as seen.
    pub async fn changed(&mut self) -> Result<(), RecvError> {
        self.seen = self.shared.changed(self.seen).await?;
        Ok(())
    }

    /// Waits for a value for which `is_wanted` returns true, and marks it as seen. The present
    /// value is checked first, even if it was seen.
    ///
    /// `is_wanted` runs while the value is locked. See [`Ref`].
    ///
    /// # Errors
    ///
    /// Returns [`RecvError`] if there are no senders, and the last value is not wanted.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe. The values that were checked are marked as seen.
    ///
    /// # Panics
    ///
    /// Panics if `is_wanted` panics or sends to the channel, and like
    /// [`Sender::borrow`](super::Sender::borrow).
    pub async fn wait_for(
        &mut self,
        mut is_wanted: impl FnMut(&T) -> bool,
    ) -> Result<Ref<'_, T>, RecvError> {
        // The returned `Ref` borrows from the receiver, so only its parts are borrowed for the
        // wait.
        let (shared, seen) = (&*self.shared, &mut self.seen);
        let mut checked = None;
        // One wait for all values: if the budget is spent, it takes its place in the queue before
        // the present value is checked.
        let next = shared.state.until(&NEW_VALUE, move |state| {
            if checked != Some(state.version) {
                checked = Some(state.version);
                Some(Ok(()))
            } else {
                (state.senders == 0).then(|| Err(RecvError::new()))
            }
        });
        let mut next = next.keeping_its_place().of_channel(&shared.peers);
        loop {
            (&mut next).await?;
            let value = shared.borrow(*seen);
            *seen = value.version;
            if is_wanted(&value) {
                return Ok(value);
            }
        }
    }

    /// Returns whether both receivers belong to the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Receiver::new(&self.shared, self.seen)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let is_last = self.shared.receivers.with(|count| {
            *count -= 1;
            *count == 0
        });
        if is_last {
            self.shared.receivers.wake();
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("value", &DebugValue(&self.shared))
            .finish_non_exhaustive()
    }
}

assert_impl!(Receiver<()>: Send + Sync);
