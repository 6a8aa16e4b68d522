//! The worker pool: a few threads for what would block the event loop.
//!
//! The loop makes a job of a closure, gives it a [`JobTicket`] that will wake the task which wants the
//! result, and only then pushes the [`QueuedJob`]. So the ticket is in place before a worker can have
//! the job, and the result always arrives as a wake from a worker. The pool knows nothing of the loop.
//!
//! ```text
//! workers      who works, who sleeps, who wakes whom: push, rest, shut down
//! worker    the thread's own loop
//! slot      one worker's place, and which job runs there
//! queue     where jobs wait, first in, first out
//! class limit      holds back jobs that may fill only part of the pool
//! job       a closure and its result
//! contained a value whose destructor cannot unwind
//! inline    no workers: the loop runs the jobs itself, for runs that repeat
//! ```
//!
//! Threads start when work comes and nobody is idle, one at a time, and end when they have been
//! idle for long: an idle program has none, and makes no system calls for them.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

mod class_limit;
mod contained;
mod inline;
mod job;
mod queue;
mod worker;
mod worker_slot;
mod workers;

pub(crate) use job::{Class, JobResult, JobTicket, Label, NewJob, QueuedJob};

use inline::Inline;
use workers::Workers;

/// How many workers a pool has unless it is told otherwise: libuv's number. They are for waiting
/// on disks and name servers, not for using all processors.
const WORKERS_DEFAULT: usize = 4;

/// How long an idle thread stays. Long enough that steady work, say a file every few seconds, does
/// not start a thread each time; short enough that a burst is soon forgotten.
const KEEP_ALIVE_DEFAULT: Duration = Duration::from_secs(10);

/// How a pool is to be.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// Threads there may be at once; at least one.
    pub(crate) workers: usize,
    /// What the threads' names begin with; `-0` and so on follows.
    pub(crate) thread_name: String,
    /// Bytes of stack for a thread; the standard library's choice if not given.
    pub(crate) stack_size: Option<usize>,
    /// How long a thread stays without work.
    pub(crate) keep_alive: Duration,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            workers: WORKERS_DEFAULT,
            thread_name: "quintet-worker".to_owned(),
            stack_size: None,
            keep_alive: KEEP_ALIVE_DEFAULT,
        }
    }
}

/// A look at a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Load {
    /// Threads that live, those that are starting included.
    pub(crate) threads: usize,
    /// Those of them that have nothing to do.
    pub(crate) idle: usize,
    /// Jobs that no worker has begun, cancelled ones included.
    pub(crate) queued: usize,
}

/// What a pool does whose workers are all busy while jobs wait.
#[derive(Debug)]
pub(crate) struct Starved {
    /// The jobs that run.
    pub(crate) running: Vec<Label>,
    /// How many jobs wait.
    pub(crate) queued: usize,
}

/// A pool of worker threads.
///
/// Dropped without [`shut_down`](Pool::shut_down), it shuts down and waits for nothing.
pub(crate) struct Pool {
    backend: Backend,
}

/// Who does the work.
enum Backend {
    Workers(Arc<Workers>),
    Inline(Inline),
}

impl Pool {
    /// Makes a pool. No thread is started yet.
    ///
    /// # Panics
    ///
    /// If there are to be no workers, or the threads' name contains a NUL, which the OS cannot take.
    pub(crate) fn new(config: Config) -> Pool {
        assert!(config.workers > 0, "a pool needs at least one worker");
        assert!(
            !config.thread_name.contains('\0'),
            "the name of worker threads must not contain a NUL"
        );
        Pool {
            backend: Backend::Workers(Arc::new(Workers::new(config))),
        }
    }

    /// Makes a pool without threads, whose jobs wait to be taken by the loop.
    pub(crate) fn inline() -> Pool {
        Pool {
            backend: Backend::Inline(Inline::new()),
        }
    }

    /// Whether jobs wait that this thread must run.
    pub(crate) fn has_inline_jobs(&self) -> bool {
        matches!(&self.backend, Backend::Inline(inline) if inline.len() > 0)
    }

    /// Takes the jobs that this thread must run, in the order in which they came.
    pub(crate) fn take_inline_jobs(&self) -> Vec<QueuedJob> {
        match &self.backend {
            Backend::Workers(_) => Vec::new(),
            Backend::Inline(inline) => inline.take(),
        }
    }

    /// Puts back what was taken too early, ahead of what has come since.
    pub(crate) fn put_back_inline_jobs(&self, jobs: Vec<QueuedJob>) {
        if let Backend::Inline(inline) = &self.backend {
            inline.put_back(jobs);
        }
    }

    /// Makes a job of `f`, to be pushed when it has its ticket.
    pub(crate) fn job<T, F>(label: Label, f: F) -> (NewJob, JobResult<T>)
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        job::make(label, f)
    }

    /// Queues a job. Takes no longer than the queue does, but for starting a thread now and then.
    ///
    /// # Errors
    ///
    /// If there is no worker and the OS refuses to start one, or the pool has been shut down. The
    /// job is dropped then, and its closure with it.
    pub(crate) fn push(&self, job: QueuedJob) -> io::Result<()> {
        match &self.backend {
            Backend::Workers(workers) => workers.push(job),
            Backend::Inline(inline) => inline.push(job),
        }
    }

    /// Lets no job begin any more and refuses new ones; what [`shut_down`](Pool::shut_down) does
    /// first. Those that wait stay where they are.
    pub(crate) fn close(&self) {
        match &self.backend {
            Backend::Workers(workers) => workers.close(),
            Backend::Inline(_) => {}
        }
    }

    /// Ends the pool: refuses new jobs, drops those not begun, and waits until those that run have
    /// ended, or until `grace` has passed. Returns which still run; their threads go on, and end with
    /// them. Unreferenced jobs are neither waited for nor named.
    ///
    /// May be called again, by anybody. A job that calls it does not wait for itself, and finds
    /// itself in the answer.
    pub(crate) fn shut_down(&self, grace: Duration) -> Vec<Label> {
        match &self.backend {
            Backend::Workers(workers) => workers.shut_down(grace),
            Backend::Inline(inline) => {
                inline.shut_down();
                Vec::new()
            }
        }
    }

    /// Which jobs are running on workers, but for unreferenced ones.
    pub(crate) fn running(&self) -> Vec<Label> {
        match &self.backend {
            Backend::Workers(workers) => workers.running(),
            Backend::Inline(_) => Vec::new(),
        }
    }

    /// Whether jobs may wait for a worker that runs another. A hint, for one load of an atomic: it is
    /// set by the push of a job for which no worker can be summoned, and may outlive that job's wait.
    pub(crate) fn has_backlog(&self) -> bool {
        match &self.backend {
            Backend::Workers(workers) => workers.has_backlog(),
            Backend::Inline(_) => false,
        }
    }

    /// How many jobs have begun so far.
    pub(crate) fn begun(&self) -> u64 {
        match &self.backend {
            Backend::Workers(workers) => workers.begun(),
            Backend::Inline(_) => 0,
        }
    }

    /// If jobs wait for a worker and all that there may be run others: which, and how many wait.
    pub(crate) fn starved(&self) -> Option<Starved> {
        match &self.backend {
            Backend::Workers(workers) => workers.starved(),
            Backend::Inline(_) => None,
        }
    }

    /// How busy the pool is. Others may change that at any time.
    pub(crate) fn load(&self) -> Load {
        match &self.backend {
            Backend::Workers(workers) => workers.load(),
            Backend::Inline(inline) => Load {
                threads: 0,
                idle: 0,
                queued: inline.len(),
            },
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shut_down(Duration::ZERO);
    }
}

fn shut_down_error() -> io::Error {
    io::Error::other("the worker pool has been shut down")
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("load", &self.load())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
