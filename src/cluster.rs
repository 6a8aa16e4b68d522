//! Several cores: one loop on each of several threads.
//!
//! [`run`] starts the loops, runs the same async closure on each, and returns when all have ended:
//!
//! ```no_run
//! use std::io;
//!
//! use quintet::cluster::{self, Cluster};
//! use quintet::net::TcpStream;
//!
//! fn main() -> io::Result<()> {
//!     let listeners = cluster::bind_shared("127.0.0.1:7007", 2)?;
//!     Cluster::new(2)
//!         .until(quintet::shutdown()?)
//!         .run(async |member| {
//!             let listener = listeners.take(member.index());
//!             quintet::serve(listener, async |stream: TcpStream, _peer| {
//!                 stream.write_all(b"hello\n").await
//!             })
//!             .until(member.shutdown())
//!             .await
//!         })?;
//!     Ok(())
//! }
//! ```
//!
//! A task stays on the loop that spawned it, and need not be `Send`. The loops share nothing but
//! what the closure captures, which has to be `Sync`. They send each other messages over the
//! channels of [`sync`](crate::sync), or spawn tasks on each other by [`Member::handles`].
//!
//! The example `two_cores` serves HTTP so.
//!
//! # Threads
//!
//! The loops are numbered from 0, and each has a thread of its own, named `quintet-loop-0` and so
//! on. The thread that calls `run` is not one of them: it supervises the loops. It sleeps until one
//! of them ends or the cluster is to shut down, so a loop that is busy does not delay either.
//!
//! The closure is called after all threads have been started and all loops built. If one of them
//! cannot be, it is called on none.
//!
//! Each loop has its own worker threads, 4 at most by default. [`Cluster::configure`] changes that
//! and other settings.
//!
//! # The end
//!
//! The cluster shuts down when the future of [`Cluster::until`] completes, when a member cancels
//! [`Member::token`], or when the closure returns an error or panics on one loop. If it returns
//! `Ok` on one loop, the others continue.
//!
//! 1. All members are told at the same time: [`Member::shutdown`] completes.
//! 2. They end by themselves, in any order. When the future of a member has ended, its loop shuts
//!    down, as when a [`Runtime`](crate::Runtime#shutdown) is dropped, while the others continue.
//! 3. At the deadline ([`Cluster::drain_timeout`], 10 seconds by default) the futures of those that
//!    are left are dropped, and their loops shut down.
//! 4. The threads are joined in the order of their numbers.
//!
//! `run` then resumes the first panic or returns the first error: the one that came first in time,
//! not that of the loop with the lowest number. The others are dropped.
//!
//! A thread cannot be ended from outside: `run` waits for a task that blocks its loop.
//!
//! # Ctrl-C
//!
//! With `until(quintet::shutdown()?)`, one Ctrl-C shuts down all loops, and a second one ends the
//! process at once, even if a loop is blocked. Members can also wait for
//! [`quintet::shutdown`](crate::shutdown) themselves: each loop receives the first signal.
//!
//! # Listeners
//!
//! [`bind_each`] and [`bind_shared`] return a listener for each loop, for
//! [`quintet::serve`](crate::serve()).
//!
//! | | `bind_each` | `bind_shared` |
//! |---|---|---|
//! | sockets | one for each loop, with `SO_REUSEPORT` | one, from which loop 0 accepts |
//! | a connection goes to | the loop that the kernel chooses by a hash of the addresses | the loop with the fewest open connections |
//! | with few connections | one loop may get most of them | they are divided evenly |
//! | cost of a connection | none | a message to another loop |
//! | when one loop ends | clients in its backlog are reset | loop 0: no connection is accepted; another one: its queue goes to the others |
//! | platforms | Linux, Android, FreeBSD | all |
//!
//! Use `bind_shared` for connections that live long, and `bind_each` if many are opened and closed.

mod bind;
mod dealt;
mod member;
mod per_loop;
#[cfg_attr(
    all(not(quintet_portable), target_os = "freebsd"),
    path = "cluster/reuse_port/freebsd.rs"
)]
#[cfg_attr(
    any(
        quintet_portable,
        not(any(target_os = "linux", target_os = "android", target_os = "freebsd"))
    ),
    path = "cluster/reuse_port/portable.rs"
)]
mod reuse_port;
mod supervisor;
mod threads;

use std::fmt;
use std::future::{Pending, pending};
use std::io;
use std::panic::Location;
use std::time::Duration;

use crate::runtime::Builder;

pub use bind::{Listeners, bind_each, bind_shared};
pub use dealt::{Dealt, deal};
pub use member::Member;
pub use per_loop::PerLoop;

/// How long members have to end after the cluster has begun to shut down. Load balancers and
/// service managers wait longer than this before they give up on a process.
const DRAIN_DEFAULT: Duration = Duration::from_secs(10);

/// Runs `main` on `loops` loops, each on a thread of its own, until it has ended on all of them.
/// Returns the outputs in the order of the loops.
///
/// This is [`Cluster::run`] with the default settings; see the [module](self).
///
/// # Errors
///
/// Returns the first error of `main`, and the errors of [`Cluster::run`].
///
/// # Panics
///
/// - If `main` panics on a loop, with the same payload.
/// - If `loops` is 0, or if a runtime is running on this thread.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let squares = quintet::cluster::run(3, async |member| {
///     // Runs on a thread of its own, with `spawn`, timers and sockets of its own.
///     let index = member.index();
///     let task = quintet::spawn(async move { index * index });
///     std::io::Result::Ok(task.await.unwrap())
/// })?;
/// assert_eq!(squares, [0, 1, 4]);
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn run<F, T, E>(loops: usize, main: F) -> Result<Vec<T>, E>
where
    F: AsyncFn(Member) -> Result<T, E> + Sync,
    T: Send,
    E: From<io::Error> + Send,
{
    Cluster::new(loops).run(main)
}

/// A number of loops that have not been started, and their settings.
///
/// `U` is the future at whose completion they shut down.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use quintet::cluster::Cluster;
///
/// # fn main() -> std::io::Result<()> {
/// let names = Cluster::new(2)
///     .thread_name(|index| format!("shard-{index}"))
///     .configure(|index, builder| {
///         builder.worker_threads(1).seed(index as u64);
///     })
///     .drain_timeout(Duration::from_secs(1))
///     .run(async |_member| {
///         std::io::Result::Ok(std::thread::current().name().map(str::to_owned))
///     })?;
/// assert_eq!(names, [Some("shard-0".to_owned()), Some("shard-1".to_owned())]);
/// # Ok(())
/// # }
/// ```
#[must_use = "a cluster does nothing unless it is run"]
pub struct Cluster<U = Pending<()>> {
    loops: usize,
    until: U,
    drain_timeout: Duration,
    thread_name: Box<dyn Fn(usize) -> String>,
    configure: Box<Configure>,
}

/// A function that changes the settings of the loop with that number.
type Configure = dyn Fn(usize, &mut Builder) + Send + Sync;

impl Cluster {
    /// Starts with the default settings for so many loops, usually the number of cores; see
    /// [`available_parallelism`](std::thread::available_parallelism).
    ///
    /// # Panics
    ///
    /// If `loops` is 0.
    #[track_caller]
    pub fn new(loops: usize) -> Self {
        assert_has_loops(loops);
        Cluster {
            loops,
            until: pending(),
            drain_timeout: DRAIN_DEFAULT,
            thread_name: Box::new(|index| format!("quintet-loop-{index}")),
            configure: Box::new(|_, _| ()),
        }
    }
}

impl<U> Cluster<U> {
    /// Shuts the cluster down when `stop` completes. By default it ends when all its members have.
    ///
    /// The future is polled on the thread that calls [`run`](Cluster::run), by a runtime of its
    /// own. It may wait for signals, timers and channels.
    pub fn until<F: Future>(self, stop: F) -> Cluster<F> {
        Cluster {
            loops: self.loops,
            until: stop,
            drain_timeout: self.drain_timeout,
            thread_name: self.thread_name,
            configure: self.configure,
        }
    }

    /// Drops the futures of members that have not ended so long after the cluster has begun to shut
    /// down.
    ///
    /// The default is 10 seconds. A server on each loop has a
    /// [deadline](crate::serve::Serve::drain_timeout) for its connections, which should be shorter.
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.drain_timeout = timeout;
        self
    }

    /// Sets a function that names the thread of each loop.
    ///
    /// By default they are `quintet-loop-0` and so on. Linux shows the first 15 bytes. The runtime
    /// has the same [name](Builder::name), unless [`configure`](Cluster::configure) sets another.
    pub fn thread_name(mut self, name: impl Fn(usize) -> String + 'static) -> Self {
        self.thread_name = Box::new(name);
        self
    }

    /// Sets a function that changes the settings of each loop, whose number it receives.
    ///
    /// It is called on the thread of the loop, before the loop is built, so it may also set the
    /// priority of the thread or pin it to a core. A [seed](Builder::seed) should differ for each
    /// loop.
    ///
    /// A loop in [paused time](Builder::start_paused) does not wait for the others: its clock
    /// advances when the loop itself has nothing to do, and if then nothing can happen on it, it
    /// panics. A [`KeepAlive`](crate::runtime::KeepAlive) guard makes it wait.
    pub fn configure(
        mut self,
        configure: impl Fn(usize, &mut Builder) + Send + Sync + 'static,
    ) -> Self {
        self.configure = Box::new(configure);
        self
    }

    /// Runs `main` on each loop until it has ended on all of them. Returns the outputs in the order
    /// of the loops.
    ///
    /// The futures of `main` need neither be `Send` nor `'static`: they stay on the threads of
    /// their loops. [`exit`](crate::runtime::exit) on any loop ends the process.
    ///
    /// # Errors
    ///
    /// - The first error of `main`, after all loops have ended.
    /// - The error of the OS if it cannot start a thread, and those of
    ///   [`Builder::build`]. `main` is then not called on any loop.
    /// - [`InvalidInput`](io::ErrorKind::InvalidInput) if the name of a thread contains a NUL byte.
    /// - [`TimedOut`](io::ErrorKind::TimedOut) if a member has not ended at the
    ///   [deadline](Cluster::drain_timeout).
    ///
    /// # Panics
    ///
    /// - If `main` panics on a loop, or a task if its loop is set to
    ///   [`ShutdownRuntime`](crate::runtime::UnhandledPanic::ShutdownRuntime), with the same
    ///   payload.
    /// - If a function of the settings panics, with the same payload.
    /// - If a runtime is running on this thread.
    #[track_caller]
    pub fn run<F, T, E>(self, main: F) -> Result<Vec<T>, E>
    where
        F: AsyncFn(Member) -> Result<T, E> + Sync,
        T: Send,
        E: From<io::Error> + Send,
        U: Future,
    {
        supervisor::run(self, &main, Location::caller())
    }
}

impl<U> fmt::Debug for Cluster<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("loops", &self.loops)
            .field("drain_timeout", &self.drain_timeout)
            .finish_non_exhaustive()
    }
}

/// # Panics
///
/// If there are no loops.
#[track_caller]
fn assert_has_loops(loops: usize) {
    assert!(
        loops > 0,
        "a cluster of 0 loops does nothing; for one on each core, pass \
         `std::thread::available_parallelism()?.get()`"
    );
}
