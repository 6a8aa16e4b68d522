//! What is moved to the pending phase of the next tick.

use super::Turn;
use crate::counts::Counter;
use crate::phase::{Callback, Deliver};
use crate::ready;
use crate::tasks::PollCause;

impl Turn<'_> {
    /// Moves the tasks that the last phase did not reach.
    #[cold]
    pub(super) fn defer_ready_tasks(&mut self) {
        if !self.has_stopped() {
            while let Some(key) = ready::pop() {
                self.move_to_pending(Callback::Deferred(key), &self.counts.over_phase_budget);
            }
            ready::trim();
        }
    }

    /// Queues a callback for the pending phase, and counts that.
    pub(super) fn move_to_pending(&self, callback: Callback, counter: &Counter) {
        let pending = &self.event_loop.pending;
        pending.push(callback);
        counter.add(1);
        self.counts.pending.set(pending.len() as u64);
    }

    /// Runs the tasks that were queued since the ready queue had `mark` entries, without those that
    /// they wake.
    pub(super) fn run_woken(&mut self, mark: usize) {
        let mut woken = ready::split_off(mark);
        let budget = self.position.budget;
        while self.may_go_on()
            && let Some(key) = woken.pop_front()
        {
            self.run(key, PollCause::Queued);
        }
        self.count_queued(budget);
        let pending = &self.event_loop.pending;
        for key in woken.into_iter().rev() {
            pending.push_front(Callback::Deferred(key));
            self.counts.over_phase_budget.add(1);
        }
        self.counts.pending.set(pending.len() as u64);
    }
}
