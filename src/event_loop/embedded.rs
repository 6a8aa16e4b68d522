//! The loop within another loop: its descriptor tells when a turn would do something.
//!
//! The descriptor is the poller's own: it is readable when a source is ready. For everything else
//! the poller has an event of ours: the inbox rings its bell while the loop does not run, the alarm
//! goes off at the next deadline, and work that is there already rings the bell at once. All this is
//! seen to whenever the loop stops running, and when something is changed from outside of it.

use std::os::fd::{AsFd, BorrowedFd};

use super::EventLoop;
use crate::ready;

impl EventLoop {
    /// The descriptor. From the first call on it tells of work.
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.is_embedded.set(true);
        self.notify_host();
        self.shared.registry.as_fd()
    }

    /// To be called after a change that may come from outside of a running loop.
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
            // Paused time does not come to a deadline by itself, and a turn that may not wait does
            // not move it on.
            at => self
                .poll
                .watch_until(at.filter(|_| !self.clock.is_paused()), now),
        }
    }

    /// When the next turn has something to do, while the loop does not run: now, if that is `now`;
    /// none, if it depends on others.
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
