//! Which tasks were reported in the last second.

use std::time::{Duration, Instant};

/// The same task is reported once in this time.
const INTERVAL: Duration = Duration::from_secs(1);

/// See the [module](self). Each entry took at least as long as the limit, so there are few.
#[derive(Debug, Default)]
pub(crate) struct RecentReports(Vec<(u64, Instant)>);

impl RecentReports {
    /// Notes a report of this task, and returns false if there was one in the last second.
    pub(crate) fn may_report(&mut self, task: u64, now: Instant) -> bool {
        self.0
            .retain(|(_, at)| now.saturating_duration_since(*at) < INTERVAL);
        if self.0.iter().any(|(reported, _)| *reported == task) {
            return false;
        }
        self.0.push((task, now));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_task_is_reported_once_a_second() {
        let mut recent = RecentReports::default();
        let start = Instant::now();
        let mut at = |task, millis| recent.may_report(task, start + Duration::from_millis(millis));

        assert!(at(1, 0));
        assert!(!at(1, 999));
        assert!(at(2, 999));
        assert!(at(1, 1000));
        assert!(!at(2, 1998));
        assert!(!at(1, 1999));
        assert_eq!(recent.0.len(), 1, "old ones are dropped");
    }
}
