//! Locks that a thread holds while users' code runs.
//!
//! That code may call back and request the same lock, which would deadlock silently. So a lock that
//! users' code runs under is recorded here, and a call that would have to wait for it panics
//! instead if its own thread holds the lock.

use std::cell::RefCell;
use std::ops::Deref;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use super::lock;

thread_local! {
    /// The addresses of the recorded locks.
    static HELD: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// Records that this thread holds a lock, until it is dropped.
#[must_use = "the lock is recorded until this is dropped"]
pub(super) struct HeldHere(usize);

impl HeldHere {
    /// Records a lock by the address of one of its parts.
    pub(super) fn new<L>(lock: &L) -> Self {
        let address = ptr::from_ref(lock).addr();
        // In a destructor of another thread-local this one may be destroyed: then nothing is
        // recorded.
        let _gone = HELD.try_with(|held| held.borrow_mut().push(address));
        HeldHere(address)
    }
}

impl Drop for HeldHere {
    fn drop(&mut self) {
        let _gone = HELD.try_with(|held| {
            let mut held = held.borrow_mut();
            // Usually the last.
            if held.pop_if(|address| *address == self.0).is_none()
                && let Some(place) = held.iter().position(|&address| address == self.0)
            {
                held.swap_remove(place);
            }
        });
    }
}

/// Returns whether this thread has recorded the lock.
pub(super) fn is_held_here<L>(lock: &L) -> bool {
    let address = ptr::from_ref(lock).addr();
    let is_held = HELD.try_with(|held| held.borrow().contains(&address));
    is_held.unwrap_or(false)
}

/// Panics if this thread has recorded the lock, which the function `name` would wait for.
#[track_caller]
pub(super) fn assert_not_held_here<L>(name: &str, lock: &L) {
    assert!(
        !is_held_here(lock),
        "this thread would wait for itself: `{name}` is called by the `Debug` of the locked value \
         or by the closure of a guard's `map`; use the value that they are passed"
    );
}

thread_local! {
    /// Its address identifies this thread.
    static THREAD: u8 = const { 0 };
}

#[inline]
fn this_thread() -> usize {
    THREAD.with(|thread| ptr::from_ref(thread).addr())
}

/// A mutex that users' code runs under. It knows the thread that holds it, which takes 40
/// instructions less than a record.
pub(super) struct ReentryMutex<T> {
    value: Mutex<T>,
    /// The thread that holds it, or zero. A thread only compares it with itself, so its own stores
    /// are all that it must see.
    holder: AtomicUsize,
}

impl<T> ReentryMutex<T> {
    pub(super) fn new(value: T) -> Self {
        ReentryMutex {
            value: Mutex::new(value),
            holder: AtomicUsize::new(0),
        }
    }

    /// Locks the value.
    ///
    /// # Panics
    ///
    /// Panics if this thread holds the lock. `how` says how that happens.
    #[track_caller]
    pub(super) fn lock(&self, how: &str) -> ReentryGuard<'_, T> {
        let value = match self.value.try_lock() {
            Ok(value) => value,
            // A panic of users' code leaves the value as that code left it.
            Err(TryLockError::Poisoned(error)) => error.into_inner(),
            Err(TryLockError::WouldBlock) => self.lock_contended(how),
        };
        self.holder.store(this_thread(), Ordering::Relaxed);
        ReentryGuard {
            holder: &self.holder,
            value,
        }
    }

    #[cold]
    #[track_caller]
    fn lock_contended(&self, how: &str) -> MutexGuard<'_, T> {
        assert!(
            self.holder.load(Ordering::Relaxed) != this_thread(),
            "this thread would wait for itself: {how}"
        );
        lock(&self.value)
    }

    pub(super) fn into_inner(self) -> T {
        let value = self.value.into_inner();
        value.unwrap_or_else(PoisonError::into_inner)
    }
}

/// Holds a [`ReentryMutex`].
pub(super) struct ReentryGuard<'a, T> {
    holder: &'a AtomicUsize,
    value: MutexGuard<'a, T>,
}

impl<T> Deref for ReentryGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> Drop for ReentryGuard<'_, T> {
    fn drop(&mut self) {
        // Before the lock is released, when `value` is dropped.
        self.holder.store(0, Ordering::Relaxed);
    }
}
