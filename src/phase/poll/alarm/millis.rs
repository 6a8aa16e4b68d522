//! The alarm where there is none: the poller's own timeout, in milliseconds.

use std::time::Duration;

use mio::{Registry, Token};

/// See the [module](self).
#[derive(Debug)]
pub(in crate::phase::poll) struct Alarm;

impl Alarm {
    pub(in crate::phase::poll) fn new(_token: Token) -> Self {
        Alarm
    }

    /// Returns the timeout for the poller, which rounds it up.
    pub(in crate::phase::poll) fn set(
        &mut self,
        left: Duration,
        _registry: &Registry,
    ) -> Option<Duration> {
        Some(left)
    }
}
