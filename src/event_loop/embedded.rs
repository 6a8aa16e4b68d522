//! A loop within the loop of a host: its descriptor is readable when a turn would do something.
//!
//! The descriptor is that of the poller, so it is readable when a source is ready. Everything else
//! is turned into an event of the poller while the loop does not run: a message unparks the poller,
//! the alarm expires at the next deadline, and work that is there already unparks it at once. This
//! is set up whenever the loop stops running, and whenever it is changed while it does not run.

use std::os::fd::{AsFd, BorrowedFd};

use super::EventLoop;
use crate::ready;

impl EventLoop {
    /// Returns the descriptor. From the first call on, it shows that there is work.
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.is_embedded.set(true);
        self.notify_host();
        self.shared.registry.as_fd()
    }

    /// Updates the descriptor after a change that may have been made while the loop does not run.
    #[inline]
    pub(crate) fn notify_host(&self) {
        if self.is_embedded.get() && !ready::is_running(self.id()) {
            self.update_descriptor();
        }
    }

    #[cold]
    fn update_descriptor(&self) {
        let now = self.clock.now();
        match self.next_turn(now) {
            Some(at) if at <= now => self.shared.inbox.unpark(),
            // Paused time does not reach a deadline by itself, and a turn that may not wait does
            // not advance it.
            at => self
                .poll
                .watch_until(at.filter(|_| !self.clock.is_paused()), now),
        }
    }

    /// Returns when the next turn has something to do, while the loop does not run: `now`, if there
    /// is work; `None`, if that depends on events.
    pub(crate) fn next_turn(&self, now: u64) -> Option<u64> {
        let has_work = self.is_stopping()
            || !self.stored_queue.borrow().is_empty()
            || !self.pending.is_empty()
            || !self.check.is_empty()
            || !self.close.is_empty()
            || self.shared.inbox.has_pending()
            || self.shared.pool.has_inline_jobs();
        if has_work {
            return Some(now);
        }
        self.timers.next_deadline().filter(|_| self.expects_timer())
    }
}
