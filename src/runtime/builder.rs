//! The settings of a runtime.

use std::env;
use std::io;
use std::time::Duration;

use super::Runtime;
use crate::event_loop::EventLoop;
use crate::pool;

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
    name: Option<String>,
    workers: Option<usize>,
    /// The number of workers in it is decided when the runtime is built.
    pool: pool::Config,
    phase_budget: u32,
    grace: Duration,
}

impl Builder {
    /// Starts with the default settings.
    pub fn new() -> Self {
        Builder {
            name: None,
            workers: None,
            pool: pool::Config::default(),
            phase_budget: PHASE_BUDGET_DEFAULT,
            grace: GRACE_DEFAULT,
        }
    }

    /// Names the runtime, for messages about it.
    pub fn name(&mut self, name: impl Into<String>) -> &mut Self {
        self.name = Some(name.into());
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
        self.phase_budget = polls;
        self
    }

    /// Sets how long dropping the runtime waits for blocking jobs that are running; 5 seconds
    /// without this.
    pub fn shutdown_grace(&mut self, duration: Duration) -> &mut Self {
        self.grace = duration;
        self
    }

    /// Makes the runtime.
    ///
    /// # Errors
    ///
    /// If `QUINTET_WORKERS` is set to something that is not a number between 1 and 1024 (and
    /// [`worker_threads`](Builder::worker_threads) does not override it); if the OS has no more
    /// descriptors for a poller.
    pub fn build(&mut self) -> io::Result<Runtime> {
        let mut pool = self.pool.clone();
        pool.workers = match self.workers {
            Some(workers) => workers,
            None => workers_from_environment(pool.workers)?,
        };
        let pool = pool::Pool::new(pool);
        let event_loop = EventLoop::new(self.name.clone(), pool, self.phase_budget)
            .map_err(|error| with_context(&error, "no poller for a quintet runtime"))?;
        Ok(Runtime::with_loop(event_loop, self.grace))
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

fn workers_from_environment(default: usize) -> io::Result<usize> {
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
