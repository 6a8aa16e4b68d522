//! Metrics as text for Prometheus.

use std::fmt::{self, Display, Write};
use std::time::Duration;

use super::families::{
    self, Family, FamilyKind, FamilyVisitor, Number, Sample, SampleLabel, Times,
};
use super::{Histogram, Metrics};

impl Metrics {
    /// Returns the numbers in the text format of [OpenMetrics 1.0], which Prometheus reads.
    ///
    /// Serve it with the content type [`Metrics::CONTENT_TYPE`]; the example `file_server` does,
    /// with its option `--metrics`. All names begin with `quintet_`. If the runtime has a
    /// [name](super::super::Builder::name), it is the label `runtime` of each sample. Histograms
    /// are there if the runtime [measures](super::super::Builder::measure). Names and labels stay,
    /// and others may be added.
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
    #[inline]
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
    #[inline]
    pub fn prometheus_of(all: &[Metrics]) -> String {
        let mut text = Exposition {
            text: String::new(),
            all,
        };
        families::visit(&mut text);
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

/// The text while it is made.
struct Exposition<'a> {
    text: String,
    all: &'a [Metrics],
}

impl Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Number::Count(count) => count.fmt(f),
            Number::Seconds(duration) => duration.as_secs_f64().fmt(f),
        }
    }
}

impl FamilyVisitor for Exposition<'_> {
    #[inline]
    fn numbers(&mut self, family: Family, samples: fn(&Metrics) -> Vec<Sample>) {
        self.head(family);
        let name = family.name;
        let suffix = match family.kind {
            FamilyKind::Counter => "_total",
            FamilyKind::Gauge | FamilyKind::Histogram => "",
        };
        for metrics in self.all {
            for (label, number) in samples(metrics) {
                let labels = Labels(metrics.name.as_deref(), label, None);
                self.line(format_args!("quintet_{name}{suffix}{labels} {number}"));
            }
        }
    }

    /// Adds a family of histograms, unless none of the runtimes measures.
    #[inline]
    fn times(&mut self, family: Family, of: fn(&Metrics) -> Vec<Times<'_>>) {
        let all = self.all;
        if !all.iter().flat_map(of).any(|(_, times)| times.is_some()) {
            return;
        }
        self.head(family);
        for metrics in all {
            for (label, times) in of(metrics) {
                if let Some(times) = times {
                    self.histogram(family.name, (metrics.name.as_deref(), label), times);
                }
            }
        }
    }
}

impl Exposition<'_> {
    /// Adds the lines about a family of samples.
    #[inline]
    fn head(&mut self, family: Family) {
        let Family { name, kind, help } = family;
        let kind = match kind {
            FamilyKind::Counter => "counter",
            FamilyKind::Gauge => "gauge",
            FamilyKind::Histogram => "histogram",
        };
        self.line(format_args!("# TYPE quintet_{name} {kind}"));
        if family.is_in_seconds() {
            self.line(format_args!("# UNIT quintet_{name} seconds"));
        }
        self.line(format_args!("# HELP quintet_{name} {help}"));
    }

    #[inline]
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
