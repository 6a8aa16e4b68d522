//! The order of Node and tokio compared with Quintet's.
//!
//! # If you know Node
//!
//! | Node | Quintet | difference |
//! |---|---|---|
//! | `setImmediate(f)` | [`set_immediate(f)`](crate::task::set_immediate), [`yield_now().await`](crate::task::yield_now) | none |
//! | `setTimeout(f, 0)` | `spawn(async { sleep(Duration::ZERO).await; f() })` | zero is not raised to 1 ms, so from the main program the timer always fires before an immediate |
//! | `process.nextTick(f)`, `queueMicrotask(f)` | [`spawn(async { f() })`](crate::spawn) | one FIFO queue, which cannot starve the loop |
//! | `setInterval(f, d)` | [`interval(d)`](crate::time::interval) | the first tick is immediate; ticks do not drift |
//! | `await promise` | `.await` | a spawned task is first polled from the queue, never inside the call |
//! | `timer.unref()`, `server.unref()` | `unref()` of [`Sleep`](crate::time::Sleep::unref), [`TcpListener`](crate::net::TcpListener::unref), [`JoinHandle`](crate::task::JoinHandle::unref) … | tasks and jobs have it too |
//! | `process.on('beforeExit')`, `process.on('exit')` | [`before_exit`](crate::runtime::before_exit), [`on_exit`](crate::runtime::on_exit) | none |
//! | `process.exit(code)` | [`exit(code)`](crate::runtime::exit) | the runtime shuts down in order and runs all destructors |
//! | a promise that never settles | [`Stalled`](crate::runtime::Stalled) | an error that names the task |
//! | an uncaught exception | [`UnhandledPanic`](crate::runtime::UnhandledPanic) | by default it ends only its task |
//! | libuv's thread pool | [`spawn_blocking`](crate::spawn_blocking), [`fs`](crate::fs) | also four threads |
//!
//! # If you know tokio
//!
//! | tokio | Quintet | difference |
//! |---|---|---|
//! | `tokio::spawn` | [`spawn`](crate::spawn) | futures need not be `Send`; there is no `LocalSet` |
//! | `yield_now` | [`yield_now`](crate::task::yield_now) | the task continues in check, after poll, in the order of the calls |
//! | `sleep` | [`sleep`](crate::time::sleep) | deadlines are not rounded to milliseconds; equal deadlines fire in the order of arming |
//! | `interval` | [`interval`](crate::time::interval) | missed ticks are skipped by default; tokio bursts |
//! | `block_on` | [`block_on`](crate::runtime::Runtime::block_on) | none; [`run`](crate::runtime::Runtime::run) instead returns when nothing keeps the loop alive |
//! | `abort` | [`abort`](crate::task::JoinHandle::abort) | the future is dropped at the task's turn in the queue |
//! | the coop budget | 128 operations for each poll | bytes count too; the task continues in pending |
//! | `start_paused`, `advance` | [`start_paused`](crate::runtime::Builder::start_paused), [`advance`](crate::time::advance) | the call itself moves the clock; `.await` runs what is due |
//! | `event_interval`, `global_queue_interval` | [`phase_budget`](crate::runtime::Builder::phase_budget) | every phase runs in every tick |
//! | `drop(runtime)` | `drop(runtime)` | futures are dropped in the order of spawning |
