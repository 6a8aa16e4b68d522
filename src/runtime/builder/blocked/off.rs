//! Without the feature `watch`: no thread watches a loop.

use std::io;

use super::Builder;
use crate::event_loop::BlockedCheck;

impl Builder {
    /// Returns how a blocked loop is noticed: in debug builds at the end of the poll.
    #[expect(
        clippy::unnecessary_wraps,
        clippy::unused_self,
        reason = "with the feature it may fail, and is a setting"
    )]
    pub(super) fn blocked_check(&self) -> io::Result<BlockedCheck> {
        Ok(BlockedCheck::default())
    }
}
