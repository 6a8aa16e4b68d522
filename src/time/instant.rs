//! Reading the clock of the current loop.

pub use crate::clock::instant::Instant;

use std::time::Duration;

use crate::clock;
use crate::context;

impl Instant {
    /// Returns the current time: that of the current loop, which may be
    /// [paused](crate::time::pause), in a blocking job that of its loop, elsewhere the system's.
    #[inline]
    pub fn now() -> Self {
        if clock::is_any_virtual()
            && let Some(shown) = virtual_now()
        {
            return Instant::from_std(shown);
        }
        Instant::from_std(std::time::Instant::now())
    }

    /// Returns the time since this instant, or zero if it is in the future.
    pub fn elapsed(&self) -> Duration {
        Instant::now().duration_since(*self)
    }
}

/// The time of the current loop's clock, if it differs from the system's.
#[cold]
fn virtual_now() -> Option<std::time::Instant> {
    let shown = context::with(|event_loop| {
        let clock = &event_loop.clock;
        clock.is_virtual().then(|| clock.instant())
    });
    shown.unwrap_or_else(|| context::with_home(|home| home.remote_clock.virtual_now()).flatten())
}
