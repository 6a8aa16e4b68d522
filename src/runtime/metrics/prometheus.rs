//! Metrics as text for Prometheus.

use std::fmt::{self, Display, Write};
use std::time::Duration;

use super::{Histogram, Metrics, Phase, PhaseMetrics};
use crate::blocking::{Class, ClassStats};

impl Metrics {
    /// Returns the numbers in the text format of [OpenMetrics 1.0], which Prometheus reads.
    ///
    /// Serve it with the content type [`Metrics::CONTENT_TYPE`]; the example `file_server` does.
    /// All names begin with `quintet_`. If the runtime has a [name](super::super::Builder::name),
    /// it is the label `runtime` of each sample. Histograms are there if the runtime
    /// [measures](super::super::Builder::measure). Names and labels stay, and others may be added.
    ///
    /// For several runtimes of one process see [`prometheus_of`](Metrics::prometheus_of).
    ///
    /// [OpenMetrics 1.0]: https://prometheus.io/docs/specs/om/open_metrics_spec/
    ///
    /// # Examples
    ///
    /// ```
    /// # quintet::block_on(async {
    /// let text = quintet::runtime::metrics().to_prometheus();
    /// assert!(text.contains("# TYPE quintet_ticks counter\n"));
    /// assert!(text.contains("\nquintet_ticks_total 0\n"));
    /// assert!(text.ends_with("# EOF\n"));
    /// # });
    /// ```
    pub fn to_prometheus(&self) -> String {
        Metrics::prometheus_of(std::slice::from_ref(self))
    }

    /// Returns the numbers of several runtimes in one text, like
    /// [`to_prometheus`](Metrics::to_prometheus). Give each runtime a name of its own, so that the
    /// samples differ by their label `runtime`.
    ///
    /// # Examples
    ///
    /// ```
    /// use quintet::runtime::{Builder, Metrics};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let one = Builder::new().name("one").build()?;
    /// let other = Builder::new().name("other").build()?;
    /// let text = Metrics::prometheus_of(&[one.metrics(), other.metrics()]);
    /// assert!(text.contains("\nquintet_ticks_total{runtime=\"one\"} 0\n"));
    /// assert!(text.contains("\nquintet_ticks_total{runtime=\"other\"} 0\n"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn prometheus_of(all: &[Metrics]) -> String {
        let mut text = Exposition {
            text: String::new(),
            all,
        };
        text.loops();
        text.wakes();
        text.tasks();
        text.resources();
        text.jobs();
        text.times();
        text.text.push_str("# EOF\n");
        text.text
    }

    /// The content type of what [`to_prometheus`](Metrics::to_prometheus) returns.
    pub const CONTENT_TYPE: &'static str =
        "application/openmetrics-text; version=1.0.0; charset=utf-8";
}

/// The greatest durations of the buckets that are exposed, in nanoseconds: each is the end of a
/// bucket of a [`Histogram`], so the counts are exact. About 1 µs to 17 s, each four times the one
/// before.
const LIMITS: [u64; 13] = {
    let mut limits = [0; 13];
    let mut index = 0;
    while index < limits.len() {
        limits[index] = (1 << (10 + 2 * index)) - 1;
        index += 1;
    }
    limits
};

const COUNTER: &str = "counter";
const GAUGE: &str = "gauge";
const HISTOGRAM: &str = "histogram";

/// The text while it is made.
struct Exposition<'a> {
    text: String,
    all: &'a [Metrics],
}

/// What tells a sample from others of its family: a key and a value.
type SampleLabel = Option<(&'static str, &'static str)>;

type Sample = (SampleLabel, Number);

type Times<'a> = (SampleLabel, Option<&'a Histogram>);

enum Number {
    Count(u64),
    Seconds(Duration),
}

impl Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Number::Count(count) => count.fmt(f),
            Number::Seconds(duration) => duration.as_secs_f64().fmt(f),
        }
    }
}

fn plain(count: u64) -> Vec<Sample> {
    vec![(None, Number::Count(count))]
}

fn seconds(duration: Duration) -> Vec<Sample> {
    vec![(None, Number::Seconds(duration))]
}

fn labelled<const N: usize>(key: &'static str, counts: [(&'static str, u64); N]) -> Vec<Sample> {
    let sample = |(value, count)| (Some((key, value)), Number::Count(count));
    counts.into_iter().map(sample).collect()
}

fn by_class(metrics: &Metrics, count: impl Fn(&ClassStats) -> u64) -> Vec<Sample> {
    let counts = Class::ALL.map(|class| (class_name(class), count(metrics.pool.of(class))));
    labelled("class", counts)
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

fn by_phase(metrics: &Metrics, count: impl Fn(&PhaseMetrics) -> u64) -> Vec<Sample> {
    let phases = Phase::ALL.map(|phase| (phase_name(phase), count(metrics.phase(phase))));
    let mut samples = labelled("phase", [("start", count(&metrics.start))]);
    samples.extend(labelled("phase", phases));
    samples
}

impl Exposition<'_> {
    fn loops(&mut self) {
        self.family("ticks", COUNTER, "Ticks that have ended.", |m| {
            plain(m.ticks)
        });
        self.family("sleeps", COUNTER, "Waits for events.", |m| plain(m.sleeps));
        self.family(
            "active_seconds",
            COUNTER,
            "Time in which the loop was active.",
            |m| seconds(m.utilization.active),
        );
        self.family(
            "idle_seconds",
            COUNTER,
            "Time in which the loop was idle.",
            |m| seconds(m.utilization.idle),
        );
        self.family("callbacks", COUNTER, "Callbacks by phase.", |m| {
            by_phase(m, |phase| phase.callbacks)
        });
        self.family("polls", COUNTER, "Polls of tasks by phase.", |m| {
            by_phase(m, |phase| phase.polls)
        });
    }

    fn wakes(&mut self) {
        self.family("wakes", COUNTER, "What has woken tasks.", |m| {
            let wakes = &m.wakes;
            labelled(
                "by",
                [
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
        self.family(
            "deferred",
            COUNTER,
            "What was moved to the next tick.",
            |m| {
                let deferred = &m.deferred;
                labelled(
                    "by",
                    [
                        ("phase_budget", deferred.phase_budget),
                        ("task_budget", deferred.task_budget),
                        ("event", deferred.events),
                    ],
                )
            },
        );
        self.family(
            "queue_length",
            GAUGE,
            "Entries of the queues of the loop.",
            |m| {
                let queues = &m.queues;
                labelled(
                    "queue",
                    [
                        ("ready", queues.ready),
                        ("pending", queues.pending),
                        ("inbox", queues.inbox),
                    ],
                )
            },
        );
    }

    fn tasks(&mut self) {
        self.family("tasks_alive", GAUGE, "Tasks that have not finished.", |m| {
            plain(m.tasks.alive)
        });
        self.family("tasks_spawned", COUNTER, "Tasks that were spawned.", |m| {
            plain(m.tasks.spawned)
        });
        self.family("tasks_finished", COUNTER, "Tasks that have ended.", |m| {
            let tasks = &m.tasks;
            let failed = tasks.panicked + tasks.aborted;
            labelled(
                "outcome",
                [
                    ("returned", tasks.finished.saturating_sub(failed)),
                    ("panicked", tasks.panicked),
                    ("aborted", tasks.aborted),
                ],
            )
        });
    }

    fn resources(&mut self) {
        self.family("sources", GAUGE, "Descriptors that are registered.", |m| {
            plain(m.sources.registered)
        });
        self.family(
            "sources_registered",
            COUNTER,
            "Registrations of descriptors.",
            |m| plain(m.sources.total),
        );
        self.family("timers", GAUGE, "Timers that have not fired.", |m| {
            plain(m.timers.armed)
        });
        self.family("timers_armed", COUNTER, "Timers that were armed.", |m| {
            plain(m.timers.total)
        });
        self.family(
            "cached_reads",
            COUNTER,
            "Files tried in the page cache.",
            |m| {
                let reads = &m.cached_reads;
                labelled("result", [("hit", reads.hits), ("miss", reads.misses)])
            },
        );
    }

    fn jobs(&mut self) {
        self.family("jobs_queued", GAUGE, "Jobs that wait for a thread.", |m| {
            by_class(m, |class| class.queued as u64)
        });
        self.family("jobs_running", GAUGE, "Jobs that run.", |m| {
            by_class(m, |class| class.running as u64)
        });
        self.family("jobs_done", COUNTER, "Jobs that have ended.", |m| {
            by_class(m, |class| class.done)
        });
        self.family("jobs_cancelled", COUNTER, "Jobs that never began.", |m| {
            by_class(m, |class| class.cancelled)
        });
        self.family("threads", GAUGE, "Threads for jobs.", |m| {
            let threads =
                [&m.pool.worker_threads, &m.pool.cpu_threads].map(|all| all.threads as u64);
            labelled("pool", [("worker", threads[0]), ("cpu", threads[1])])
        });
        self.family("threads_idle", GAUGE, "Threads without a job.", |m| {
            let threads = [&m.pool.worker_threads, &m.pool.cpu_threads].map(|all| all.idle as u64);
            labelled("pool", [("worker", threads[0]), ("cpu", threads[1])])
        });
    }

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

    /// Adds the lines about a family of samples.
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# TYPE quintet_{name} {kind}"));
        if name.ends_with("_seconds") {
            self.line(format_args!("# UNIT quintet_{name} seconds"));
        }
        self.line(format_args!("# HELP quintet_{name} {help}"));
    }

    fn family(
        &mut self,
        name: &str,
        kind: &'static str,
        help: &str,
        samples: impl Fn(&Metrics) -> Vec<Sample>,
    ) {
        self.head(name, kind, help);
        let suffix = if kind == COUNTER { "_total" } else { "" };
        for metrics in self.all {
            for (label, number) in samples(metrics) {
                let labels = Labels(metrics.name.as_deref(), label, None);
                self.line(format_args!("quintet_{name}{suffix}{labels} {number}"));
            }
        }
    }

    /// Adds a family of histograms, unless none of the runtimes measures.
    fn histograms(&mut self, name: &str, help: &str, of: impl Fn(&Metrics) -> Vec<Times<'_>>) {
        let all = self.all;
        if !all.iter().flat_map(&of).any(|(_, times)| times.is_some()) {
            return;
        }
        self.head(name, HISTOGRAM, help);
        for metrics in all {
            for (label, times) in of(metrics) {
                if let Some(times) = times {
                    self.histogram(name, (metrics.name.as_deref(), label), times);
                }
            }
        }
    }

    fn histogram(
        &mut self,
        name: &str,
        (runtime, label): (Option<&str>, SampleLabel),
        times: &Histogram,
    ) {
        for limit in LIMITS.map(Duration::from_nanos) {
            let count = times.count_up_to(limit);
            let limit = limit.as_secs_f64().to_string();
            let labels = Labels(runtime, label, Some(&limit));
            self.line(format_args!("quintet_{name}_bucket{labels} {count}"));
        }
        let (count, sum) = (times.count(), times.sum().as_secs_f64());
        let labels = Labels(runtime, label, Some("+Inf"));
        self.line(format_args!("quintet_{name}_bucket{labels} {count}"));
        let labels = Labels(runtime, label, None);
        self.line(format_args!("quintet_{name}_count{labels} {count}"));
        self.line(format_args!("quintet_{name}_sum{labels} {sum}"));
    }

    fn line(&mut self, line: fmt::Arguments<'_>) {
        // A string takes all that is written to it.
        let _never = writeln!(self.text, "{line}");
    }
}

/// The labels of a sample: the name of the runtime, one of the family, the limit of a bucket.
struct Labels<'a>(Option<&'a str>, SampleLabel, Option<&'a str>);

impl Display for Labels<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Labels(runtime, label, limit) = *self;
        let runtime = runtime.map(|name| ("runtime", name));
        let limit = limit.map(|limit| ("le", limit));
        let mut opening = '{';
        for (key, value) in [runtime, label, limit].into_iter().flatten() {
            write!(f, "{opening}{key}=\"")?;
            for c in value.chars() {
                match c {
                    '\\' => f.write_str("\\\\")?,
                    '"' => f.write_str("\\\"")?,
                    '\n' => f.write_str("\\n")?,
                    c => f.write_char(c)?,
                }
            }
            f.write_char('"')?;
            opening = ',';
        }
        match opening {
            '{' => Ok(()),
            _ => f.write_char('}'),
        }
    }
}
