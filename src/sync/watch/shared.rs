//! The value of a channel, its version, and the locks around them.

use std::fmt;
use std::ops::Deref;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError};

use super::error::RecvError;
use crate::sync::peers::ChannelPeers;
use crate::sync::reentry::{HeldHere, is_held_here};
use crate::sync::watchers::Watchers;

pub(super) struct WatchShared<T> {
    /// Locked before `state`.
    pub(super) value: RwLock<T>,
    pub(super) state: Watchers<WatchState>,
    /// The number of receivers, and the tasks that wait until there are none.
    pub(super) receivers: Watchers<usize>,
    pub(super) peers: ChannelPeers,
}

pub(super) struct WatchState {
    /// The number of values that were sent. Changes only while `value` is locked for writing.
    pub(super) version: u64,
    pub(super) senders: usize,
}

/// What receivers wait for.
pub(super) const NEW_VALUE: &str = "a new value (watch)";

impl<T> WatchShared<T> {
    /// Locks the value for reading.
    #[track_caller]
    pub(super) fn read(&self) -> RwLockReadGuard<'_, T> {
        match self.value.try_read() {
            Ok(value) => value,
            // A panic of users' code leaves the value as that code left it.
            Err(TryLockError::Poisoned(error)) => error.into_inner(),
            Err(TryLockError::WouldBlock) => {
                // If this thread has a `Ref`, a sender waits for that one and has precedence.
                assert!(
                    !is_held_here(&self.state),
                    "this thread would wait for itself: it borrows the value of a watch channel \
                     while it changes the value (use the closure's argument), or while it has a \
                     `watch::Ref` that a sender of another thread waits for (drop that first)"
                );
                self.value.read().unwrap_or_else(PoisonError::into_inner)
            }
        }
    }

    /// Borrows the value for a handle that has seen the version `seen`.
    #[track_caller]
    pub(super) fn borrow(&self, seen: u64) -> Ref<'_, T> {
        let value = self.read();
        let version = self.version();
        Ref {
            value,
            _held: HeldHere::new(&self.state),
            version,
            has_changed: version != seen,
        }
    }

    /// Locks the value for writing.
    #[track_caller]
    pub(super) fn write(&self) -> RwLockWriteGuard<'_, T> {
        match self.value.try_write() {
            Ok(value) => value,
            Err(TryLockError::Poisoned(error)) => error.into_inner(),
            Err(TryLockError::WouldBlock) => {
                assert!(
                    !is_held_here(&self.state),
                    "this thread would wait for itself: it sends to a watch channel while it has a \
                     `watch::Ref` of the channel (drop it before you send or await), or while it \
                     changes the value (use the closure's argument)"
                );
                self.value.write().unwrap_or_else(PoisonError::into_inner)
            }
        }
    }

    pub(super) fn version(&self) -> u64 {
        self.state.with(|state| state.version)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state.with(|state| state.senders == 0)
    }

    /// Waits for a version other than `seen`.
    pub(super) async fn changed(&self, seen: u64) -> Result<u64, RecvError> {
        let changed = self.state.until(&NEW_VALUE, |state| {
            if state.version != seen {
                Some(Ok(state.version))
            } else {
                (state.senders == 0).then(|| Err(RecvError::new()))
            }
        });
        changed.of_channel(&self.peers).await
    }
}

/// A borrow of the value of a channel, which locks the value for reading.
///
/// While it exists, a sender blocks its thread. Drop it soon, and do not hold it across an await:
/// if a task of the same thread sends meanwhile, the send panics, because it would deadlock. Do not
/// hold two borrows at a time: if a sender of another thread waits in between, the second borrow
/// panics, because it would wait for that sender and so for the first borrow.
#[must_use = "a borrow that is not used has no effect"]
pub struct Ref<'a, T> {
    pub(super) value: RwLockReadGuard<'a, T>,
    pub(super) _held: HeldHere,
    pub(super) version: u64,
    pub(super) has_changed: bool,
}

impl<T> Ref<'_, T> {
    /// Returns whether the receiver had not seen the value before. Returns false for a borrow by a
    /// sender.
    pub fn has_changed(&self) -> bool {
        self.has_changed
    }
}

impl<T> Deref for Ref<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Ref<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ref")
            .field("value", &&**self)
            .field("has_changed", &self.has_changed)
            .finish()
    }
}

/// Formats the value if it is not locked. That runs users' code, so the lock is recorded.
pub(super) struct DebugValue<'a, T>(pub(super) &'a WatchShared<T>);

impl<T: fmt::Debug> fmt::Debug for DebugValue<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = match self.0.value.try_read() {
            Ok(value) => value,
            Err(TryLockError::Poisoned(error)) => error.into_inner(),
            Err(TryLockError::WouldBlock) => return f.write_str("<locked>"),
        };
        let _held = HeldHere::new(&self.0.state);
        value.fmt(f)
    }
}
