//! What is seen of the loop's thread at one time.

use std::time::Duration;

/// See the [module](self).
#[derive(Clone, Copy, Debug)]
pub(super) struct ThreadLook {
    pub(super) state: ThreadState,
    /// For how many nanoseconds it has run, and has waited for a processor, if that is known.
    pub(super) times: Option<(u64, u64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    any(quintet_portable, not(any(target_os = "linux", target_os = "android"))),
    allow(dead_code, reason = "only Linux tells it, and unit tests")
)]
pub(super) enum ThreadState {
    /// It runs, or waits for a processor.
    Ready,
    Sleeping,
    /// By a signal or a debugger.
    Stopped,
    Unknown,
}

impl ThreadLook {
    /// Returns how much of the time `elapsed` since the look `before` the thread has computed or
    /// slept.
    ///
    /// The kernel counts a wait for a processor when it is over. So of a thread that is ready only
    /// the time counts that it has run.
    pub(super) fn kept_since(self, before: ThreadLook, elapsed: Duration) -> Duration {
        let (Some((ran, waited)), Some((ran_before, waited_before))) = (self.times, before.times)
        else {
            return match self.state {
                ThreadState::Stopped => Duration::ZERO,
                _ => elapsed,
            };
        };
        let ran = Duration::from_nanos(ran.saturating_sub(ran_before));
        let waited = Duration::from_nanos(waited.saturating_sub(waited_before));
        match self.state {
            ThreadState::Stopped => Duration::ZERO,
            ThreadState::Ready => ran.min(elapsed),
            ThreadState::Sleeping | ThreadState::Unknown => elapsed.saturating_sub(waited),
        }
    }
}
