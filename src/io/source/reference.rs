//! Whether a source keeps its loop alive: a flag that any thread may set, also while the loop
//! registers the source.
//!
//! The slot in the loop has a copy of the flag. To lose no call, the flag and "is registered" are
//! one word: a call comes either before the registration, which then reads its flag, or after it,
//! and then sends its flag to the loop. Calls are numbered, because they may arrive there in
//! another order.

use crate::primitive::{AtomicU32, Ordering};

const UNREF: u32 = 1;
const REGISTERED: u32 = 2;
/// The lowest bit of the number of the last call.
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

    /// Sets the flag. Returns the number of this call if the flag must be sent to the loop.
    pub(crate) fn set(&self, is_ref: bool) -> Option<u32> {
        let changed = |word: u32| {
            let registered = word & REGISTERED;
            let number = (word & !(CALL - 1)).wrapping_add(CALL);
            number | registered | if is_ref { 0 } else { UNREF }
        };
        // Acquire: a caller that sees `REGISTERED` also sees the registration, which is stored
        // before.
        let word = self
            .0
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, |word| {
                Some(changed(word))
            });
        let word = word.unwrap_or_else(|word| word);
        (word & REGISTERED != 0).then(|| changed(word) & !(CALL - 1))
    }

    /// Marks the source as registered. Returns the flag, and the number of the last call.
    pub(crate) fn register(&self) -> (bool, u32) {
        let word = self.0.fetch_or(REGISTERED, Ordering::AcqRel);
        (word & UNREF == 0, word & !(CALL - 1))
    }
}
