//! A single-threaded async runtime in the shape of Node's event loop.
//!
//! One thread runs every task. Its event loop runs in *ticks* of five phases, always in the same
//! order:
//!
//! ```text
//!    ┌─> timers ── every timer whose deadline has passed
//!    │   pending ─ work that an earlier phase had no budget for
//!    │   poll ──── wait for the OS; sockets, worker results, other threads, signals
//!    │   check ─── set_immediate and yield_now
//!    └── close ─── closed resources are released, and tasks that wait for this are woken
//! ```
//!
//! Blocking work runs on a small pool of worker threads. Its results arrive in the poll phase.
//!
//! ```
//! use std::time::Duration;
//!
//! #[quintet::main]
//! async fn main() {
//!     // A task. It need not be `Send`.
//!     let task = quintet::spawn(async {
//!         quintet::time::sleep(Duration::from_millis(1)).await;
//!         "slept"
//!     });
//!     // A blocking job, on a worker thread.
//!     let job = quintet::spawn_blocking(|| (1..=20u64).product::<u64>());
//!
//!     assert_eq!(task.await.unwrap(), "slept");
//!     assert_eq!(job.await.unwrap(), 2_432_902_008_176_640_000);
//! }
//! ```
//!
//! # The order of events
//!
//! The order of events is documented and tested; [`order`] explains its rules with small programs.
//! In brief:
//!
//! - Each event of a phase wakes its task, which runs at once. Then all tasks that this made ready
//!   run, in FIFO order, before the next event.
//! - A phase handles what was there when it began. Later additions wait for the next tick.
//! - Budgets prevent any task or phase from starving the others.
//! - Events of what is cancelled or closed are no longer delivered.
//!
//! The example `tick_order` prints the phases of one tick.
//!
//! # Modules
//!
//! - [`order`]: the rules about the order of events.
//! - [`runtime`]: the [`Runtime`] and the ways to run it, its
//!   [`Builder`](runtime::Builder), the [`Handle`](runtime::Handle) for other threads, dumps,
//!   [metrics](runtime::metrics()) and reports. [`guide::slow`]: where to look if a program is slow.
//! - [`task`]: [`spawn`], join handles, [`yield_now`](task::yield_now),
//!   [`set_immediate`](task::set_immediate), scopes, sets of tasks, cancellation, task-locals.
//! - [`sync`]: channels, locks, semaphores, notifications.
//! - [`time`]: sleeps, timeouts, intervals, and paused time for tests.
//! - [`net`]: TCP, UDP and Unix sockets. [`fs`]: files. [`process`]: child processes. [`signal`]:
//!   signals such as Ctrl-C. [`io`]: the traits that they share, and the standard streams.
//! - [`blocking`]: [`spawn_blocking`] and [`spawn_cpu`], for work that blocks a thread.
//! - [`serve`](mod@serve): an accept loop with limits and a graceful end.
//! - [`cluster`]: one loop on each of several cores.
//! - [`testing`]: checks for what a test leaves behind.
//! - `hyper` (with the feature of that name): an HTTP server, and hyper's runtime traits. `systemd`
//!   (likewise): sockets that a service manager passes on. The feature `tokio-io` implements
//!   [tokio's I/O traits](io#tokios-traits), and `tokio` adds `compat`: tasks of tokio on the same
//!   thread, for crates that need its context. The feature `tracing` gives tasks spans.
//!
//! # Features
//!
//! In `Cargo.toml`:
//!
//! ```toml
//! [dependencies]
//! quintet = "0.1"
//! ```
//!
//! By default everything is there that is described here without a feature's name. It takes 25
//! crates with quintet itself. A program that needs little of it compiles faster with
//! `default-features = false` and the features of the parts that it uses. Without any there are
//! tasks, timers, channels and locks, blocking jobs, dumps, [`io`] and its `AsyncFd`, in 21 crates.
//! A debug build from nothing then takes about 10 s of CPU time, as one with tokio's feature `full`
//! does. A part adds, together with those that it needs:
//!
//! | Feature of a part | Adds | CPU time of the build |
//! |---|---|---|
//! | `cluster` | the module [`cluster`]; needs `serve` | 45 % |
//! | `fs` | the module [`fs`], [reads from the page cache](runtime::Builder::cached_reads) | 25 % |
//! | `metrics` | [`runtime::metrics`](runtime::metrics()), [`runtime::Metrics`] | 5 % |
//! | `net` | the module [`net`] | 35 % |
//! | `process` | the module [`process`]; needs `net` and `signal` | 50 % |
//! | `serve` | the module [`serve`](mod@serve); needs `net` | 35 % |
//! | `signal` | the module [`signal`], [`shutdown`], [dumps on signals](runtime::Builder::dump_on) | 15 % |
//! | `stdio` | [`io::stdin`], [`io::stdout`] and [`io::stderr`], and the size of the terminal; needs `signal` | 35 % |
//! | `watch` | a [watch](runtime::Builder::blocked_after) for what blocks the loop | 5 % |
//! | `default` | all of these | 65 % |
//!
//! A third to a half of that is `rustix`, which `fs`, `net` and `stdio` share. A release build of
//! `println!` in a task is 0.82 MB without features and 0.88 MB with all parts.
//!
//! Other features are off by default:
//!
//! | Feature | Adds | Further crates |
//! |---|---|---|
//! | `hyper` | the module `hyper`: a server for HTTP/1, and hyper's runtime traits | 10 |
//! | `hyper-http2` | HTTP/2 in that server | 19, those of `hyper` among them |
//! | `tokio-io` | [tokio's I/O traits](io#tokios-traits) on sockets, files and streams in memory | 1: tokio, with none of its features |
//! | `tokio` | the module `compat`: a runtime as the guest of tokio's, on one thread | 1: tokio, with its runtime, sockets and timers |
//! | `systemd` | the module `systemd`: socket activation, `notify` | 1: listenfd |
//! | `metrics-facade` | `runtime::MetricsFeed`: the [metrics](runtime::Metrics) of a runtime, for recorders of the crate `metrics`, whose version is below 1 | 3 |
//! | `tracing` | spans of tasks and events for subscribers of `tracing`, as in tokio-console; the page `guide::tracing` | 3 |
//!
//! Crates beside this one serve routers of axum (`quintet-axum`), have the layers of tower that
//! need timers (`quintet-tower`), serve directories by tower-http (`quintet-tower-http`), speak
//! QUIC by quinn (`quintet-quinn`), and have a pooled HTTP client (`quintet-hyper-util`).
//!
//! [`guide::tokio`] lists what differs from tokio,
//! [`guide::node`] from Node, [`guide::smol`] from smol, and [`guide::stability`] says what versions
//! promise.
//!
//! # Threads
//!
//! A future stays on the thread of its loop and is dropped there, so it may hold an `Rc`. The types
//! of this crate (sockets, files, sleeps, join handles) are `Send` and `Sync`, because they hold
//! keys into the loop and not parts of it. So they work with libraries that require `Send`.
//!
//! A [`cluster`] runs one loop on each of several threads.
//!
//! # Platforms
//!
//! 64-bit Unix: Linux, where it is tested; macOS and FreeBSD, for which it is type-checked and
//! whose code is tested on Linux.

#![cfg_attr(docsrs, feature(doc_cfg))]
// What only a part calls that is left out is never called. A build with all parts has the lint.
#![cfg_attr(
    not(all(
        feature = "cluster",
        feature = "fs",
        feature = "metrics",
        feature = "process",
        feature = "stdio",
        feature = "watch"
    )),
    allow(
        dead_code,
        unused_imports,
        reason = "it is called by a part that is left out"
    )
)]

#[cfg(not(unix))]
compile_error!("quintet runs on Unix: there is no poller for other systems");

#[cfg(not(target_pointer_width = "64"))]
compile_error!("quintet needs a 64-bit target: the keys of its slots have 64 bits");

#[macro_use]
mod assert_impl;

// In reading order: first what users call, then each layer below it.
#[doc(hidden)]
pub mod __private;
pub mod guide;
pub mod order;
pub mod runtime;
pub mod testing;

pub mod blocking;
#[cfg(feature = "cluster")]
pub mod cluster;
#[cfg(feature = "tokio")]
pub mod compat;
#[cfg(feature = "fs")]
pub mod fs;
#[cfg(feature = "hyper")]
pub mod hyper;
pub mod io;
mod macros;
#[cfg(feature = "net")]
pub mod net;
#[cfg(feature = "process")]
pub mod process;
#[cfg(feature = "serve")]
pub mod serve;
#[cfg(feature = "signal")]
pub mod signal;
pub mod sync;
#[cfg(feature = "systemd")]
pub mod systemd;
pub mod task;
pub mod time;
#[cfg(feature = "tokio-io")]
mod tokio_io;

mod context;
mod event_loop;
mod phase;
mod tasks;

mod blocked;
mod clock;
mod coop;
mod counts;
mod identity;
mod inbox;
mod io_error;
mod numbered;
#[cfg_attr(not(feature = "fs"), path = "page_cache/off.rs")]
mod page_cache;
mod panics;
mod pool;
mod primitive;
mod ready;
mod report;
#[cfg_attr(not(feature = "net"), path = "resolver/off.rs")]
mod resolver;
mod rng;
mod scope_guard;
mod slots;
mod trace;
mod vars;
mod waits;

pub use blocking::{spawn_blocking, spawn_cpu};
pub use quintet_macros::{main, test};
pub use runtime::{Runtime, block_on};
#[cfg(feature = "serve")]
pub use serve::serve;
#[cfg(feature = "signal")]
pub use signal::shutdown;
#[doc(no_inline)]
pub use task::spawn_local;
pub use task::{JoinHandle, spawn};

/// Compiles the program in the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
