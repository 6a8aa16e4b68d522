//! `ref_` and `unref` on other threads against the registration of a source, in every interleaving.
//!
//! The file that does it, `src/io/source/reference.rs`, is compiled here against the model
//! checker's atomics. What the crate does with it, in `registration.rs` and in the poll phase, is
//! written down again as [`Link`].

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use loom::sync::{Arc, Mutex};
use loom::thread;

use reference::Reference;

mod primitive {
    pub(crate) use loom::sync::atomic::{AtomicU32, Ordering};
}

#[path = "../../src/io/source/reference.rs"]
mod reference;

/// A source, its slot, and the calls that are on their way home.
struct Link {
    reference: Reference,
    inbox: Mutex<Vec<(bool, u32)>>,
}

impl Link {
    fn new() -> Arc<Self> {
        Arc::new(Link {
            reference: Reference::new(),
            inbox: Mutex::new(Vec::new()),
        })
    }

    fn set_ref(&self, is_ref: bool) {
        if let Some(call) = self.reference.set(is_ref) {
            self.inbox.lock().unwrap().push((is_ref, call));
        }
    }
}

/// The slot at home: the flag, and the number of the call that set it.
struct Slot(bool, u32);

impl Slot {
    /// As `Sources::set_ref`.
    fn set(&mut self, is_ref: bool, call: u32) {
        if call.wrapping_sub(self.1).cast_signed() > 0 {
            *self = Slot(is_ref, call);
        }
    }
}

/// Registers a source while others make `calls`, each on a thread of its own.
fn check(calls: &'static [bool]) {
    loom::model(move || {
        let link = Link::new();
        let others: Vec<_> = calls
            .iter()
            .map(|&is_ref| {
                let link = Arc::clone(&link);
                thread::spawn(move || link.set_ref(is_ref))
            })
            .collect();
        let mut slot = Slot(true, 0);
        let (is_ref, call) = link.reference.register();
        slot.set(is_ref, call);
        for other in others {
            other.join().unwrap();
        }
        let calls = std::mem::take(&mut *link.inbox.lock().unwrap());
        calls
            .into_iter()
            .for_each(|(is_ref, call)| slot.set(is_ref, call));
        assert_eq!(slot.0, link.reference.is_ref());
    });
}

#[test]
fn no_call_is_lost() {
    check(&[false]);
}

#[test]
fn the_last_of_two_calls_holds() {
    check(&[false, true]);
}
