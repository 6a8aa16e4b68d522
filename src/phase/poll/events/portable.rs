//! What the events of the poller mean with `kqueue`.

use std::collections::HashSet;

use mio::Interest;

use super::ReadinessParts;
use crate::slots::Key;

/// Returns what a source is registered for. Errors are always reported.
pub(super) fn interest(parts: ReadinessParts) -> Interest {
    if !parts.write {
        Interest::READABLE
    } else if !parts.read {
        Interest::WRITABLE
    } else {
        Interest::READABLE.add(Interest::WRITABLE)
    }
}

/// Whether a read that moves less than it could proves that the next one would block. It does not,
/// because urgent data ends a read early, and is not reported.
pub(super) const SHORT_READ_PROVES_DRAINED: bool = false;

/// The sources that have an event in one fetch: `kqueue` reports readable and writable one by one,
/// and both together are one callback.
#[derive(Default)]
pub(super) struct Merged {
    seen: HashSet<u64>,
}

impl Merged {
    /// Whether this is the first event of the source in this fetch.
    pub(super) fn is_first(&mut self, key: Key) -> bool {
        self.seen.insert(key.to_bits())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_event_of_a_source_is_not_the_first() {
        let mut merged = Merged::default();
        let (one, other) = (Key::from_bits(1), Key::from_bits(2));
        let first = [one, other, one, other].map(|key| merged.is_first(key));
        assert_eq!(first, [true, true, false, false]);
    }
}
