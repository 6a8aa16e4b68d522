//! The clock of a loop, in nanoseconds since the loop was created.
//!
//! A `u64` holds 584 years. The clock is the system's monotonic clock: it stops while the machine
//! is suspended, and never goes back. It can be *paused*. A paused clock moves only by
//! `advance_to`, and continues from there when it is resumed.

#[cfg_attr(
    any(quintet_portable, not(any(target_os = "linux", target_os = "android"))),
    path = "clock/coarse/portable.rs"
)]
mod coarse;
mod cpu_time;
pub(crate) mod instant;
mod stopwatch;
mod system;
mod thread_timer;
#[cfg_attr(
    any(quintet_portable, not(any(target_os = "linux", target_os = "android"))),
    path = "clock/thread_times/portable.rs"
)]
pub(crate) mod thread_times;

use std::cell::Cell;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::primitive;
use coarse::Coarse;
use stopwatch::Stopwatch;

pub(crate) use cpu_time::thread_cpu_time;
pub(crate) use thread_timer::ThreadTimer;

/// A deadline that never comes.
pub(crate) const NEVER: u64 = u64::MAX;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// The distance of an instant that stands for "never". No monotonic clock is within thirty years of
/// its end, because these clocks start with the machine.
const FAR: Duration = Duration::from_secs(86_400 * 365 * 30);

/// A deadline that is ahead of the coarse clock by more than this has not passed. The coarse clock
/// lags by at most one tick of the kernel, 10 ms.
const COARSE_MARGIN: u64 = 50_000_000;

/// Deadlines within this time from now are not compared with the coarse clock first.
const NEAR: Duration = Duration::from_nanos(2 * COARSE_MARGIN);

thread_local! {
    /// Whether the clock of a loop of this thread, or of a job on this thread, may be virtual.
    static IS_ANY_VIRTUAL: Cell<bool> = const { Cell::new(false) };
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Clock {
    origin: Instant,
    coarse: Coarse,
    /// A deadline before this instant is compared with an exact reading at once.
    near_until: Cell<Instant>,
    /// The instant at which the clock was last started, and its time then.
    running_since: Cell<(Instant, u64)>,
    /// The time of the clock while it is paused.
    paused_at: Cell<Option<u64>>,
    /// The result of the last reading.
    recent: Cell<u64>,
    remote_clock: Arc<RemoteClock>,
}

/// The part of a clock that other threads read.
#[derive(Debug)]
pub(crate) struct RemoteClock {
    shown: Mutex<SharedTime>,
    active: Stopwatch,
}

#[derive(Clone, Copy, Debug, Default)]
enum SharedTime {
    /// The system's time.
    #[default]
    System,
    /// The time of a paused clock.
    Paused(Instant),
    /// The clock was resumed at the first instant. Its time was the second instant then.
    Running(Instant, Instant),
}

impl RemoteClock {
    /// The current time of the clock, if it may differ from the system's.
    pub(crate) fn virtual_now(&self) -> Option<Instant> {
        match *self.lock() {
            SharedTime::System => None,
            SharedTime::Paused(now) => Some(now),
            SharedTime::Running(since, shown) => Some(shown + since.elapsed()),
        }
    }

    pub(crate) fn is_paused(&self) -> bool {
        matches!(*self.lock(), SharedTime::Paused(_))
    }

    /// For how long the loop was active: while it runs and does not wait.
    #[inline]
    pub(crate) fn active(&self) -> &Stopwatch {
        &self.active
    }

    fn set(&self, shown: SharedTime) {
        *self.lock() = shown;
    }

    fn lock(&self) -> MutexGuard<'_, SharedTime> {
        primitive::lock(&self.shown)
    }
}

impl Clock {
    pub(crate) fn new() -> Self {
        // Before the origin, so that the coarse time lags by at most one tick of the kernel.
        let coarse = Coarse::new();
        let origin = Instant::now();
        Clock {
            origin,
            coarse,
            near_until: Cell::new(origin),
            running_since: Cell::new((origin, 0)),
            paused_at: Cell::new(None),
            recent: Cell::new(0),
            remote_clock: Arc::new(RemoteClock {
                shown: Mutex::default(),
                active: Stopwatch::new(),
            }),
        }
    }

    /// The part of the clock that other threads read.
    pub(crate) fn remote_clock(&self) -> &Arc<RemoteClock> {
        &self.remote_clock
    }

    /// For how long the loop was active.
    #[inline]
    pub(crate) fn active(&self) -> &Stopwatch {
        self.remote_clock.active()
    }

    /// Reads the clock: nanoseconds since the origin.
    pub(crate) fn now(&self) -> u64 {
        let now = match self.paused_at.get() {
            Some(now) => now,
            None => self.running_time_at(Instant::now()),
        };
        self.recent.set(now);
        now
    }

    /// The time of the clock at an instant that has just been read from the system.
    pub(crate) fn time_at(&self, instant: Instant) -> u64 {
        let paused_at = self.paused_at.get();
        paused_at.unwrap_or_else(|| self.running_time_at(instant))
    }

    fn running_time_at(&self, instant: Instant) -> u64 {
        let (since, shown) = self.running_since.get();
        shown.saturating_add(nanos(instant.saturating_duration_since(since)))
    }

    /// Returns `deadline` in nanoseconds, or the current time if that is later.
    pub(crate) fn not_before_now(&self, deadline: Instant) -> u64 {
        if is_any_virtual() {
            return self.not_before_virtual_now(deadline);
        }
        if deadline > self.near_until.get()
            && let Some(nanos) = self.not_passed_by_coarse(deadline)
        {
            return nanos;
        }
        let now = Instant::now();
        if deadline > now {
            return self.nanos_at(deadline);
        }
        let now = self.nanos_at(now);
        self.recent.set(now);
        now
    }

    fn not_before_virtual_now(&self, deadline: Instant) -> u64 {
        self.nanos_at(deadline).max(self.now())
    }

    /// Returns `deadline` as nanoseconds if the coarse clock shows that it has not passed. Reading
    /// that clock takes a tenth of the time of an exact reading, and most timeouts are not close.
    fn not_passed_by_coarse(&self, deadline: Instant) -> Option<u64> {
        let nanos = self.nanos_at(deadline);
        if nanos > self.coarse.now().saturating_add(COARSE_MARGIN) {
            return Some(nanos);
        }
        self.near_until.set(Instant::now() + NEAR);
        None
    }

    /// The result of the last reading, for uses that need no exact time.
    pub(crate) fn recent(&self) -> u64 {
        self.recent.get()
    }

    /// Reads the clock, as an instant.
    pub(crate) fn instant(&self) -> Instant {
        self.instant_at(self.now())
    }

    /// Converts a time of the clock to an instant. If the instant overflows, returns the origin
    /// plus [`FAR`].
    pub(crate) fn instant_at(&self, nanos: u64) -> Instant {
        let instant = self.origin.checked_add(Duration::from_nanos(nanos));
        instant.unwrap_or_else(|| self.origin + FAR)
    }

    /// Converts an instant to a time of the clock: zero before the origin, and [`NEVER`] if it
    /// overflows.
    pub(crate) fn nanos_at(&self, instant: Instant) -> u64 {
        nanos(instant.saturating_duration_since(self.origin))
    }

    /// Whether the clock was ever paused, so that it may differ from the system's time.
    pub(crate) fn is_virtual(&self) -> bool {
        self.is_paused() || self.running_since.get().0 != self.origin
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.paused_at.get().is_some()
    }

    /// Stops the clock.
    pub(crate) fn pause(&self) {
        IS_ANY_VIRTUAL.set(true);
        self.paused_at.set(Some(self.now()));
        self.remote_clock.set(SharedTime::Paused(self.instant()));
    }

    /// Starts a paused clock from its current time.
    pub(crate) fn resume(&self) {
        if let Some(now) = self.paused_at.take() {
            let since = Instant::now();
            self.running_since.set((since, now));
            self.remote_clock
                .set(SharedTime::Running(since, self.instant_at(now)));
        }
    }

    /// Advances a paused clock to `nanos`, if that is later than its current time.
    pub(crate) fn advance_to(&self, nanos: u64) {
        let now = self.now();
        debug_assert!(self.is_paused(), "only a paused clock can be advanced");
        // At `NEVER`, timers would fire that must never fire.
        self.paused_at.set(Some(nanos.clamp(now, NEVER - 1)));
        self.remote_clock.set(SharedTime::Paused(self.instant()));
    }
}

/// Notes that this thread runs a job, or has entered a runtime, whose clock may be virtual.
pub(crate) fn expect_virtual() {
    IS_ANY_VIRTUAL.set(true);
}

/// Whether the clock of a loop of this thread, or of a job on this thread, may be virtual.
pub(crate) fn is_any_virtual() -> bool {
    IS_ANY_VIRTUAL.get()
}

/// The time from `now` to `deadline`, or zero if the deadline has passed.
pub(crate) fn until(deadline: u64, now: u64) -> Duration {
    Duration::from_nanos(deadline.saturating_sub(now))
}

/// Converts a duration to nanoseconds, or to [`NEVER`] if it overflows.
pub(crate) fn nanos(duration: Duration) -> u64 {
    let seconds = duration.as_secs().checked_mul(NANOS_PER_SECOND);
    let nanos = seconds.and_then(|nanos| nanos.checked_add(u64::from(duration.subsec_nanos())));
    nanos.unwrap_or(NEVER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paused_clock_only_advances_explicitly_and_resumes_from_there() {
        let clock = Clock::new();
        assert!(!clock.is_virtual());
        clock.pause();
        let start = clock.now();

        clock.advance_to(start + 5_000_000_000);
        clock.advance_to(start);

        assert_eq!(clock.now(), start + 5_000_000_000);
        assert_eq!(clock.nanos_at(clock.instant()), clock.now());
        clock.resume();
        assert!(!clock.is_paused());
        assert!(clock.is_virtual());
        assert!(clock.now() >= start + 5_000_000_000);
    }

    #[test]
    fn a_passed_deadline_counts_as_the_current_time() {
        let clock = Clock::new();
        let start = clock.now();

        let past = clock.not_before_now(clock.origin);

        assert!((start..=clock.now()).contains(&past));
        assert!(clock.recent() >= past, "it reads the clock");
        let hour = 3600 * NANOS_PER_SECOND;
        let (before, after) = (start + hour - 1, start + hour + 1);
        assert_eq!(clock.not_before_now(clock.instant_at(after)), after);
        clock.pause();
        clock.advance_to(start + hour);
        assert_eq!(clock.not_before_now(clock.instant_at(before)), start + hour);
        assert_eq!(clock.not_before_now(clock.instant_at(after)), after);
    }

    #[test]
    fn a_future_deadline_is_kept_both_near_and_far() {
        let clock = Clock::new();
        let start = clock.now();
        for ahead in [COARSE_MARGIN / 2, COARSE_MARGIN * 3, NANOS_PER_SECOND] {
            // The second time, the clock knows which deadlines are close.
            for _ in 0..2 {
                let deadline = clock.now() + ahead;
                assert_eq!(clock.not_before_now(clock.instant_at(deadline)), deadline);
            }
        }
        assert!(clock.not_before_now(clock.instant_at(start)) > start);
    }

    #[test]
    fn the_clock_never_reaches_never() {
        let clock = Clock::new();
        clock.pause();

        clock.advance_to(NEVER);

        assert_eq!(clock.now(), NEVER - 1);
        let _no_overflow = clock.instant();
    }
}
