//! What keeps the loop going.
//!
//! Nothing is counted while the loop is busy. Before it would wait, it looks for one thing that
//! counts; how that is found among many that do not, `phase/candidates.rs` says.
//!
//! A caller of an I/O trait does not say that it has stopped waiting. Where nothing else keeps the
//! loop alive it is woken once: if it still waits it asks again, and counts until its task is polled
//! the next time. So is a combinator with wakers of its own whose task has ended while it waited for
//! a timer or a source: it may have moved to another task.

use std::cell::Cell;

use super::EventLoop;
use crate::clock::NEVER;
use crate::phase::candidates::Liveness;
use crate::phase::poll::Suspect;
use crate::phase::timers::TimerKey;
use crate::ready;
use crate::slots::Key;
use crate::tasks::ReferencedAgain;

/// Whether anything referenced is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    Alive,
    Over,
    /// A task was woken that knows. The loop must go on, without waiting.
    Asked,
}

/// A caller of an I/O trait, and how often its task had been polled when that was noted.
type Noted = (Suspect, u32);

/// Callers of I/O traits that were woken to see whether they still wait.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    /// The one that has been woken last.
    asked: Cell<Option<Noted>>,
    /// One that has asked again.
    confirmed: Cell<Option<Noted>>,
    /// How many have asked again that may have stopped waiting since.
    doubtful: Cell<u32>,
}

/// A task may need several polls for each wake, so that its asking again always leaves a doubt. After
/// so many times it is believed: one that has stopped waiting does not ask again.
const DOUBTFUL_MAX: u32 = 3;

impl EventLoop {
    /// Whether something stands in a queue: then poll does not wait.
    #[inline]
    pub(super) fn has_work(&self) -> bool {
        !ready::is_empty()
            || !self.pending.is_empty()
            || !self.check.is_empty()
            || !self.close.is_empty()
            || self.rng.is_some() && self.shared.pool.has_inline_jobs()
    }

    /// Whether nothing that the loop does may depend on how long anything took: in paused time, and
    /// under a seed.
    pub(super) fn must_repeat(&self) -> bool {
        self.clock.is_paused() || self.rng.is_some()
    }

    /// Whether anything referenced is alive: a ready task, an immediate, a close; a job that has not
    /// been delivered; an armed timer or a source on which a task waits; somebody who holds the
    /// loop. This is the rule that `Runtime::run` goes round by.
    pub(crate) fn life(&self) -> Life {
        let again = self.tasks.take_referenced_again();
        if again != ReferencedAgain::default() {
            self.timers.count_again(&again);
            self.poll.sources.count_again(&again);
        }
        let counts = |waiter: &_| self.tasks.counts(waiter);
        let is_alive = !ready::is_empty()
            || !self.pending.is_empty()
            || !self.close.is_empty()
            || self.check.is_any_alive(counts)
            || self.tasks.has_referenced_jobs();
        if is_alive {
            return Life::Alive;
        }
        let timer = match self.timers.find_alive(&self.tasks) {
            Some((_, Liveness::Yes)) => return Life::Alive,
            timer => timer,
        };
        match self.poll.sources.find_alive(&self.tasks) {
            Some((_, Liveness::Yes)) => Life::Alive,
            // It takes a lock.
            _ if !self.shared.inbox.is_idle() => Life::Alive,
            Some((source, _)) => self.ask(source),
            None => timer.map_or(Life::Over, |(timer, _)| self.ask_timer(timer)),
        }
    }

    /// The same, for one who cannot let the loop go on: what is not known counts.
    pub(crate) fn may_be_alive(&self) -> bool {
        self.life() != Life::Over
    }

    /// Nothing is known to be alive but, maybe, one who waits for `timer` by a waker whose task has
    /// ended.
    fn ask_timer(&self, timer: TimerKey) -> Life {
        if let Some(waiter) = self.timers.take_waiter(timer) {
            self.tasks.wake(waiter);
        }
        Life::Asked
    }

    /// Nothing is known to be alive but, maybe, a poller of `source`.
    fn ask(&self, source: Key) -> Life {
        let polls = |suspect: &Suspect| self.tasks.polls(suspect.task());
        let waits = |suspect: &Suspect| {
            self.tasks.is_ref(suspect.task()) && self.poll.sources.has_poller(suspect)
        };
        if let Some((suspect, polled)) = self.suspects.asked.take()
            && waits(&suspect)
        {
            let doubtful = &self.suspects.doubtful;
            // In a later poll than the one that it was woken for it may have gone on to something else.
            if polls(&suspect) == polled.wrapping_add(1) || doubtful.get() >= DOUBTFUL_MAX {
                self.suspects
                    .confirmed
                    .set(Some((suspect, polls(&suspect))));
                doubtful.set(0);
            } else {
                doubtful.update(|times| times + 1);
            }
        }
        if let Some((suspect, polled)) = self.suspects.confirmed.take()
            && polls(&suspect) == polled
            && waits(&suspect)
        {
            self.suspects.confirmed.set(Some((suspect, polled)));
            return Life::Alive;
        }
        if let Some((suspect, waiter)) = self.poll.sources.take_suspect(source, &self.tasks) {
            let polled = polls(&suspect);
            self.suspects.asked.set(Some((suspect, polled)));
            self.tasks.wake(waiter);
        }
        Life::Asked
    }

    /// Whether something may happen from outside, or by itself, referenced or not. If nothing may,
    /// only a waker on another thread can help.
    pub(super) fn may_hear(&self) -> bool {
        self.poll.sources.has_waiters() || self.may_time_help() || self.is_helped_by_others()
    }

    /// Whether a timer waits that is due, or will be as time goes on.
    pub(super) fn may_time_help(&self) -> bool {
        let Some(deadline) = self.timers.next_deadline() else {
            return false;
        };
        let is_moving = !self.clock.is_paused() || self.auto_advance.get();
        is_moving && deadline != NEVER || deadline <= self.clock.now()
    }

    /// Whether jobs or other threads are at work for this loop.
    pub(super) fn is_helped_by_others(&self) -> bool {
        self.tasks.has_jobs() || self.shared.inbox.is_held()
    }
}
