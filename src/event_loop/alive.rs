//! Who keeps the loop going: what it judges by when it has nothing to do.
//!
//! Nothing is counted while the loop is busy. Before it would wait, it looks for one thing that
//! counts, beginning where it last found one; so an idle server looks at one socket and sleeps.

use super::EventLoop;
use crate::clock::NEVER;
use crate::ready;

impl EventLoop {
    /// Whether something stands in a queue: then poll does not wait.
    #[inline]
    pub(super) fn has_work(&self) -> bool {
        !ready::is_empty()
            || !self.pending.is_empty()
            || !self.check.is_empty()
            || !self.close.is_empty()
            || self.dice.is_some() && self.shared.pool.has_inline_jobs()
    }

    /// Whether nothing that the loop does may depend on how long anything took: in paused time, and
    /// under a seed.
    pub(super) fn must_repeat(&self) -> bool {
        self.clock.is_paused() || self.dice.is_some()
    }

    /// Whether anything referenced is alive: a ready task, an immediate, a close; a job that has not
    /// been delivered; an armed timer or a source on which a task waits; somebody who holds the
    /// loop. This is the rule that `Runtime::run` goes round by.
    pub(crate) fn is_alive(&self) -> bool {
        let counts = |waiter: &_| self.tasks.counts(waiter);
        !ready::is_empty()
            || !self.pending.is_empty()
            || !self.close.is_empty()
            || self.check.is_any_alive(counts)
            || self.tasks.has_referenced_jobs()
            || self.poll.is_any_alive(counts)
            || self.timers.is_any_alive(counts)
            // Last: it takes a lock.
            || !self.shared.inbox.is_idle()
    }

    /// Whether something may happen from outside, or by itself, referenced or not. If nothing may,
    /// only a waker on another thread can help.
    pub(super) fn may_hear(&self) -> bool {
        self.poll.has_waiters() || self.may_time_help() || self.is_helped_by_others()
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
