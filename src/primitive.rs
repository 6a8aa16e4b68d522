//! The locks, atomics, counted pointers and threads of the cross-thread parts, under one name.
//!
//! [`inbox`](crate::inbox), [`header`](crate::tasks::header) and the workers of the
//! [`pool`](crate::pool) take them from here, so that the model checker's tests can compile those
//! files against its own stand-ins.

pub(crate) use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
pub(crate) use std::sync::{Arc, Condvar, Mutex, MutexGuard};
pub(crate) use std::thread;
