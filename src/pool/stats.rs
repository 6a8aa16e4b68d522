//! What users learn about a pool.

use std::time::Duration;

use super::Load;
use super::job::Class;

/// How busy the threads of a runtime are; from
/// [`Handle::pool_stats`](crate::runtime::Handle::pool_stats).
///
/// Threads change the numbers while they are read, so that the numbers of one value may not fit
/// together exactly.
///
/// # Examples
///
/// ```
/// use quintet::blocking::{self, Class};
/// use quintet::runtime::Handle;
///
/// # quintet::block_on(async {
/// quintet::spawn_cpu(|| 6 * 7).await.unwrap();
/// let stats = Handle::current().pool_stats();
/// assert_eq!(stats.cpu.done, 1);
/// assert_eq!(stats.of(Class::Plain).queued, 0);
/// assert_eq!(stats.cpu_threads.threads, 1);
/// # });
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolStats {
    /// Jobs that wait for something, such as those of [`spawn_blocking`](crate::spawn_blocking) and
    /// the operations of [`fs`](crate::fs).
    pub plain: ClassStats,
    /// Name lookups.
    pub dns: ClassStats,
    /// Jobs that compute.
    pub cpu: ClassStats,
    /// The worker threads, for the classes `Plain` and `Dns`.
    pub worker_threads: ThreadStats,
    /// The threads for the class `Cpu`.
    pub cpu_threads: ThreadStats,
}

impl PoolStats {
    /// Returns the numbers of one class.
    pub fn of(&self, class: Class) -> &ClassStats {
        match class {
            Class::Plain => &self.plain,
            Class::Dns => &self.dns,
            Class::Cpu => &self.cpu,
        }
    }
}

/// The numbers of the jobs of one [`Class`], those of the runtime itself included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClassStats {
    /// Jobs that wait for a thread.
    pub queued: usize,
    /// Jobs that run.
    pub running: usize,
    /// Jobs that have returned or panicked.
    pub done: u64,
    /// Jobs that never began: they were aborted, or refused by a runtime that was shutting down, or
    /// the OS could not start a thread.
    pub cancelled: u64,
    /// For how long all jobs that have begun have waited for a thread, added up. `None` if that is
    /// not [measured](crate::runtime::Builder::measure).
    pub waited: Option<Duration>,
}

/// The numbers of the threads that run jobs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ThreadStats {
    /// Threads that exist, or are starting.
    pub threads: usize,
    /// Threads that have no job.
    pub idle: usize,
}

impl From<Load> for ThreadStats {
    fn from(load: Load) -> Self {
        ThreadStats {
            threads: load.threads,
            idle: load.idle,
        }
    }
}
