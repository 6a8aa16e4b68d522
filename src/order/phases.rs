//! The phases one by one: timers, poll and close.
//!
//! The programs use `log` and `run` from the [overview](super).
//!
//! # Timers
//!
//! Timers fire in the order of their deadlines. Timers with the same deadline fire in the order in
//! which they were armed; a timer is armed when it is first polled, and when it is
//! [reset](crate::time::Sleep::reset). A deadline that has already passed when the timer is armed
//! counts as the time of arming, so that the timer does not overtake others that are due.
//!
//! No timer fires early, and no deadline is rounded: `sleep(Duration::ZERO)` is due in the next
//! timers phase, and `sleep(Duration::MAX)` never completes.
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
//!     // Let the tasks arm their timers. Then make all timers overdue.
//!     quintet::task::yield_now().await;
//!     drop(advance(Duration::from_secs(1)));
//! });
//! assert_eq!(order, "ten ten-again twenty");
//! ```
//!
//! An [`interval`](crate::time::interval) is aligned to its start, and skips the ticks that it
//! missed. A [`timeout`](crate::time::timeout) that expires polls its future once more, so that
//! data which arrived while the thread was busy is not lost.
//!
//! # Poll
//!
//! Poll waits until something happens, but not longer than until the next deadline. It does not
//! wait at all if something is ready, in pending, in check or in close. The clock is read again
//! before the wait, so the time that tasks take is not added to any sleep.
//!
//! Poll first delivers ready sockets, in the kernel's order; then worker results and what other
//! threads have sent, in the order of arrival; and signals last. A worker result is always
//! delivered here, even if the worker was fast. So is a wake from another thread:
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
//!         // The message has been sent when `join` returns, but poll comes later.
//!         std::thread::spawn(|| send.send(())).join().unwrap().unwrap();
//!         spawn(async { log("checkpoint") });
//!     });
//! });
//! assert_eq!(order, "timers checkpoint poll check");
//! ```
//!
//! # Close
//!
//! A socket that is dropped is closed at once, on whichever thread it is dropped. `close().await`
//! also closes it at once, and completes in the close phase, after check and before the next
//! timers. An operation that still waits on the socket returns an error before that.
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
//!         log("closed");
//!     });
//!     set_immediate(move || {
//!         assert!(std::net::TcpStream::connect(addr).is_err());
//!         log("refused");
//!     });
//!     closed.await.unwrap();
//! });
//! assert_eq!(order, "refused closed");
//! ```
