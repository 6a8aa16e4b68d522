//! The locks, atomics, counted pointers and threads of the cross-thread parts, under one name.
//!
//! [`inbox`](crate::inbox), [`header`](crate::tasks::header) and the workers of the
//! [`pool`](crate::pool) take them from here, so that the model checker's tests can compile those
//! files against its own stand-ins.

pub(crate) use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
pub(crate) use std::sync::{Arc, Condvar, Mutex, MutexGuard};
pub(crate) use std::thread;

use std::sync::LockResult;

/// Locks `mutex`, also after a panic under it: see [`ignore_poison`].
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    ignore_poison(mutex.lock())
}

/// Returns what a lock protects, also after a panic under it.
///
/// Poison carries no information in this crate. Most locks are never held while user code runs, and
/// what is under them stays consistent at each step. Where user code does run under a lock, on a
/// value of the user's, that value is as the user's code left it.
pub(crate) fn ignore_poison<G>(result: LockResult<G>) -> G {
    result.unwrap_or_else(|poisoned| poisoned.into_inner())
}
