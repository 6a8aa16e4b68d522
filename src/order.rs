//! What runs when.
//!
//! Most runtimes promise that your tasks will run, and leave the order open. Here it is written
//! down, and each rule has its tests; so you may rely on it.
//!
//! Each program below logs words and says in which order they come. They share a few lines:
//!
//! ```
//! use std::cell::RefCell;
//!
//! thread_local!(static LOG: RefCell<Vec<&'static str>> = RefCell::default());
//!
//! fn log(line: &'static str) {
//!     LOG.with_borrow_mut(|log| log.push(line));
//! }
//!
//! /// Runs a program to its end, on paused time, and answers what it logged.
//! fn run(root: impl Future<Output = ()> + 'static) -> String {
//!     let runtime = quintet::runtime::Builder::new().start_paused(true).build().unwrap();
//!     drop(runtime.spawn(root));
//!     runtime.run().unwrap();
//!     LOG.take().join(" ")
//! }
//!
//! assert_eq!(run(async { log("hello") }), "hello");
//! ```
//!
//! On [paused time](crate::time::pause) the clock moves only when nothing else can be done, or when
//! the program moves it by [`advance`](crate::time::advance). The order is the same on real time.
//!
//! # The tick
//!
//! The loop goes round in *ticks*. Each tick has five phases, always in this order:
//!
//! ```text
//!    ┌─> timers ── every timer whose deadline has passed
//!    │   pending ─ what an earlier tick had to leave over
//!    │   poll ──── wait for the OS; sockets, worker results, other threads, signals
//!    │   check ─── set_immediate and yield_now
//!    └── close ─── what was closed is released, and those who wait for it are told
//! ```
//!
//! Here a task asks for something from each phase, in no particular order. It was woken by another
//! thread, so it is in poll when it asks, and goes on from there:
//!
//! ```
//! # thread_local!(static LOG: std::cell::RefCell<Vec<&'static str>> = Default::default());
//! # fn log(line: &'static str) { LOG.with_borrow_mut(|log| log.push(line)) }
//! # fn run(root: impl Future<Output = ()> + 'static) -> String {
//! #     let runtime = quintet::runtime::Builder::new().start_paused(true).build().unwrap();
//! #     drop(runtime.spawn(root));
//! #     runtime.run().unwrap();
//! #     LOG.take().join(" ")
//! # }
//! use quintet::net::TcpListener;
//! use quintet::runtime::Handle;
//! use quintet::spawn;
//! use quintet::task::set_immediate;
//! use quintet::time::{Duration, sleep};
//!
//! let order = run(async {
//!     let from_elsewhere = async {
//!         let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
//!         spawn(async {
//!             sleep(Duration::ZERO).await;
//!             log("timers");
//!         });
//!         spawn(async {
//!             listener.close().await;
//!             log("close");
//!         });
//!         set_immediate(|| log("check"));
//!         log("poll");
//!     };
//!     let handle = Handle::current();
//!     std::thread::spawn(move || drop(handle.spawn(from_elsewhere))).join().unwrap();
//! });
//! assert_eq!(order, "poll check close timers");
//! ```
//!
//! # Threads
//!
//! Tasks run on the loop's thread, and their futures and outputs are dropped there, whoever wakes,
//! joins or aborts them. Other threads reach the loop by wakers and by its
//! [`Handle`](crate::runtime::Handle), at any time, even when it is gone; what they send arrives in
//! poll. There may be many runtimes, but only one runs at a time on a thread.
//!
//! # Chapters
//!
//! 1. [`callbacks`]: callbacks, checkpoints, the beginning, snapshots, budgets.
//! 2. [`phases`]: timers, poll, closing.
//! 3. [`ending`]: cancelling, what keeps the loop alive, panics, the end.
//! 4. [`comparison`]: Node and tokio.

pub mod callbacks;
pub mod comparison;
pub mod ending;
pub mod phases;
