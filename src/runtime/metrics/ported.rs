//! The names of tokio's `RuntimeMetrics`, for programs that are ported.

use std::time::Duration;

use super::Metrics;

/// The names of tokio's `RuntimeMetrics`, for programs that are ported. Each is a number of the
/// fields above; a worker of tokio is the loop here.
impl Metrics {
    /// Returns 1: one thread runs the tasks.
    pub fn num_workers(&self) -> usize {
        1
    }

    /// Returns [`tasks.alive`](super::TaskMetrics::alive).
    pub fn num_alive_tasks(&self) -> usize {
        to_usize(self.tasks.alive)
    }

    /// Returns [`tasks.spawned`](super::TaskMetrics::spawned).
    pub fn spawned_tasks_count(&self) -> u64 {
        self.tasks.spawned
    }

    /// Returns [`queues.inbox`](super::QueueMetrics::inbox).
    pub fn global_queue_depth(&self) -> usize {
        to_usize(self.queues.inbox)
    }

    /// Returns how many tasks are ready or pending.
    ///
    /// # Panics
    ///
    /// If `worker` is not 0.
    #[track_caller]
    pub fn worker_local_queue_depth(&self, worker: usize) -> usize {
        check(worker);
        to_usize(self.queues.ready + self.queues.pending)
    }

    /// Returns [`utilization.active`](super::Utilization::active).
    ///
    /// # Panics
    ///
    /// If `worker` is not 0.
    #[track_caller]
    pub fn worker_total_busy_duration(&self, worker: usize) -> Duration {
        check(worker);
        self.utilization.active
    }

    /// Returns [`sleeps`](Metrics::sleeps).
    ///
    /// # Panics
    ///
    /// If `worker` is not 0.
    #[track_caller]
    pub fn worker_park_count(&self, worker: usize) -> u64 {
        check(worker);
        self.sleeps
    }

    /// Returns [`polls`](Metrics::polls).
    ///
    /// # Panics
    ///
    /// If `worker` is not 0.
    #[track_caller]
    pub fn worker_poll_count(&self, worker: usize) -> u64 {
        check(worker);
        self.polls()
    }

    /// Returns [`wakes.queued`](super::WakeMetrics::queued).
    ///
    /// # Panics
    ///
    /// If `worker` is not 0.
    #[track_caller]
    pub fn worker_local_schedule_count(&self, worker: usize) -> u64 {
        check(worker);
        self.wakes.queued
    }

    /// Returns [`wakes.messages`](super::WakeMetrics::messages).
    pub fn remote_schedule_count(&self) -> u64 {
        self.wakes.messages
    }

    /// Returns [`deferred.task_budget`](super::DeferredMetrics::task_budget).
    pub fn budget_forced_yield_count(&self) -> u64 {
        self.deferred.task_budget
    }

    /// Returns how many threads run jobs, of both kinds.
    pub fn num_blocking_threads(&self) -> usize {
        self.pool.worker_threads.threads + self.pool.cpu_threads.threads
    }

    /// Returns how many of these threads have no job.
    pub fn num_idle_blocking_threads(&self) -> usize {
        self.pool.worker_threads.idle + self.pool.cpu_threads.idle
    }

    /// Returns how many jobs wait for a thread.
    pub fn blocking_queue_depth(&self) -> usize {
        let pool = &self.pool;
        pool.plain.queued + pool.dns.queued + pool.cpu.queued
    }

    /// Returns [`sources.total`](super::SourceMetrics::total).
    pub fn io_driver_fd_registered_count(&self) -> u64 {
        self.sources.total
    }

    /// Returns how many sources were registered and no longer are.
    pub fn io_driver_fd_deregistered_count(&self) -> u64 {
        self.sources.total.saturating_sub(self.sources.registered)
    }

    /// Returns [`wakes.sources`](super::WakeMetrics::sources).
    pub fn io_driver_ready_count(&self) -> u64 {
        self.wakes.sources
    }
}

#[track_caller]
fn check(worker: usize) {
    assert!(
        worker == 0,
        "a quintet runtime has one thread for tasks, whose number is 0, and not {worker}"
    );
}

fn to_usize(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
