//! Locks that this thread holds while users' code runs.
//!
//! That code may call back and ask for the same lock. It would wait for its own thread, for ever and
//! without a word. So a lock that users' code runs under is noted here, and a call that would have
//! to wait for it looks here first, and panics instead.

use std::cell::RefCell;
use std::ptr;

thread_local! {
    /// The addresses of the locks.
    static HELD: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// Notes that this thread holds a lock, until it is dropped.
#[must_use = "the lock is noted for as long as this is kept"]
pub(super) struct HeldHere(usize);

impl HeldHere {
    /// Notes a lock, which is known by the address of one of its parts.
    pub(super) fn new<L>(lock: &L) -> Self {
        let address = ptr::from_ref(lock).addr();
        // In a destructor of another thread-local this one may be gone: then nothing is noted.
        let _gone = HELD.try_with(|held| held.borrow_mut().push(address));
        HeldHere(address)
    }
}

impl Drop for HeldHere {
    fn drop(&mut self) {
        let _gone = HELD.try_with(|held| {
            let mut held = held.borrow_mut();
            // Mostly the last.
            if held.pop_if(|address| *address == self.0).is_none()
                && let Some(place) = held.iter().position(|&address| address == self.0)
            {
                held.swap_remove(place);
            }
        });
    }
}

/// Returns whether this thread has noted the lock.
pub(super) fn is_held_here<L>(lock: &L) -> bool {
    let address = ptr::from_ref(lock).addr();
    let is_held = HELD.try_with(|held| held.borrow().contains(&address));
    is_held.unwrap_or(false)
}

/// Panics if this thread has noted the lock, which the function `name` would wait for.
#[track_caller]
pub(super) fn assert_not_held_here<L>(name: &str, lock: &L) {
    assert!(
        !is_held_here(lock),
        "this thread would wait for itself: `{name}` is called by the `Debug` of the value that is \
         locked, or by the closure of a guard's `map`; use the value that they are given"
    );
}
