//! The worker pool: a few threads that run blocking operations.
//!
//! The loop makes a job from a closure, attaches a [`JobTicket`] that wakes the waiting task, and
//! then pushes the [`QueuedJob`]. A worker therefore never sees a job without a ticket, and every
//! result arrives as a wake from a worker. The pool does not depend on the event loop.
//!
//! ```text
//! groups       two groups of workers: one waits, the other computes
//! workers      the shared state: push, wait for a job, shut down; decides which worker is woken
//! worker       the loop of a worker thread
//! worker_slot  the per-worker state, and the job that runs there
//! load         how busy the workers are
//! queue        the jobs that wait, FIFO
//! class_limit  holds back jobs of a class that may occupy only part of the pool
//! room         how many jobs are queued, and the tasks that wait until they are fewer
//! counts       how many jobs of a class there are and were
//! stats        what users learn of all that
//! job          a closure and its result
//! current_job  the job that runs on a thread, which may be asked to end
//! thread_hook  names of threads, and the functions that they call when they start and end
//! contained    a value whose destructor cannot unwind
//! inline       no workers: the loop runs the jobs itself, so that a seeded run repeats
//! ```
//!
//! A thread starts when a job is pushed and no worker of its group is idle, one at a time. Another
//! one starts each time that idle workers have been woken for some dozens of jobs. It ends when it
//! has been idle for [`Config::keep_alive`]. An idle program has no worker threads and makes no
//! system calls for them.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

mod class_limit;
mod contained;
mod counts;
mod current_job;
mod groups;
mod inline;
mod job;
mod load;
mod queue;
mod room;
mod stats;
mod thread_hook;
mod worker;
mod worker_slot;
mod workers;

pub use job::Class;
pub use stats::{ClassStats, PoolStats, ThreadStats};

pub(crate) use counts::ClassCounts;
pub(crate) use current_job::is_cancelled;
pub(crate) use groups::processors;
pub(crate) use job::{
    JobBody, JobResult, JobShared, JobTicket, Label, NewJob, QueuedJob, SpareCells,
};
pub(crate) use room::{RoomKey, RoomOffer};
pub(crate) use thread_hook::{ThreadHook, ThreadNames};

use groups::Groups;
use inline::Inline;

/// The default number of workers, the same as libuv's. Workers wait for disks and name servers;
/// their number does not depend on the number of processors.
const WORKERS_DEFAULT: usize = 4;

/// The default time for which an idle thread stays. Long enough that a program that reads a file
/// every few seconds does not start a thread each time, and short enough that the threads of a
/// burst soon end.
const KEEP_ALIVE_DEFAULT: Duration = Duration::from_secs(10);

/// The default limit for queued jobs of one class, for callers that ask for a limit. A thousand
/// jobs of a millisecond keep four threads busy for a quarter of a second, so a longer queue would
/// only make its jobs late.
const QUEUED_MAX_DEFAULT: usize = 1024;

/// The settings of a pool.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// The maximum number of threads for jobs that wait; at least one.
    pub(crate) workers: usize,
    pub(crate) thread_names: ThreadNames,
    /// The maximum number of threads for jobs that compute; one for each processor if `None`.
    pub(crate) cpu_threads: Option<usize>,
    pub(crate) cpu_thread_names: ThreadNames,
    /// The stack size of a thread in bytes; the default of the standard library if `None`.
    pub(crate) stack_size: Option<usize>,
    /// How long a thread stays while it has no job.
    pub(crate) keep_alive: Duration,
    /// How many jobs of one class may be queued, for callers that ask for a limit.
    pub(crate) queued_max: usize,
    /// Whether it is measured for how long jobs are queued.
    pub(crate) is_measuring: bool,
    /// Called by each thread, before its first job.
    pub(crate) on_thread_start: Option<ThreadHook>,
    /// Called by each thread, after its last job.
    pub(crate) on_thread_stop: Option<ThreadHook>,
}

impl Config {
    /// Returns the name of the thread on `slot`.
    fn thread_name(&self, slot: usize) -> String {
        self.thread_names.name(slot)
    }

    fn counts(&self) -> [ClassCounts; Class::ALL.len()] {
        Class::ALL.map(|_| ClassCounts::new(self.queued_max, self.is_measuring))
    }

    /// Returns the main function of a thread that runs jobs by `run`.
    fn thread_main<F>(&self, run: F) -> impl FnOnce() + Send + use<F>
    where
        F: FnOnce() + Send + 'static,
    {
        let (on_start, on_stop) = (self.on_thread_start.clone(), self.on_thread_stop.clone());
        move || {
            on_start.iter().for_each(ThreadHook::call);
            run();
            on_stop.iter().for_each(ThreadHook::call);
        }
    }
}

impl Default for Config {
    fn default() -> Config {
        Config {
            workers: WORKERS_DEFAULT,
            thread_names: ThreadNames::Prefix("quintet-worker".to_owned()),
            cpu_threads: None,
            cpu_thread_names: ThreadNames::Prefix("quintet-cpu".to_owned()),
            stack_size: None,
            keep_alive: KEEP_ALIVE_DEFAULT,
            queued_max: QUEUED_MAX_DEFAULT,
            is_measuring: false,
            on_thread_start: None,
            on_thread_stop: None,
        }
    }
}

/// How busy a group of workers is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Load {
    /// The number of threads, including those that are starting.
    pub(crate) threads: usize,
    /// The number of threads that wait for a job.
    pub(crate) idle: usize,
    /// The number of jobs that have not begun, including cancelled ones.
    pub(crate) queued: usize,
}

/// The state of a pool whose workers are all busy while jobs wait.
#[derive(Debug)]
pub(crate) struct Starved {
    /// The jobs that run.
    pub(crate) running: Vec<Label>,
    /// The number of jobs that wait.
    pub(crate) queued: usize,
}

/// A pool of worker threads.
///
/// Dropping it shuts the pool down without waiting for running jobs.
pub(crate) struct Pool {
    backend: Backend,
    /// By the index of the class.
    counts: [ClassCounts; Class::ALL.len()],
}

/// Where jobs run.
enum Backend {
    Workers(Groups),
    Inline(Inline),
}

impl Pool {
    /// Creates a pool. Starts no thread.
    ///
    /// # Panics
    ///
    /// Panics if `config.workers` is 0, or if the name of a thread contains a NUL byte.
    pub(crate) fn new(config: Config) -> Pool {
        assert!(config.workers > 0, "a pool needs at least one worker");
        let names = [&config.thread_names, &config.cpu_thread_names];
        assert!(
            !names
                .iter()
                .flat_map(|names| names.all())
                .any(|name| name.contains('\0')),
            "the name of worker threads must not contain a NUL byte"
        );
        Pool {
            counts: config.counts(),
            backend: Backend::Workers(Groups::new(config)),
        }
    }

    /// Creates a pool without threads. The loop takes its jobs and runs them.
    pub(crate) fn inline(config: &Config) -> Pool {
        Pool {
            counts: config.counts(),
            backend: Backend::Inline(Inline::new()),
        }
    }

    /// Returns the counts of the jobs of this class, which their owner keeps.
    #[inline]
    pub(crate) fn counts(&self, class: Class) -> &ClassCounts {
        &self.counts[class.index()]
    }

    /// Returns what users learn.
    pub(crate) fn stats(&self) -> PoolStats {
        PoolStats {
            plain: self.counts(Class::Plain).stats(),
            dns: self.counts(Class::Dns).stats(),
            cpu: self.counts(Class::Cpu).stats(),
            worker_threads: self.load(Class::Plain).into(),
            cpu_threads: self.load(Class::Cpu).into(),
        }
    }

    /// Grants no task room in the queue from now on. Returns the wakers of those that wait for it.
    #[must_use = "tasks wait for room that they never get"]
    pub(crate) fn close_room(&self) -> Vec<Waker> {
        let counts = self.counts.iter();
        counts.flat_map(|counts| counts.room.close()).collect()
    }

    /// Returns whether jobs wait that the loop must run.
    pub(crate) fn has_inline_jobs(&self) -> bool {
        matches!(&self.backend, Backend::Inline(inline) if inline.len() > 0)
    }

    /// Takes the jobs that the loop must run, in the order of their pushes.
    pub(crate) fn take_inline_jobs(&self) -> Vec<QueuedJob> {
        match &self.backend {
            Backend::Workers(_) => Vec::new(),
            Backend::Inline(inline) => inline.take(),
        }
    }

    /// Puts jobs back in front of those that were pushed since they were taken.
    pub(crate) fn put_back_inline_jobs(&self, jobs: Vec<QueuedJob>) {
        if let Backend::Inline(inline) = &self.backend {
            inline.put_back(jobs);
        }
    }

    /// Makes a job that runs `f`, in the cell of another job if nothing else refers to that. It can
    /// be pushed once it has a ticket.
    #[inline]
    pub(crate) fn job<T, F>(
        spare: Option<Arc<JobShared>>,
        label: Label,
        f: F,
    ) -> (NewJob, JobResult<T>)
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        job::make(spare, label, f)
    }

    /// Queues a job, and wakes or starts a worker for it if needed.
    ///
    /// # Errors
    ///
    /// Returns an error, and drops the job and its closure, if the pool has been shut down, or if
    /// there is no worker and the OS cannot start one.
    pub(crate) fn push(&self, job: QueuedJob) -> io::Result<()> {
        match &self.backend {
            Backend::Workers(groups) => groups.push(job),
            Backend::Inline(inline) => inline.push(job),
        }
    }

    /// Refuses new jobs, prevents queued jobs from beginning, and asks running ones to end. Queued
    /// jobs stay in the queue.
    ///
    /// This is the first step of [`shut_down`](Pool::shut_down).
    pub(crate) fn close(&self) {
        match &self.backend {
            Backend::Workers(groups) => groups.close(),
            Backend::Inline(_) => {}
        }
    }

    /// Shuts the pool down: refuses new jobs, drops those that have not begun, and waits until the
    /// running jobs have ended, or until `grace` has passed.
    ///
    /// Returns the jobs that still run. Their threads end when the jobs end. Unreferenced jobs are
    /// neither waited for nor returned.
    ///
    /// Can be called several times, from any thread. A job that calls it does not wait for itself,
    /// nor for jobs of its group that call it too, and is among the jobs that are returned.
    pub(crate) fn shut_down(&self, grace: Duration) -> Vec<Label> {
        match &self.backend {
            Backend::Workers(groups) => groups.shut_down(grace),
            Backend::Inline(inline) => {
                inline.shut_down();
                Vec::new()
            }
        }
    }

    /// Returns the jobs that run on workers, without unreferenced ones.
    pub(crate) fn running(&self) -> Vec<Label> {
        match &self.backend {
            Backend::Workers(groups) => groups.running(),
            Backend::Inline(_) => Vec::new(),
        }
    }

    /// Returns whether jobs may wait behind running ones.
    ///
    /// A hint that costs one load of an atomic: the push of a job for which there is no free worker
    /// sets it, and it can stay set after that job has begun.
    pub(crate) fn has_backlog(&self) -> bool {
        match &self.backend {
            Backend::Workers(groups) => groups.has_backlog(),
            Backend::Inline(_) => false,
        }
    }

    /// The same for jobs of one class.
    pub(crate) fn has_backlog_of(&self, class: Class) -> bool {
        match &self.backend {
            Backend::Workers(groups) => groups.has_backlog_of(class),
            Backend::Inline(_) => false,
        }
    }

    /// Returns the number of jobs that have begun since the pool was created, of those that a job
    /// of this class may wait for.
    pub(crate) fn begun(&self, class: Class) -> u64 {
        match &self.backend {
            Backend::Workers(groups) => groups.begun(class),
            Backend::Inline(_) => 0,
        }
    }

    /// Returns the running jobs and the number of waiting ones, if jobs of this class wait and all
    /// workers for them are busy.
    pub(crate) fn starved(&self, class: Class) -> Option<Starved> {
        match &self.backend {
            Backend::Workers(groups) => groups.starved(class),
            Backend::Inline(_) => None,
        }
    }

    /// Returns how busy the workers for jobs of this class are. Other threads may change that at
    /// any time.
    pub(crate) fn load(&self, class: Class) -> Load {
        match &self.backend {
            Backend::Workers(groups) => groups.load(class),
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
            .field("load", &self.load(Class::Plain))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
