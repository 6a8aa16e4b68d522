//! For how long something was the case, for any thread to read.

use rustix::time::ClockId;

use super::system::read;
use crate::primitive::{AtomicU64, Ordering};

/// A stopwatch that one thread starts and stops, and that any thread reads while it runs.
///
/// It counts in the system's monotonic time, which it reads itself: a reading takes a third of the
/// instructions of one of `Instant`, which matters at each wait of a loop.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    /// When it was made.
    origin: u64,
    /// While it stands: the nanoseconds that it shows. While it runs, with [`RUNS`]: when, after
    /// its origin, it would have been started, had it run without a break. So a reading is of one
    /// moment: there is no second word that could be of another.
    state: AtomicU64,
}

const RUNS: u64 = 1 << 63;

impl Stopwatch {
    pub(super) fn new() -> Self {
        Stopwatch {
            origin: read(ClockId::Monotonic),
            state: AtomicU64::new(0),
        }
    }

    /// Starts the watch. If it runs, it goes on.
    #[inline]
    pub(crate) fn start(&self) {
        self.start_at(self.now());
    }

    /// Stops the watch, if it runs.
    #[inline]
    pub(crate) fn stop(&self) {
        self.stop_at(self.now());
    }

    #[inline]
    fn start_at(&self, now: u64) {
        let shown = self.state.load(Ordering::Relaxed);
        if shown & RUNS == 0 {
            self.state.store(RUNS | (now - shown), Ordering::Relaxed);
        }
    }

    #[inline]
    fn stop_at(&self, now: u64) {
        let state = self.state.load(Ordering::Relaxed);
        if state & RUNS != 0 {
            self.state.store(now - (state & !RUNS), Ordering::Relaxed);
        }
    }

    /// Returns the nanoseconds since the origin, and for how many of them the watch has run.
    pub(crate) fn read(&self) -> (u64, u64) {
        let now = self.now();
        let state = self.state.load(Ordering::Relaxed);
        let shown = match state & RUNS {
            0 => state,
            // It may have been started after this thread has read the time.
            _ => now.saturating_sub(state & !RUNS),
        };
        (now, shown.min(now))
    }

    #[inline]
    fn now(&self) -> u64 {
        read(ClockId::Monotonic) - self.origin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_shows_for_how_long_it_has_run() {
        let watch = Stopwatch::new();
        assert_eq!(watch.read().1, 0);
        watch.stop_at(5);
        watch.start_at(10);
        watch.start_at(20);
        watch.stop_at(30);
        assert_eq!(watch.state.load(Ordering::Relaxed), 20);
        watch.stop_at(99);
        watch.start_at(100);
        watch.stop_at(101);
        assert_eq!(watch.state.load(Ordering::Relaxed), 21);
    }

    #[test]
    fn while_it_runs_it_shows_more_and_more() {
        let watch = Stopwatch::new();
        watch.start();
        let (before, shown) = watch.read();
        while watch.now() - before < 1000 {}
        let (after, later) = watch.read();
        assert_eq!(later - shown, after - before, "it has run all the time");
        watch.stop();
        let stopped = watch.read().1;
        assert!(stopped >= later);
        while watch.now() - after < 2000 {}
        assert_eq!(watch.read().1, stopped);
    }
}
