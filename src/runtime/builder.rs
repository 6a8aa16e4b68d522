//! The settings of a runtime.

use std::env;
use std::io;
use std::time::Duration;

use super::Runtime;
use crate::event_loop::{EventLoop, Settings};
use crate::pool;
use crate::report::{Report, Reporter};
use crate::tasks;

/// More workers than this are a mistake (libuv has the same limit).
const WORKERS_MAX: usize = 1024;

/// How many tasks one phase of a tick polls at most.
const PHASE_BUDGET_DEFAULT: u32 = 1024;

/// How long shutdown waits for running blocking jobs.
const GRACE_DEFAULT: Duration = Duration::from_secs(5);

/// The environment variable that sets the number of workers.
const WORKERS_VARIABLE: &str = "QUINTET_WORKERS";

/// Builds a [`Runtime`] with other settings than the default ones.
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
    /// The number of workers in it is decided when the runtime is built.
    pool: pool::Config,
    settings: Settings,
    grace: Duration,
}

/// What becomes of a panic of a task whose join handle is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnhandledPanic {
    /// The runtime reports no panic at all; the panic hook has been called already. That includes
    /// panics of destructors, of wakers and of hooks.
    Ignore,
    /// The runtime [reports](Report) which task it was, and where that was spawned.
    #[default]
    Report,
    /// The same, and then the runtime ends: all tasks are dropped, and
    /// [`block_on`](Runtime::block_on), [`run`](Runtime::run) or [`turn`](Runtime::turn) panics
    /// with the task's panic.
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
    /// Starts with the default settings.
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
                cached_reads: true,
                unhandled_panic: UnhandledPanic::default().into(),
                reporter: Reporter::default(),
            },
            grace: GRACE_DEFAULT,
        }
    }

    /// The same, by the name that tokio has for it: a quintet runtime always is on one thread.
    pub fn new_current_thread() -> Self {
        Builder::new()
    }

    /// Does nothing: everything is enabled. It is there for those whose hands are used to tokio.
    pub fn enable_all(&mut self) -> &mut Self {
        self
    }

    /// The same as [`worker_threads`](Builder::worker_threads), by tokio's name.
    ///
    /// # Panics
    ///
    /// If `count` is not between 1 and 1024.
    #[track_caller]
    pub fn max_blocking_threads(&mut self, count: usize) -> &mut Self {
        self.worker_threads(count)
    }

    /// Names the runtime, for messages about it.
    pub fn name(&mut self, name: impl Into<String>) -> &mut Self {
        self.settings.name = Some(name.into());
        self
    }

    /// Sets how many worker threads there may be for [`spawn_blocking`](crate::spawn_blocking),
    /// files and name look-ups.
    ///
    /// Without this it is the value of the environment variable `QUINTET_WORKERS`, or else 4.
    /// Threads are started when they are first needed.
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

    /// Names the worker threads; each gets a dash and its number behind this.
    ///
    /// The name must not contain a NUL byte; [`build`](Builder::build) returns an error then.
    pub fn thread_name(&mut self, name: impl Into<String>) -> &mut Self {
        self.pool.thread_name = name.into();
        self
    }

    /// Sets the stack size of worker threads, in bytes. Without this it is the standard library's.
    pub fn thread_stack_size(&mut self, bytes: usize) -> &mut Self {
        self.pool.stack_size = Some(bytes);
        self
    }

    /// Sets how long a worker thread without work is kept; 10 seconds without this.
    pub fn thread_keep_alive(&mut self, duration: Duration) -> &mut Self {
        self.pool.keep_alive = duration;
        self
    }

    /// Sets how many tasks one phase of a tick polls at most; 1024 without this.
    ///
    /// What a phase leaves over comes first in the next tick, so this bounds how long one phase
    /// can keep the others from their turn.
    ///
    /// # Panics
    ///
    /// If `polls` is zero.
    #[track_caller]
    pub fn phase_budget(&mut self, polls: u32) -> &mut Self {
        assert!(polls > 0, "a phase must be allowed at least one poll");
        self.settings.phase_budget = polls;
        self
    }

    /// Starts with time [paused](crate::time::pause): for tests, which then take no time and do not
    /// depend on any.
    pub fn start_paused(&mut self, start_paused: bool) -> &mut Self {
        self.settings.start_paused = start_paused;
        self
    }

    /// Sets whether paused time moves on by itself to the next deadline when there is nothing else to
    /// do; it does without this. See [`time::auto_advance`](crate::time::auto_advance).
    pub fn auto_advance(&mut self, auto_advance: bool) -> &mut Self {
        self.settings.auto_advance = auto_advance;
        self
    }

    /// Lets a seed decide what the order of events leaves open, so that a run repeats.
    ///
    /// The sources that the OS reports together are served in an order which the seed gives. Blocking
    /// jobs run on the loop's own thread, some of those that wait at each poll phase, as the seed
    /// likes; there are no worker threads. So with [paused time](Builder::start_paused), and as far as
    /// a program asks nothing of the world, the same seed gives the same run;
    /// [`Handle::order_hash`](super::Handle::order_hash) tells whether it was. Sockets of the run's own
    /// that talk to each other over the loopback device repeat, too, if they are set to
    /// [`nodelay`](crate::net::TcpStream::set_nodelay): otherwise the kernel's timers hold bytes back.
    /// Bytes under way beyond what the receiver's buffer takes at once, some 200 kB, are handed over
    /// as the kernel finds time: the sizes of such reads and writes differ from run to run.
    ///
    /// A job that waits for a task of its own loop waits for ever, for both are one thread. The
    /// `blocking_` functions of [`sync`](crate::sync) panic instead of waiting there.
    pub fn seed(&mut self, seed: u64) -> &mut Self {
        self.settings.seed = Some(seed);
        self
    }

    /// Sets whether the time that each task's polls take is measured, for a
    /// [`Dump`](super::Dump); without this it is in debug builds only. It costs two readings of the
    /// clock a poll, some 50 ns.
    pub fn measure_tasks(&mut self, measure: bool) -> &mut Self {
        self.settings.is_measuring = measure;
        self
    }

    /// Sets whether files that the kernel has in memory are read on the loop's thread, without a trip
    /// to a worker; they are without this. See [`fs`](crate::fs#cached-files).
    ///
    /// To be switched off where opening a file may wait for this very process: if one of its own
    /// threads serves a FUSE file system, or answers fanotify's permission events. Under a
    /// [seed](Builder::seed) it is off.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = quintet::runtime::Builder::new().cached_reads(false).build()?;
    /// let manifest = runtime.block_on(quintet::fs::read("Cargo.toml"))?;
    /// assert!(!manifest.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub fn cached_reads(&mut self, cached_reads: bool) -> &mut Self {
        self.settings.cached_reads = cached_reads;
        self
    }

    /// Sets what becomes of a panic of a task whose join handle is gone.
    pub fn unhandled_panic(&mut self, policy: UnhandledPanic) -> &mut Self {
        self.settings.unhandled_panic = policy.into();
        let ignores_panics = policy == UnhandledPanic::Ignore;
        self.settings.reporter.set_ignores_panics(ignores_panics);
        self
    }

    /// Calls `function` with each [`Report`] of this runtime, in place of writing it to standard
    /// error.
    ///
    /// The function is called where something happens: mostly on the loop's thread, but also on worker
    /// threads, and on any other that drops a handle. It is called under no lock. Until it returns,
    /// that thread does nothing else; so it must not wait for the runtime. It may spawn tasks and use
    /// the [`Handle`](super::Handle). If it panics, this and the report are written to standard error.
    /// The same becomes of reports that it causes itself.
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
    /// runtime.spawn(async { panic!("out of order") });
    /// runtime.run().unwrap();
    ///
    /// let report = received.recv().unwrap();
    /// assert!(matches!(report, Report::TaskPanicked { message, .. } if message == "out of order"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_report(&mut self, function: impl Fn(&Report) + Send + Sync + 'static) -> &mut Self {
        self.settings.reporter.set_function(Box::new(function));
        self
    }

    /// Writes no [`Report`] to standard error.
    ///
    /// A function given to [`on_report`](Builder::on_report) is called all the same. The environment
    /// variable `QUINTET_REPORTS=off` does this for all runtimes of a process, and also for what is
    /// reported where no runtime is current: the panic of a waker that a channel calls there.
    pub fn quiet(&mut self) -> &mut Self {
        self.settings.reporter.set_quiet();
        self
    }

    /// Sets how long dropping the runtime waits for blocking jobs that are running; 5 seconds
    /// without this. It waits for what may change something: file operations that only read and name
    /// look-ups are not waited for, as there is no future left that could have their result.
    pub fn shutdown_grace(&mut self, duration: Duration) -> &mut Self {
        self.grace = duration;
        self
    }

    /// Makes the runtime.
    ///
    /// # Errors
    ///
    /// If `QUINTET_WORKERS` is set to something that is not a number between 1 and 1024 (and
    /// [`worker_threads`](Builder::worker_threads) does not override it), or if the
    /// [name of the threads](Builder::thread_name) contains a NUL byte:
    /// [`InvalidInput`](io::ErrorKind::InvalidInput). If the OS has no more descriptors for a poller:
    /// the error of the system call.
    pub fn build(&mut self) -> io::Result<Runtime> {
        let mut pool = self.pool.clone();
        check_thread_name(&pool.thread_name)?;
        pool.workers = match self.workers {
            Some(workers) => workers,
            None => workers_from_env(pool.workers)?,
        };
        let pool = match self.settings.seed {
            Some(_) => pool::Pool::inline(),
            None => pool::Pool::new(pool),
        };
        let event_loop = EventLoop::new(self.settings.clone(), pool)
            .map_err(|error| with_context(&error, "no poller for a quintet runtime"))?;
        Ok(Runtime::from_event_loop(event_loop, self.grace))
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

/// The standard library would panic, where the first thread is started.
fn check_thread_name(name: &str) -> io::Result<()> {
    if name.contains('\0') {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("the name of worker threads must not contain a NUL byte, as {name:?} does"),
        ));
    }
    Ok(())
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
