//! What a loop remembers in order to report polls that block it.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use crate::clock::ThreadTimer;

/// After what time a poll counts as blocking in debug builds.
const DEBUG_LIMIT: Duration = Duration::from_millis(200);

/// The same task is reported once in this time.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// See the [module](self).
#[derive(Debug)]
pub(super) struct BlockedWatch {
    /// How long a poll may take, if that is watched.
    limit: Option<Duration>,
    pub(super) timer: ThreadTimer,
    /// The tasks that were reported in the last second, and when. Each of them took at least as
    /// long as the limit, so they are few.
    reported: RefCell<Vec<(u64, Instant)>>,
}

impl BlockedWatch {
    pub(super) fn new(limit: Option<Duration>) -> Self {
        BlockedWatch {
            limit,
            timer: ThreadTimer::new(limit.unwrap_or(DEBUG_LIMIT)),
            reported: RefCell::default(),
        }
    }

    /// Whether long polls are reported.
    pub(super) fn is_watching(&self) -> bool {
        self.limit.is_some()
    }

    /// Whether a poll of this duration blocks the loop.
    pub(super) fn is_long(&self, duration: Duration) -> bool {
        self.limit.is_some_and(|limit| duration > limit)
    }

    /// Notes a report of this task, and returns false if there was one in the last second.
    pub(super) fn may_report(&self, task: u64) -> bool {
        self.may_report_at(task, Instant::now())
    }

    fn may_report_at(&self, task: u64, now: Instant) -> bool {
        let mut reported = self.reported.borrow_mut();
        reported.retain(|(_, at)| now.saturating_duration_since(*at) < REPORT_INTERVAL);
        if reported.iter().any(|(reported, _)| *reported == task) {
            return false;
        }
        reported.push((task, now));
        true
    }
}

/// What limits the duration of a poll, unless the user sets it.
pub(crate) fn default_limit() -> Option<Duration> {
    cfg!(debug_assertions).then_some(DEBUG_LIMIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_task_is_reported_once_a_second() {
        let watch = BlockedWatch::new(Some(DEBUG_LIMIT));
        let start = Instant::now();
        let at = |task, millis| watch.may_report_at(task, start + Duration::from_millis(millis));

        assert!(at(1, 0));
        assert!(!at(1, 999));
        assert!(at(2, 999));
        assert!(at(1, 1000));
        assert!(!at(2, 1998));
        assert!(!at(1, 1999));
        assert_eq!(watch.reported.borrow().len(), 1, "old ones are dropped");
    }
}
