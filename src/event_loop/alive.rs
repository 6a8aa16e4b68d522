//! What keeps the loop alive.
//!
//! Nothing is counted while the loop is busy. Before it waits, it looks for one thing that keeps it
//! alive; `phase/candidates.rs` finds that quickly among many that do not.
//!
//! Some waiters do not say when they stop waiting: callers of an I/O trait, and combinators with
//! their own wakers whose task has ended, because they may have moved to another task. If nothing
//! else keeps the loop alive, such a waiter is *probed*: it is woken once. If it still waits, it
//! adds itself again, and counts until its task is polled the next time.

use std::cell::Cell;
use std::sync::Arc;

use super::{EventLoop, LoopShared};
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
    /// A waiter was woken to see whether it still waits. The loop has to go on, without waiting.
    Probing,
}

/// A waiter, and how many polls its task had at that time.
type PolledWaiter = (UncertainWaiter, u32);

/// The waiters that were probed last.
#[derive(Debug, Default)]
pub(super) struct LivenessProbes {
    /// The one that was woken last.
    woken: Cell<Option<PolledWaiter>>,
    /// One that has added itself again.
    confirmed: Cell<Option<PolledWaiter>>,
    /// How many probes in a row have had no clear result.
    inconclusive: Cell<u32>,
}

/// A task that needs several polls for each wake never gives a clear result. After so many probes
/// its waiter counts: one that has stopped waiting would not have added itself again.
const INCONCLUSIVE_MAX: u32 = 3;

/// Keeps a loop alive while this exists, on any thread.
pub(crate) struct AliveGuard {
    shared: Arc<LoopShared>,
}

impl AliveGuard {
    pub(crate) fn new(shared: Arc<LoopShared>) -> Self {
        shared.inbox.add_keep_alive();
        AliveGuard { shared }
    }

    pub(crate) fn shared(&self) -> &Arc<LoopShared> {
        &self.shared
    }
}

impl Drop for AliveGuard {
    fn drop(&mut self) {
        self.shared.inbox.remove_keep_alive();
    }
}

impl EventLoop {
    /// Returns whether a queue has an entry, so that poll must not wait.
    #[inline]
    pub(super) fn has_work(&self) -> bool {
        !ready::is_empty()
            || !self.pending.is_empty()
            || !self.check.is_empty()
            || !self.close.is_empty()
            || self.rng.is_some() && self.shared.pool.has_inline_jobs()
    }

    /// Returns whether nothing that the loop does may depend on how long anything takes: in paused
    /// time, and under a seed.
    pub(super) fn must_repeat(&self) -> bool {
        self.clock.is_paused() || self.rng.is_some()
    }

    /// Returns whether the next tick has something to do, as far as this is known without asking
    /// the OS.
    pub(super) fn may_go_on(&self) -> bool {
        self.has_work() || self.poll.may_have_more_events()
    }

    /// Returns whether anything referenced is alive: a ready task, an immediate, a close, a job
    /// that is not delivered, an armed timer or a source for which a task waits, or a keep-alive.
    /// `Runtime::run` runs while this is so.
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
            // This takes a lock, so it comes late.
            _ if !self.shared.inbox.is_idle() => LoopLiveness::Alive,
            Some((source, _)) => self.probe_source(source),
            None => timer.map_or(LoopLiveness::Dead, |(timer, _)| self.probe_timer(timer)),
        }
    }

    /// Returns false only if it is certain that nothing referenced is alive.
    pub(crate) fn may_be_alive(&self) -> bool {
        self.liveness() != LoopLiveness::Dead
    }

    /// Probes the waiter of `timer`, whose task has ended.
    fn probe_timer(&self, timer: TimerKey) -> LoopLiveness {
        if let Some(waiter) = self.timers.take_waiter(timer) {
            self.tasks.wake(waiter);
        }
        LoopLiveness::Probing
    }

    /// Probes a waiter of `source`, or uses the result of the last probe.
    fn probe_source(&self, source: Key) -> LoopLiveness {
        // Three steps over several ticks: a waiter is woken; it waits again, which confirms it; it
        // counts until its task is polled again, because it may stop waiting in any poll.
        let polls = |uncertain: &UncertainWaiter| self.tasks.polls(uncertain.task);
        let waits = |uncertain: &UncertainWaiter| {
            self.tasks.is_ref(uncertain.task) && self.poll.sources.is_waiting(uncertain)
        };
        if let Some((uncertain, polled)) = self.probes.woken.take()
            && waits(&uncertain)
        {
            let inconclusive = &self.probes.inconclusive;
            // More than one poll since the wake: it may have stopped waiting in the last one.
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

    /// Returns whether anything can still happen to the loop, referenced or not. If not, only a
    /// waker on another thread can wake a task.
    #[inline]
    pub(super) fn expects_events(&self) -> bool {
        self.poll.sources.has_waiters() || self.expects_timer() || self.expects_messages()
    }

    /// Returns whether a timer is due, or will be due as time goes on.
    pub(super) fn expects_timer(&self) -> bool {
        let Some(deadline) = self.timers.next_deadline() else {
            return false;
        };
        let is_moving = !self.clock.is_paused() || self.auto_advance.get();
        is_moving && deadline != NEVER || deadline <= self.clock.now()
    }

    /// Returns whether jobs or other threads work for this loop.
    pub(super) fn expects_messages(&self) -> bool {
        self.tasks.has_jobs() || self.shared.inbox.has_keep_alive()
    }
}
