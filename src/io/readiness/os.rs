//! What the OS says of a source with `epoll`: also urgent data.

use rustix::event::PollFlags;

use super::{Interest, Ready};

/// What `poll(2)` is asked for by a reader. It says whether the other end has closed its half, too.
pub(crate) const POLL_READ: PollFlags = PollFlags::IN.union(PollFlags::RDHUP);

/// Whether urgent data is reported.
pub(super) const HAS_PRIORITY: bool = true;

/// Only on Linux and Android.
impl Interest {
    /// Interest in urgent data, such as that of a TCP connection or of a GPIO line (`EPOLLPRI`).
    ///
    /// This constant exists on Linux and Android only.
    pub const PRIORITY: Interest = Interest::URGENT;

    /// Returns whether the set contains [`PRIORITY`](Interest::PRIORITY).
    pub const fn is_priority(self) -> bool {
        self.wants_priority()
    }
}

/// Only on Linux and Android.
impl Ready {
    /// There is urgent data.
    ///
    /// This constant exists on Linux and Android only.
    pub const PRIORITY: Ready = Ready::URGENT;

    /// Returns whether the set contains [`PRIORITY`](Ready::PRIORITY).
    pub fn is_priority(self) -> bool {
        self.contains(Ready::PRIORITY)
    }
}
