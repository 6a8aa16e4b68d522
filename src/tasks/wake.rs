//! Waking: a header is a task's waker, and other wakers are called so that their panics are contained.

use std::fmt;
use std::sync::Arc;
use std::task::{Wake, Waker};

use super::{Header, Message};
use crate::panics;
use crate::ready;
use crate::report::{self, Report, Reporter};

impl Wake for Header {
    fn wake(self: Arc<Self>) {
        Header::wake_by_ref(&self);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !ready::push(self.home(), || self.enqueue()) {
            Header::wake_remote(self);
        }
    }
}

/// For tasks that are jobs.
impl Header {
    /// Wakes the task for the end of its job, of which it is told once.
    pub(crate) fn wake_for_end(this: &Arc<Self>) {
        if !ready::push(this.home(), || this.enqueue()) {
            Header::send_wake(this);
        }
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Header")
            .field("home", &self.home())
            .field("key", &self.key())
            .finish_non_exhaustive()
    }
}

/// Wakes; a panic of a foreign waker is reported.
pub(crate) fn wake_contained(waker: Waker) {
    wake_reporting(waker, report::report);
}

/// The same on behalf of a loop that need not be the current one.
pub(crate) fn wake_contained_for(reporter: &Reporter, waker: Waker) {
    wake_reporting(waker, |report| reporter.report(report));
}

fn wake_reporting(waker: Waker, report: impl FnOnce(&Report)) {
    if let Err(payload) = panics::contain(|| waker.wake()) {
        report(&Report::WakerPanicked {
            message: panics::message(&*payload).to_owned(),
        });
        panics::discard(payload);
    }
}

impl Message {
    /// Drops what never arrived.
    pub(crate) fn discard(self) {
        panics::drop_contained(self, "the destructor of a message to a loop that has ended");
    }
}
