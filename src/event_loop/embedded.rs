//! A loop within the loop of a host: its descriptor is readable when a turn would do something.
//!
//! The descriptor is that of the poller, so it is readable when a source is ready. Everything else
//! is turned into an event of the poller while the loop does not run: a message unparks the poller,
//! the alarm expires at the next deadline, and work that is there already unparks it at once. This
//! is set up whenever the loop stops running, and whenever it is changed while it does not run.

use std::cell::Cell;
use std::os::fd::{AsFd, BorrowedFd};

use super::EventLoop;
use crate::ready;

/// What a host has been told.
#[derive(Debug, Default)]
pub(super) struct Embedding {
    /// Whether a host may wait for the descriptor, which then has to show that there is work.
    is_embedded: Cell<bool>,
    /// The next deadline, if the descriptor will not tell of it.
    untold_deadline: Cell<Option<u64>>,
}

impl EventLoop {
    /// Returns the descriptor. From the first call on, it shows that there is work.
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.embedding.is_embedded.set(true);
        self.notify_host();
        self.shared.registry.as_fd()
    }

    /// Updates the descriptor after a change that may have been made while the loop does not run.
    #[inline]
    pub(crate) fn notify_host(&self) {
        if self.embedding.is_embedded.get() && !ready::is_running(self.id()) {
            self.update_descriptor();
        }
    }

    #[cold]
    fn update_descriptor(&self) {
        // A deadline that has passed since then is noticed when the alarm is set.
        let recent = self.clock.recent();
        match self.next_turn(recent) {
            Some(at) if at <= recent => self.shared.inbox.unpark(),
            // Paused time does not reach a deadline by itself, and a turn that may not wait does
            // not advance it.
            at => {
                let deadline = at.filter(|_| !self.clock.is_paused());
                let is_told = self.poll.watch_until(deadline, &self.clock);
                let untold = deadline.filter(|_| !is_told);
                // The host may be waiting already: in the next turn it learns how long it may.
                if self.embedding.untold_deadline.replace(untold) != untold && untold.is_some() {
                    self.shared.inbox.unpark();
                }
            }
        }
    }

    /// Returns the next deadline if the descriptor will not tell of it, as the OS gives no timer.
    pub(crate) fn untold_deadline(&self) -> Option<u64> {
        self.embedding.untold_deadline.get()
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
