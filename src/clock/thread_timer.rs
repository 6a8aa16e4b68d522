//! Measures how long user code keeps a thread, in real time even while the loop's clock is paused.

use std::cell::Cell;
use std::time::{Duration, Instant};

use super::{nanos, thread_times};

/// See the [module](self). It belongs to one thread.
///
/// A start and an end read the clock once each. For a measurement that turns out to be long, the
/// time for which the thread has waited for a processor is subtracted, so that a busy machine does
/// not look like a blocked thread. To know it, the kernel's count is read at a start, if the last
/// reading is old. That takes a few microseconds.
#[derive(Debug)]
pub(crate) struct ThreadTimer {
    baseline: Cell<Option<Baseline>>,
    /// How old a reading may be.
    age_max: Duration,
}

/// For how long the thread had waited for a processor at some time.
#[derive(Clone, Copy, Debug)]
struct Baseline {
    read_at: Instant,
    waited: Option<u64>,
}

impl ThreadTimer {
    /// Creates a timer for measurements of this length. They come out too short by up to a quarter
    /// of it, if the thread has waited for a processor just before their start.
    pub(crate) fn new(length: Duration) -> Self {
        ThreadTimer {
            baseline: Cell::new(None),
            age_max: length / 4,
        }
    }

    /// Starts a measurement.
    pub(crate) fn start(&self) -> Instant {
        let now = Instant::now();
        match self.baseline.get() {
            Some(baseline) if now - baseline.read_at <= self.age_max => now,
            _ => self.start_anew(),
        }
    }

    #[cold]
    fn start_anew(&self) -> Instant {
        let waited = thread_times::waited_for_cpu();
        let read_at = Instant::now();
        self.baseline.set(Some(Baseline { read_at, waited }));
        read_at
    }

    /// Returns how much of `elapsed`, which has just ended, the thread has not waited for a
    /// processor. Where that is not known, it is all of it. Where the process may have been stopped
    /// by a debugger, it is nothing.
    pub(crate) fn kept(&self, elapsed: Duration) -> Duration {
        if thread_times::is_traced() {
            return Duration::ZERO;
        }
        let before = self.baseline.get().and_then(|baseline| baseline.waited);
        without_wait(elapsed, before, thread_times::waited_for_cpu())
    }
}

/// Subtracts the wait for a processor, if the kernel's count is known `before` and `after` it.
fn without_wait(elapsed: Duration, before: Option<u64>, after: Option<u64>) -> Duration {
    let waited = before.zip(after);
    let waited = waited.map_or(0, |(before, after)| after.saturating_sub(before));
    Duration::from_nanos(nanos(elapsed).saturating_sub(waited))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn time_of_waiting_for_a_processor_does_not_count() {
        let (sooner, later) = (Some(5_000_000_000), Some(7_000_000_000));
        let ten = Duration::from_secs(10);
        assert_eq!(without_wait(ten, sooner, later), Duration::from_secs(8));
        assert_eq!(without_wait(ten, sooner, sooner), ten);
        assert_eq!(without_wait(ten, None, later), ten);
        assert_eq!(without_wait(ten, sooner, None), ten);
        assert_eq!(
            without_wait(Duration::from_secs(1), sooner, later),
            Duration::ZERO
        );
    }

    #[test]
    fn the_count_of_the_kernel_is_read_again_when_it_is_old() {
        let timer = ThreadTimer::new(4 * HOUR);
        let first = timer.start();
        let second = timer.start();
        let read_at = |timer: &ThreadTimer| timer.baseline.get().map(|read| read.read_at);
        assert_eq!(read_at(&timer), Some(first));
        assert!(second >= first);

        let timer = ThreadTimer::new(Duration::ZERO);
        let first = timer.start();
        while Instant::now() == first {}
        let second = timer.start();
        assert_eq!(read_at(&timer), Some(second));
        assert!(timer.kept(HOUR) <= HOUR);
    }
}
