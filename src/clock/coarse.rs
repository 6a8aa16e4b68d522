//! The system's coarse monotonic clock, whose time is that of the kernel's last tick.

use rustix::time::ClockId;

use super::system::read;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Coarse {
    /// The exact time when this was created.
    origin: u64,
}

impl Coarse {
    pub(super) fn new() -> Self {
        Coarse {
            origin: read(ClockId::Monotonic),
        }
    }

    /// Nanoseconds since this was created. It lags by up to one tick of the kernel.
    pub(super) fn now(&self) -> u64 {
        read(ClockId::MonotonicCoarse).saturating_sub(self.origin)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn the_coarse_clock_lags_and_advances() {
        let start = Instant::now();
        let coarse = Coarse::new();
        while coarse.now() == 0 {
            assert!(start.elapsed() < Duration::from_secs(10));
            thread::sleep(Duration::from_millis(1));
        }
        assert!(u128::from(coarse.now()) <= start.elapsed().as_nanos());
    }
}
