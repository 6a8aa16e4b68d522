//! The difference between two snapshots.

use super::{
    CachedReadMetrics, DeferredMetrics, JobTimeMetrics, Metrics, PhaseMetrics, SourceMetrics,
    TaskMetrics, TimerMetrics, WakeMetrics,
};
use crate::blocking::{ClassStats, PoolStats};
use crate::counts::histogram::Histogram;

/// Returns how much a count has risen.
fn rise(later: u64, earlier: u64) -> u64 {
    later.saturating_sub(earlier)
}

/// Returns what has been recorded since, if it is recorded.
fn times_since(later: &Option<Histogram>, earlier: &Option<Histogram>) -> Option<Histogram> {
    let both = later.as_ref().zip(earlier.as_ref());
    both.map(|(later, earlier)| later.since(earlier))
}

impl Metrics {
    /// Returns what has happened since `earlier`, a value of the same runtime.
    ///
    /// Counts are the difference of both values. Of what there is now, such as
    /// [`tasks.alive`](TaskMetrics::alive) and the lengths of queues, it has the numbers of `self`.
    ///
    /// # Examples
    ///
    /// ```
    /// use quintet::runtime;
    /// use quintet::time::{Duration, sleep};
    ///
    /// # quintet::block_on(async {
    /// let before = runtime::metrics();
    /// sleep(Duration::from_millis(1)).await;
    /// let window = runtime::metrics().since(&before);
    /// assert_eq!(window.wakes.timers, 1);
    /// # });
    /// ```
    #[must_use]
    pub fn since(&self, earlier: &Metrics) -> Metrics {
        let mut phases = self.phases.clone();
        for (phase, earlier) in phases.iter_mut().zip(&earlier.phases) {
            *phase = phase.since(earlier);
        }
        let mut job_times = self.job_times.clone();
        for (times, earlier) in job_times.iter_mut().zip(&earlier.job_times) {
            *times =
                (times.as_ref().zip(earlier.as_ref())).map(|(times, earlier)| JobTimeMetrics {
                    waiting: times.waiting.since(&earlier.waiting),
                    running: times.running.since(&earlier.running),
                });
        }
        Metrics {
            name: self.name.clone(),
            ticks: rise(self.ticks, earlier.ticks),
            sleeps: rise(self.sleeps, earlier.sleeps),
            utilization: self.utilization.since(&earlier.utilization),
            start: self.start.since(&earlier.start),
            phases,
            tasks: self.tasks.since(&earlier.tasks),
            wakes: self.wakes.since(&earlier.wakes),
            deferred: self.deferred.since(&earlier.deferred),
            queues: self.queues.clone(),
            sources: SourceMetrics {
                registered: self.sources.registered,
                total: rise(self.sources.total, earlier.sources.total),
            },
            timers: TimerMetrics {
                armed: self.timers.armed,
                total: rise(self.timers.total, earlier.timers.total),
                lateness: times_since(&self.timers.lateness, &earlier.timers.lateness),
            },
            cached_reads: CachedReadMetrics {
                hits: rise(self.cached_reads.hits, earlier.cached_reads.hits),
                misses: rise(self.cached_reads.misses, earlier.cached_reads.misses),
            },
            pool: pool_since(&self.pool, &earlier.pool),
            poll_times: times_since(&self.poll_times, &earlier.poll_times),
            job_times,
        }
    }
}

impl PhaseMetrics {
    fn since(&self, earlier: &PhaseMetrics) -> PhaseMetrics {
        PhaseMetrics {
            callbacks: rise(self.callbacks, earlier.callbacks),
            polls: rise(self.polls, earlier.polls),
            time: times_since(&self.time, &earlier.time),
        }
    }
}

impl TaskMetrics {
    fn since(&self, earlier: &TaskMetrics) -> TaskMetrics {
        TaskMetrics {
            alive: self.alive,
            spawned: rise(self.spawned, earlier.spawned),
            finished: rise(self.finished, earlier.finished),
            panicked: rise(self.panicked, earlier.panicked),
            aborted: rise(self.aborted, earlier.aborted),
        }
    }
}

impl WakeMetrics {
    fn since(&self, earlier: &WakeMetrics) -> WakeMetrics {
        WakeMetrics {
            queued: rise(self.queued, earlier.queued),
            timers: rise(self.timers, earlier.timers),
            sources: rise(self.sources, earlier.sources),
            signals: rise(self.signals, earlier.signals),
            messages: rise(self.messages, earlier.messages),
            immediates: rise(self.immediates, earlier.immediates),
            closes: rise(self.closes, earlier.closes),
        }
    }
}

impl DeferredMetrics {
    fn since(&self, earlier: &DeferredMetrics) -> DeferredMetrics {
        DeferredMetrics {
            phase_budget: rise(self.phase_budget, earlier.phase_budget),
            task_budget: rise(self.task_budget, earlier.task_budget),
            events: rise(self.events, earlier.events),
        }
    }
}

fn pool_since(later: &PoolStats, earlier: &PoolStats) -> PoolStats {
    PoolStats {
        plain: class_since(&later.plain, &earlier.plain),
        dns: class_since(&later.dns, &earlier.dns),
        cpu: class_since(&later.cpu, &earlier.cpu),
        worker_threads: later.worker_threads.clone(),
        cpu_threads: later.cpu_threads.clone(),
    }
}

fn class_since(later: &ClassStats, earlier: &ClassStats) -> ClassStats {
    let waited = later.waited.zip(earlier.waited);
    ClassStats {
        queued: later.queued,
        running: later.running,
        done: rise(later.done, earlier.done),
        cancelled: rise(later.cancelled, earlier.cancelled),
        waited: waited.map(|(later, earlier)| later.saturating_sub(earlier)),
    }
}
