//! Coming from tokio.
//!
//! Most programs for tokio's current-thread runtime compile after the crate's name is replaced,
//! because names and signatures are tokio's where the meaning is the same.
//!
//! ```
//! use std::time::Duration;
//!
//! use quintet::sync::mpsc;
//! use quintet::time::{sleep, timeout};
//!
//! #[quintet::main(flavor = "current_thread")]
//! async fn main() {
//!     let (sender, mut receiver) = mpsc::channel(8);
//!     quintet::spawn(async move {
//!         sleep(Duration::from_millis(1)).await;
//!         sender.send("done").await.unwrap();
//!     });
//!
//!     let message = timeout(Duration::from_secs(5), receiver.recv()).await;
//!     assert_eq!(message, Ok(Some("done")));
//! }
//! ```
//!
//! # Names
//!
//! | tokio | quintet |
//! |---|---|
//! | `#[tokio::main]`, `#[tokio::test]` | the same; `flavor = "current_thread"` and `"local"` are accepted and change nothing, `"multi_thread"` is a compile error |
//! | `tokio::spawn`, `task::spawn_local` | [`spawn`](crate::spawn), which takes futures that are not `Send`; [`task::spawn_local`](crate::task::spawn_local) is the same function |
//! | `LocalSet` | [`task::LocalSet`](crate::task::LocalSet), or remove the set and call `spawn`; the tasks of a set run whether it is awaited or not, so they cannot be spawned before there is a runtime |
//! | `task::spawn_blocking` | [`spawn_blocking`](crate::spawn_blocking); [`spawn_cpu`](crate::spawn_cpu) for what computes |
//! | `block_in_place`, or rayon, for computations | [`spawn_cpu`](crate::spawn_cpu), [or rayon](crate::guide::blocking#a-pool-of-another-crate) |
//! | a `Semaphore` around `spawn_blocking` | [`blocking::Builder::spawn_when_room`](crate::blocking::Builder::spawn_when_room) |
//! | `RuntimeMetrics::{num_blocking_threads, blocking_queue_depth}` | [`Handle::pool_stats`](crate::runtime::Handle::pool_stats) |
//! | `task::block_in_place` | [`block_in_place`](crate::task::block_in_place), which panics on the thread of a loop, as in tokio's current-thread runtime |
//! | `Builder::new_current_thread().enable_all()` | the same; everything is always enabled |
//! | `LocalRuntime`, `Builder::build_local` | the same names: a [`Runtime`](crate::Runtime) |
//! | `Builder::{on_thread_start, on_thread_stop, on_thread_park, thread_name_fn, event_interval, …}` | the same names; `event_interval` is [`phase_budget`](crate::runtime::Builder::phase_budget), `global_queue_interval` does nothing |
//! | `Handle::{enter, block_on, spawn, id}` | the same; on another thread than the runtime's, `enter` gives [`Handle::current`](crate::runtime::Handle::current) and `spawn_blocking`, but not `spawn` |
//! | `Builder::new_multi_thread()` | none: a [`cluster`](crate::cluster) runs one loop on each thread |
//! | `time`, `fs`, `net::{TcpListener, TcpSocket, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixSocket, UnixStream}`, `signal` | the same names |
//! | the crates `walkdir`, `fs2`, `tempfile`, `atomicwrites` and their like, in `spawn_blocking` | [`fs::walk`](crate::fs::walk()), [`File::lock`](crate::fs::File::lock), [`fs::tempfile`](crate::fs::tempfile()), [`fs::write_atomic`](crate::fs::write_atomic) |
//! | `sync` | the same types and semantics |
//! | `JoinSet`, `task_local!`, `task::{id, Id, AbortHandle, coop, unconstrained}` | the same names, in [`task`](crate::task) |
//! | `tokio_util`'s `CancellationToken`, `TaskTracker`, `AbortOnDropHandle` | in [`task`](crate::task) |
//! | `AsyncReadExt`, `AsyncWriteExt` | inherent methods of sockets and files; for generic code the traits of `futures`, in [`io`](crate::io); the feature `tokio-io` adds [tokio's traits](crate::io#tokios-traits) |
//! | a crate that calls `tokio::spawn`, or awaits tokio's sleeps and sockets | `#[quintet::main(tokio)]` with the feature `tokio`: tokio's runtime on the same thread, see the module `compat` |
//! | `select!`, `join!`, `try_join!`, `pin!` | the same names |
//! | `io::unix::AsyncFd`, its guards, `io::{Interest, Ready}`, `net::unix::pipe` | the same names; `AsyncFd` asks for [`AsFd`](std::os::fd::AsFd) instead of `AsRawFd` |
//! | `process` | the same names, and [`send_signal`](crate::process::Child::send_signal); `pre_exec` is called on [`as_std_mut`](crate::process::Command::as_std_mut), because it is `unsafe` |
//! | `io::{stdin, stdout, stderr}` | the same names; [`lines`](crate::io::Stdin::lines) needs no `BufReader`, whose buffer is lost when it is dropped, and a write that has completed needs no `flush` |
//!
//! # Differences at run time
//!
//! **Blocking threads.** The pool has 4 threads by default, tokio's has 512. Jobs that wait for
//! each other, or a program that keeps many threads blocked at once, need more. To get tokio's
//! number:
//!
//! ```
//! # fn main() -> std::io::Result<()> {
//! let runtime = quintet::runtime::Builder::new().max_blocking_threads(512).build()?;
//! # drop(runtime);
//! # Ok(())
//! # }
//! ```
//!
//! **Sockets take `&self`.** [`read`](crate::net::TcpStream::read) and
//! [`write`](crate::net::TcpStream::write) need no `&mut`, so one task can read while another
//! writes, without a split.
//!
//! **Several addresses.** [`TcpStream::connect`](crate::net::TcpStream::connect) tries the
//! addresses of a host by happy eyeballs (RFC 8305), 250 ms apart; tokio's waits for each until the
//! OS gives it up. The error of several addresses has the kind of the first, and its message names
//! each. tokio has no [`connect_timeout`](crate::net::TcpStream::connect_timeout), and no
//! [`Resolver`](crate::net::Resolver).
//!
//! **Metrics** need no flag of the compiler. [`Handle::metrics`](crate::runtime::Handle::metrics)
//! returns the numbers of one moment, and not a handle that reads each number when asked. They are
//! fields, with tokio's names as methods. The future of `block_on` and jobs count as tasks, and the
//! loop as the only worker.
//!
//! **Shutdown of a socket.** [`TcpStream::shutdown`](crate::net::TcpStream::shutdown) is that of
//! tokio's `AsyncWriteExt`: it shuts down the write half. The function of `std`, which takes a
//! [`Shutdown`](std::net::Shutdown), is [`shutdown_now`](crate::net::TcpStream::shutdown_now).
//!
//! **The traits of `futures`.** `read_exact` resolves to `()`, `lines()` is a `Stream`, and `close`
//! takes the place of tokio's `shutdown`.
//!
//! **Intervals** skip missed ticks by default; tokio's send them in a burst.
//! [`set_missed_tick_behavior`](crate::time::Interval::set_missed_tick_behavior) changes this.
//!
//! **Timers** are not rounded to milliseconds. A timer fires in the timers phase of a tick. After
//! [`advance`](crate::time::advance), a timer that is polled by hand is therefore still pending
//! until the loop has run; awaiting the timer, or the future that `advance` returns, is enough.
//!
//! **The order of tasks is documented.** See [`order`](crate::order). `yield_now` continues after
//! the OS has been asked, and `abort` drops the future when the task's turn comes.
//!
//! **Children belong to no loop.** [`Command::spawn`](crate::process::Command::spawn) needs no
//! runtime, a child may be awaited on one loop after another, and an error of `spawn` names the
//! program. A child that is dropped is reaped when it ends, also where there is no SIGCHLD handler.
//!
//! **Standard input does not hold up the end.** A read of tokio's that waits blocks a thread: the
//! program does not end before the next line, and that line is lost. Here a task that waits takes
//! nothing, and a runtime ends without it. See [`Stdin`](crate::io::Stdin).
//!
//! **A runtime drops its futures in the order of spawning**, on its own thread.
//!
//! **The root future has a task id**, and [`task::id`](crate::task::id) also works in blocking
//! jobs.
//!
//! **A handle of a local task belongs to its loop.** Awaiting a
//! [`JoinHandle`](crate::task::JoinHandle) on another loop panics, unless the task was spawned
//! through a [`Handle`](crate::runtime::Handle).
//!
//! **Auto traits.** There is no `unsafe` code in this crate, so some types have fewer auto traits:
//! `RwLock<T>` is `Send` only if `T: Sync`, locks take sized values only, and a `JoinHandle` is not
//! `UnwindSafe`.
//!
//! **Mapped guards.** The function of [`RwLockReadGuard::map`](crate::sync::RwLockReadGuard::map)
//! is called at each dereference, and that of `try_map` of a guard that writes is called twice, for
//! the same reason.
//!
//! # Not offered
//!
//! | tokio | reason |
//! |---|---|
//! | `Builder::new_multi_thread`, `Runtime: Send` | a runtime stays on its thread; other threads use its [`Handle`](crate::runtime::Handle) |
//! | `OwnedMutexGuard::map`, `OwnedRwLockWriteGuard::map`, `MappedMutexGuard::map`, `RwLockMappedWriteGuard::map` | a part, and what it borrows from, cannot be stored together without `unsafe`: keep the guard, and borrow the part where you use it |
//! | `io::ReadBuf`, `AsyncReadExt::{read_u8, read_buf, …}`, `AsyncWriteExt::{write_u8, write_all_buf, …}`, `Lines::next_line` of other readers than standard input | they belong to tokio's I/O traits: with the feature `tokio-io`, import `tokio::io` |
//! | `LocalSet::spawn_local` before there is a runtime | a task is in the queues of a loop from the start; enter the runtime first |
//! | `fs::File::set_max_buf_size` | writes are not buffered, and a read ahead has a fixed size |
//! | tokio-console's warning about long polls | [`Report::Blocked`](crate::runtime::Report::Blocked): in debug builds, or while the loop is blocked with `QUINTET_BLOCKED=50ms` |
//! | `Builder::{on_task_spawn, on_before_task_poll, …}` | not there yet; [`Runtime::dump`](crate::Runtime::dump) shows all tasks |
