//! Histograms of durations, in about 1 KiB each.
//!
//! The buckets are log-linear, as those of `HdrHistogram`: each power of two is divided into four
//! buckets of the same width. So a value is known to a quarter of it, and no bucket has to be
//! chosen beforehand. There are 128 buckets, from 64 ns, below which they are 16 ns wide, to 137 s.

use std::fmt;
use std::time::Duration;

use super::Counter;
use crate::primitive::Ordering;

const BUCKETS: usize = 128;

/// Into how many buckets a power of two is divided, as a power of two.
const PARTS_BITS: u32 = 2;

/// The first powers of two have no buckets of their own: below, all buckets have the same width.
const FIRST_BITS: u32 = 6;

/// Counts durations, for any thread to read.
pub(crate) struct Recorder {
    buckets: [Counter; BUCKETS],
    sum: Counter,
    max: Counter,
}

/// The same for durations that several threads record.
#[derive(Default)]
pub(crate) struct SharedRecorder(Recorder);

/// The bucket of a value in nanoseconds. The last one has all that are greater.
fn bucket_of(nanos: u64) -> usize {
    let highest = nanos.max(1).ilog2();
    if highest < FIRST_BITS {
        return (nanos >> (FIRST_BITS - PARTS_BITS)) as usize;
    }
    let part = (nanos >> (highest - PARTS_BITS)) & ((1 << PARTS_BITS) - 1);
    let power = highest - FIRST_BITS + 1;
    (((power << PARTS_BITS) as usize) + part as usize).min(BUCKETS - 1)
}

/// The greatest value of a bucket.
fn greatest_in(bucket: usize) -> u64 {
    let (power, part) = ((bucket >> PARTS_BITS) as u32, bucket as u64 & 3);
    match power {
        0 => ((part + 1) << (FIRST_BITS - PARTS_BITS)) - 1,
        _ => (((part + 5) << (power - 1)) << (FIRST_BITS - PARTS_BITS)) - 1,
    }
}

impl Default for Recorder {
    fn default() -> Self {
        Recorder {
            buckets: [const { Counter::new() }; BUCKETS],
            sum: Counter::new(),
            max: Counter::new(),
        }
    }
}

impl Recorder {
    pub(crate) fn record(&self, nanos: u64) {
        self.buckets[bucket_of(nanos)].add(1);
        self.sum.add(nanos);
        if nanos > self.max.get() {
            self.max.set(nanos);
        }
    }

    pub(crate) fn histogram(&self) -> Histogram {
        Histogram {
            buckets: self.buckets.iter().map(Counter::get).collect(),
            sum: self.sum.get(),
            max: self.max.get(),
        }
    }
}

impl SharedRecorder {
    pub(crate) fn record(&self, nanos: u64) {
        let Recorder { buckets, sum, max } = &self.0;
        let add = |counter: &Counter, n| counter.0.fetch_add(n, Ordering::Relaxed);
        add(&buckets[bucket_of(nanos)], 1);
        add(sum, nanos);
        max.0.fetch_max(nanos, Ordering::Relaxed);
    }

    /// The sum of all, in nanoseconds.
    pub(crate) fn sum(&self) -> u64 {
        self.0.sum.get()
    }

    pub(crate) fn histogram(&self) -> Histogram {
        self.0.histogram()
    }
}

/// How long something took, each time: how often it took how long.
///
/// It takes about 1 KiB, whatever it has counted. Durations are counted in buckets, of which each
/// power of two has four of the same width, as those of `HdrHistogram`. So a
/// [quantile](Histogram::quantile) is at most a quarter above the true one, or 16 ns if that is
/// more, and never below it. Sum and maximum are exact.
///
/// # Examples
///
/// ```
/// use quintet::runtime::Builder;
/// use quintet::time::{Duration, sleep};
///
/// # fn main() -> std::io::Result<()> {
/// let runtime = Builder::new().measure(true).build()?;
/// runtime.block_on(sleep(Duration::from_millis(1)));
/// let lateness = runtime.metrics().timers.lateness.unwrap();
/// assert_eq!(lateness.count(), 1);
/// println!("the timer was {:?} late", lateness.max());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Histogram {
    buckets: Box<[u64]>,
    sum: u64,
    max: u64,
}

impl Histogram {
    /// Returns how many durations there are.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// Returns the sum of all durations.
    pub fn sum(&self) -> Duration {
        Duration::from_nanos(self.sum)
    }

    /// Returns the longest duration, or zero if there is none.
    ///
    /// In a [window](crate::runtime::Metrics::since) it is the longest from the start, unless the
    /// buckets show that it was before the window. Then it is the end of the highest bucket.
    pub fn max(&self) -> Duration {
        Duration::from_nanos(self.max)
    }

    /// Returns the mean duration, or zero if there is none.
    pub fn mean(&self) -> Duration {
        Duration::from_nanos(self.sum.checked_div(self.count()).unwrap_or(0))
    }

    /// Returns the duration that half of all durations do not exceed.
    pub fn p50(&self) -> Duration {
        self.quantile(0.5)
    }

    /// Returns the duration that 99 % of all durations do not exceed.
    pub fn p99(&self) -> Duration {
        self.quantile(0.99)
    }

    /// Returns a duration that the part `q` of all durations does not exceed, from 0 to 1, or zero
    /// if there is none. Its [error](Histogram) is at most a quarter.
    ///
    /// # Panics
    ///
    /// If `q` is not between 0 and 1.
    #[track_caller]
    pub fn quantile(&self, q: f64) -> Duration {
        assert!(
            (0.0..=1.0).contains(&q),
            "a quantile is a part of all durations, between 0 and 1, and not {q}"
        );
        let rank = ((self.count() as f64 * q).ceil() as u64).max(1);
        let mut seen = 0;
        for (bucket, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Duration::from_nanos(self.limit(bucket).min(self.max));
            }
        }
        self.max()
    }

    /// Returns the buckets that are not empty: the greatest duration that each may contain, and how
    /// many it contains.
    pub fn buckets(&self) -> impl Iterator<Item = (Duration, u64)> {
        let buckets = self.buckets.iter().enumerate();
        buckets
            .filter(|(_, count)| **count > 0)
            .map(|(bucket, count)| (Duration::from_nanos(self.limit(bucket)), *count))
    }

    /// Returns how many durations are at most as long as `limit`, to the precision of the buckets:
    /// those whose bucket ends there or earlier.
    pub(crate) fn count_up_to(&self, limit: Duration) -> u64 {
        let buckets = self.buckets();
        let below = buckets.filter(|(greatest, _)| *greatest <= limit);
        below.map(|(_, count)| count).sum()
    }

    /// The greatest value of a bucket. The last one has no end but the maximum.
    fn limit(&self, bucket: usize) -> u64 {
        match bucket == BUCKETS - 1 {
            true => self.max.max(greatest_in(bucket)),
            false => greatest_in(bucket),
        }
    }

    /// Returns the durations since `earlier`.
    pub(crate) fn since(&self, earlier: &Histogram) -> Histogram {
        let pairs = self.buckets.iter().zip(&earlier.buckets);
        let buckets: Box<[u64]> = pairs
            .map(|(later, earlier)| later.saturating_sub(*earlier))
            .collect();
        let mut window = Histogram {
            buckets,
            sum: self.sum.saturating_sub(earlier.sum),
            max: self.max,
        };
        if self.max == earlier.max {
            let highest = window.buckets.iter().rposition(|count| *count > 0);
            let limit = highest.map_or(0, |bucket| window.limit(bucket));
            window.max = limit.min(self.max);
        }
        window
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Histogram")
            .field("count", &self.count())
            .field("p50", &self.p50())
            .field("p99", &self.p99())
            .field("max", &self.max())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_each_other_without_a_gap() {
        assert_eq!(bucket_of(0), 0);
        for bucket in 0..BUCKETS - 1 {
            let greatest = greatest_in(bucket);
            assert_eq!(bucket_of(greatest), bucket, "{greatest}");
            assert_eq!(bucket_of(greatest + 1), bucket + 1, "{greatest}");
        }
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
        assert_eq!(greatest_in(BUCKETS - 1), (1 << 37) - 1);
        assert!(size_of::<Recorder>() <= 1040, "about 1 KiB");
    }

    #[test]
    fn quantiles_are_near_those_of_the_sorted_values() {
        for (seed, range) in [(1_u64, 1_000), (2, 1_000_000), (3, 100_000_000_000)] {
            let recorder = Recorder::default();
            let mut values = Vec::new();
            let mut state = seed;
            for _ in 0..5000 {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                let value = (state >> 20) % range;
                values.push(value);
                recorder.record(value);
            }
            values.sort_unstable();
            let histogram = recorder.histogram();
            assert_eq!(histogram.count(), 5000);
            assert_eq!(
                histogram.sum().as_nanos(),
                u128::from(values.iter().sum::<u64>())
            );
            assert_eq!(histogram.max().as_nanos(), u128::from(values[4999]));
            assert_eq!(histogram.mean(), histogram.sum() / 5000);
            for (q, index) in [
                (0.0, 0),
                (0.5, 2499),
                (0.9, 4499),
                (0.99, 4949),
                (1.0, 4999),
            ] {
                let exact = values[index];
                let found = histogram.quantile(q).as_nanos() as u64;
                assert!(found >= exact, "{q}: {found} is below {exact}");
                let error = found - exact;
                assert!(error < 16 || error * 4 <= exact, "{q}: {found} for {exact}");
            }
            assert_eq!(histogram.p50(), histogram.quantile(0.5));
            assert_eq!(histogram.p99(), histogram.quantile(0.99));
        }
    }

    #[test]
    fn several_threads_record_into_the_same_buckets_as_one() {
        let (one, shared) = (Recorder::default(), SharedRecorder::default());
        for bits in 0..40 {
            for nanos in [1 << bits, (1 << bits) + (1 << bits >> 1), (1 << bits) - 1] {
                one.record(nanos);
                shared.record(nanos);
            }
        }
        assert_eq!(shared.histogram(), one.histogram());
    }

    #[test]
    fn without_values_all_is_zero() {
        let histogram = Recorder::default().histogram();
        let zero = Duration::ZERO;
        assert_eq!(
            (histogram.p50(), histogram.max(), histogram.mean()),
            (zero, zero, zero)
        );
        assert_eq!(histogram.buckets().count(), 0);
    }

    #[test]
    fn the_longest_values_are_kept_exactly() {
        let shared = SharedRecorder::default();
        shared.record(1 << 50);
        shared.record(3);
        let histogram = shared.histogram();
        assert_eq!(shared.sum(), (1 << 50) + 3);
        assert_eq!(histogram.p99(), Duration::from_nanos(1 << 50));
        let last = histogram.buckets().last();
        assert_eq!(last, Some((Duration::from_nanos(1 << 50), 1)));
        assert_eq!(histogram.count_up_to(Duration::from_secs(1)), 1);
        assert_eq!(histogram.count_up_to(Duration::from_nanos(14)), 0);
    }

    #[test]
    fn a_window_has_what_came_later() {
        let recorder = Recorder::default();
        recorder.record(5_000_000);
        let before = recorder.histogram();
        recorder.record(100);
        let window = recorder.histogram().since(&before);
        assert_eq!(
            (window.count(), window.sum()),
            (1, Duration::from_nanos(100))
        );
        assert_eq!(
            window.max(),
            Duration::from_nanos(111),
            "the end of its bucket"
        );
        recorder.record(9_000_000);
        let window = recorder.histogram().since(&before);
        assert_eq!(window.max(), Duration::from_nanos(9_000_000));
    }
}
