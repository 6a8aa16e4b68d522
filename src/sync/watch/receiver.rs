//! The receiving end.

use std::fmt;
use std::sync::Arc;

use super::error::RecvError;
use super::shared::{DebugValue, NEW_VALUE, Ref, WatchShared};

/// Sees the value; a clone has seen what its original has.
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

    /// Looks at the value, without marking it as seen.
    ///
    /// # Panics
    ///
    /// As [`Sender::borrow`].
    #[track_caller]
    pub fn borrow(&self) -> Ref<'_, T> {
        self.shared.borrow(self.seen)
    }

    /// Looks at the value and marks it as seen.
    ///
    /// # Panics
    ///
    /// As [`Sender::borrow`].
    #[track_caller]
    pub fn borrow_and_update(&mut self) -> Ref<'_, T> {
        let value = self.shared.borrow(self.seen);
        self.seen = value.version;
        value
    }

    /// Returns whether there is a value that it has not seen.
    ///
    /// # Errors
    ///
    /// If there are no senders.
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

    /// Makes as if it had not seen the value.
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
    /// If there is none, and there are no senders.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it has answered, no value is marked as seen.
    pub async fn changed(&mut self) -> Result<(), RecvError> {
        self.seen = self.shared.changed(self.seen).await?;
        Ok(())
    }

    /// Waits for a value for which `is_wanted` returns true, and marks it as seen. The present value
    /// is asked about first, seen or not.
    ///
    /// `is_wanted` runs while the value is locked: if it sends to the channel, that panics. See
    /// [`Ref`].
    ///
    /// # Errors
    ///
    /// If no such value has come, and there are no senders.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the values that it has asked about are marked as seen.
    ///
    /// # Panics
    ///
    /// If `is_wanted` does, and as [`Sender::borrow`].
    pub async fn wait_for(
        &mut self,
        mut is_wanted: impl FnMut(&T) -> bool,
    ) -> Result<Ref<'_, T>, RecvError> {
        // Those who borrow from a receiver cannot wait with it, so it is done with its parts.
        let (shared, seen) = (&*self.shared, &mut self.seen);
        let mut asked_about = None;
        // One wait for all values: where the budget is spent, its place in line is taken before the
        // present value is looked at.
        let next = shared.state.until(&NEW_VALUE, move |state| {
            if asked_about != Some(state.version) {
                asked_about = Some(state.version);
                Some(Ok(()))
            } else {
                (state.senders == 0).then(|| Err(RecvError::new()))
            }
        });
        let mut next = next.keeping_its_place();
        loop {
            (&mut next).await?;
            let value = shared.borrow(*seen);
            *seen = value.version;
            if is_wanted(&value) {
                return Ok(value);
            }
        }
    }

    /// Returns whether the other receives from the same channel.
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
