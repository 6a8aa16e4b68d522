//! What the kernel says about the loop's thread, on systems that say nothing.

use crate::report::ThreadActivity;

pub(super) use super::thread_look::{ThreadLook, ThreadState};

/// See the [module](self).
#[derive(Debug)]
pub(super) struct ThreadProbe;

impl ThreadProbe {
    pub(super) fn of_this_thread() -> Self {
        ThreadProbe
    }

    /// Nothing is known.
    pub(super) fn look(&self) -> ThreadLook {
        ThreadLook {
            state: ThreadState::Unknown,
            times: None,
        }
    }

    /// Nothing is known.
    pub(super) fn activity(&self) -> Option<ThreadActivity> {
        None
    }
}
