//! What crosses threads: blocking jobs, wakes and handles on other threads, and calls that would
//! deadlock on the thread of the loop.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod cancelled;
mod classes;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod idle;
mod jobs;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod memory;
mod other_threads;
mod own_thread;
mod room;
mod spawn_blocking;
