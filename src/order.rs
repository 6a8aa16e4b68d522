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
//! # Timers
//!
//! Timers fire in the order of their deadlines, and those with the same deadline in the order in
//! which they were armed; a timer is armed when it is first polled, or
//! [reset](crate::time::Sleep::reset). A deadline that has passed already counts from its arming,
//! so nobody overtakes those who wait. No timer fires early, and none is rounded:
//! `sleep(Duration::ZERO)` is due in the next timers phase, and `Duration::MAX` never.
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
//! use quintet::time::{Duration, advance, sleep};
//!
//! fn log_after(millis: u64, line: &'static str) {
//!     spawn(async move {
//!         sleep(Duration::from_millis(millis)).await;
//!         log(line);
//!     });
//! }
//!
//! let order = run(async {
//!     log_after(20, "twenty");
//!     log_after(10, "ten");
//!     log_after(10, "ten-again");
//!     // By now all are overdue, however late that is.
//!     quintet::task::yield_now().await;
//!     drop(advance(Duration::from_secs(1)));
//! });
//! assert_eq!(order, "ten ten-again twenty");
//! ```
//!
//! An [`interval`](crate::time::interval) is aligned to its start, and skips the ticks that it
//! missed. A [`timeout`](crate::time::timeout) that expires lets its future try once more: data
//! that came while the thread was busy is not lost.
//!
//! # Poll
//!
//! Poll waits until something happens, but not at all if anything is ready, pending, in check or in
//! close, and no longer than until the next deadline. The clock is read again for this, so the time
//! that your tasks take is not added to anybody's sleep.
//!
//! It delivers ready sockets first, in the kernel's order; then results of workers and what other
//! threads have sent, in the order of their arrival; signals last. A worker's result is never there
//! earlier, however fast the worker was. And a wake from another thread always comes this way:
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
//! use futures::channel::oneshot;
//! use quintet::spawn;
//! use quintet::task::set_immediate;
//! use quintet::time::{Duration, sleep};
//!
//! let order = run(async {
//!     let (send, receive) = oneshot::channel();
//!     spawn(async {
//!         receive.await.unwrap();
//!         log("poll");
//!     });
//!     set_immediate(|| log("check"));
//!     spawn(async {
//!         sleep(Duration::ZERO).await;
//!         log("timers");
//!         // It has sent by the time it is joined, but poll comes later.
//!         std::thread::spawn(|| send.send(())).join().unwrap().unwrap();
//!         spawn(async { log("checkpoint") });
//!     });
//! });
//! assert_eq!(order, "timers checkpoint poll check");
//! ```
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
//!
//! # Closing
//!
//! A socket that is dropped is closed at once, on whatever thread. So it is by `close().await`,
//! which then ends in the close phase, after check and before the next timers. An operation that
//! still waits for the socket answers an error before that.
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
//! use quintet::spawn;
//! use quintet::task::set_immediate;
//!
//! let order = run(async {
//!     let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
//!     let addr = listener.local_addr().unwrap();
//!     let closed = spawn(async {
//!         listener.close().await;
//!         log("told");
//!     });
//!     set_immediate(move || {
//!         assert!(std::net::TcpStream::connect(addr).is_err());
//!         log("refused-already");
//!     });
//!     closed.await.unwrap();
//! });
//! assert_eq!(order, "refused-already told");
//! ```
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
//! # Threads
//!
//! Tasks run on the loop's thread, and their futures and outputs are dropped there, whoever wakes,
//! joins or aborts them. Other threads reach the loop by wakers and by its
//! [`Handle`](crate::runtime::Handle), at any time, even when it is gone; what they send arrives in
//! poll. There may be many runtimes, but only one runs at a time on a thread.
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
//!
//! # If you know Node
//!
//! | Node | here | what is different |
//! |---|---|---|
//! | `setImmediate(f)` | [`set_immediate(f)`](crate::task::set_immediate), [`yield_now().await`](crate::task::yield_now) | nothing |
//! | `setTimeout(f, 0)` | `spawn(async { sleep(Duration::ZERO).await; f() })` | zero is zero and not 1 ms: from the main program it always comes before an immediate |
//! | `process.nextTick(f)`, `queueMicrotask(f)` | [`spawn(async { f() })`](crate::spawn) | one queue, first in first out, that cannot starve the loop |
//! | `setInterval(f, d)` | [`interval(d)`](crate::time::interval) | ticks at once, does not drift |
//! | `await promise` | `.await` | what is spawned is first polled from the queue, never inside of the call |
//! | `timer.unref()`, `server.unref()` | `unref()` of [`Sleep`](crate::time::Sleep::unref), [`TcpListener`](crate::net::TcpListener::unref), [`JoinHandle`](crate::task::JoinHandle::unref) … | tasks and jobs have it, too |
//! | `process.on('beforeExit')`, `'exit'` | [`before_exit`](crate::runtime::before_exit), [`on_exit`](crate::runtime::on_exit) | nothing |
//! | `process.exit(code)` | [`exit(code)`](crate::runtime::exit) | ends in order, with all destructors |
//! | a promise that never settles | [`Stalled`](crate::runtime::Stalled) | is an error that names the task |
//! | an exception that nobody catches | [`UnhandledPanic`](crate::runtime::UnhandledPanic) | ends its task only, unless you say otherwise |
//! | the thread pool of libuv | [`spawn_blocking`](crate::spawn_blocking), [`fs`](crate::fs) | four threads here as well |
//!
//! # If you know tokio
//!
//! | tokio | here | what is different |
//! |---|---|---|
//! | `tokio::spawn` | [`spawn`](crate::spawn) | futures need not be `Send`; there is no `LocalSet` |
//! | `yield_now` | [`yield_now`](crate::task::yield_now) | goes on in check: after a look at the OS, in the order of yielding |
//! | `sleep` | [`sleep`](crate::time::sleep) | not rounded to milliseconds; equal deadlines fire in the order of arming |
//! | `interval` | [`interval`](crate::time::interval) | skips missed ticks by default, where tokio's bursts |
//! | `block_on` | [`block_on`](crate::runtime::Runtime::block_on) | the same; [`run`](crate::runtime::Runtime::run) is the other way, which ends by itself |
//! | `abort` | [`abort`](crate::task::JoinHandle::abort) | drops the future at its place in the queue |
//! | the coop budget | 128 operations | bytes count, too; the task goes on in pending |
//! | `start_paused`, `advance` | [`start_paused`](crate::runtime::Builder::start_paused), [`advance`](crate::time::advance) | time moves at the call; awaiting it lets happen what is due |
//! | `event_interval`, `global_queue_interval` | [`phase_budget`](crate::runtime::Builder::phase_budget) | each phase has its turn in each tick |
//! | `drop(runtime)` | `drop(runtime)` | futures are dropped in the order of spawning |
