//! The order in which tasks and events run.
//!
//! Most async runtimes leave this order open. In Quintet it is part of the API: these pages state
//! the rules, each rule has tests, and programs may rely on them.
//!
//! The rules come with programs that log words and then assert their order. All programs share
//! these lines:
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
//! /// Runs a program to its end, in paused time, and returns what it logged.
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
//! In [paused time](crate::time::pause) the clock moves only when there is nothing else to do, or
//! when the program calls [`advance`](crate::time::advance). The order is the same in real time.
//!
//! # The tick
//!
//! The loop runs in *ticks*. Each tick has five phases, always in this order:
//!
//! ```text
//!    ┌─> timers ── every timer whose deadline has passed
//!    │   pending ─ work that an earlier phase had no budget for
//!    │   poll ──── wait for the OS; sockets, worker results, other threads, signals
//!    │   check ─── set_immediate and yield_now
//!    └── close ─── closed resources are released, and tasks that wait for this are woken
//! ```
//!
//! In this program, one task asks for something in each phase, in a different order. It is spawned
//! by another thread, so it runs in poll, and the other phases follow from there:
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
//!     let runs_in_poll = async {
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
//!     std::thread::spawn(move || drop(handle.spawn(runs_in_poll))).join().unwrap();
//! });
//! assert_eq!(order, "poll check close timers");
//! ```
//!
//! # The rules in brief
//!
//! 1. Each event of a phase runs the task that waits for it. Then all tasks that this made ready
//!    run, in FIFO order, before the next event: [the
//!    checkpoint](callbacks#callbacks-and-checkpoints).
//! 2. The root task runs first, and the first tick begins with timers: [the first
//!    tick](callbacks#the-first-tick).
//! 3. A phase handles what was there when it began: [snapshots](callbacks#snapshots).
//! 4. No task and no phase can starve the others: [budgets](callbacks#budgets).
//! 5. Timers fire in the order of their deadlines, and never early: [timers](phases#timers).
//! 6. Poll delivers sockets, then worker results and wakes from other threads, then signals:
//!    [poll](phases#poll).
//! 7. A socket is closed at once, and `close().await` completes in the close phase:
//!    [close](phases#close).
//! 8. What is cancelled is not delivered afterwards: [cancellation](ending#cancellation).
//! 9. `run` returns when nothing keeps the loop alive: [the end of a run](ending#the-end-of-a-run).
//! 10. A panic stays in its task: [panics](ending#panics).
//! 11. Shutdown drops tasks in the order in which they were spawned: [shutdown](ending#shutdown).
//!
//! If you know Node or tokio, see the [comparison].
//!
//! # Threads
//!
//! All tasks run on the loop's thread. Their futures and outputs are dropped there, even if another
//! thread wakes, joins or aborts them.
//!
//! Other threads reach the loop through wakers and through its [`Handle`](crate::runtime::Handle),
//! at any time, also after the loop has ended. What they send arrives in poll.
//!
//! A process and a thread may have any number of runtimes, but only one runs at a time on a thread.

pub mod callbacks;
pub mod phases;

pub mod ending;

pub mod comparison;
