//! The families of numbers that are exposed: their names, what they mean, and their samples.

use std::time::Duration;

use super::{Histogram, Metrics, Phase, PhaseMetrics};
use crate::blocking::{Class, ClassStats};

/// A name, without its prefix, and what it means.
#[derive(Clone, Copy, Debug)]
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) kind: FamilyKind,
    pub(super) help: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FamilyKind {
    Counter,
    Gauge,
    Histogram,
}

/// What tells a sample from others of its family: a key and a value.
pub(super) type SampleLabel = Option<(&'static str, &'static str)>;

pub(super) type Sample = (SampleLabel, Number);

pub(super) type Times<'a> = (SampleLabel, Option<&'a Histogram>);

#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    Count(u64),
    Seconds(Duration),
}

/// Takes the families, one after another. Function pointers: so the code around them is compiled
/// once, and not for each family.
pub(super) trait FamilyVisitor {
    fn numbers(&mut self, family: Family, samples: fn(&Metrics) -> Vec<Sample>);

    fn times(&mut self, family: Family, of: fn(&Metrics) -> Vec<Times<'_>>);
}

impl Family {
    /// Whether its numbers are durations, in seconds.
    pub(super) fn is_in_seconds(&self) -> bool {
        self.name.ends_with("_seconds")
    }
}

/// Visits all families.
#[inline]
pub(super) fn visit(visitor: &mut dyn FamilyVisitor) {
    let mut families = Families(visitor);
    families.loops();
    families.wakes();
    families.tasks();
    families.resources();
    families.jobs();
    families.times();
}

struct Families<'a>(&'a mut dyn FamilyVisitor);

fn plain(count: u64) -> Vec<Sample> {
    vec![(None, Number::Count(count))]
}

fn seconds(duration: Duration) -> Vec<Sample> {
    vec![(None, Number::Seconds(duration))]
}

#[inline]
fn labelled(key: &'static str, counts: &[(&'static str, u64)]) -> Vec<Sample> {
    let sample = |&(value, count)| (Some((key, value)), Number::Count(count));
    counts.iter().map(sample).collect()
}

#[inline]
fn by_class(metrics: &Metrics, count: fn(&ClassStats) -> u64) -> Vec<Sample> {
    let counts = Class::ALL.map(|class| (class_name(class), count(metrics.pool.of(class))));
    labelled("class", &counts)
}

fn class_name(class: Class) -> &'static str {
    match class {
        Class::Plain => "plain",
        Class::Dns => "dns",
        Class::Cpu => "cpu",
    }
}

fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Timers => "timers",
        Phase::Pending => "pending",
        Phase::Poll => "poll",
        Phase::Check => "check",
        Phase::Close => "close",
    }
}

#[inline]
fn by_phase(metrics: &Metrics, count: fn(&PhaseMetrics) -> u64) -> Vec<Sample> {
    let phases = Phase::ALL.map(|phase| (phase_name(phase), count(metrics.phase(phase))));
    let mut samples = labelled("phase", &[("start", count(&metrics.start))]);
    samples.extend(labelled("phase", &phases));
    samples
}

impl Families<'_> {
    fn counter(
        &mut self,
        name: &'static str,
        help: &'static str,
        samples: fn(&Metrics) -> Vec<Sample>,
    ) {
        let kind = FamilyKind::Counter;
        self.0.numbers(Family { name, kind, help }, samples);
    }

    fn gauge(
        &mut self,
        name: &'static str,
        help: &'static str,
        samples: fn(&Metrics) -> Vec<Sample>,
    ) {
        let kind = FamilyKind::Gauge;
        self.0.numbers(Family { name, kind, help }, samples);
    }

    fn histograms(
        &mut self,
        name: &'static str,
        help: &'static str,
        of: fn(&Metrics) -> Vec<Times<'_>>,
    ) {
        let kind = FamilyKind::Histogram;
        self.0.times(Family { name, kind, help }, of);
    }

    #[inline]
    fn loops(&mut self) {
        self.counter("ticks", "Ticks that have ended.", |m| plain(m.ticks));
        self.counter("sleeps", "Waits for events.", |m| plain(m.sleeps));
        self.counter(
            "active_seconds",
            "Time in which the loop was active.",
            |m| seconds(m.utilization.active),
        );
        self.counter("idle_seconds", "Time in which the loop was idle.", |m| {
            seconds(m.utilization.idle)
        });
        self.counter("callbacks", "Callbacks by phase.", |m| {
            by_phase(m, |phase| phase.callbacks)
        });
        self.counter("polls", "Polls of tasks by phase.", |m| {
            by_phase(m, |phase| phase.polls)
        });
    }

    #[inline]
    fn wakes(&mut self) {
        self.counter("wakes", "What has woken tasks.", |m| {
            let wakes = &m.wakes;
            labelled(
                "by",
                &[
                    ("task", wakes.queued),
                    ("timer", wakes.timers),
                    ("source", wakes.sources),
                    ("signal", wakes.signals),
                    ("message", wakes.messages),
                    ("immediate", wakes.immediates),
                    ("close", wakes.closes),
                ],
            )
        });
        self.counter("deferred", "What was moved to the next tick.", |m| {
            let deferred = &m.deferred;
            labelled(
                "by",
                &[
                    ("phase_budget", deferred.phase_budget),
                    ("task_budget", deferred.task_budget),
                    ("event", deferred.events),
                ],
            )
        });
        self.gauge("queue_length", "Entries of the queues of the loop.", |m| {
            let queues = &m.queues;
            labelled(
                "queue",
                &[
                    ("ready", queues.ready),
                    ("pending", queues.pending),
                    ("inbox", queues.inbox),
                ],
            )
        });
    }

    #[inline]
    fn tasks(&mut self) {
        self.gauge("tasks_alive", "Tasks that have not finished.", |m| {
            plain(m.tasks.alive)
        });
        self.counter("tasks_spawned", "Tasks that were spawned.", |m| {
            plain(m.tasks.spawned)
        });
        self.counter("tasks_finished", "Tasks that have ended.", |m| {
            let tasks = &m.tasks;
            let failed = tasks.panicked + tasks.aborted;
            labelled(
                "outcome",
                &[
                    ("returned", tasks.finished.saturating_sub(failed)),
                    ("panicked", tasks.panicked),
                    ("aborted", tasks.aborted),
                ],
            )
        });
    }

    #[inline]
    fn resources(&mut self) {
        self.gauge("sources", "Descriptors that are registered.", |m| {
            plain(m.sources.registered)
        });
        self.counter("sources_registered", "Registrations of descriptors.", |m| {
            plain(m.sources.total)
        });
        self.gauge("timers", "Timers that have not fired.", |m| {
            plain(m.timers.armed)
        });
        self.counter("timers_armed", "Timers that were armed.", |m| {
            plain(m.timers.total)
        });
        self.counter("cached_reads", "Files tried in the page cache.", |m| {
            let reads = &m.cached_reads;
            labelled("result", &[("hit", reads.hits), ("miss", reads.misses)])
        });
    }

    #[inline]
    fn jobs(&mut self) {
        self.gauge("jobs_queued", "Jobs that wait for a thread.", |m| {
            by_class(m, |class| class.queued as u64)
        });
        self.gauge("jobs_running", "Jobs that run.", |m| {
            by_class(m, |class| class.running as u64)
        });
        self.counter("jobs_done", "Jobs that have ended.", |m| {
            by_class(m, |class| class.done)
        });
        self.counter("jobs_cancelled", "Jobs that never began.", |m| {
            by_class(m, |class| class.cancelled)
        });
        self.gauge("threads", "Threads for jobs.", |m| {
            let threads =
                [&m.pool.worker_threads, &m.pool.cpu_threads].map(|all| all.threads as u64);
            labelled("pool", &[("worker", threads[0]), ("cpu", threads[1])])
        });
        self.gauge("threads_idle", "Threads without a job.", |m| {
            let threads = [&m.pool.worker_threads, &m.pool.cpu_threads].map(|all| all.idle as u64);
            labelled("pool", &[("worker", threads[0]), ("cpu", threads[1])])
        });
    }

    #[inline]
    fn times(&mut self) {
        self.histograms("poll_duration_seconds", "How long polls took.", |m| {
            vec![(None, m.poll_times.as_ref())]
        });
        self.histograms("phase_duration_seconds", "How long phases took.", |m| {
            let time = |phase| {
                (
                    Some(("phase", phase_name(phase))),
                    m.phase(phase).time.as_ref(),
                )
            };
            Phase::ALL.map(time).into()
        });
        self.histograms(
            "timer_lateness_seconds",
            "How late timers have fired.",
            |m| vec![(None, m.timers.lateness.as_ref())],
        );
        self.histograms("job_wait_seconds", "How long jobs have waited.", |m| {
            let times = |class| m.job_times(class).map(|times| &times.waiting);
            Class::ALL
                .map(|class| (Some(("class", class_name(class))), times(class)))
                .into()
        });
        self.histograms("job_run_seconds", "How long jobs have run.", |m| {
            let times = |class| m.job_times(class).map(|times| &times.running);
            Class::ALL
                .map(|class| (Some(("class", class_name(class))), times(class)))
                .into()
        });
    }
}
