//! The guard by which other threads keep a loop alive.

use std::fmt;
use std::sync::Arc;

use crate::event_loop;

/// Keeps [`Runtime::run`](super::Runtime::run) from returning until it is dropped.
///
/// Returned by [`Handle::keep_alive`](super::Handle::keep_alive). Use it on another thread that
/// will send something to the runtime, which the loop cannot know. While a guard exists, paused
/// time does not advance by itself.
pub struct KeepAlive(event_loop::AliveGuard);

impl KeepAlive {
    pub(super) fn new(shared: &Arc<event_loop::LoopShared>) -> Self {
        KeepAlive(event_loop::AliveGuard::new(Arc::clone(shared)))
    }
}

impl Clone for KeepAlive {
    fn clone(&self) -> Self {
        KeepAlive::new(self.0.shared())
    }
}

impl fmt::Debug for KeepAlive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeepAlive")
            .field("loop", &self.0.shared().id)
            .finish()
    }
}

assert_impl!(KeepAlive: Send + Sync);
