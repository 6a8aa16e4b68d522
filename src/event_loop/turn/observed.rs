//! Polls of a loop that may be observed: they are measured, or a watcher looks at the loop.

use std::mem;
use std::time::{Duration, Instant};

use super::super::EventLoop;
use super::super::blocked::ObservedPolls;
use super::Turn;
use crate::blocked::{self, PollCause, TickPosition, UserCode};
use crate::clock;
use crate::report::{Report, TaskMeta};
use crate::slots::Key;
use crate::tasks::Identity;

/// Polls a task. Returns false if it was not there to be polled.
pub(super) type TaskPoller<'a> = fn(&mut Turn<'a>, Key, PollCause) -> bool;

/// What a turn has to do after its wait for events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct AfterWait {
    /// Whether `on_park` was called and `on_unpark` was not called since.
    pub(super) has_parked: bool,
    /// Whether the watcher was told that the loop sleeps.
    is_asleep: bool,
}

impl<'a> Turn<'a> {
    /// Chooses how the loop polls tasks.
    pub(super) fn poller_of(event_loop: &EventLoop) -> TaskPoller<'a> {
        match event_loop.observation.polls {
            ObservedPolls::None => Turn::run_unobserved,
            ObservedPolls::Watched => Turn::run_watched,
            ObservedPolls::Timed => Turn::run_timed,
        }
    }

    /// Polls a task. Returns false if it was not there to be polled.
    #[inline]
    pub(super) fn run(&mut self, key: Key, cause: PollCause) -> bool {
        (self.poll_task)(self, key, cause)
    }

    /// Polls the task that a callback names.
    #[inline]
    pub(super) fn run_named(&mut self, key: Key, cause: PollCause) {
        if !self.run(key, cause) {
            self.count_indirect();
        }
    }

    fn run_unobserved(&mut self, key: Key, cause: PollCause) -> bool {
        self.poll(key, cause, ())
    }

    /// Polls a task of a loop that is watched. Returns false if it was not there to be polled.
    fn run_watched(&mut self, key: Key, cause: PollCause) -> bool {
        self.now.prepare_poll(self.position, cause);
        self.poll(key, cause, self.now)
    }

    /// Polls a task, and measures how long it takes. Returns false if it was not there to poll.
    #[cold]
    fn run_timed(&mut self, key: Key, cause: PollCause) -> bool {
        let l = self.event_loop;
        let needs_identity = l.observation.needs_identity();
        // The task may have ended after the poll.
        let identity = needs_identity.then(|| l.tasks.identity_of(key)).flatten();
        let started = l.observation.begin_timed();
        let is_watched = l.observation.watch.is_some();
        self.now.prepare_poll(self.position, cause);
        if !self.poll(key, cause, is_watched.then_some(self.now)) {
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

    /// Reports a poll that has taken `elapsed`, unless the thread has waited for a processor.
    #[cold]
    fn report_blocked(&self, identity: Identity, cause: PollCause, elapsed: Duration) {
        let l = self.event_loop;
        let kept = l.observation.poll_check.timer.kept(elapsed);
        if l.observation.poll_check.is_long(kept)
            && l.observation.poll_check.may_report(identity.id)
        {
            let stage = self.position.stage;
            l.shared.reporter.report(&Report::Blocked {
                what: "a poll",
                task: Some(TaskMeta::new(identity)),
                phase: blocked::phase_name(stage),
                woken_by: blocked::cause_in_words(cause, stage),
                duration: kept,
                activity: None,
                is_over: true,
            });
        }
    }

    /// The loop is about to call user code that is no poll.
    pub(in crate::event_loop) fn begins(&self, what: UserCode) {
        if self.event_loop.observation.watch.is_some() {
            let call = self.outside_calls.get().wrapping_add(1);
            self.outside_calls.set(call);
            let position = TickPosition {
                budget: call,
                ..self.position
            };
            self.now.begin_outside(position, what);
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
