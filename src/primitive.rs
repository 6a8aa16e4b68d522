//! The locks, atomics and counted pointers of the cross-thread parts, under one name.
//!
//! [`inbox`](crate::inbox) and [`header`](crate::tasks::header) take them from here, so that the
//! model checker's test can compile those two files against its own stand-ins.

pub(crate) use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
pub(crate) use std::sync::{Arc, Mutex};
