//! The system's monotonic clock, where there is no coarse one that is cheaper to read.

use std::time::Instant;

use super::nanos;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Coarse {
    origin: Instant,
}

impl Coarse {
    pub(super) fn new() -> Self {
        Coarse {
            origin: Instant::now(),
        }
    }

    /// Nanoseconds since this was made.
    pub(super) fn now(&self) -> u64 {
        nanos(self.origin.elapsed())
    }
}
