//! The builder of a runtime.

#[cfg_attr(not(feature = "watch"), path = "builder/blocked/off.rs")]
mod blocked;
#[cfg(feature = "signal")]
mod dump_signals;
mod dumps;
#[cfg(feature = "fs")]
mod files;
mod jobs;
mod ported;
#[cfg(feature = "net")]
mod resolver;
#[cfg(feature = "tracing")]
mod spans;
mod threads;

use std::any::Any;
use std::env;
use std::io;
use std::time::Duration;

use super::Runtime;
use super::guest::NewHost;
use crate::event_loop::{BlockedCheck, EventLoop, Settings};
use crate::pool::{self, ThreadNames};
use crate::report::{Report, Reporter};
use crate::tasks;
use crate::trace::SpanPolicy;
use crate::waits;
use threads::ThreadHooks;

/// The limit for the number of workers. A larger number is a mistake; libuv has the same limit.
const WORKERS_MAX: usize = 1024;

/// The default limit for the number of tasks that one phase of a tick polls.
const PHASE_BUDGET_DEFAULT: u32 = 1024;

/// The default time for which shutdown waits for running blocking jobs.
const GRACE_DEFAULT: Duration = Duration::from_secs(5);

/// The default limit for the number of events that the OS reports at once.
const EVENTS_MAX_DEFAULT: usize = 256;

/// The environment variable that sets the number of workers.
const WORKERS_VARIABLE: &str = "QUINTET_WORKERS";

/// Makes a loop react to signals, until what it returns is dropped.
type WatchSignals = fn(&EventLoop, &[i32]) -> io::Result<Box<dyn Any>>;

/// Builds a [`Runtime`] with custom settings.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let runtime = quintet::runtime::Builder::new()
///     .name("resolver")
///     .worker_threads(2)
///     .build()?;
/// runtime.block_on(async { /* … */ });
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Builder {
    workers: Option<usize>,
    /// Its number of workers is set when the runtime is built.
    pool: pool::Config,
    settings: Settings,
    /// How long a poll may take, if that is set.
    blocked_after: Option<Option<Duration>>,
    tracks_waits: bool,
    /// The signals on which the runtime sends its dump, and what watches them for a new loop.
    dump_trigger: Option<(Vec<i32>, WatchSignals)>,
    grace: Duration,
    hooks: ThreadHooks,
    host: Option<NewHost>,
}

/// What the runtime does when a task panics and its join handle has been dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnhandledPanic {
    /// The runtime reports no panics, including those of destructors, wakers and hooks. The panic
    /// hook still runs.
    Ignore,
    /// The runtime sends a [`Report`] with the task and where it was spawned.
    #[default]
    Report,
    /// The runtime sends a [`Report`] and shuts down: it drops all tasks, and
    /// [`block_on`](Runtime::block_on), [`run`](Runtime::run) or [`turn`](Runtime::turn) panics
    /// with the payload of the task.
    ShutdownRuntime,
}

impl From<UnhandledPanic> for tasks::PanicPolicy {
    fn from(policy: UnhandledPanic) -> Self {
        match policy {
            UnhandledPanic::Ignore | UnhandledPanic::Report => tasks::PanicPolicy::Report,
            UnhandledPanic::ShutdownRuntime => tasks::PanicPolicy::Shutdown,
        }
    }
}

impl Builder {
    /// Creates a builder with the default settings.
    pub fn new() -> Self {
        Builder {
            workers: None,
            pool: pool::Config::default(),
            settings: Settings {
                name: None,
                phase_budget: PHASE_BUDGET_DEFAULT,
                seed: None,
                start_paused: false,
                auto_advance: true,
                is_measuring: cfg!(debug_assertions),
                blocked: BlockedCheck::default(),
                poll_limit: None,
                cached_reads: true,
                events_max: EVENTS_MAX_DEFAULT,
                on_park: None,
                on_unpark: None,
                unhandled_panic: UnhandledPanic::default().into(),
                resolver: None,
                reporter: Reporter::default(),
                span_policy: SpanPolicy::default(),
            },
            blocked_after: None,
            tracks_waits: cfg!(debug_assertions),
            dump_trigger: None,
            grace: GRACE_DEFAULT,
            hooks: ThreadHooks::default(),
            host: None,
        }
    }

    /// Sets the runtime within whose loop the new one runs.
    #[cfg_attr(not(feature = "tokio"), expect(dead_code, reason = "there is no host"))]
    pub(crate) fn set_host(&mut self, host: Option<NewHost>) -> &mut Self {
        self.host = host;
        self
    }

    /// Sets the name of the runtime, which reports, dumps and panic messages contain.
    pub fn name(&mut self, name: impl Into<String>) -> &mut Self {
        self.settings.name = Some(name.into());
        self
    }

    /// Sets the maximum number of worker threads, for [`spawn_blocking`](crate::spawn_blocking),
    /// files and name lookups. Computations have [other threads](Builder::cpu_threads).
    ///
    /// The default is the value of the environment variable `QUINTET_WORKERS`, or 4 if it is not
    /// set. A thread is started when it is first needed.
    ///
    /// # Panics
    ///
    /// If `count` is not between 1 and 1024.
    #[track_caller]
    pub fn worker_threads(&mut self, count: usize) -> &mut Self {
        assert!(
            (1..=WORKERS_MAX).contains(&count),
            "a runtime has between 1 and {WORKERS_MAX} worker threads, not {count}"
        );
        self.workers = Some(count);
        self
    }

    /// Sets the maximum number of tasks that one phase of a tick polls.
    ///
    /// The default is 1024. Tasks over the budget run in the next tick, before newer ones. So the
    /// budget limits how long one phase can delay the others; see
    /// [`order`](crate::order::callbacks#budgets).
    ///
    /// # Panics
    ///
    /// If `polls` is zero.
    #[track_caller]
    pub fn phase_budget(&mut self, polls: u32) -> &mut Self {
        assert!(polls > 0, "the phase budget must be at least one poll");
        self.settings.phase_budget = polls;
        self
    }

    /// Sets the maximum number of events that the OS reports at once, for one poll phase.
    ///
    /// The default is 256. Events beyond that are fetched in the next tick. A smaller number lets
    /// timers and check come between the events of many busy sockets, at the cost of more system
    /// calls.
    ///
    /// # Panics
    ///
    /// If `count` is zero.
    #[track_caller]
    pub fn max_io_events_per_tick(&mut self, count: usize) -> &mut Self {
        assert!(count > 0, "a tick must be able to fetch at least one event");
        self.settings.events_max = count;
        self
    }

    /// Sets whether the runtime starts with time [paused](crate::time::pause).
    ///
    /// The default is `false`. Tests in paused time do not wait, and do not depend on real time.
    pub fn start_paused(&mut self, start_paused: bool) -> &mut Self {
        self.settings.start_paused = start_paused;
        self
    }

    /// Sets whether paused time advances to the next deadline when there is nothing else to do.
    ///
    /// The default is `true`. See [`time::auto_advance`](crate::time::auto_advance).
    pub fn auto_advance(&mut self, auto_advance: bool) -> &mut Self {
        self.settings.auto_advance = auto_advance;
        self
    }

    /// Sets a seed that decides what the [order of events](crate::order) leaves open, so that a run
    /// can be repeated.
    ///
    /// The seed decides in which order sources are served that the OS reports together. There are
    /// no worker threads: in each poll phase, some of the queued blocking jobs run on the loop's
    /// thread, and the seed decides which. In [paused time](Builder::start_paused), two runs of the
    /// same program with the same seed are equal, provided that the program does not depend on
    /// anything outside of it. [`Handle::order_hash`](super::Handle::order_hash) shows whether two
    /// runs were equal.
    ///
    /// Sockets of the program that are connected to each other over the loopback device repeat too,
    /// if [`nodelay`](crate::net::TcpStream::set_nodelay) is set; otherwise timers of the kernel
    /// delay data. If more data is in flight than the receiver's buffer holds, about 200 kB, the
    /// sizes of reads and writes differ between runs.
    ///
    /// A blocking job that waits for a task of its own loop waits for ever, because both run on the
    /// same thread. The `blocking_` functions of [`sync`](crate::sync) panic in this case.
    pub fn seed(&mut self, seed: u64) -> &mut Self {
        self.settings.seed = Some(seed);
        self
    }

    /// Sets whether the runtime measures how long things take:
    ///
    /// - polls of tasks, all together for [`Metrics::poll_times`](super::Metrics::poll_times), and
    ///   each task's for [`TaskDump::busy`](super::TaskDump::busy),
    ///   [`longest_poll`](super::TaskDump::longest_poll) and
    ///   [`waiting`](super::TaskDump::waiting);
    /// - the phases, for [`PhaseMetrics::time`](super::PhaseMetrics::time);
    /// - how late timers fire, for [`TimerMetrics::lateness`](super::TimerMetrics::lateness);
    /// - how long jobs wait for a thread and run, for
    ///   [`Metrics::job_times`](super::Metrics::job_times).
    ///
    /// The default is `true` in debug builds and `false` otherwise. It reads the clock twice for
    /// each poll and each job and six times in a tick, each of which takes about 25 ns. The
    /// histograms take 14 KiB. Under a [seed](Builder::seed) jobs are not measured.
    pub fn measure(&mut self, is_measuring: bool) -> &mut Self {
        self.settings.is_measuring = is_measuring;
        self
    }

    /// Notes polls that take more CPU time than this, for [`Runtime::longest_poll`].
    ///
    /// [`Runtime::longest_poll`]: crate::runtime::Runtime::longest_poll
    pub(crate) fn limit_polls(&mut self, limit: Duration) {
        self.settings.poll_limit = Some(limit);
    }

    /// Sets what the runtime does when a task panics and its join handle has been dropped.
    ///
    /// The default is [`UnhandledPanic::Report`].
    pub fn unhandled_panic(&mut self, policy: UnhandledPanic) -> &mut Self {
        self.settings.unhandled_panic = policy.into();
        let ignores_panics = policy == UnhandledPanic::Ignore;
        self.settings.reporter.set_ignores_panics(ignores_panics);
        self
    }

    /// For the argument `unhandled_panic` of the attributes.
    #[doc(hidden)]
    pub fn unhandled_panic_by_name(&mut self, policy: &str) -> &mut Self {
        self.unhandled_panic(match policy {
            "ignore" => UnhandledPanic::Ignore,
            "report" => UnhandledPanic::Report,
            "shutdown_runtime" => UnhandledPanic::ShutdownRuntime,
            other => panic!("`{other}` is not a policy for unhandled panics"),
        })
    }

    /// Sets a function that receives each [`Report`] of this runtime. Reports are then not written
    /// to standard error.
    ///
    /// The function runs on the thread that causes the report. Usually this is the loop's thread,
    /// but it may be a worker thread, any thread that drops a handle, or, for
    /// [`Report::Blocked`], the thread that watches the loop. No lock is held during the
    /// call. The function may spawn tasks and use the [`Handle`](super::Handle), but it must not
    /// wait for the runtime. If it panics, the panic and the report are written to standard error.
    /// So are reports that the function itself causes.
    ///
    /// # Examples
    ///
    /// ```
    /// use quintet::runtime::{Builder, Report};
    /// use std::sync::mpsc;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// # std::panic::set_hook(Box::new(|_| ()));
    /// let (reports, received) = mpsc::channel();
    /// let runtime = Builder::new()
    ///     .on_report(move |report| {
    ///         let _closed = reports.send(report.clone());
    ///     })
    ///     .build()?;
    /// runtime.spawn(async { panic!("oops") });
    /// runtime.run().unwrap();
    ///
    /// let report = received.recv().unwrap();
    /// assert!(matches!(report, Report::TaskPanicked { message, .. } if message == "oops"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_report(&mut self, function: impl Fn(&Report) + Send + Sync + 'static) -> &mut Self {
        self.settings.reporter.set_function(Box::new(function));
        self
    }

    /// Disables writing [`Report`]s to standard error.
    ///
    /// A function that is set by [`on_report`](Builder::on_report) still receives them. The
    /// environment variable `QUINTET_REPORTS=off` disables the output for all runtimes of a
    /// process, and for reports without a runtime, such as the panic of a waker that a channel
    /// calls on another thread.
    pub fn quiet(&mut self) -> &mut Self {
        self.settings.reporter.set_quiet();
        self
    }

    /// Sets how long dropping the runtime waits for running blocking jobs.
    ///
    /// The default is 5 seconds. Jobs learn by
    /// [`blocking::is_cancelled`](crate::blocking::is_cancelled) that they should end. The drop
    /// waits only for jobs that may change something. It does not wait for name lookups and for
    /// file operations that only read, because no future is left to receive their results.
    pub fn shutdown_grace(&mut self, duration: Duration) -> &mut Self {
        self.grace = duration;
        self
    }

    /// Builds the runtime.
    ///
    /// # Errors
    ///
    /// - [`InvalidInput`](io::ErrorKind::InvalidInput) if `QUINTET_WORKERS` is not a number between
    ///   1 and 1024 and [`worker_threads`](Builder::worker_threads) is not set, or if the [name of
    ///   the threads](Builder::thread_name) contains a NUL byte. Also if `QUINTET_BLOCKED` is not a
    ///   duration and [`blocked_after`](Builder::blocked_after) is not set.
    /// - [`InvalidInput`](io::ErrorKind::InvalidInput) if a signal of [`dump_on`](Builder::dump_on)
    ///   cannot be awaited.
    /// - The error of the system call if the OS cannot create a poller, for example because the
    ///   process has no descriptors left.
    pub fn build(&mut self) -> io::Result<Runtime> {
        let mut pool = self.pool.clone();
        pool.workers = match self.workers {
            Some(workers) => workers,
            None => workers_from_env(pool.workers)?,
        };
        let mut settings = self.settings.clone();
        settings.blocked = self.blocked_check()?;
        // Under a seed nothing depends on elapsed time.
        pool.is_measuring = settings.is_measuring && settings.seed.is_none();
        self.hooks.apply(&mut pool, &mut settings);
        check_thread_names(&pool.thread_names)?;
        check_thread_names(&pool.cpu_thread_names)?;
        let pool = match self.settings.seed {
            Some(_) => pool::Pool::inline(&pool),
            None => pool::Pool::new(pool),
        };
        if self.tracks_waits {
            waits::track();
        }
        let event_loop = EventLoop::new(settings, pool).map_err(|error| {
            with_context(&error, "failed to create the poller of a quintet runtime")
        })?;
        let host = self.host.map(|new| new()).transpose()?;
        let signals = match &self.dump_trigger {
            Some((numbers, watch)) => Some(watch(&event_loop, numbers)?),
            None => None,
        };
        Ok(Runtime::from_event_loop(
            event_loop, self.grace, host, signals,
        ))
    }
}

impl Default for Builder {
    fn default() -> Self {
        Builder::new()
    }
}

fn with_context(error: &io::Error, context: &str) -> io::Error {
    io::Error::new(error.kind(), format!("{context}: {error}"))
}

/// With such a name, the standard library panics when the first worker is started.
fn check_thread_names(names: &ThreadNames) -> io::Result<()> {
    match names.all().iter().find(|name| name.contains('\0')) {
        None => Ok(()),
        Some(name) => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("the name of worker threads must not contain a NUL byte: {name:?}"),
        )),
    }
}

fn workers_from_env(default: usize) -> io::Result<usize> {
    let Some(value) = env::var_os(WORKERS_VARIABLE) else {
        return Ok(default);
    };
    let number = value.to_str().and_then(|text| text.parse().ok());
    match number {
        Some(number) if (1..=WORKERS_MAX).contains(&number) => Ok(number),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!(
                "{WORKERS_VARIABLE} is {value:?}; it must be a number between 1 and {WORKERS_MAX}"
            ),
        )),
    }
}
