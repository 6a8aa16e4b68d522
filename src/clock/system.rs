//! The clocks of the system.

use rustix::time::{ClockId, clock_gettime};

use super::NANOS_PER_SECOND;

/// Reads a clock: nanoseconds since its origin, which for a monotonic clock is the start of the
/// machine.
#[inline]
pub(super) fn read(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    // Neither part of these clocks is negative.
    time.tv_sec as u64 * NANOS_PER_SECOND + time.tv_nsec as u64
}
