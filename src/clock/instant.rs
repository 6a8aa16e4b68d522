//! A point in time, as users see it.

use std::fmt;
use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::time::Duration;

/// Stands for "never" where an instant must be given: some thirty years.
const FAR: Duration = Duration::from_secs(86_400 * 365 * 30);

/// A measurement of the loop's monotonic clock.
///
/// Like [`std::time::Instant`], from and into which it converts.
///
/// # Examples
///
/// ```
/// use quintet::time::{Duration, Instant};
///
/// let start = Instant::now();
/// assert!(start + Duration::from_secs(1) > start);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(std::time::Instant);

impl Instant {
    /// Converts from the standard library's type.
    pub fn from_std(instant: std::time::Instant) -> Self {
        Instant(instant)
    }

    /// Converts into the standard library's type.
    pub fn into_std(self) -> std::time::Instant {
        self.0
    }

    /// Returns the time since `earlier`; zero if that is later.
    pub fn duration_since(&self, earlier: Instant) -> Duration {
        self.0.saturating_duration_since(earlier.0)
    }

    /// Returns the time since `earlier`, or `None` if that is later.
    pub fn checked_duration_since(&self, earlier: Instant) -> Option<Duration> {
        self.0.checked_duration_since(earlier.0)
    }

    /// Returns the time since `earlier`; zero if that is later.
    pub fn saturating_duration_since(&self, earlier: Instant) -> Duration {
        self.0.saturating_duration_since(earlier.0)
    }

    /// Returns this instant plus `duration`, or `None` if the clock cannot say it.
    pub fn checked_add(&self, duration: Duration) -> Option<Self> {
        self.0.checked_add(duration).map(Instant)
    }

    /// Returns this instant minus `duration`, or `None` if the clock cannot say it.
    pub fn checked_sub(&self, duration: Duration) -> Option<Self> {
        self.0.checked_sub(duration).map(Instant)
    }

    /// Adds `duration`, or as much of it as the clock can say: a deadline that never comes.
    pub(crate) fn saturating_add(self, duration: Duration) -> Self {
        self.checked_add(duration).unwrap_or_else(|| {
            // No clock that counts from the machine's start is within thirty years of its end.
            Instant(self.0 + FAR)
        })
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    /// # Panics
    ///
    /// If the clock cannot say the result.
    fn add(self, duration: Duration) -> Instant {
        Instant(self.0 + duration)
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl Sub<Duration> for Instant {
    type Output = Instant;

    /// # Panics
    ///
    /// If the clock cannot say the result.
    fn sub(self, duration: Duration) -> Instant {
        Instant(self.0 - duration)
    }
}

impl SubAssign<Duration> for Instant {
    fn sub_assign(&mut self, duration: Duration) {
        *self = *self - duration;
    }
}

impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Instant) -> Duration {
        self.duration_since(earlier)
    }
}

impl From<std::time::Instant> for Instant {
    fn from(instant: std::time::Instant) -> Self {
        Instant(instant)
    }
}

impl From<Instant> for std::time::Instant {
    fn from(instant: Instant) -> Self {
        instant.0
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
