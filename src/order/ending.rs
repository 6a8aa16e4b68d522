//! Cancellation, panics, the end of a run, and shutdown.
//!
//! The programs use `log` and `run` from the [overview](super).
//!
//! # Cancellation
//!
//! What one callback cancels, drops or closes is not delivered afterwards: not in the same phase,
//! and not even if the OS has already reported it. If the OS reuses a file descriptor, its new
//! owner never sees the events of the old one.
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
//! use quintet::task::yield_now;
//! use quintet::time::{Duration, advance, sleep};
//!
//! let order = run(async {
//!     let second = Duration::from_secs(1);
//!     let sleeper = spawn(sleep(2 * second));
//!     let abort_handle = sleeper.abort_handle();
//!     spawn(async move {
//!         sleep(second).await;
//!         log("first");
//!         abort_handle.abort();
//!     });
//!     spawn(async move {
//!         log(if sleeper.await.is_err() { "cancelled" } else { "slept" });
//!     });
//!     yield_now().await;
//!     // Both timers are due in the same phase.
//!     drop(advance(3 * second));
//! });
//! assert_eq!(order, "first cancelled");
//! ```
//!
//! [`abort`](crate::task::JoinHandle::abort) marks the task and wakes it. When the task's turn in
//! the queue comes, the loop drops its future, never inside the call of `abort`; then it wakes the
//! tasks that join it. A task that completes in the same poll in which it is aborted has completed.
//!
//! # The end of a run
//!
//! [`run`](crate::runtime::Runtime::run) returns when nothing *referenced* keeps the loop alive.
//! These keep it alive:
//!
//! - an armed timer, a socket or a signal stream on which a task waits;
//! - a blocking job or a file operation whose result has not been delivered; the look-up of a name
//!   only until its future is dropped;
//! - ready tasks, immediates and closes;
//! - a [`KeepAlive`](crate::runtime::KeepAlive) guard, held by another thread that will send
//!   something.
//!
//! `unref()` excludes a timer, a socket, a job or a whole task from this, and `ref_()` includes it
//! again. When nothing keeps the loop alive, it calls the
//! [`before_exit`](crate::runtime::before_exit) hooks. If they start something, the loop continues.
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
//! use quintet::runtime::before_exit;
//! use quintet::spawn;
//! use quintet::time::{Duration, interval, sleep};
//!
//! let order = run(async {
//!     before_exit(|| log("before-exit"));
//!     let heartbeat = spawn(async {
//!         let mut beat = interval(Duration::from_secs(2));
//!         loop {
//!             beat.tick().await;
//!             log("beat");
//!         }
//!     });
//!     heartbeat.unref();
//!     sleep(Duration::from_secs(3)).await;
//!     log("slept");
//! });
//! assert_eq!(order, "beat beat slept before-exit");
//! ```
//!
//! A task that waits for another task or for a channel does not keep the loop alive by itself. If
//! such a task is left at the end, and nothing can wake it, `run` returns the error
//! [`Stalled`](crate::runtime::Stalled), which lists the tasks, where they were spawned, and what
//! they wait for:
//!
//! ```
//! use futures::channel::oneshot;
//! use quintet::runtime::Runtime;
//!
//! let runtime = Runtime::new().unwrap();
//! let (_sender, receiver) = oneshot::channel::<()>();
//! runtime.spawn(receiver);
//!
//! let stalled = runtime.run().unwrap_err();
//! assert_eq!(stalled.tasks().len(), 1);
//! ```
//!
//! `block_on` continues to wait instead, because another thread may hold a waker. It uses no CPU
//! time then, and sends one [`Report`](crate::runtime::Report) about it.
//!
//! # Panics
//!
//! A panic stays in its task. The task's join handle returns it. If the handle is gone, the panic
//! is reported with the task's name and where it was spawned, or it ends the runtime, as set by
//! [`UnhandledPanic`](crate::runtime::UnhandledPanic). The checkpoint still follows, and nothing
//! that was queued is lost.
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
//!     let panics = spawn(async {
//!         sleep(Duration::ZERO).await;
//!         log("a");
//!         spawn(async { log("spawned-by-a") });
//!         std::panic::resume_unwind(Box::new("oh"));
//!     });
//!     spawn(async {
//!         sleep(Duration::ZERO).await;
//!         log("b");
//!     });
//!     assert!(panics.await.unwrap_err().is_panic());
//!     log("joined");
//! });
//! assert_eq!(order, "a spawned-by-a joined b");
//! ```
//!
//! # Shutdown
//!
//! When a runtime is dropped, it does this in order:
//!
//! 1. It calls the [`on_exit`](crate::runtime::on_exit) hooks.
//! 2. It refuses new tasks.
//! 3. It drops all futures, in the order in which their tasks were spawned.
//! 4. It runs the close phase.
//! 5. It drops the jobs that wait for a worker.
//! 6. It waits for the running jobs, up to a [grace
//!    period](crate::runtime::Builder::shutdown_grace).
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
//! use std::future::pending;
//!
//! use quintet::runtime::{Builder, on_exit};
//! use quintet::spawn;
//!
//! struct LogOnDrop(&'static str);
//!
//! impl Drop for LogOnDrop {
//!     fn drop(&mut self) {
//!         log(self.0);
//!     }
//! }
//!
//! let runtime = Builder::new().build().unwrap();
//! runtime.block_on(async {
//!     on_exit(|_code| log("on-exit"));
//!     for name in ["first", "second"] {
//!         let guard = LogOnDrop(name);
//!         spawn(async move {
//!             let _guard = guard;
//!             pending::<()>().await;
//!         });
//!     }
//! });
//! drop(runtime);
//! assert_eq!(LOG.take().join(" "), "on-exit first second");
//! ```
