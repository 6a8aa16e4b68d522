//! A single-threaded async runtime in the shape of Node's event loop.
//!
//! One thread runs every task. The loop goes round in *ticks* of five phases, always in the same
//! order; what would block goes to a small pool of worker threads, and its result comes back as an
//! event.
//!
//! ```text
//!    ┌─> timers ── every timer whose deadline has passed
//!    │   pending ─ what an earlier tick had to leave over
//!    │   poll ──── wait for the OS; sockets, worker results, other threads, signals
//!    │   check ─── set_immediate and yield_now
//!    └── close ─── what was closed is released, and those who wait for it are told
//! ```
//!
//! ```
//! use std::time::Duration;
//!
//! #[quintet::main]
//! async fn main() {
//!     // Tasks need not be `Send`.
//!     let task = quintet::spawn(async {
//!         quintet::time::sleep(Duration::from_millis(1)).await;
//!         "slept"
//!     });
//!     // What blocks goes to a worker thread.
//!     let job = quintet::spawn_blocking(|| (1..=20u64).product::<u64>());
//!
//!     assert_eq!(task.await.unwrap(), "slept");
//!     assert_eq!(job.await.unwrap(), 2_432_902_008_176_640_000);
//! }
//! ```
//!
//! # The order of events
//!
//! What happens when is written down, and tested; the page [`order`] explains it with small programs.
//! In short: each event of a phase wakes its task, which runs at once, and then the tasks which that
//! has made ready run, first in first out, before the next event. A phase works on what was there
//! when it began, and budgets see to it that nothing starves. What is cancelled or closed is not
//! delivered any more. The example `tick_order` prints the phases as they pass.
//!
//! # Where things are
//!
//! - [`order`]: what runs when. It is a page to read.
//! - [`runtime`]: the [`Runtime`](runtime::Runtime) and the ways to run it, its builder, the handle for
//!   other threads, what is alive and what it waits for.
//! - [`task`]: [`spawn`], join handles, [`yield_now`](task::yield_now),
//!   [`set_immediate`](task::set_immediate), scopes, sets of tasks, cancellation, task-locals.
//! - [`sync`]: channels, locks, semaphores, notifications.
//! - [`time`]: sleeping, timeouts, intervals, and paused time for tests.
//! - [`net`]: TCP. [`fs`]: files. [`signal`]: Ctrl-C and the like. [`io`]: the traits they share.
//! - `hyper` (with the feature of that name): hyper's runtime traits.
//!
//! # Threads
//!
//! Futures stay on the thread of their loop, and are dropped there; so they may hold an `Rc`. The
//! types of this crate (sockets, files, sleeps, join handles) are `Send` and `Sync` all the same,
//! because they hold keys into the loop and not parts of it. Libraries that ask for `Send` take
//! them.
//!
//! # Platforms
//!
//! Linux on 64-bit machines.

#[cfg(not(target_os = "linux"))]
compile_error!("quintet runs on Linux so far");

#[macro_use]
mod assert_impl;

// In reading order, from the door to the leaves.
#[doc(hidden)]
pub mod __private;
pub mod order;
pub mod runtime;
pub mod testing;

pub mod fs;
#[cfg(feature = "hyper")]
pub mod hyper;
pub mod io;
pub mod net;
pub mod signal;
pub mod sync;
pub mod task;
pub mod time;

mod blocking;
mod context;
mod event_loop;
mod phase;
mod tasks;

mod clock;
mod coop;
mod identity;
mod inbox;
mod page_cache;
mod panics;
mod pool;
mod primitive;
mod ready;
mod report;
mod rng;
mod scope_guard;
mod slots;
mod vars;

pub use blocking::spawn_blocking;
pub use quintet_macros::{main, test};
pub use runtime::block_on;
pub use task::{spawn, spawn as spawn_local};

/// The README's program, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
