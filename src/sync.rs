//! Synchronization: channels, locks, semaphores, and ways to tell one another.
//!
//! Names and semantics are tokio's. What is promised beyond them: the futures that wait for a
//! primitive stand in one line and are served in the order of their first polls, so the order of a
//! program does not depend on luck. Each operation counts towards the task's budget; where that is
//! spent, the future takes its place in line all the same.
//!
//! Code of the user's that a call runs (a closure, a waker, a destructor, `Clone`, `Debug`) may call
//! back. Where the inner call would wait for its own thread, it panics.
//!
//! No runtime is needed ([`mpsc::Sender::send_timeout`] aside, which takes the runtime's time), and
//! all types work across threads and with any executor. Functions with `blocking` in their names
//! park the thread; they panic where a loop runs, which would stand still.
//!
//! - Channels: [`mpsc`] for many messages to one receiver, [`oneshot`] for a single one,
//!   [`broadcast`] for many to all, [`watch`] for the latest value.
//! - Shared state: [`Mutex`], [`RwLock`], [`Semaphore`], [`OnceCell`], [`SetOnce`].
//! - Signals: [`Notify`], [`Barrier`].

use std::sync::{Mutex as StdMutex, MutexGuard as StdMutexGuard, PoisonError};

/// Shows guards as their values.
macro_rules! show_as_value {
    ($([$($generics:tt)*] $guard:ty;)*) => {$(
        impl<$($generics)*> std::fmt::Debug for $guard
        where
            T: std::fmt::Debug,
        {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                (**self).fmt(f)
            }
        }

        impl<$($generics)*> std::fmt::Display for $guard
        where
            T: std::fmt::Display,
        {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                (**self).fmt(f)
            }
        }
    )*};
}
use show_as_value;

mod barrier;
mod blocking;
pub mod broadcast;
pub mod mpsc;
mod mutex;
mod notify;
mod once_cell;
pub mod oneshot;
mod raw_semaphore;
mod reentry;
mod rwlock;
mod semaphore;
mod set_once;
mod wait_list;
pub mod watch;
pub(crate) mod watchers;

pub(crate) use blocking::wait;

pub use barrier::{Barrier, BarrierWaitResult};
pub use mutex::{MappedMutexGuard, Mutex, MutexGuard, OwnedMutexGuard, TryLockError};
pub use notify::{Notified, Notify, OwnedNotified};
pub use once_cell::{OnceCell, SetError};
pub use rwlock::{
    OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock, RwLockMappedWriteGuard, RwLockReadGuard,
    RwLockWriteGuard,
};
pub use semaphore::{
    AcquireError, OwnedSemaphorePermit, Semaphore, SemaphorePermit, TryAcquireError,
};
pub use set_once::{SetOnce, SetOnceError};

/// Locks. Poison says nothing here: no users' code runs under these locks, so what is under them is
/// whole. The locks that it does run under, the value of a `watch` channel and a message that is
/// cloned, are noted in [`reentry`].
fn lock<T>(mutex: &StdMutex<T>) -> StdMutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
