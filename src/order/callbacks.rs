//! Within a phase: callbacks, checkpoints, snapshots and budgets.
//!
//! The programs use `log` and `run` from the [overview](super).
//!
//! # Callbacks and checkpoints
//!
//! A *callback* is one event of a phase: one expired timer, one ready socket, one worker result,
//! one immediate, or one close. It wakes the task that waits for the event, and the loop polls that
//! task at once.
//!
//! The *ready queue* holds the tasks that running code has made ready: they were spawned, were
//! woken by a channel, or join a task that has ended. There is one such queue, and it is FIFO.
//! After each callback the loop drains it, before the next callback of the same phase. This is the
//! *checkpoint*.
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
//! use quintet::spawn;
//! use quintet::time::{Duration, sleep};
//!
//! let order = run(async {
//!     spawn(async {
//!         sleep(Duration::from_millis(5)).await;
//!         log("a");
//!         spawn(async { log("spawned-by-a") });
//!     });
//!     spawn(async {
//!         sleep(Duration::from_millis(5)).await;
//!         log("b");
//!     });
//! });
//! assert_eq!(order, "a spawned-by-a b");
//! ```
//!
//! [`spawn`](crate::spawn) and wakes never poll a task inside the call. Both append the task to the
//! ready queue.
//!
//! If one event wakes several tasks, for example a reader and a writer of the same socket, this is
//! one callback: the loop polls the tasks one after the other, readers first, and then makes the
//! checkpoint. Several readers of one source are polled in the order in which they began to wait.
//! One that finds nothing to read, because another was quicker, keeps its place: so tasks that read
//! from one source in loops take turns.
//!
//! # The first tick
//!
//! The root task is the future of [`block_on`](crate::block_on), or the first task that you spawn.
//! It is an ordinary task. The loop runs it, and everything that it makes ready, before the first
//! tick; and the first tick begins with timers. So the order of a timer and an immediate is fixed:
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
//! use quintet::spawn;
//! use quintet::task::set_immediate;
//! use quintet::time::{Duration, sleep};
//!
//! let order = run(async {
//!     set_immediate(|| log("immediate"));
//!     spawn(async {
//!         sleep(Duration::ZERO).await;
//!         log("timeout");
//!     });
//!     log("root");
//! });
//! assert_eq!(order, "root timeout immediate");
//! ```
//!
//! `block_on` returns as soon as its future is done. Tasks that are still ready then stay in the
//! queue, for the next `block_on` or [`run`](crate::runtime::Runtime::run).
//!
//! # Snapshots
//!
//! A phase handles what was there when it began. What is added while it runs waits for the next
//! tick: a timer that is armed by a timer, an immediate that is set by an immediate, a close that
//! is asked for by a close. So no phase can starve the others by adding work to itself.
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
//! use quintet::spawn;
//! use quintet::task::set_immediate;
//! use quintet::time::{Duration, sleep};
//!
//! let order = run(async {
//!     set_immediate(|| {
//!         log("first");
//!         set_immediate(|| log("nested"));
//!         spawn(async {
//!             sleep(Duration::ZERO).await;
//!             log("timer");
//!         });
//!     });
//!     set_immediate(|| log("second"));
//! });
//! assert_eq!(order, "first second timer nested");
//! ```
//!
//! # Budgets
//!
//! As long as each poll of a task returns, no task can starve the loop:
//!
//! - **Each phase has a budget.** A phase polls at most
//!   [`phase_budget`](crate::runtime::Builder::phase_budget) tasks. Tasks that are still ready go
//!   to the *pending* phase of the next tick, which runs them oldest first. Due timers, immediates
//!   and closes over the budget stay at the front of their own queues. Pending is the only phase
//!   with a single checkpoint, at its end.
//! - **Each poll of a task has a budget.** In one poll, a task completes at most 128 operations,
//!   such as a `read`, an `accept`, a join or the end of a sleep; each 16 KiB moved count as one
//!   more. The next operation returns [`Pending`](std::task::Poll::Pending), and the task continues
//!   in the next pending phase.
//! - **Poll yields to timers.** Poll checks for due timers every 64 callbacks, and after each
//!   expensive callback. If a timer is due, poll ends, and the timers phase follows after check and
//!   close.
//!
//! So a task that always wakes itself does not delay timers or immediates:
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
//! use std::future::poll_fn;
//! use std::task::Poll;
//!
//! use quintet::spawn;
//! use quintet::task::yield_now;
//! use quintet::time::{Duration, sleep};
//!
//! let order = run(async {
//!     let spinning = spawn(poll_fn(|cx| {
//!         cx.waker().wake_by_ref();
//!         Poll::<()>::Pending
//!     }));
//!     sleep(Duration::ZERO).await;
//!     log("timers");
//!     yield_now().await;
//!     log("check");
//!     spinning.abort();
//! });
//! assert_eq!(order, "timers check");
//! ```
