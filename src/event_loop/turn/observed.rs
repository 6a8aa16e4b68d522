//! Polls that are measured: how long the polls of a task take, and which of them block the loop.

use std::time::{Duration, Instant};

use super::Turn;
use crate::clock;
use crate::report::{Report, TaskMeta};
use crate::slots::Key;
use crate::tasks::{Identity, PollCause};

/// The names of the phases, by the number of a phase in its tick. Before the first tick there is
/// none.
const PHASES: [Option<&str>; 6] = [
    None,
    Some("timers"),
    Some("pending"),
    Some("poll"),
    Some("check"),
    Some("close"),
];

impl Turn<'_> {
    /// Polls a task, and measures how long it takes.
    #[cold]
    pub(super) fn run_observed(&mut self, key: Key, cause: PollCause) {
        let l = self.event_loop;
        let (identity, started) = if l.blocked.is_watching() {
            // The task may have ended after the poll.
            (l.tasks.identity_of(key), l.blocked.timer.start())
        } else {
            (None, Instant::now())
        };
        if !self.poll(key, cause) {
            return;
        }
        let ended = Instant::now();
        let elapsed = ended.duration_since(started);
        if l.is_measuring {
            let busy = clock::nanos(elapsed);
            l.tasks.add_busy(key, busy, l.clock.time_at(ended));
        }
        if let Some(identity) = identity
            && l.blocked.is_long(elapsed)
        {
            self.report_blocked(identity, cause, elapsed);
        }
    }

    /// Reports a poll that has taken `elapsed`, unless the thread has waited for a processor.
    #[cold]
    fn report_blocked(&self, identity: Identity, cause: PollCause, elapsed: Duration) {
        let l = self.event_loop;
        let kept = l.blocked.timer.kept(elapsed);
        if l.blocked.is_long(kept) && l.blocked.may_report(identity.id) {
            l.shared.reporter.report(&Report::Blocked {
                what: "a poll",
                task: Some(TaskMeta::new(identity)),
                phase: PHASES[self.phase as usize],
                woken_by: self.woken_by(cause),
                duration: kept,
            });
        }
    }

    /// What has woken the task that was polled in this phase.
    fn woken_by(&self, cause: PollCause) -> Option<&'static str> {
        match (PHASES[self.phase as usize], cause) {
            (Some("pending"), _) => Some("an earlier tick, which had no budget left"),
            (_, PollCause::Queued) => Some("running code"),
            (_, PollCause::Message) => Some("a message of another thread"),
            (Some("timers"), PollCause::Event) => Some("a timer"),
            (Some("poll"), PollCause::Event) => Some("the readiness of a source"),
            (Some("check"), PollCause::Event) => Some("its turn in the check phase"),
            (Some("close"), PollCause::Event) => Some("the end of a close"),
            (_, PollCause::Event) => None,
        }
    }
}
