//! Tests of async code that fail for what users would notice: leaks, blocked loops, orders that
//! happen rarely, timeouts.
//!
//! [`#[quintet::test]`](macro@crate::test) runs an async function as a test, on a runtime of its
//! own. Its arguments say what else is to be checked. They can be combined.
//!
//! # Paused time
//!
//! With `start_paused`, time stands still while there is something to do, and then jumps to the
//! next deadline. So a test of a timeout of an hour takes no time, and its result does not depend
//! on how busy the machine is.
//!
//! ```
//! # mod tests {
//! use quintet::time::{Duration, Instant, sleep, timeout};
//!
//! #[quintet::test(start_paused)]
//! async fn an_hour_passes_at_once() {
//!     let start = Instant::now();
//!     let slow = sleep(Duration::from_secs(7200));
//!     assert!(timeout(Duration::from_secs(3600), slow).await.is_err());
//!     assert_eq!(start.elapsed(), Duration::from_secs(3600));
//! }
//! # }
//! ```
//!
//! [`time::advance`](crate::time::advance) moves the clock by hand,
//! [`time::auto_advance`](crate::time::auto_advance) switches the jumps off.
//!
//! # Seeds
//!
//! The [order of events](crate::order) is the same in each run, except where it depends on the OS
//! and on other threads. A seed decides what is open there. With `seeds = 500` a test runs 500
//! times with as many orders, and the seed of a run that fails is printed; `QUINTET_SEED` repeats
//! that run alone.
//!
//! ```
//! # mod tests {
//! use quintet::spawn_blocking;
//!
//! #[quintet::test(seeds = 20)]
//! async fn the_sum_does_not_depend_on_the_order_of_jobs() {
//!     let jobs = [1, 2, 3].map(|n| spawn_blocking(move || n));
//!     let mut sum = 0;
//!     for job in jobs {
//!         sum += job.await.unwrap();
//!     }
//!     assert_eq!(sum, 6);
//! }
//! # }
//! ```
//!
//! # Leaks
//!
//! With `leaks = "deny"` a test fails if it leaves a task, a socket, a timer or a job behind. Often
//! such a test has not tested what it should: a server was never stopped, or a task waits for a
//! message that is never sent. [`testing`](crate::testing) says what counts.
//!
//! ```
//! # mod tests {
//! use quintet::sync::mpsc;
//!
//! #[quintet::test(leaks = "deny")]
//! async fn the_worker_ends_when_the_channel_is_closed() {
//!     let (sender, mut receiver) = mpsc::channel::<u32>(1);
//!     quintet::spawn(async move { while receiver.recv().await.is_some() {} });
//!     sender.send(1).await.unwrap();
//!     // Without this line the test fails, and the message names the spawned task.
//!     drop(sender);
//! }
//! # }
//! ```
//!
//! # Blocked loops
//!
//! A poll that computes for long delays everything else on its loop. With `blocked = "50ms"` a test
//! fails if one poll of a task takes more than 50 ms of CPU time, and the message names the task.
//! The test's own body is a task too.
//!
//! Only CPU time of the thread counts. So a busy machine does not fail the test, and neither does a
//! poll that sleeps or waits for a lock; to find those, run the program with
//! [`QUINTET_BLOCKED=50ms`](crate::runtime::Builder::blocked_after). A debug build takes several
//! times the CPU time of a release build, so the limit should be generous.
//!
//! ```
//! # mod tests {
//! use quintet::spawn_cpu;
//!
//! # fn checksum(bytes: &[u8]) -> u32 { bytes.iter().map(|&byte| u32::from(byte)).sum() }
//! #[quintet::test(blocked = "50ms")]
//! async fn a_checksum_is_computed_elsewhere() {
//!     let bytes = vec![1; 1 << 20];
//!     // Without `spawn_cpu` the test would fail if this took long.
//!     let sum = spawn_cpu(move || checksum(&bytes)).await.unwrap();
//!     assert_eq!(sum, 1 << 20);
//! }
//! # }
//! ```
//!
//! # Timeouts
//!
//! `timeout = "5s"` fails a test that does not end, and lists the tasks and what they wait for. The
//! time is that of the loop's clock. It cannot end a poll that never returns; for that, see the
//! [reports of blocked loops](crate::runtime::Report::Blocked).
