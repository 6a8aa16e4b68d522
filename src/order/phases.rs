//! Timers, poll and close: what each phase does.
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
