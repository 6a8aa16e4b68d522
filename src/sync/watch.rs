//! A channel for the latest value alone.
//!
//! Receivers see the value that was sent last, and are told when there is another; what was
//! overwritten in between they never see. Each receiver remembers which value it has *seen*. A new
//! one has seen the value that was there when it was made.
//!
//! # Examples
//!
//! ```
//! use quintet::sync::watch;
//!
//! # quintet::block_on(async {
//! let (sender, mut receiver) = watch::channel("off");
//! let watcher = quintet::spawn(async move {
//!     receiver.changed().await.unwrap();
//!     *receiver.borrow_and_update()
//! });
//! sender.send("on").unwrap();
//! assert_eq!(watcher.await.unwrap(), "on");
//! # });
//! ```

use std::fmt;
use std::mem;
use std::ops::Deref;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError};

use self::error::{RecvError, SendError};
use super::reentry::{HeldHere, is_held_here};
use super::watchers::Watchers;

/// Returns the two ends of a channel whose value is `value` at first.
pub fn channel<T>(value: T) -> (Sender<T>, Receiver<T>) {
    let sender = Sender::new(value);
    let receiver = sender.subscribe();
    (sender, receiver)
}

struct WatchShared<T> {
    /// Locked before `state`.
    value: RwLock<T>,
    state: Watchers<WatchState>,
    /// How many receivers there are, and who waits for there to be none.
    receivers: Watchers<usize>,
}

struct WatchState {
    /// Counts the values. Changes only while `value` is locked for writing.
    version: u64,
    senders: usize,
}

/// What receivers wait for.
const NEW_VALUE: &str = "a new value (watch)";

impl<T> WatchShared<T> {
    /// Locks the value, to look at it.
    #[track_caller]
    fn read(&self) -> RwLockReadGuard<'_, T> {
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
    fn borrow(&self, seen: u64) -> Ref<'_, T> {
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
    fn write(&self) -> RwLockWriteGuard<'_, T> {
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

    fn version(&self) -> u64 {
        self.state.with(|state| state.version)
    }

    fn is_closed(&self) -> bool {
        self.state.with(|state| state.senders == 0)
    }

    /// Waits for another version than `seen`.
    async fn changed(&self, seen: u64) -> Result<u64, RecvError> {
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
    value: RwLockReadGuard<'a, T>,
    _held: HeldHere,
    version: u64,
    has_changed: bool,
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
struct DebugValue<'a, T>(&'a WatchShared<T>);

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

/// Sees the value; a clone has seen what its original has.
pub struct Receiver<T> {
    shared: Arc<WatchShared<T>>,
    /// The version that it has seen.
    seen: u64,
}

impl<T> Receiver<T> {
    fn new(shared: &Arc<WatchShared<T>>, seen: u64) -> Self {
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

/// The errors of this channel.
pub mod error {
    use std::error::Error;
    use std::fmt;

    /// There are no receivers. The value is in the error.
    #[derive(Clone, Copy, PartialEq, Eq)]
    pub struct SendError<T>(pub T);

    impl<T> fmt::Debug for SendError<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("SendError").finish_non_exhaustive()
        }
    }

    impl<T> fmt::Display for SendError<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("channel closed")
        }
    }

    impl<T> Error for SendError<T> {}

    /// There are no senders.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct RecvError(());

    impl RecvError {
        pub(super) fn new() -> Self {
            RecvError(())
        }
    }

    impl fmt::Display for RecvError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("channel closed")
        }
    }

    impl Error for RecvError {}
}

assert_impl!(Sender<()>: Send + Sync);
assert_impl!(Receiver<()>: Send + Sync);
