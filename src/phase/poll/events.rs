//! What the events of the poller mean with `epoll`.

use mio::Interest;

use super::ReadinessParts;
use crate::slots::Key;

/// Returns what a source is registered for. Errors are always reported.
///
/// Sockets are registered for priority, too, because urgent data ends a read early; see
/// `DirectionState::is_urgent`.
pub(super) fn interest(parts: ReadinessParts) -> Interest {
    let when = |is_wanted: bool, interest| is_wanted.then_some(interest);
    let wanted = [
        when(parts.read, Interest::READABLE),
        when(parts.write, Interest::WRITABLE),
        when(parts.priority, Interest::PRIORITY),
    ];
    let wanted = wanted.into_iter().flatten().reduce(Interest::add);
    wanted.unwrap_or(Interest::PRIORITY)
}

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
