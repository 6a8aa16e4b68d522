//! Turns of a loop that is observed: its polls are measured, or a watcher looks at it.

use std::mem;
use std::time::{Duration, Instant};

use super::Turn;
use crate::blocked::{Place, PollCause, UserCode};
use crate::clock;
use crate::report::{Report, TaskMeta};
use crate::slots::Key;
use crate::tasks::Identity;

/// What a turn has to do after its wait for events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct AfterWait {
    /// Whether `on_park` was called and `on_unpark` was not called since.
    pub(super) has_parked: bool,
    /// Whether the watcher was told that the loop sleeps.
    is_asleep: bool,
}

impl Turn<'_> {
    /// Polls a task of a loop that is observed. Returns false if it was not there to be polled.
    #[inline(never)]
    pub(super) fn run_observed(&mut self, key: Key, cause: PollCause) -> bool {
        if self.event_loop.observation.is_timed() {
            self.run_timed(key, cause)
        } else {
            self.poll_observed(key, cause)
        }
    }

    /// Polls a task, and measures how long it takes. Returns false if it was not there to poll.
    #[cold]
    fn run_timed(&mut self, key: Key, cause: PollCause) -> bool {
        let l = self.event_loop;
        let needs_identity = l.observation.needs_identity();
        // The task may have ended after the poll.
        let identity = needs_identity.then(|| l.tasks.identity_of(key)).flatten();
        let started = l.observation.begin_timed();
        if !self.poll_observed(key, cause) {
            return false;
        }
        let ended = Instant::now();
        let elapsed = ended.duration_since(started);
        if l.observation.is_measuring {
            let busy = clock::nanos(elapsed);
            if let Some(times) = &self.counts.times {
                times.polls.record(busy);
            }
            l.tasks.add_busy(key, busy, l.clock.time_at(ended));
        }
        if let (Some(cpu_limit), Some(identity)) = (&l.observation.cpu_limit, &identity) {
            cpu_limit.end(identity);
        }
        if let Some(identity) = identity
            && l.observation.poll_check.is_long(elapsed)
        {
            self.report_blocked(identity, cause, elapsed);
        }
        true
    }

    /// Polls a task of a loop that may be watched.
    // `never`: so that `poll` has one caller for each type of observer, and is inlined there.
    #[inline(never)]
    fn poll_observed(&mut self, key: Key, cause: PollCause) -> bool {
        let watch = self.event_loop.observation.watch.as_ref();
        let mark = watch.map(|watch| watch.mark(self.next_call(), self.place(cause)));
        self.poll(key, cause, mark)
    }

    /// Reports a poll that has taken `elapsed`, unless the thread has waited for a processor.
    #[cold]
    fn report_blocked(&self, identity: Identity, cause: PollCause, elapsed: Duration) {
        let l = self.event_loop;
        let kept = l.observation.poll_check.timer.kept(elapsed);
        if l.observation.poll_check.is_long(kept)
            && l.observation.poll_check.may_report(identity.id)
        {
            let place = self.place(cause);
            l.shared.reporter.report(&Report::Blocked {
                what: "a poll",
                task: Some(TaskMeta::new(identity)),
                phase: place.phase(),
                woken_by: place.woken_by(),
                duration: kept,
                activity: None,
                is_over: true,
            });
        }
    }

    /// A number that no other call of this drive has.
    #[inline]
    fn next_call(&self) -> u64 {
        let call = self.user_calls.get();
        self.user_calls.set(call + 1);
        call
    }

    #[inline]
    fn place(&self, cause: PollCause) -> Place {
        Place::new(self.event_loop.ticks(), self.stage as u64, cause)
    }

    /// The loop is about to call user code that is no poll.
    pub(in crate::event_loop) fn begins(&self, what: UserCode) {
        if let Some(watch) = &self.event_loop.observation.watch {
            watch.begin_outside(self.next_call(), self.place(PollCause::Event), what);
        }
    }

    /// The loop is about to wait for events.
    pub(in crate::event_loop) fn note_sleep(&mut self) {
        if let Some(watch) = &self.event_loop.observation.watch {
            watch.sleeps();
            self.after_wait.is_asleep = true;
        }
    }

    /// The loop runs again.
    pub(in crate::event_loop) fn end_sleep(&mut self) {
        if mem::take(&mut self.after_wait.is_asleep)
            && let Some(watch) = &self.event_loop.observation.watch
        {
            watch.wakes();
        }
    }

    /// The loop has waited for events.
    #[cold]
    pub(super) fn end_wait_for_events(&mut self) {
        self.end_sleep();
        if mem::take(&mut self.after_wait.has_parked)
            && let Some(on_unpark) = &self.event_loop.on_unpark
        {
            self.begins(UserCode::ON_UNPARK);
            on_unpark.call();
        }
    }
}
