//! The names and the order of Node and tokio beside those of quintet.
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
