//! Whether a source keeps its loop alive: the flag that any thread may set, also while the loop
//! registers the source.
//!
//! The slot at home has a copy of the flag. So that no call is lost, the flag and "is registered" are
//! one word: a call either comes before the registration, which then reads its flag, or sees the
//! registration, and sends the flag home. Calls are numbered, for they may come home in another
//! order.

use crate::primitive::{AtomicU32, Ordering};

const UNREF: u32 = 1;
const REGISTERED: u32 = 2;
/// The number of a call begins here.
const CALL: u32 = 4;

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Reference(AtomicU32);

impl Reference {
    pub(crate) fn new() -> Self {
        Reference(AtomicU32::new(0))
    }

    pub(crate) fn is_ref(&self) -> bool {
        self.0.load(Ordering::Relaxed) & UNREF == 0
    }

    /// Sets the flag. Returns the number of this call if the flag must be sent home.
    pub(crate) fn set(&self, is_ref: bool) -> Option<u32> {
        let changed = |word: u32| {
            let registered = word & REGISTERED;
            let number = (word & !(CALL - 1)).wrapping_add(CALL);
            number | registered | if is_ref { 0 } else { UNREF }
        };
        // Acquire: the registration, which is stored before the word says so, is seen.
        let word = self
            .0
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, |word| {
                Some(changed(word))
            });
        let word = word.unwrap_or_else(|word| word);
        (word & REGISTERED != 0).then(|| changed(word) & !(CALL - 1))
    }

    /// Says that the source is registered. Returns the flag, and the number of the last call.
    pub(crate) fn register(&self) -> (bool, u32) {
        let word = self.0.fetch_or(REGISTERED, Ordering::AcqRel);
        (word & UNREF == 0, word & !(CALL - 1))
    }
}
