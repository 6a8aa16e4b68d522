//! Cancelling, panics and the end: what happens when something ends.
//!
//! # Cancelling
//!
//! What one callback cancels, drops or closes is not delivered afterwards, not even in the same
//! phase, and not even if the OS had already reported it. A file descriptor that is used again
//! never sees the events of its former owner.
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
//!     let later = spawn(sleep(2 * second));
//!     let victim = later.abort_handle();
//!     spawn(async move {
//!         sleep(second).await;
//!         log("first");
//!         victim.abort();
//!     });
//!     spawn(async move {
//!         log(if later.await.is_err() { "cancelled" } else { "slept" });
//!     });
//!     yield_now().await;
//!     // Both are due in the same phase.
//!     drop(advance(3 * second));
//! });
//! assert_eq!(order, "first cancelled");
//! ```
//!
//! [`abort`](crate::task::JoinHandle::abort) marks the task and wakes it. Where it next stands in
//! the queue its future is dropped, never inside of the call; then those who join it are told. A
//! task that ends in the very poll in which it is aborted has ended.
//!
//! # Alive
//!
//! [`run`](crate::runtime::Runtime::run) goes round until nothing *referenced* is alive. Alive are
//!
//! - an armed timer, a socket or a signal stream on which a task waits;
//! - a blocking job or a file operation that has not been delivered;
//! - tasks that are ready, immediates and closes;
//! - a [`KeepAlive`](crate::runtime::KeepAlive) guard, which another thread holds that is going to
//!   send something.
//!
//! `unref()` takes a timer, a socket, a job or a whole task out of that count, and `ref_()` puts it
//! back. When nothing is alive the [`before_exit`](crate::runtime::before_exit) hooks are called;
//! if they start something, the loop goes on.
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
//! A task that waits for another task or for a channel keeps nothing alive by itself. If such a
//! task is left at the end, and nothing could ever wake it, `run` does not hang and does not say
//! that all is well. It answers with the tasks, where they were spawned and what they wait for:
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
//! `block_on` goes on waiting instead, for another thread may hold a waker. It uses no processor
//! time then, and says so once, in a [`Report`](crate::runtime::Report).
//!
//! # Panics
//!
//! A panic stays in its task. Whoever joins the task gets it; if nobody does, it is reported with
//! the task's name and where it was spawned, or ends the runtime, as [you
//! like](crate::runtime::UnhandledPanic). The checkpoint still comes, and nothing that was queued
//! is lost.
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
//!     let unlucky = spawn(async {
//!         sleep(Duration::ZERO).await;
//!         log("a");
//!         spawn(async { log("made-by-a") });
//!         std::panic::resume_unwind(Box::new("oh"));
//!     });
//!     spawn(async {
//!         sleep(Duration::ZERO).await;
//!         log("b");
//!     });
//!     assert!(unlucky.await.unwrap_err().is_panic());
//!     log("joined");
//! });
//! assert_eq!(order, "a made-by-a joined b");
//! ```
//!
//! # The end
//!
//! When a runtime is dropped it refuses new tasks, drops all futures in the order in which they
//! were spawned, runs the close phase, drops the jobs that wait for a worker, and gives those that
//! are running a [grace](crate::runtime::Builder::shutdown_grace). Before all that it calls the
//! [`on_exit`](crate::runtime::on_exit) hooks.
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
//! struct Logs(&'static str);
//!
//! impl Drop for Logs {
//!     fn drop(&mut self) {
//!         log(self.0);
//!     }
//! }
//!
//! let runtime = Builder::new().build().unwrap();
//! runtime.block_on(async {
//!     on_exit(|_code| log("on-exit"));
//!     for name in ["first", "second"] {
//!         let guard = Logs(name);
//!         spawn(async move {
//!             let _held = guard;
//!             pending::<()>().await;
//!         });
//!     }
//! });
//! drop(runtime);
//! assert_eq!(LOG.take().join(" "), "on-exit first second");
//! ```
