//! The loop's clock: nanoseconds since the loop was made.
//!
//! Timers count in one `u64`, which reaches 584 years. The clock is the system's monotonic one: it
//! stands still while the machine is suspended, and never goes back.

use std::time::{Duration, Instant};

/// A deadline that never comes.
pub(crate) const NEVER: u64 = u64::MAX;

/// Reads the time and turns instants into ticks of it.
#[derive(Debug)]
pub(crate) struct Clock {
    origin: Instant,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Clock {
            origin: Instant::now(),
        }
    }

    /// Nanoseconds since the origin.
    pub(crate) fn now(&self) -> u64 {
        self.nanos_at(Instant::now())
    }

    /// `instant` as nanoseconds: zero if it lies before the origin, [`NEVER`] past the clock's end.
    pub(crate) fn nanos_at(&self, instant: Instant) -> u64 {
        let since = instant.saturating_duration_since(self.origin);
        u64::try_from(since.as_nanos()).unwrap_or(NEVER)
    }
}

/// How long it is from `now` to `deadline`; nothing if it has passed.
pub(crate) fn until(deadline: u64, now: u64) -> Duration {
    Duration::from_nanos(deadline.saturating_sub(now))
}
