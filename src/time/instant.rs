//! The present, by the clock of the current loop.

pub use crate::clock::instant::Instant;

use std::time::Duration;

use crate::clock;
use crate::context;

impl Instant {
    /// Reads the clock: that of the current loop, whose time may be [paused](crate::time::pause), or
    /// in a blocking job that of its loop; elsewhere the system's.
    #[inline]
    pub fn now() -> Self {
        if clock::is_any_virtual()
            && let Some(shown) = virtual_now()
        {
            return Instant::from_std(shown);
        }
        Instant::from_std(std::time::Instant::now())
    }

    /// Returns the time since this instant; zero if it is to come.
    pub fn elapsed(&self) -> Duration {
        Instant::now().duration_since(*self)
    }
}

/// What the current loop's clock shows, if that is not the system's time.
#[cold]
fn virtual_now() -> Option<std::time::Instant> {
    let shown = context::with(|event_loop| {
        let clock = &event_loop.clock;
        clock.is_virtual().then(|| clock.instant())
    });
    shown
        .unwrap_or_else(|| context::with_job(|job| job.shared.remote_clock.virtual_now()).flatten())
}
