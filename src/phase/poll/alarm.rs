//! The alarm: a `timerfd` that makes waits exact to the microsecond.
//!
//! The poller counts in whole milliseconds, so the rest of a wait is left to a `timerfd` among its
//! sources. A timer may fire late, but never early.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::io::Errno;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

use crate::clock::{self, NEVER};
use crate::tasks::TaskInbox;

/// Waits shorter than this are left to the alarm as a whole, because to set it costs far less than
/// to wake twice. A longer wait is most likely ended by another event, so at first the poller
/// waits, until one to two milliseconds before the deadline. The rest leaves room for the timer
/// slack of the kernel (50 µs by default).
const ALARM_WAIT_MAX: Duration = Duration::from_millis(32);

/// How long no timer is asked for after descriptors or memory have run out.
const RETRY_NANOS: u64 = 1_000_000_000;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Alarm {
    token: Token,
    /// Made when first needed.
    timer: Option<OwnedFd>,
    create: fn() -> rustix::io::Result<OwnedFd>,
    /// After a failure: until then there is no timer. [`NEVER`] if the OS has none, or refuses it.
    retry_at: u64,
    /// When it expires, by the loop's clock; `None` if it has expired, or if that is not known.
    expires_at: Option<u64>,
}

impl Alarm {
    /// The inbox is for platforms whose alarm is a thread.
    pub(super) fn new(token: Token, _inbox: Arc<TaskInbox>) -> Self {
        Alarm {
            token,
            timer: None,
            create,
            retry_at: 0,
            expires_at: None,
        }
    }

    /// Called when its event was fetched, or when the loop's clock has been moved, paused or
    /// resumed.
    pub(super) fn reset(&mut self) {
        self.expires_at = None;
    }

    /// Prepares a wait from `now` until `deadline`, and returns the timeout for the poller.
    ///
    /// The wait may end early: the timeout may be too short, and the event may be of an earlier
    /// setting. The caller compares the deadline with the clock.
    pub(super) fn set(&mut self, deadline: u64, now: u64, registry: &Registry) -> Option<Duration> {
        let left = clock::until(deadline, now);
        if left.is_zero() {
            return Some(Duration::ZERO);
        }
        if left >= ALARM_WAIT_MAX {
            let millis = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
            return Some(Duration::from_millis(millis - 1));
        }
        if self.set_precisely(deadline, now, registry) {
            None
        } else {
            // The poller rounds up to whole milliseconds.
            Some(left)
        }
    }

    /// Whether an event will come at `deadline`, without another setting.
    pub(super) fn is_set_to(&self, deadline: u64) -> bool {
        self.expires_at == Some(deadline)
    }

    /// Makes an event come at `deadline`, which is later than `now`. Returns false if the OS gives
    /// no timer; that is remembered, and not tried each time.
    pub(super) fn set_precisely(&mut self, deadline: u64, now: u64, registry: &Registry) -> bool {
        debug_assert!(deadline > now, "to the kernel zero means never");
        if self.is_set_to(deadline) {
            return true;
        }
        if now < self.retry_at {
            return false;
        }
        let set = self.try_to_set(deadline, now, registry);
        if let Err(error) = &set {
            self.timer = None;
            self.retry_at = if is_temporary(error) {
                now.saturating_add(RETRY_NANOS)
            } else {
                NEVER
            };
        }
        set.is_ok()
    }

    /// # Errors
    ///
    /// Returns an error if the timer cannot be made or set, or if the poller does not accept it.
    fn try_to_set(&mut self, deadline: u64, now: u64, registry: &Registry) -> io::Result<()> {
        let left = clock::until(deadline, now);
        self.expires_at = None;
        let timer = match self.timer.take() {
            Some(timer) => timer,
            None => {
                let timer = (self.create)()?;
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
        // Edge-triggered: a new setting makes a new event, so the timer need never be read.
        timerfd_settime(&timer, TimerfdTimerFlags::empty(), &once)?;
        self.timer = Some(timer);
        self.expires_at = Some(deadline);
        Ok(())
    }
}

fn create() -> rustix::io::Result<OwnedFd> {
    let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
    timerfd_create(TimerfdClockId::Monotonic, flags)
}

/// Returns whether there may be a timer later: descriptors or memory have run out.
fn is_temporary(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    matches!(
        errno,
        Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::NOSPC)
    )
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local! {
        static MADE: Cell<u32> = const { Cell::new(0) };
        static REFUSED_BY: Cell<Errno> = const { Cell::new(Errno::PERM) };
    }

    fn inbox() -> Arc<TaskInbox> {
        Arc::new(TaskInbox::new(Box::new(|| {})))
    }

    fn refuse() -> rustix::io::Result<OwnedFd> {
        MADE.set(MADE.get() + 1);
        Err(REFUSED_BY.get())
    }

    /// Returns how often a timer is asked for in ten seconds, with a call each millisecond.
    fn times_asked_for(refused_by: Errno) -> u32 {
        MADE.set(0);
        REFUSED_BY.set(refused_by);
        let poller = mio::Poll::new().unwrap();
        let mut alarm = Alarm::new(Token(1), inbox());
        alarm.create = refuse;
        for millis in 0..10_000 {
            let now = millis * 1_000_000;
            let deadline = now + 5_000_000;
            assert!(!alarm.set_precisely(deadline, now, poller.registry()));
            let timeout = alarm.set(deadline, now, poller.registry());
            assert_eq!(timeout, Some(Duration::from_millis(5)));
        }
        MADE.get()
    }

    #[test]
    fn an_os_that_refuses_a_timer_is_asked_once() {
        assert_eq!(times_asked_for(Errno::PERM), 1);
        assert_eq!(times_asked_for(Errno::NOSYS), 1);
    }

    #[test]
    fn a_timer_is_asked_for_again_after_descriptors_have_run_out() {
        assert_eq!(times_asked_for(Errno::MFILE), 10);
    }

    #[test]
    fn a_timer_that_comes_late_is_used() {
        if let Err(error) = create() {
            // Not `eprintln!`, which the harness captures.
            let why = format!("skipped: a_timer_that_comes_late_is_used: no timerfd: {error}\n");
            io::Write::write_all(&mut io::stderr(), why.as_bytes()).unwrap();
            return;
        }
        let poller = mio::Poll::new().unwrap();
        let mut alarm = Alarm::new(Token(1), inbox());
        REFUSED_BY.set(Errno::MFILE);
        alarm.create = refuse;
        assert!(!alarm.set_precisely(2, 1, poller.registry()));
        alarm.create = create;
        assert!(!alarm.set_precisely(3, 2, poller.registry()));
        let later = 1 + RETRY_NANOS;
        assert!(alarm.set_precisely(later + 1, later, poller.registry()));
    }
}
