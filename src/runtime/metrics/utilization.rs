//! How much of its time a loop is active.

use std::time::Duration;

use super::Handle;
use crate::clock::RemoteClock;

/// How much of its time a runtime was active, like Node's `performance.eventLoopUtilization`; from
/// [`Handle::utilization`] and [`Metrics::utilization`](super::Metrics::utilization).
///
/// A runtime is *active* while it is run and does not wait for events: while it polls tasks, and
/// for what it does itself. It is *idle* while it waits, and while nothing runs it. Both are real
/// time, also if the clock of the runtime is [paused](crate::time::pause). They count from the time
/// at which the runtime was built, and [`since`](Utilization::since) is a window.
///
/// A utilization near 1 means that new events wait until older ones have been handled. Unlike the
/// load of a processor it also shows tasks that block the thread without using the processor.
///
/// It costs two readings of the clock for each wait.
///
/// # Examples
///
/// ```
/// use quintet::runtime::Handle;
/// use quintet::time::{Duration, sleep};
///
/// # quintet::block_on(async {
/// let handle = Handle::current();
/// let before = handle.utilization();
/// sleep(Duration::from_millis(5)).await;
/// let window = handle.utilization().since(&before);
/// assert!(window.idle >= Duration::from_millis(4));
/// assert!(window.ratio() < 1.0);
/// # });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Utilization {
    /// For how long the runtime has waited, or was not run.
    pub idle: Duration,
    /// For how long the runtime was active.
    pub active: Duration,
}

impl Utilization {
    pub(super) fn new(clock: &RemoteClock) -> Self {
        let (elapsed, active) = clock.active().read();
        Utilization {
            idle: Duration::from_nanos(elapsed - active),
            active: Duration::from_nanos(active),
        }
    }

    /// Returns the part of the time in which the runtime was active, from 0 to 1. It is 0 if no
    /// time has passed.
    pub fn ratio(&self) -> f64 {
        let elapsed = self.idle + self.active;
        if elapsed.is_zero() {
            return 0.0;
        }
        self.active.as_secs_f64() / elapsed.as_secs_f64()
    }

    /// Returns the times since `earlier`, a value of the same runtime.
    #[must_use]
    pub fn since(&self, earlier: &Utilization) -> Utilization {
        Utilization {
            idle: self.idle.saturating_sub(earlier.idle),
            active: self.active.saturating_sub(earlier.active),
        }
    }
}

impl Handle {
    /// Returns how much of its time the runtime is active.
    ///
    /// On any thread, at any time, without a lock and without waiting for the loop. It reads the
    /// clock once.
    pub fn utilization(&self) -> Utilization {
        Utilization::new(&self.shared.remote_clock)
    }
}
