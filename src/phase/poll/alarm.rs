//! The alarm: lets the poller wait to the microsecond.
//!
//! The poller itself counts in whole milliseconds. The last bit of a wait is left to a `timerfd`
//! among its sources. A timer may be late, but is never early.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

use crate::clock;

/// Waits shorter than this are left to the alarm as a whole: setting it costs far less than waking
/// twice. Of longer ones, which most likely something else will end, the poller waits all but the last
/// millisecond and something. The kernel may add its timer slack (50 µs by default) to the poller's
/// part, which must stay clear of the deadline.
const FINE_MAX: Duration = Duration::from_millis(32);

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Alarm {
    token: Token,
    /// Made when first needed.
    timer: Option<OwnedFd>,
    /// When it will go off, by the loop's clock; none if it has, or if that is not known.
    goes_off_at: Option<u64>,
}

impl Alarm {
    pub(super) fn new(token: Token) -> Self {
        Alarm {
            token,
            timer: None,
            goes_off_at: None,
        }
    }

    /// Its event was fetched, or the loop's clock is not going as it was.
    pub(super) fn forget(&mut self) {
        self.goes_off_at = None;
    }

    /// Prepares a wait from `now` until `deadline` and returns the timeout for the poller. The wait may
    /// then be too short, and an event may come from an earlier setting: who waits must look at the
    /// clock.
    pub(super) fn set(&mut self, deadline: u64, now: u64, registry: &Registry) -> Option<Duration> {
        let left = clock::until(deadline, now);
        if left.is_zero() {
            return Some(Duration::ZERO);
        }
        if left >= FINE_MAX {
            let millis = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
            return Some(Duration::from_millis(millis - 1));
        }
        match self.set_precisely(deadline, now, registry) {
            Ok(()) => None,
            // Out of descriptors: the poller rounds up to a millisecond.
            Err(_) => Some(left),
        }
    }

    /// Makes an event come at `deadline`, which is later than `now`.
    ///
    /// # Errors
    ///
    /// The OS's, of making a timer.
    pub(super) fn set_precisely(
        &mut self,
        deadline: u64,
        now: u64,
        registry: &Registry,
    ) -> io::Result<()> {
        debug_assert!(deadline > now, "the kernel takes zero for never");
        if self.goes_off_at == Some(deadline) {
            return Ok(());
        }
        let left = clock::until(deadline, now);
        self.goes_off_at = None;
        let timer = match self.timer.take() {
            Some(timer) => timer,
            None => {
                let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
                let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
                let source = &mut SourceFd(&timer.as_raw_fd());
                registry.register(source, self.token, Interest::READABLE)?;
                timer
            }
        };
        let zero = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let once = Itimerspec {
            it_interval: zero,
            it_value: Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: i64::from(left.subsec_nanos()),
            },
        };
        // Setting it anew makes a new edge; it need never be read.
        timerfd_settime(&timer, TimerfdTimerFlags::empty(), &once)?;
        self.timer = Some(timer);
        self.goes_off_at = Some(deadline);
        Ok(())
    }
}
