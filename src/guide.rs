//! Pages about single subjects, and for users of another runtime. They contain no items.
//!
//! - [`slow`]: my service is slow, or stuck: where do I look?
//! - [`blocking`]: which function for work that blocks a thread, and jobs that do not end.
//! - [`testing`]: paused time, seeds, leaks and blocked loops in tests.
//! - `tracing` (with the feature of that name): spans of tasks, reports as events, tokio-console.
//! - [`ecosystem`]: crates that run on quintet, and how.
//! - [`tokio`]: what a port changes, and which differences matter at run time.
//! - [`node`]: the phases, the run modes and the timers, in terms of Node.
//! - [`smol`]: executors, tasks and I/O, in terms of smol.
//! - [`stability`]: what you can rely on from one version to the next.
//!
//! The programs of these pages are compiled and run with the tests.

pub mod blocking;
pub mod ecosystem;
pub mod node;
pub mod slow;
pub mod smol;
pub mod stability;
pub mod testing;
pub mod tokio;
#[cfg(feature = "tracing")]
pub mod tracing;
