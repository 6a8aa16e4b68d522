//! Synchronization primitives for tasks: channels, locks, semaphores and notifications.
//!
//! Names and semantics are tokio's. In addition, every queue of waiters is FIFO in the order of the
//! first polls, so the order of a program is deterministic. Each operation counts towards the
//! cooperative budget of the task. A future that is polled when the budget is spent still takes its
//! place in the queue.
//!
//! A closure, waker, destructor, `Clone` or `Debug` that a call runs may call back into the same
//! primitive. If the inner call would deadlock with its own thread, it panics.
//!
//! No runtime is needed, except for [`mpsc::Sender::send_timeout`], which needs its timers. All
//! types work across threads and with any executor. Functions with `blocking` in their names park
//! the thread; they panic on a thread that runs a loop.
//!
//! - Channels: [`mpsc`] sends many messages to one receiver, [`oneshot`] sends one message,
//!   [`broadcast`] sends every message to every receiver, [`watch`] keeps the latest value.
//! - Shared state: [`Mutex`], [`RwLock`], [`Semaphore`], [`OnceCell`], [`SetOnce`].
//! - Signals: [`Notify`], [`Barrier`].

use std::sync::{Mutex as StdMutex, MutexGuard as StdMutexGuard, PoisonError};

/// Implements `Debug` and `Display` of guards by their values.
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
mod peers;
mod raw_semaphore;
mod reentry;
mod rwlock;
mod semaphore;
mod set_once;
mod wait_list;
pub mod watch;
pub(crate) mod watchers;

pub(crate) use blocking::{wait, wait_timeout};
pub(crate) use wait_list::{LeafPoll, PollWaker, WakeList, poll_leaf, wake, waker_kind};

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

/// Locks a mutex and ignores poison: no users' code runs under these locks, so their data is
/// consistent. The locks that users' code runs under are those of [`reentry`].
fn lock<T>(mutex: &StdMutex<T>) -> StdMutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
