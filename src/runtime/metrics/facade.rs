//! With the feature `metrics-facade`: the numbers of a runtime, for recorders of `metrics`.

use ::metrics::{Key, Label, Level, Metadata, Recorder, Unit, with_recorder};

use super::families::{self, Family, FamilyKind, FamilyVisitor, Number, Sample, Times};
use super::{Handle, Metrics};
use crate::time::{Duration, interval};

/// Feeds the recorder of the crate [`metrics`](::metrics) with the numbers of a runtime, with the
/// feature `metrics-facade`.
///
/// What it sends is what [`Metrics::to_prometheus`] writes, under the same names, but without the
/// suffix `_total`, and with the same labels. If the runtime has a
/// [name](crate::runtime::Builder::name), each key has it as the label `runtime`; give each runtime
/// of a process a name of its own. The times `quintet_active_seconds` and `quintet_idle_seconds`
/// are gauges, because counters of that crate are whole numbers.
///
/// A runtime with [`Builder::measure`](crate::runtime::Builder::measure) has histograms, whose
/// values are in seconds. Each duration is sent as the end of its bucket, see
/// [`Histogram`](crate::runtime::Histogram): at most a quarter too long, and never too short.
///
/// The crate `metrics` has a version below 1. When quintet moves to another one, which a minor
/// release may do, a recorder of the old one gets nothing.
///
/// # Examples
///
/// ```
/// use quintet::runtime::{Handle, MetricsFeed};
/// use quintet::time::Duration;
///
/// # quintet::block_on(async {
/// // Install a recorder before, for example that of `metrics-exporter-prometheus`.
/// let feed = MetricsFeed::new(Handle::current());
/// let task = quintet::spawn(feed.send_each(Duration::from_secs(5)));
/// // The feed does not keep the runtime alive.
/// task.unref();
/// # });
/// ```
#[derive(Debug)]
pub struct MetricsFeed {
    handle: Handle,
    /// The numbers that were sent last.
    sent: Option<Metrics>,
}

impl MetricsFeed {
    /// Makes a feed of the numbers of a runtime. It sends nothing yet.
    pub fn new(handle: Handle) -> Self {
        MetricsFeed { handle, sent: None }
    }

    /// Sends the present numbers to the recorder of this thread, or of the process.
    ///
    /// The first call also describes them. Histograms get what has been recorded since the call
    /// before. It may be called on any thread; [`Metrics`] says how new the numbers are there.
    ///
    /// # Examples
    ///
    /// ```
    /// use quintet::runtime::{Builder, MetricsFeed};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = Builder::new().name("worker").build()?;
    /// let mut feed = MetricsFeed::new(runtime.handle().clone());
    /// runtime.block_on(async { /* … */ });
    /// feed.send();
    /// # Ok(())
    /// # }
    /// ```
    pub fn send(&mut self) {
        let now = self.handle.metrics();
        let new = match &self.sent {
            Some(sent) => now.since(sent),
            None => now.clone(),
        };
        with_recorder(|recorder| {
            families::visit(&mut Feeding {
                recorder,
                is_first: self.sent.is_none(),
                now: &now,
                new: &new,
            });
        });
        self.sent = Some(now);
    }

    /// Sends the numbers at once, and then after each `period`. It never completes.
    ///
    /// # Panics
    ///
    /// If `period` is zero.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, nothing more is sent.
    pub async fn send_each(mut self, period: Duration) {
        let mut interval = interval(period);
        loop {
            interval.tick().await;
            self.send();
        }
    }
}

/// What is sent to a recorder at once.
struct Feeding<'a> {
    recorder: &'a dyn Recorder,
    is_first: bool,
    now: &'a Metrics,
    /// What has been counted since the last time.
    new: &'a Metrics,
}

const METADATA: Metadata<'static> = Metadata::new("quintet", Level::INFO, Some(module_path!()));

impl FamilyVisitor for Feeding<'_> {
    fn numbers(&mut self, family: Family, samples: fn(&Metrics) -> Vec<Sample>) {
        self.describe(family);
        for (label, number) in samples(self.now) {
            let key = self.key(family, label);
            match number {
                Number::Count(count) if family.kind == FamilyKind::Counter => {
                    self.recorder
                        .register_counter(&key, &METADATA)
                        .absolute(count);
                }
                number => {
                    let value = match number {
                        Number::Count(count) => count as f64,
                        Number::Seconds(duration) => duration.as_secs_f64(),
                    };
                    self.recorder.register_gauge(&key, &METADATA).set(value);
                }
            }
        }
    }

    fn times(&mut self, family: Family, of: fn(&Metrics) -> Vec<Times<'_>>) {
        let measured: Vec<_> = of(self.new)
            .into_iter()
            .filter_map(|(label, times)| Some((label, times?)))
            .collect();
        if !measured.is_empty() {
            self.describe(family);
        }
        for (label, times) in measured {
            let key = self.key(family, label);
            let histogram = self.recorder.register_histogram(&key, &METADATA);
            for (limit, count) in times.buckets() {
                let longest = limit.min(times.max()).as_secs_f64();
                histogram.record_many(longest, count as usize);
            }
        }
    }
}

impl Feeding<'_> {
    fn describe(&self, family: Family) {
        if !self.is_first {
            return;
        }
        let name = full_name(family).into();
        let is_in_seconds = family.is_in_seconds();
        let unit = Some(if is_in_seconds {
            Unit::Seconds
        } else {
            Unit::Count
        });
        let help = family.help.into();
        match family.kind {
            FamilyKind::Counter if !is_in_seconds => {
                self.recorder.describe_counter(name, unit, help);
            }
            FamilyKind::Counter | FamilyKind::Gauge => {
                self.recorder.describe_gauge(name, unit, help);
            }
            FamilyKind::Histogram => self.recorder.describe_histogram(name, unit, help),
        }
    }

    fn key(&self, family: Family, label: Option<(&'static str, &'static str)>) -> Key {
        let runtime = self.now.name.clone();
        let runtime = runtime.map(|name| Label::new("runtime", name));
        let label = label.map(|(key, value)| Label::from_static_parts(key, value));
        let labels: Vec<Label> = runtime.into_iter().chain(label).collect();
        Key::from_parts(full_name(family), labels)
    }
}

fn full_name(family: Family) -> String {
    format!("quintet_{}", family.name)
}
