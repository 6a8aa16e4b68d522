//! The alarm where there is no `timerfd`: the poller's own timeout, which is exact with kqueue.
//!
//! A timeout helps only while the loop waits. For the descriptor of an embedded loop, on which the
//! host waits, a thread sleeps until the deadline and then unparks the poller. The thread starts
//! when such a deadline is set for the first time, and ends with the loop.

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use mio::{Registry, Token};

use crate::clock;
use crate::primitive;
use crate::tasks::TaskInbox;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Alarm {
    inbox: Arc<TaskInbox>,
    schedule: Option<Arc<Schedule>>,
    /// The deadline that the thread waits for, by the loop's clock.
    expires_at: Option<u64>,
}

/// What the thread waits for.
#[derive(Debug)]
struct Schedule {
    state: Mutex<ScheduleState>,
    changed: Condvar,
}

#[derive(Debug)]
struct ScheduleState {
    deadline: Option<Instant>,
    is_closed: bool,
}

impl Alarm {
    /// The token is for platforms whose alarm is a source of the poller.
    pub(super) fn new(_token: Token, inbox: Arc<TaskInbox>) -> Self {
        Alarm {
            inbox,
            schedule: None,
            expires_at: None,
        }
    }

    /// Called when the loop's clock has been moved, paused or resumed.
    pub(super) fn reset(&mut self) {
        if self.expires_at.take().is_some()
            && let Some(schedule) = &self.schedule
        {
            schedule.change(|state| state.deadline = None);
        }
    }

    /// Returns the poller's timeout for a wait from `now` until `deadline`.
    pub(super) fn set(
        &mut self,
        deadline: u64,
        now: u64,
        _registry: &Registry,
    ) -> Option<Duration> {
        Some(clock::until(deadline, now))
    }

    /// Whether an event will come at `deadline`, without another setting.
    pub(super) fn is_set_to(&self, deadline: u64) -> bool {
        self.expires_at == Some(deadline)
    }

    /// Unparks the poller at `deadline`, which is later than `now`. Returns false if the OS gives
    /// no thread.
    pub(super) fn set_precisely(&mut self, deadline: u64, now: u64, _registry: &Registry) -> bool {
        if self.is_set_to(deadline) {
            return true;
        }
        let Ok(schedule) = self.schedule() else {
            return false;
        };
        // A deadline too far to be represented is never reached.
        let at = Instant::now().checked_add(clock::until(deadline, now));
        schedule.change(|state| state.deadline = at);
        self.expires_at = Some(deadline);
        true
    }

    /// Returns the schedule, and starts its thread the first time.
    fn schedule(&mut self) -> io::Result<Arc<Schedule>> {
        if let Some(schedule) = &self.schedule {
            return Ok(Arc::clone(schedule));
        }
        let schedule = Arc::new(Schedule {
            state: Mutex::new(ScheduleState {
                deadline: None,
                is_closed: false,
            }),
            changed: Condvar::new(),
        });
        let (theirs, inbox) = (Arc::clone(&schedule), Arc::clone(&self.inbox));
        thread::Builder::new()
            .name("quintet-alarm".to_owned())
            .spawn(move || theirs.run(&inbox))?;
        self.schedule = Some(Arc::clone(&schedule));
        Ok(schedule)
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if let Some(schedule) = &self.schedule {
            schedule.change(|state| state.is_closed = true);
        }
    }
}

impl Schedule {
    fn change(&self, change: impl FnOnce(&mut ScheduleState)) {
        change(&mut primitive::lock(&self.state));
        self.changed.notify_one();
    }

    /// The thread: unparks the poller at each deadline.
    fn run(&self, inbox: &TaskInbox) {
        let mut state = primitive::lock(&self.state);
        while !state.is_closed {
            let left = state
                .deadline
                .map(|deadline| deadline.saturating_duration_since(Instant::now()));
            state = match left {
                None => self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => {
                    state.deadline = None;
                    drop(state);
                    inbox.unpark();
                    primitive::lock(&self.state)
                }
                Some(left) => {
                    let waited = self.changed.wait_timeout(state, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const BOUND: Duration = Duration::from_secs(60);

    #[test]
    fn the_poller_is_unparked_at_each_deadline_but_not_at_one_that_was_reset() {
        let (sender, unparked) = mpsc::channel();
        let inbox = Arc::new(TaskInbox::new(Box::new(move || {
            let _ended = sender.send(Instant::now());
        })));
        let poller = mio::Poll::new().unwrap();
        let mut alarm = Alarm::new(Token(1), inbox);
        for millis in [1, 20, 5] {
            let start = Instant::now();
            assert!(alarm.set_precisely(millis * 1_000_000, 0, poller.registry()));

            let at = unparked.recv_timeout(BOUND).unwrap();
            assert!(at - start >= Duration::from_millis(millis));
        }
        assert!(alarm.set_precisely(3_600_000_000_000, 0, poller.registry()));
        alarm.reset();
        drop(alarm);

        // The thread ends, and drops the sender with the inbox.
        assert_eq!(
            unparked.recv_timeout(BOUND),
            Err(mpsc::RecvTimeoutError::Disconnected)
        );
    }

    #[test]
    fn a_wait_has_the_whole_timeout() {
        let inbox = Arc::new(TaskInbox::new(Box::new(|| {})));
        let poller = mio::Poll::new().unwrap();
        let mut alarm = Alarm::new(Token(1), inbox);
        let timeout = alarm.set(5_000_100, 100, poller.registry());
        assert_eq!(timeout, Some(Duration::from_millis(5)));
    }
}
