//! How long poll may wait, and what is done before it does.

use super::Turn;
use crate::blocked::UserCode;
use crate::event_loop::alive::LoopLiveness;
use crate::event_loop::starvation::PoolSleep;
use crate::phase::poll::PollWait;
use crate::ready;

impl Turn<'_> {
    /// Returns how long poll may wait.
    #[inline]
    pub(super) fn wait(&self) -> PollWait {
        let l = self.event_loop;
        if self.is_stopping() || l.has_work() {
            return PollWait::Not;
        }
        match self.wait_limit.only_while_alive.then(|| l.liveness()) {
            Some(LoopLiveness::Dead) => PollWait::Until(0),
            Some(LoopLiveness::Probing) => PollWait::Not,
            Some(LoopLiveness::Alive) | None => self.next_deadline().at_most(self.wait_limit.limit),
        }
    }

    /// Returns until when nothing is due.
    ///
    /// A deadline is compared with the clock only when poll waits, so the time that tasks take is
    /// not added to any sleep.
    #[inline]
    fn next_deadline(&self) -> PollWait {
        let l = self.event_loop;
        if l.clock.is_paused() {
            return self.wait_in_paused_time();
        }
        let recent = l.clock.recent();
        match l.timers.next_wake(recent) {
            None => PollWait::ForEver,
            // What is due already is work.
            Some(wake) if wake <= recent && self.wait_limit.limit.is_none() => PollWait::Not,
            Some(wake) => PollWait::Until(wake),
        }
    }

    /// Frees memory before a sleep, and limits the sleep for reports that become due during it.
    #[inline]
    pub(super) fn prepare_sleep(&mut self, wait: PollWait) -> PollWait {
        let l = self.event_loop;
        ready::trim();
        l.update_timer_counts();
        self.counts.ready.set(0);
        match l.watch_pool() {
            PoolSleep::Any => {}
            PoolSleep::AtMost(limit) => l.poll.limit_next_wait(limit),
            // The report function has run, and may have woken tasks.
            PoolSleep::No => return PollWait::Not,
        }
        let wait = match wait {
            PollWait::ForEver if !l.expects_events() => self.limit_idle_sleep(),
            wait => wait,
        };
        self.note_sleep();
        wait
    }

    /// Calls the user's function for a sleep, and returns how long poll may wait after that.
    #[cold]
    pub(super) fn park(&mut self, wait: PollWait) -> PollWait {
        if wait == PollWait::Probe || self.has_stopped() {
            return wait;
        }
        self.after_wait.has_parked = true;
        if let Some(on_park) = &self.event_loop.on_park {
            self.begins(UserCode::ON_PARK);
            on_park.call();
        }
        // The function may have woken tasks.
        self.wait()
    }

    /// Returns how long poll may wait in paused time: for events, but not for time to pass.
    fn wait_in_paused_time(&self) -> PollWait {
        let l = self.event_loop;
        let expects_messages = l.expects_messages();
        if expects_messages || (!l.expects_timer() && l.poll.sources.has_waiters()) {
            PollWait::ForEver
        } else {
            PollWait::Probe
        }
    }
}
