//! Waking: a header is a task's waker, and panics of foreign wakers are caught.

use std::fmt;
use std::sync::Arc;
use std::task::{Wake, Waker};

use super::{Header, Message};
use crate::blocked::{self, UserCode};
use crate::panics;
use crate::ready;
use crate::report::{self, Report, Reporter};

impl Wake for Header {
    fn wake(self: Arc<Self>) {
        Header::wake_by_ref(&self);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.span().get().is_woken();
        Header::wake_untraced(self);
    }
}

/// The waker of a task.
///
/// A clone: all clones have the same vtable, but the first waker has another one, so it would not
/// be equal to its clones by [`Waker::will_wake`].
pub(super) fn waker(header: &Arc<Header>) -> Waker {
    Waker::clone(&Waker::from(Arc::clone(header)))
}

impl Header {
    /// Wakes the task, and runs no user code.
    #[inline]
    pub(super) fn wake_untraced(this: &Arc<Self>) {
        if !ready::push(this.home(), || this.enqueue()) {
            Header::wake_remote(this);
        }
    }

    /// Wakes the task when its job has ended, which happens once. So it does not look at the flag;
    /// an additional wake would at most cause a spurious poll.
    pub(crate) fn wake_for_end(this: Arc<Self>) {
        if !ready::push(this.home(), || this.enqueue()) {
            let inbox = Arc::clone(this.inbox());
            // The reference itself and not a clone: the next task of the slot reuses the header
            // only if this thread has none when the loop gets the message.
            let _refused = inbox.push(Message::Wake(this));
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

/// Wakes `waker`. A panic is caught and reported.
pub(crate) fn wake_contained(waker: Waker) {
    wake_reporting(waker, report::report);
}

/// Wakes `waker`. A panic is caught and given to `reporter`, that of a loop which need not be
/// current.
pub(crate) fn wake_contained_for(reporter: &Reporter, waker: Waker) {
    wake_reporting(waker, |report| reporter.report(report));
}

fn wake_reporting(waker: Waker, report: impl FnOnce(&Report)) {
    if let Err(payload) = panics::contain(|| blocked::doing(UserCode::WAKER, || waker.wake())) {
        report(&Report::WakerPanicked {
            message: panics::message(&*payload).to_owned(),
        });
        panics::discard(payload);
    }
}

impl Message {
    /// Drops a message that was not delivered.
    pub(crate) fn discard(self) {
        panics::drop_contained(self, "the destructor of a message to a loop that has ended");
    }
}
