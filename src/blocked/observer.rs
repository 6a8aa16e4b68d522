//! Decides from what a watcher has seen whether the loop is blocked.
//!
//! The *kept* time of a loop grows only while its thread computes or sleeps in user code. Time in
//! which the thread is ready to run but waits for a processor is not part of it, nor is time in
//! which the process is stopped. All durations are of kept time. What the observer does not know it
//! leaves out, so durations come out too short rather than too long.

use std::time::{Duration, Instant};

use super::recent::RecentReports;
use super::thread_probe::ThreadLook;
use super::user_call::UserCall;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Observer {
    limit: Duration,
    /// How much of the time between two looks counts at most. If they are farther apart, the
    /// watcher has waited for a processor or was stopped, and so may have the loop.
    between_looks_max: Duration,
    last: Option<(Instant, ThreadLook)>,
    /// All kept time so far.
    kept: Duration,
    /// What runs, and the kept time when it was first seen.
    running: Option<(UserCall, Duration)>,
    /// The stretch between two poll phases, and the kept time when it was first seen, or after a
    /// call that was long by itself.
    stretch: Option<(u64, Duration)>,
    reported: Option<Reported>,
    recent: RecentReports,
}

/// What has been reported and is not over.
#[derive(Clone, Copy, Debug)]
struct Reported {
    running: UserCall,
    scope: BlockedScope,
    /// The kept time when it was first seen.
    since: Duration,
}

/// What blocks the loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BlockedScope {
    /// One call of user code.
    Call,
    /// Many calls between two poll phases.
    Stretch,
}

/// What the watcher has to report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sighting {
    pub(super) running: UserCall,
    pub(super) scope: BlockedScope,
    pub(super) duration: Duration,
    pub(super) is_over: bool,
}

impl Observer {
    pub(super) fn new(limit: Duration, interval: Duration) -> Self {
        Observer {
            limit,
            between_looks_max: interval * 2,
            last: None,
            kept: Duration::ZERO,
            running: None,
            stretch: None,
            reported: None,
            recent: RecentReports::default(),
        }
    }

    /// The loop was busy at `now`. The caller reports what this returns.
    pub(super) fn sees(
        &mut self,
        now: Instant,
        running: UserCall,
        thread: ThreadLook,
    ) -> Option<Sighting> {
        let over = self.reported.filter(|reported| match reported.scope {
            BlockedScope::Call => !reported.running.is_same(running),
            BlockedScope::Stretch => reported.running.stretch() != running.stretch(),
        });
        let sighting = over.map(|reported| self.end(reported));
        self.count(now, thread);
        self.follow(running);
        sighting.or_else(|| self.judge(now, running))
    }

    /// The loop sleeps, or has ended.
    pub(super) fn sees_nothing(&mut self) -> Option<Sighting> {
        self.last = None;
        self.running = None;
        self.stretch = None;
        self.reported.map(|reported| self.end(reported))
    }

    fn end(&mut self, reported: Reported) -> Sighting {
        self.reported = None;
        Sighting {
            running: reported.running,
            scope: reported.scope,
            duration: self.kept - reported.since,
            is_over: true,
        }
    }

    /// Adds what was kept since the last look.
    fn count(&mut self, now: Instant, thread: ThreadLook) {
        if let Some((at, before)) = self.last.replace((now, thread)) {
            let elapsed = now
                .saturating_duration_since(at)
                .min(self.between_looks_max);
            self.kept += thread.kept_since(before, elapsed);
        }
    }

    /// Remembers since when this runs.
    fn follow(&mut self, running: UserCall) {
        match &mut self.running {
            Some((before, _)) if before.is_same(running) => *before = running,
            before => {
                let was_long = before.is_some_and(|(_, since)| self.kept - since > self.limit);
                *before = Some((running, self.kept));
                if was_long {
                    self.stretch = None;
                }
            }
        }
        let stretch = running.stretch();
        if self.stretch.is_none_or(|(before, _)| before != stretch) {
            self.stretch = Some((stretch, self.kept));
        }
    }

    /// Whether what runs has been running for too long, and was not reported.
    fn judge(&mut self, now: Instant, running: UserCall) -> Option<Sighting> {
        if self.reported.is_some() {
            return None;
        }
        let since_call = self.running.map(|(_, since)| (BlockedScope::Call, since));
        let since_stretch = self
            .stretch
            .map(|(_, since)| (BlockedScope::Stretch, since));
        let both = since_call.into_iter().chain(since_stretch);
        let is_long = |(_, since): &(BlockedScope, Duration)| self.kept - *since > self.limit;
        let (scope, since) = both.clone().find(is_long)?;
        if !self.recent.may_report(subject(running, scope), now) {
            return None;
        }
        self.reported = Some(Reported {
            running,
            scope,
            since,
        });
        Some(Sighting {
            running,
            scope,
            duration: self.kept - since,
            is_over: false,
        })
    }
}

/// A number for what is reported once a second: the id of the task, or, from the other end, one for
/// stretches and one for each kind of user code that is no poll.
fn subject(running: UserCall, scope: BlockedScope) -> u64 {
    match (scope, running.task) {
        (BlockedScope::Stretch, _) => u64::MAX,
        (BlockedScope::Call, 0) => u64::MAX - 1 - u64::from(running.what().to_bits()),
        (BlockedScope::Call, task) => task,
    }
}

#[cfg(test)]
mod tests {
    use super::super::thread_probe::{ThreadLook, ThreadState};
    use super::super::user_call::CallKind;
    use super::super::user_code::UserCode;
    use super::*;

    const LIMIT: Duration = Duration::from_millis(50);
    const INTERVAL: Duration = Duration::from_millis(12);

    /// A thread that has used its processor and waited for it for so many milliseconds.
    fn thread(state: ThreadState, ran: u64, waited: u64) -> ThreadLook {
        ThreadLook {
            state,
            times: Some((ran * 1_000_000, waited * 1_000_000)),
        }
    }

    fn sleeping() -> ThreadLook {
        thread(ThreadState::Sleeping, 0, 0)
    }

    fn running(number: u32, task: u64, tick: u64) -> UserCall {
        UserCall::of_timer(number, task, tick)
    }

    /// Looks every ten milliseconds.
    struct Looks {
        observer: Observer,
        now: Instant,
    }

    impl Looks {
        fn new() -> Self {
            Looks {
                observer: Observer::new(LIMIT, INTERVAL),
                now: Instant::now(),
            }
        }

        fn see(&mut self, running: UserCall, thread: ThreadLook) -> Option<Sighting> {
            self.now += Duration::from_millis(10);
            self.observer.sees(self.now, running, thread)
        }

        /// Sees the same `times` times, and asserts that there is nothing to report.
        #[track_caller]
        fn pass(&mut self, times: usize, running: UserCall, thread: ThreadLook) {
            for _ in 0..times {
                assert_eq!(self.see(running, thread), None);
            }
        }
    }

    fn sighting(running: UserCall, millis: u64, is_over: bool) -> Option<Sighting> {
        Some(Sighting {
            running,
            scope: BlockedScope::Call,
            duration: Duration::from_millis(millis),
            is_over,
        })
    }

    #[test]
    fn what_runs_too_long_is_reported_once_and_again_when_it_is_over() {
        let mut looks = Looks::new();
        let one = running(1, 7, 1);
        looks.pass(6, one, sleeping());
        assert_eq!(looks.see(one, sleeping()), sighting(one, 60, false));
        looks.pass(200, one, sleeping());
        assert_eq!(
            looks.see(running(2, 8, 2), sleeping()),
            sighting(one, 2060, true)
        );
        looks.pass(3, running(2, 8, 2), sleeping());
        assert_eq!(looks.observer.sees_nothing(), None);

        let two = running(3, 9, 3);
        looks.pass(6, two, sleeping());
        assert_eq!(looks.see(two, sleeping()), sighting(two, 60, false));
        assert_eq!(looks.observer.sees_nothing(), sighting(two, 60, true));
        assert_eq!(looks.observer.sees_nothing(), None);
    }

    #[test]
    fn polls_of_one_task_are_not_added_up_over_ticks() {
        let mut looks = Looks::new();
        for number in 0..50 {
            looks.pass(5, running(number, 7, number.into()), sleeping());
        }
    }

    #[test]
    fn many_short_calls_between_two_poll_phases_are_reported_together() {
        let mut looks = Looks::new();
        looks.pass(3, running(1, 1, 1), sleeping());
        looks.pass(3, running(2, 2, 1), sleeping());
        let last = running(3, 3, 1);
        let seen = looks.see(last, sleeping()).expect("it takes long");
        assert_eq!((seen.scope, seen.running), (BlockedScope::Stretch, last));
        assert_eq!(seen.duration, Duration::from_millis(60));
        looks.pass(3, running(4, 4, 1), sleeping());
        let over = looks.see(running(5, 5, 2), sleeping()).expect("it is over");
        assert_eq!((over.scope, over.is_over), (BlockedScope::Stretch, true));
        assert_eq!(over.duration, Duration::from_millis(90));
    }

    #[test]
    fn a_long_call_does_not_make_the_calls_after_it_long() {
        let mut looks = Looks::new();
        let long = running(1, 7, 1);
        looks.pass(6, long, sleeping());
        assert!(looks.see(long, sleeping()).is_some());
        assert!(
            looks
                .see(running(2, 8, 1), sleeping())
                .is_some_and(|seen| seen.is_over)
        );
        looks.pass(5, running(2, 8, 1), sleeping());
    }

    #[test]
    fn a_task_is_reported_once_a_second_and_others_meanwhile() {
        let mut looks = Looks::new();
        let mut reports = [0, 0];
        // Two tasks take turns to block for 80 ms, for four seconds.
        for number in 0..50 {
            let task = number % 2;
            for _ in 0..8 {
                if let Some(seen) = looks.see(running(1, 7 + task, number), sleeping()) {
                    assert_eq!(seen.scope, BlockedScope::Call);
                    reports[task as usize] += u32::from(!seen.is_over);
                }
            }
        }
        assert_eq!(reports, [4, 4]);
    }

    #[test]
    fn waiting_for_a_processor_does_not_count() {
        let mut looks = Looks::new();
        let one = running(1, 7, 1);
        // Ready, but it does not run: the kernel counts this only when it runs again.
        looks.pass(100, one, thread(ThreadState::Ready, 5, 0));
        looks.pass(1, one, thread(ThreadState::Ready, 5, 1000));
        // It takes a tenth of a processor.
        for look in 1..50 {
            looks.pass(
                1,
                one,
                thread(ThreadState::Ready, 5 + look, 1000 + 9 * look),
            );
        }
        // It sleeps, and has waited at the end of each sleep.
        for look in 1..100 {
            looks.pass(1, one, thread(ThreadState::Sleeping, 54, 1441 + 10 * look));
        }
        looks.pass(100, one, thread(ThreadState::Stopped, 54, 2431));
        looks.pass(1, one, thread(ThreadState::Ready, 54, 2431));

        let seen = looks.see(one, thread(ThreadState::Ready, 64, 2431));
        assert!(seen.is_some(), "49 ms and 10 ms of computing");
    }

    #[test]
    fn what_is_no_task_is_reported_once_a_second_by_its_kind() {
        let mut looks = Looks::new();
        let mut reports = 0;
        for (number, what) in [UserCode::WAKER, UserCode::MESSAGE, UserCode::WAKER]
            .into_iter()
            .enumerate()
        {
            let kind = CallKind::outside(what);
            let call = UserCall {
                kind,
                ..running(1, 0, number as u64)
            };
            for _ in 0..8 {
                let seen = looks.see(call, sleeping());
                reports += u32::from(seen.is_some_and(|seen| !seen.is_over));
            }
        }
        assert_eq!(reports, 2);
    }

    #[test]
    fn a_gap_between_looks_counts_for_little() {
        let mut looks = Looks::new();
        let one = running(1, 7, 1);
        looks.pass(1, one, sleeping());
        looks.now += Duration::from_secs(60);
        looks.pass(1, one, sleeping());
        assert!(looks.observer.kept <= INTERVAL * 2);
    }

    #[test]
    fn where_the_kernel_says_nothing_all_time_counts() {
        let mut looks = Looks::new();
        let unknown = ThreadLook {
            state: ThreadState::Unknown,
            times: None,
        };
        let one = running(1, 7, 1);
        looks.pass(6, one, unknown);
        assert_eq!(looks.see(one, unknown), sighting(one, 60, false));
    }
}
