//! The value of a channel, its version, and the locks around them.

use std::fmt;
use std::ops::Deref;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError};

use super::error::RecvError;
use crate::sync::reentry::{HeldHere, is_held_here};
use crate::sync::watchers::Watchers;

pub(super) struct WatchShared<T> {
    /// Locked before `state`.
    pub(super) value: RwLock<T>,
    pub(super) state: Watchers<WatchState>,
    /// How many receivers there are, and who waits for there to be none.
    pub(super) receivers: Watchers<usize>,
}

pub(super) struct WatchState {
    /// Counts the values. Changes only while `value` is locked for writing.
    pub(super) version: u64,
    pub(super) senders: usize,
}

/// What receivers wait for.
pub(super) const NEW_VALUE: &str = "a new value (watch)";

impl<T> WatchShared<T> {
    /// Locks the value, to look at it.
    #[track_caller]
    pub(super) fn read(&self) -> RwLockReadGuard<'_, T> {
        match self.value.try_read() {
            Ok(value) => value,
            // A panic of users' code leaves the value as that code left it.
            Err(TryLockError::Poisoned(error)) => error.into_inner(),
            Err(TryLockError::WouldBlock) => {
                // Where this thread keeps a `Ref`, a sender waits for that, and is to come first.
                assert!(
                    !is_held_here(&self.state),
                    "this thread would wait for itself: it borrows the value of a watch channel \
                     while it changes that (use what the closure is given), or while it keeps a \
                     `watch::Ref` that a sender of another thread waits for (drop that first)"
                );
                self.value.read().unwrap_or_else(PoisonError::into_inner)
            }
        }
    }

    /// Looks at the value; `seen` is what the looking one has seen.
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

    /// Locks the value, to change it.
    #[track_caller]
    pub(super) fn write(&self) -> RwLockWriteGuard<'_, T> {
        match self.value.try_write() {
            Ok(value) => value,
            Err(TryLockError::Poisoned(error)) => error.into_inner(),
            Err(TryLockError::WouldBlock) => {
                assert!(
                    !is_held_here(&self.state),
                    "this thread would wait for itself: it sends to a watch channel while it keeps a \
                     `watch::Ref` of the same (drop that before you send or await), or while it \
                     changes the value (use what the closure is given)"
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

    /// Waits for another version than `seen`.
    pub(super) async fn changed(&self, seen: u64) -> Result<u64, RecvError> {
        let changed = self.state.until(&NEW_VALUE, |state| {
            if state.version != seen {
                Some(Ok(state.version))
            } else {
                (state.senders == 0).then(|| Err(RecvError::new()))
            }
        });
        changed.await
    }
}

/// A look at the value of a channel.
///
/// While it lives, nothing can be sent: a sender blocks its thread. So do not keep it, least of all
/// across an await: a task of the same thread that sends panics, because it would wait for itself.
/// And do not borrow twice at a time: if a sender of another thread comes in between, the second
/// borrow panics, because it would wait for that sender and so for the first.
#[must_use = "it is a look at the value"]
pub struct Ref<'a, T> {
    pub(super) value: RwLockReadGuard<'a, T>,
    pub(super) _held: HeldHere,
    pub(super) version: u64,
    pub(super) has_changed: bool,
}

impl<T> Ref<'_, T> {
    /// Returns whether the receiver had not seen the value before. A sender's look answers false.
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

/// Shows the value, where it is not locked. Users' code does that, so the lock is noted.
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
