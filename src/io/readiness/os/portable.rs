//! What the OS says of a source where urgent data is not reported.

use rustix::event::PollFlags;

/// What `poll(2)` is asked for by a reader.
pub(crate) const POLL_READ: PollFlags = PollFlags::IN;

/// Whether urgent data is reported.
pub(super) const HAS_PRIORITY: bool = false;
