//! Work that blocks a thread: which function for what, and what to do about jobs that do not end.
//!
//! A task must return from each poll soon, because all tasks of a loop share a thread. What takes
//! longer than about a millisecond without an `.await` belongs on another thread.
//!
//! # Which function for what
//!
//! | The work | Use | Threads |
//! |---|---|---|
//! | waits: a database driver without async, `std::fs`, a lock, a child process | [`spawn_blocking`](crate::spawn_blocking) | [4](crate::runtime::Builder::worker_threads), shared with [`fs`](crate::fs) |
//! | looks up names, with a resolver of your own | [`blocking::Builder`](crate::blocking::Builder) with [`Class::Dns`](crate::blocking::Class::Dns) | at most half of these, shared with [`lookup_host`](crate::net::lookup_host) |
//! | computes: hashing, compression, parsing of megabytes, images | [`spawn_cpu`](crate::spawn_cpu) | [one for each processor](crate::runtime::Builder::cpu_threads), for nothing else |
//! | computes on all processors at once | rayon, [as below](#a-pool-of-another-crate) | rayon's |
//! | runs for as long as the program does | [`std::thread::spawn`] | its own |
//! | waits in a way that the OS can report | a task: sockets, [`AsyncFd`](crate::io::unix::AsyncFd), timers | none |
//!
//! The two kinds of threads have separate queues. So a hundred long computations delay no read of a
//! file, and a file system that hangs delays no computation. All threads start when they are
//! needed, and end when they have been idle for a while. Idle ones cost no processor time.
//!
//! More worker threads than 4 help if many jobs wait for something slow, such as a remote database;
//! they do not make a disk faster. More threads for computations than processors only help if jobs
//! also wait, and then those are better divided in two.
//!
//! # Many jobs
//!
//! [`spawn_blocking`](crate::spawn_blocking) and [`spawn_cpu`](crate::spawn_cpu) queue a job in any
//! case. A queued job takes less than 1 KiB beside what its closure holds. If jobs come from
//! outside, limit them: [`spawn_when_room`](crate::blocking::Builder::spawn_when_room) waits while
//! [many](crate::runtime::Builder::max_queued_jobs) are queued, and
//! [`try_spawn`](crate::blocking::Builder::try_spawn) returns the closure, for example in order to
//! respond that the server is overloaded.
//!
//! ```
//! use quintet::blocking::{Builder, Class};
//!
//! # fn checksum(block: &[u8]) -> u32 { block.iter().map(|&byte| u32::from(byte)).sum() }
//! # quintet::block_on(async {
//! let blocks = (0..100u8).map(|n| vec![n; 4096]);
//! let mut jobs = Vec::new();
//! for block in blocks {
//!     // No more blocks are in memory than may be queued.
//!     let job = Builder::new().class(Class::Cpu).spawn_when_room(move || checksum(&block));
//!     jobs.push(job.await);
//! }
//! # let mut sum = 0;
//! for job in jobs {
//! #   sum +=
//!     job.await.unwrap();
//! }
//! # assert_eq!(sum, 4950 * 4096);
//! # });
//! ```
//!
//! # Jobs that are no longer needed
//!
//! [`abort`](crate::JoinHandle::abort) removes a job that has not begun, and its closure is dropped
//! at once. No thread can be stopped from outside, so a job that has begun must look at
//! [`is_cancelled`](crate::blocking::is_cancelled) itself, which is cheap enough for each round of
//! a loop. A shutdown of the runtime asks all running jobs to end, too.
//!
//! ```
//! use quintet::blocking;
//! use quintet::task::AbortOnDropHandle;
//! use quintet::time::{Duration, timeout};
//!
//! /// Returns `None` if it was cancelled.
//! fn search(mut candidates: impl Iterator<Item = u64>) -> Option<Option<u64>> {
//!     loop {
//!         if blocking::is_cancelled() {
//!             return None;
//!         }
//!         match candidates.next() {
//!             Some(n) if n % 1_000_003 == 1_000_002 && n % 999_983 == 0 => return Some(Some(n)),
//!             Some(_) => {}
//!             None => return Some(None),
//!         }
//!     }
//! }
//!
//! # quintet::block_on(async {
//! // When the time is over, the handle is dropped, and the thread is free soon after.
//! let job = AbortOnDropHandle::new(quintet::spawn_cpu(|| search(1..)));
//! let _found = timeout(Duration::from_millis(5), job).await;
//! # });
//! ```
//!
//! # A pool of another crate
//!
//! A pool such as rayon's divides one computation between all processors. A job should not wait for
//! it, because that occupies two threads for one computation. Send the result from the other pool
//! to a task instead: with rayon, `rayon::spawn` in place of the thread of this example.
//!
//! ```
//! use quintet::sync::oneshot;
//!
//! async fn sum_elsewhere(numbers: Vec<u64>) -> Option<u64> {
//!     let (sender, receiver) = oneshot::channel();
//!     std::thread::spawn(move || {
//!         // With rayon: `numbers.par_iter().sum()`.
//!         let sum = numbers.iter().sum();
//!         // The task may have been dropped.
//!         let _dropped = sender.send(sum);
//!     });
//!     // `None` if the computation has panicked.
//!     receiver.await.ok()
//! }
//!
//! # quintet::block_on(async {
//! assert_eq!(sum_elsewhere(vec![1, 2, 3]).await, Some(6));
//! # });
//! ```
//!
//! The loop sees the result in its poll phase, as it does with a job of its own. If
//! [`Runtime::run`](crate::runtime::Runtime::run) is to wait for it, move a
//! [`KeepAlive`](crate::runtime::KeepAlive) guard to the other thread. rayon's threads and those of
//! [`spawn_cpu`](crate::spawn_cpu) compete for the processors; a program that uses both may set
//! [`cpu_threads(1)`](crate::runtime::Builder::cpu_threads).
//!
//! # A job that never ends
//!
//! - It occupies its thread. If all threads of its class are occupied and others wait, the runtime
//!   [reports](crate::runtime::Report::PoolStarved) which jobs run, and where they were spawned.
//!   [`dump`](crate::runtime::Handle::dump) lists the jobs, and
//!   [`pool_stats`](crate::runtime::Handle::pool_stats) counts them.
//! - A [`timeout`](fn@crate::time::timeout) ends the wait for it, not the job. Give the call itself
//!   a limit, as `set_read_timeout` of the standard library does, and check
//!   [`is_cancelled`](crate::blocking::is_cancelled) between the calls.
//! - A job that waits for jobs in the same queue may wait for ever, since they may never get a
//!   thread. Wait in a task, and give the jobs what they need.
//! - A shutdown waits for it for the [grace
//!   period](crate::runtime::Builder::shutdown_grace), and then
//!   [reports](crate::runtime::Report::JobLeftBehind) it. [`unref`](crate::JoinHandle::unref)
//!   exempts it. The process may end while its thread runs.
//! - Code that cannot be made to return, such as that of a library that hangs, belongs into a
//!   process of its own, which can be killed.
