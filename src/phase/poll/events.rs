//! What the events of the poller mean with `epoll`.

use mio::Interest;

use crate::slots::Key;

/// What a source is registered for. Priority, because urgent data ends a read early; see
/// `DirectionState::is_urgent`.
pub(super) const INTEREST: Interest = Interest::READABLE
    .add(Interest::WRITABLE)
    .add(Interest::PRIORITY);

/// Whether a read that moves less than it could proves that the next one would block.
pub(super) const SHORT_READ_PROVES_DRAINED: bool = true;

/// The sources that have an event in one fetch: with `epoll` each has at most one.
#[derive(Default)]
pub(super) struct Merged {}

impl Merged {
    /// Whether this is the first event of the source in this fetch.
    #[inline]
    pub(super) fn is_first(&mut self, _key: Key) -> bool {
        true
    }
}
