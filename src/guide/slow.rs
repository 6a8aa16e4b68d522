//! My service is slow: where do I look?
//!
//! # From the symptom to the place
//!
//! | What you see | Look at | What it says |
//! |---|---|---|
//! | everything is slow, and a processor is busy | [`utilization`](#is-it-the-loop) near 1, then [polls](#which-task) | which tasks use the time |
//! | everything stops now and then | [reports](#what-blocks-the-loop) with `QUINTET_BLOCKED=50ms` | what blocks the loop, while it does |
//! | everything is slow, and no processor is busy | [`utilization`](#is-it-the-loop) near 1: the loop is blocked, as above; near 0: [`dump`](#what-does-everything-wait-for) | what the tasks wait for |
//! | files, names of hosts and jobs are slow | [the pool](#is-it-the-pool) | how long jobs wait for a thread, and which ones have them all |
//! | timers fire late | [lateness](#what-blocks-the-loop) | how late, and then what keeps the loop |
//! | one request never ends | [`dump`](#what-does-everything-wait-for) | what it waits for, which task holds that, and whether it is a deadlock |
//! | nothing happens at all | [a signal](#ask-a-process-that-runs) that prints the dump; [`Stalled`](#what-does-everything-wait-for) | the same |
//! | memory grows | [lengths](#what-grows) | what there is more and more of |
//!
//! Metrics say what kind of problem it is, and cost nothing to keep on. Reports come by themselves.
//! A dump shows one moment in full. All three say *where a task was spawned*, so name your tasks
//! with [`task::Builder`](crate::task::Builder) only where one place spawns several kinds.
//!
//! # Is it the loop?
//!
//! All tasks share one thread. [`utilization`](crate::runtime::Handle::utilization) is the share of
//! the time in which it does not wait for events. Look at windows, not at the time since the start:
//!
//! ```
//! use quintet::runtime::{self, Metrics};
//! use quintet::time::{Duration, interval};
//!
//! fn summary(window: &Metrics) -> String {
//!     format!(
//!         "{:.0} % active, {} polls, {} tasks alive, {} ready, {} jobs queued",
//!         100.0 * window.utilization.ratio(),
//!         window.polls(),
//!         window.tasks.alive,
//!         window.queues.ready,
//!         window.pool.plain.queued + window.pool.dns.queued + window.pool.cpu.queued,
//!     )
//! }
//!
//! /// Runs beside the service, for example in a task of its own.
//! async fn watch(every: Duration, mut print: impl FnMut(String)) {
//!     let mut ticks = interval(every);
//!     let mut before = runtime::metrics();
//!     loop {
//!         ticks.tick().await;
//!         let now = runtime::metrics();
//!         print(summary(&now.since(&before)));
//!         before = now;
//!     }
//! }
//!
//! # quintet::runtime::Builder::new().start_paused(true).build().unwrap().block_on(async {
//! # let (sender, mut lines) = quintet::sync::mpsc::unbounded_channel();
//! # let print = move |line| sender.send(line).unwrap();
//! let task = quintet::spawn(watch(Duration::from_secs(10), print));
//! # quintet::time::sleep(Duration::from_secs(25)).await;
//! # task.abort();
//! # let line = lines.recv().await.unwrap();
//! # assert!(line.ends_with("2 tasks alive, 0 ready, 0 jobs queued"), "{line}");
//! # assert_eq!(lines.len(), 2);
//! # });
//! ```
//!
//! - **Near 1**: what arrives waits until older work is done. Either there is too much of it, or a
//!   few polls take too long. [The next section](#which-task) tells these apart.
//! - **Near 0**: the loop has time. Whatever is slow waits for something else: a peer, a lock, a
//!   job, a timer. Take a [dump](#what-does-everything-wait-for).
//! - [`deferred`](crate::runtime::Metrics::deferred) that grows: phases have more to do than their
//!   budgets allow, so work is moved to the next tick. This is how an overload looks before it
//!   hurts.
//! - [`wakes`](crate::runtime::Metrics::wakes) says where work comes from: sockets, timers, other
//!   threads, or tasks that wake each other. Many `queued` polls and few of the rest are tasks that
//!   spin.
//! - [`sleeps`](crate::runtime::Metrics::sleeps) that does not grow: a task wakes itself or calls
//!   [`yield_now`](crate::task::yield_now) all the time.
//!
//! The same numbers are there for a monitoring system:
//! [`to_prometheus`](crate::runtime::Metrics::to_prometheus) writes them as text. The example
//! `file_server` serves them under `/metrics`, with the option `--metrics`.
//!
//! # Which task?
//!
//! [`Builder::measure`](crate::runtime::Builder::measure) is on in debug builds. In others it costs
//! two readings of the clock for each poll; switch it on where you look for something. Then
//! [`poll_times`](crate::runtime::Metrics::poll_times) is a histogram of all polls. If `p99` is a
//! few microseconds, there is simply much to do: use more loops ([`cluster`](crate::cluster)). If
//! `max` is many milliseconds, a few polls hold up the rest. The dump knows whose they are:
//!
//! ```
//! use quintet::runtime::{Builder, Dump, TaskDump};
//! # use std::time::Duration;
//!
//! /// The tasks that have used the most time, the first one the most.
//! fn busiest(dump: &Dump) -> Vec<&TaskDump> {
//!     let mut tasks: Vec<_> = dump.tasks().iter().collect();
//!     tasks.sort_by_key(|task| std::cmp::Reverse(task.busy()));
//!     tasks
//! }
//!
//! # fn main() -> std::io::Result<()> {
//! let runtime = Builder::new().measure(true).build()?;
//! # runtime.spawn(async {
//! #     std::thread::sleep(Duration::from_millis(3));
//! #     std::future::pending::<()>().await;
//! # });
//! # runtime.spawn(std::future::pending::<()>());
//! # runtime.block_on(quintet::task::yield_now());
//! // …
//! let dump = runtime.dump();
//! for task in busiest(&dump).iter().take(5) {
//!     println!("{}: {:?} in {} polls", task.location(), task.busy(), task.polls());
//! }
//! # assert!(busiest(&dump)[0].busy() >= Some(Duration::from_millis(3)));
//! # let times = runtime.metrics().poll_times.unwrap();
//! # assert!(times.max() >= Duration::from_millis(3));
//! # Ok(())
//! # }
//! ```
//!
//! A task that computes belongs on [another thread](super::blocking), or has to be divided by
//! [`yield_now`](crate::task::yield_now).
//! [`PhaseMetrics::time`](crate::runtime::PhaseMetrics::time) says in which phase a tick takes long:
//! in the poll phase if sockets and jobs bring the work, in the timers phase if timers do.
//!
//! # What blocks the loop?
//!
//! A call that waits, such as `std::thread::sleep`, a lock of `std`, a read of a pipe, or a
//! database driver without async, stops all tasks, and no profiler of processor time shows it. Run
//! the program, in any build, with
//!
//! ```text
//! QUINTET_BLOCKED=50ms my-service
//! ```
//!
//! and it says, while the loop is blocked, which task does it, where that was spawned, and in which
//! system call the thread is:
//!
//! ```text
//! quintet: a poll of task `lock` (id 6, spawned at examples/who_blocks.rs:136:48) blocks the loop
//! for 54ms so far (phase: timers, woken by a timer); the thread is in the system call `futex`,
//! which waits for a lock, a channel or another thread
//! ```
//!
//! In the program it is [`Builder::blocked_after`](crate::runtime::Builder::blocked_after), cheap
//! enough for production, and [`on_report`](crate::runtime::Builder::on_report) sends the reports
//! to your log:
//!
//! ```
//! use quintet::runtime::{Builder, Report};
//! use std::time::Duration;
//! # use std::sync::mpsc;
//!
//! # fn main() -> std::io::Result<()> {
//! # let (sender, log) = mpsc::channel();
//! # let write_to_log = move |line: String| sender.send(line).unwrap_or(());
//! let runtime = Builder::new()
//!     .blocked_after(Duration::from_millis(20))
//!     .on_report(move |report| match report {
//!         Report::Blocked { is_over: true, .. } => {}
//!         report => write_to_log(report.to_string()),
//!     })
//!     .build()?;
//! # runtime.block_on(async {
//! #     // Wrong, and so it is reported.
//! #     let line = loop {
//! #         std::thread::sleep(Duration::from_millis(80));
//! #         if let Ok(line) = log.try_recv() {
//! #             break line;
//! #         }
//! #     };
//! #     assert!(line.starts_with("a poll of task `root`"), "{line}");
//! # });
//! # Ok(())
//! # }
//! ```
//!
//! Timers that fire late are the other sign of a blocked loop:
//! [`timers.lateness`](crate::runtime::TimerMetrics::lateness), with `measure`. Time in which the
//! thread waits for a processor is not reported as blocking; if timers are late and nothing blocks,
//! the machine has too few processors for what runs on it. In tests,
//! [`blocked = "50ms"`](super::testing) fails where a poll takes too long.
//!
//! # Is it the pool?
//!
//! Files that are not in the page cache, names of hosts, and
//! [`spawn_blocking`](crate::spawn_blocking) use [a few threads](super::blocking). If all are busy,
//! the next job waits:
//!
//! ```
//! use quintet::blocking::Class;
//! use quintet::runtime::Builder;
//!
//! # fn main() -> std::io::Result<()> {
//! let runtime = Builder::new().worker_threads(1).measure(true).build()?;
//! runtime.block_on(async {
//!     let jobs = [1, 2, 3].map(|n| quintet::spawn_blocking(move || n));
//!     for job in jobs {
//!         job.await.unwrap();
//!     }
//! });
//! let metrics = runtime.metrics();
//! assert_eq!((metrics.pool.plain.done, metrics.pool.plain.queued), (3, 0));
//! if let Some(times) = metrics.job_times(Class::Plain) {
//!     println!("waited {:?}, ran {:?}", times.waiting.p99(), times.running.p99());
//! #   assert_eq!((times.waiting.count(), times.running.count()), (3, 3));
//! }
//! # Ok(())
//! # }
//! ```
//!
//! - `waiting` much longer than `running`: too few threads for what waits; see
//!   [`worker_threads`](crate::runtime::Builder::worker_threads). Computations belong into
//!   [`spawn_cpu`](crate::spawn_cpu), which has threads of its own.
//! - [`Report::PoolStarved`](crate::runtime::Report::PoolStarved) on standard error: no job has
//!   started for a second. It lists the jobs that have the threads, and where they were spawned.
//! - A dump lists the jobs of tasks that wait for them.
//!
//! # What does everything wait for?
//!
//! [`Runtime::dump`](crate::runtime::Runtime::dump), or
//! [`Handle::dump`](crate::runtime::Handle::dump) on another thread, lists all live tasks: where
//! each was spawned, how often it was polled, and which timer, socket, job, channel, lock or task
//! it waits for, and for how long. With
//! [`track_waits`](crate::runtime::Builder::track_waits), which is on in debug builds, it also says
//! which task holds the lock, follows chains, and names deadlocks:
//!
//! ```
//! use quintet::runtime::Builder;
//! use quintet::sync::Mutex;
//! use quintet::task::{self, yield_now};
//! use std::sync::Arc;
//!
//! # fn main() -> std::io::Result<()> {
//! let runtime = Builder::new().track_waits(true).build()?;
//! let accounts = [(); 2].map(|()| Arc::new(Mutex::new(0)));
//! for (name, from, to) in [("there", 0, 1), ("back", 1, 0)] {
//!     let (from, to) = (Arc::clone(&accounts[from]), Arc::clone(&accounts[to]));
//!     runtime.block_on(async {
//!         task::Builder::new().name(name).spawn(async move {
//!             let _from = from.lock().await;
//!             yield_now().await;
//!             // Wrong: each task holds what the other one waits for.
//!             let _to = to.lock().await;
//!         });
//!     });
//! }
//! // The error says the same as a dump.
//! let stalled = runtime.run().unwrap_err();
//! println!("{stalled}");
//! let text = stalled.to_string();
//! assert!(text.contains("deadlock of 2 tasks"), "{text}");
//! assert_eq!(runtime.dump().cycles().len(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! How to read it:
//!
//! - Many tasks that wait for the same lock, and one that holds it while it waits for a socket:
//!   hold it for shorter.
//! - A chain (`which in turn waits for`) ends at the task to look at.
//! - `deadlock of …` is certain. `possible deadlock of …` has an owner that the runtime cannot be
//!   sure of, such as a guard that can be moved to another task.
//! - [`waiting`](crate::runtime::TaskDump::waiting) of hours: a peer is gone, and there was no
//!   [`timeout`](fn@crate::time::timeout).
//!
//! [`Runtime::run`](crate::runtime::Runtime::run) returns
//! [`Stalled`](crate::runtime::Stalled), with the same text, when tasks are left that nothing can
//! wake. [`block_on`](crate::runtime::Runtime::block_on) cannot know whether another thread will
//! still wake it; it [reports](crate::runtime::Report::Stalled) the same after half a second.
//!
//! # Ask a process that runs
//!
//! [`Builder::dump_on`](crate::runtime::Builder::dump_on) prints the dump when the process gets a
//! signal: with [`SignalKind::quit`](crate::signal::unix::SignalKind::quit) it is Ctrl-\\ at the
//! terminal, or `kill -QUIT` from elsewhere.
//!
//! ```
//! use quintet::runtime::{Builder, Report};
//! use quintet::signal::unix::SignalKind;
//! # use std::sync::mpsc;
//!
//! # fn main() -> std::io::Result<()> {
//! # let (sender, dumps) = mpsc::channel();
//! let runtime = Builder::new()
//!     .dump_on(SignalKind::quit())
//! #   .on_report(move |report| {
//! #       if let Report::Dump { dump, .. } = report {
//! #           sender.send(dump.to_string()).unwrap();
//! #       }
//! #   })
//!     .build()?;
//! # runtime.spawn(std::future::pending::<()>());
//! # rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::QUIT)?;
//! # runtime.block_on(async {
//! #     while dumps.try_recv().is_err() {
//! #         quintet::time::sleep(std::time::Duration::from_millis(1)).await;
//! #     }
//! # });
//! # Ok(())
//! # }
//! ```
//!
//! A loop that is blocked prints it when the block is over; for the block itself there is
//! [`QUINTET_BLOCKED`](#what-blocks-the-loop).
//!
//! # What grows?
//!
//! Compare these with an hour ago. In a service under even load none of them keeps growing.
//!
//! | Number | If it grows |
//! |---|---|
//! | [`tasks.alive`](crate::runtime::TaskMetrics::alive) | tasks do not end: a dump, sorted by [`age`](crate::runtime::TaskDump::age) |
//! | [`sources.registered`](crate::runtime::SourceMetrics::registered) | sockets are not closed, often for want of a timeout |
//! | [`timers.armed`](crate::runtime::TimerMetrics::armed) | sleeps are kept and not dropped |
//! | [`queues.ready`](crate::runtime::QueueMetrics::ready), [`pending`](crate::runtime::QueueMetrics::pending) | the loop is overloaded: [which task?](#which-task) |
//! | [`queues.inbox`](crate::runtime::QueueMetrics::inbox) | other threads send faster than the loop runs |
//! | `pool.….queued` | [the pool](#is-it-the-pool) is; [limit the queue](super::blocking#many-jobs) |
//!
//! In tests, [`leaks = "deny"`](super::testing) finds what is left behind, with its spawn site.
