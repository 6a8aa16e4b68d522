//! Coming from Node.
//!
//! The phases of a tick are those of Node's event loop, so most of what you know about the order of
//! events applies. [`order`](crate::order) lists all rules.
//!
//! ```
//! use std::cell::RefCell;
//! use std::rc::Rc;
//! use std::time::Duration;
//!
//! use quintet::task::set_immediate;
//!
//! #[quintet::main(keep_alive)]
//! async fn main() {
//!     let log = Rc::new(RefCell::new(Vec::new()));
//!     let (first, second) = (log.clone(), log.clone());
//!     // setImmediate(() => log.push("immediate"))
//!     let immediate = set_immediate(move || first.borrow_mut().push("immediate"));
//!     // A promise: the task runs in the checkpoint, before the next phase.
//!     let task = quintet::spawn(async move { second.borrow_mut().push("task") });
//!     // setTimeout(..., 1)
//!     quintet::time::sleep(Duration::from_millis(1)).await;
//!     task.await.unwrap();
//!     immediate.await.unwrap();
//!
//!     assert_eq!(*log.borrow(), ["task", "immediate"]);
//! }
//! ```
//!
//! # Names
//!
//! | Node | quintet |
//! |---|---|
//! | `setTimeout` | [`sleep`](crate::time::sleep), awaited or in a spawned task; drop it to clear it |
//! | `setInterval` | [`interval`](crate::time::interval); it does not drift |
//! | `setImmediate` | [`set_immediate`](crate::task::set_immediate); [`yield_now`](crate::task::yield_now) to continue there |
//! | `process.nextTick`, `queueMicrotask` | [`spawn`](crate::spawn): the task runs in the checkpoint |
//! | a promise | a future; it does nothing until it is awaited or spawned |
//! | `Promise.all` | `futures::future::join_all`, [`JoinSet`](crate::task::JoinSet), [`scope`](crate::task::scope) |
//! | `AbortController` | [`CancellationToken`](crate::task::CancellationToken), or drop the future |
//! | `AsyncLocalStorage` | [`ContextVar`](crate::task::ContextVar) |
//! | `timer.unref()`, `socket.unref()` | `unref` on sleeps, intervals, sockets, children, signals, standard input and join handles |
//! | `process.on('beforeExit')`, `process.on('exit')`, `process.exit` | [`before_exit`](crate::runtime::before_exit), [`on_exit`](crate::runtime::on_exit), [`exit`](crate::runtime::exit) |
//! | `process.on('SIGINT')` | [`ctrl_c`](crate::signal::ctrl_c), [`signal::unix`](crate::signal::unix) |
//! | `child_process.spawn`, `exec` | [`process::Command`](crate::process::Command): [`spawn`](crate::process::Command::spawn), [`output`](crate::process::Command::output) |
//! | the events `exit` and `close` of a child | [`wait`](crate::process::Child::wait), [`wait_with_output`](crate::process::Child::wait_with_output) |
//! | `subprocess.kill`, `subprocess.unref` | [`send_signal`](crate::process::Child::send_signal), [`unref`](crate::process::Child::unref) |
//! | `process.stdin`, `readline` | [`io::stdin`](crate::io::stdin), [`lines`](crate::io::Stdin::lines); it keeps the loop alive only while a task waits for it |
//! | `process.stdout.write` | [`io::stdout`](crate::io::stdout); awaiting a write is the back-pressure |
//! | `process.stdout.columns`, the event `resize` | [`io::window_size`](crate::io::window_size()), [`io::window_changes`](crate::io::window_changes) |
//! | `unhandledRejection` | [`UnhandledPanic`](crate::runtime::UnhandledPanic) |
//! | `UV_THREADPOOL_SIZE` | `QUINTET_WORKERS`, [`max_blocking_threads`](crate::runtime::Builder::max_blocking_threads) |
//! | `worker_threads` for one computation | [`spawn_cpu`](crate::spawn_cpu) |
//! | `worker.terminate()` | [`abort`](crate::JoinHandle::abort), which a job sees by [`blocking::is_cancelled`](crate::blocking::is_cancelled) |
//! | `worker_threads`, `cluster` | one runtime on each thread |
//! | `blocked-at`, `perf_hooks.monitorEventLoopDelay` | [`blocked_after`](crate::runtime::Builder::blocked_after) or `QUINTET_BLOCKED=50ms`: what blocks the loop is named |
//! | mock timers | paused time: [`time::pause`](crate::time::pause), `#[quintet::test(start_paused)]` |
//!
//! # When a program ends
//!
//! A `main` with the attribute [`main`](macro@crate::main) ends when its function returns, as a
//! Rust program does. With `keep_alive`, or through [`Runtime::run`](crate::runtime::Runtime::run),
//! the program ends when nothing is alive as in Node: no referenced timer, socket, job or task that
//! something can still wake. If a task is left that nothing can wake, Node ends silently; `run`
//! returns [`Stalled`](crate::runtime::Stalled), which names the task, and a
//! [cycle](crate::runtime::Cycle) of tasks that wait for each other.
//!
//! # Differences at run time
//!
//! **Budgets.** In Node a chain of microtasks starves the loop. Here each phase runs at most 1024
//! polls, and the rest continues in the pending phase of the next tick. `order` calls this rule the
//! budget.
//!
//! **Timers.** `setTimeout(0)` is one millisecond in Node. A sleep of zero fires in the next timers
//! phase. Timers with different durations fire in the order of their deadlines, always.
//!
//! **Immediates and timers from the main program** have a fixed order; in Node the first round is a
//! race.
//!
//! **Close callbacks** run in the order in which the resources were closed; in Node in reverse
//! order.
//!
//! **Panics.** An exception that is not caught ends a Node program. A panic ends its task, and the
//! join handle receives it; [`UnhandledPanic`](crate::runtime::UnhandledPanic) says what happens if
//! there is no handle.
