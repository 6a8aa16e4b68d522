//! The report that nothing in the loop can wake the future of `block_on`.
//!
//! Such a future may wait for another thread, which holds its waker, or by mistake for nothing. The
//! loop cannot know which, so it sleeps without end. It reports once that it does, after half a
//! second without an event.

use super::drive::IdleReport;
use super::turn::Turn;
use crate::phase::poll::PollWait;

/// How long a sleep lasts that nothing in the loop can end before it is reported. Another thread
/// that is about to wake the loop has most likely done so by then.
const REPORT_AFTER_NANOS: u64 = 500_000_000;

/// What has been seen of a sleep that nothing in the loop can end.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum IdleWatch {
    #[default]
    None,
    /// It is reported at `deadline` if `events` have been counted then, as at its beginning.
    Sleeping {
        deadline: u64,
        events: u64,
    },
    Reported,
}

impl Turn<'_> {
    /// Limits a sleep without end, so that it is reported in time.
    pub(super) fn limit_idle_sleep(&mut self) -> PollWait {
        match self.idle_watch {
            IdleWatch::Reported => PollWait::ForEver,
            IdleWatch::Sleeping { deadline, events } if events == self.events() => {
                PollWait::Until(deadline)
            }
            IdleWatch::None | IdleWatch::Sleeping { .. } => {
                let deadline = self.event_loop.clock.now() + REPORT_AFTER_NANOS;
                let events = self.events();
                self.idle_watch = IdleWatch::Sleeping { deadline, events };
                PollWait::Until(deadline)
            }
        }
    }

    /// After a tick: the report, if the loop has slept for so long and still nothing can end that.
    #[inline]
    pub(super) fn take_idle_report(&mut self) -> Option<IdleReport> {
        match self.idle_watch {
            IdleWatch::Sleeping { deadline, events } => self.report_if_due(deadline, events),
            _ => None,
        }
    }

    #[cold]
    fn report_if_due(&mut self, deadline: u64, events: u64) -> Option<IdleReport> {
        let l = self.event_loop;
        let is_due = events == self.events() && deadline <= l.clock.recent();
        if !is_due || l.has_work() || l.expects_events() {
            return None;
        }
        self.idle_watch = IdleWatch::Reported;
        Some(IdleReport::Idle)
    }
}
