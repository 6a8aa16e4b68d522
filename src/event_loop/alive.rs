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
use crate::phase::poll::UncertainWaiter;
use crate::phase::timers::TimerKey;
use crate::ready;
use crate::slots::Key;
use crate::tasks::ReferencedAgain;

/// Whether anything referenced is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoopLiveness {
    Alive,
    Dead,
    /// A task was woken that knows. The loop must go on, without waiting.
    Probing,
}

/// A caller of an I/O trait, and how often its task had been polled when that was noted.
type Polled = (UncertainWaiter, u32);

/// Callers of I/O traits that were woken to see whether they still wait.
#[derive(Debug, Default)]
pub(super) struct LivenessProbes {
    /// The one that has been woken last.
    woken: Cell<Option<Polled>>,
    /// One that has asked again.
    confirmed: Cell<Option<Polled>>,
    /// How many have asked again that may have stopped waiting since.
    inconclusive: Cell<u32>,
}

/// A task may need several polls for each wake, so that its asking again always leaves a doubt. After
/// so many times it is believed: one that has stopped waiting does not ask again.
const INCONCLUSIVE_MAX: u32 = 3;

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
    pub(crate) fn liveness(&self) -> LoopLiveness {
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
            return LoopLiveness::Alive;
        }
        let timer = match self.timers.find_alive(&self.tasks) {
            Some((_, Liveness::Yes)) => return LoopLiveness::Alive,
            timer => timer,
        };
        match self.poll.sources.find_alive(&self.tasks) {
            Some((_, Liveness::Yes)) => LoopLiveness::Alive,
            // It takes a lock.
            _ if !self.shared.inbox.is_idle() => LoopLiveness::Alive,
            Some((source, _)) => self.probe_source(source),
            None => timer.map_or(LoopLiveness::Dead, |(timer, _)| self.probe_timer(timer)),
        }
    }

    /// The same, for one who cannot let the loop go on: what is not known counts.
    pub(crate) fn may_be_alive(&self) -> bool {
        self.liveness() != LoopLiveness::Dead
    }

    /// Nothing is known to be alive but, maybe, one who waits for `timer` by a waker whose task has
    /// ended.
    fn probe_timer(&self, timer: TimerKey) -> LoopLiveness {
        if let Some(waiter) = self.timers.take_waiter(timer) {
            self.tasks.wake(waiter);
        }
        LoopLiveness::Probing
    }

    /// Nothing is known to be alive but, maybe, a poller of `source`.
    fn probe_source(&self, source: Key) -> LoopLiveness {
        let polls = |uncertain: &UncertainWaiter| self.tasks.polls(uncertain.task());
        let waits = |uncertain: &UncertainWaiter| {
            self.tasks.is_ref(uncertain.task()) && self.poll.sources.is_waiting(uncertain)
        };
        if let Some((uncertain, polled)) = self.probes.woken.take()
            && waits(&uncertain)
        {
            let inconclusive = &self.probes.inconclusive;
            // In a later poll than the one that it was woken for it may have gone on to something else.
            if polls(&uncertain) == polled.wrapping_add(1) || inconclusive.get() >= INCONCLUSIVE_MAX
            {
                self.probes
                    .confirmed
                    .set(Some((uncertain, polls(&uncertain))));
                inconclusive.set(0);
            } else {
                inconclusive.update(|times| times + 1);
            }
        }
        if let Some((uncertain, polled)) = self.probes.confirmed.take()
            && polls(&uncertain) == polled
            && waits(&uncertain)
        {
            self.probes.confirmed.set(Some((uncertain, polled)));
            return LoopLiveness::Alive;
        }
        if let Some((uncertain, waiter)) = self.poll.sources.take_uncertain(source, &self.tasks) {
            let polled = polls(&uncertain);
            self.probes.woken.set(Some((uncertain, polled)));
            self.tasks.wake(waiter);
        }
        LoopLiveness::Probing
    }

    /// Whether something may happen from outside, or by itself, referenced or not. If nothing may,
    /// only a waker on another thread can help.
    pub(super) fn expects_events(&self) -> bool {
        self.poll.sources.has_waiters() || self.expects_timer() || self.expects_messages()
    }

    /// Whether a timer waits that is due, or will be as time goes on.
    pub(super) fn expects_timer(&self) -> bool {
        let Some(deadline) = self.timers.next_deadline() else {
            return false;
        };
        let is_moving = !self.clock.is_paused() || self.auto_advance.get();
        is_moving && deadline != NEVER || deadline <= self.clock.now()
    }

    /// Whether jobs or other threads are at work for this loop.
    pub(super) fn expects_messages(&self) -> bool {
        self.tasks.has_jobs() || self.shared.inbox.has_keep_alive()
    }
}
