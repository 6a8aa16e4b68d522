//! The settings of the threads that run blocking jobs, and of the queue of these.

use std::time::Duration;

use super::{Builder, WORKERS_MAX};

impl Builder {
    /// Sets the maximum number of threads for computations, those of
    /// [`spawn_cpu`](crate::spawn_cpu).
    ///
    /// The default is the number of processors that the process may use
    /// ([`available_parallelism`](std::thread::available_parallelism)). A thread is started when it
    /// is first needed. These threads are not [worker threads](Builder::worker_threads), and run
    /// nothing else. The loop itself computes little, so it needs no processor of its own.
    ///
    /// # Panics
    ///
    /// If `count` is not between 1 and 1024.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = quintet::runtime::Builder::new().cpu_threads(2).build()?;
    /// runtime.block_on(async {
    ///     let jobs = [1, 2, 3].map(|n| quintet::spawn_cpu(move || n * n));
    ///     for job in jobs {
    ///         job.await.unwrap();
    ///     }
    ///     let stats = quintet::runtime::Handle::current().pool_stats();
    ///     assert!(stats.cpu_threads.threads <= 2);
    /// });
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn cpu_threads(&mut self, count: usize) -> &mut Self {
        assert!(
            (1..=WORKERS_MAX).contains(&count),
            "a runtime has between 1 and {WORKERS_MAX} threads for computations, not {count}"
        );
        self.pool.cpu_threads = Some(count);
        self
    }

    /// Sets how many jobs of one class may be queued before
    /// [`try_spawn`](crate::blocking::Builder::try_spawn) fails and
    /// [`spawn_when_room`](crate::blocking::Builder::spawn_when_room) waits.
    ///
    /// The default is 1024. Other functions queue jobs in any case, but their jobs count too.
    ///
    /// # Panics
    ///
    /// If `count` is zero.
    #[track_caller]
    pub fn max_queued_jobs(&mut self, count: usize) -> &mut Self {
        assert!(
            count > 0,
            "the queue must have room for at least 1 job, because a job enters it before it begins"
        );
        self.pool.queued_max = count;
        self
    }

    /// Sets the stack size of worker threads and of threads for computations, in bytes.
    ///
    /// The default is that of the standard library.
    pub fn thread_stack_size(&mut self, bytes: usize) -> &mut Self {
        self.pool.stack_size = Some(bytes);
        self
    }

    /// Sets how long a worker thread, or a thread for computations, is kept while it has no work.
    ///
    /// The default is 10 seconds.
    pub fn thread_keep_alive(&mut self, duration: Duration) -> &mut Self {
        self.pool.keep_alive = duration;
        self
    }
}
