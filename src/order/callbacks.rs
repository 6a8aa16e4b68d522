//! Callbacks, checkpoints and budgets: what runs after what within a tick.
//!
//! # Callbacks and checkpoints
//!
//! A *callback* is one event of a phase: one expired timer, one ready socket, one result of a
//! worker, one immediate, one close. It wakes its task, and that task is polled at once.
//!
//! The *ready queue* holds the tasks that were made ready by running code: they were spawned, or
//! woken by a channel, or a task that they join has ended. First in, first out; there is just this
//! one queue. It is drained after each callback, before the next callback of the same phase. That
//! is the *checkpoint*.
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
//!         spawn(async { log("made-by-a") });
//!     });
//!     spawn(async {
//!         sleep(Duration::from_millis(5)).await;
//!         log("b");
//!     });
//! });
//! assert_eq!(order, "a made-by-a b");
//! ```
//!
//! [`spawn`](crate::spawn) never polls the new task inside of the call, and a wake never polls
//! anything: both put a task at the end of the queue. One event that wakes several tasks (a reader
//! and a writer of one socket, say) is one callback: they run one after the other, readers first,
//! and then comes the checkpoint.
//!
//! # The beginning
//!
//! The root, which is the future of [`block_on`](crate::block_on) or the first task that you spawn,
//! is a task like others. It and everything it makes ready runs before the first tick; and the
//! first tick begins with timers. So these two are not a race:
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
//! `block_on` returns as soon as its future is done. What else is ready then stays where it is, for
//! the next `block_on` or [`run`](crate::runtime::Runtime::run).
//!
//! # Snapshots
//!
//! A phase works on what was there when it began. What is added meanwhile waits for the next tick:
//! a timer that a timer arms, an immediate that an immediate sets, a close that a close asks for.
//! So no phase can keep the others waiting by feeding itself.
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
//! No task can keep the loop to itself, as long as its polls come to an end:
//!
//! - A phase polls at most [`phase_budget`](crate::runtime::Builder::phase_budget) tasks. Those
//!   that are still ready go to the next tick's *pending* phase, oldest first. Due timers,
//!   immediates and closes over the budget stay first in their own queues. Pending is the one phase
//!   with a single checkpoint, at its end.
//! - A task does at most 128 operations in one poll, where 16 KiB count as one more; `read`,
//!   `accept`, a join, the end of a sleep are operations. The next one says "not yet", and the task
//!   goes on in the next pending phase.
//! - Poll leaves for timers, by way of check and close, when one is due: it looks every 64
//!   callbacks, and after each that was expensive.
//!
//! So a task that wakes itself for ever holds up nobody:
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
