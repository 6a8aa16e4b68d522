//! The guard of [`Runtime::enter`](super::Runtime::enter).

use std::marker::PhantomData;
use std::rc::Rc;

use crate::context::{self, Entered};
use crate::event_loop::EventLoop;

/// Keeps a runtime current on this thread; see [`Runtime::enter`](super::Runtime::enter).
///
/// Guards may end in any order: the one made last, of those that live, says what is current.
#[derive(Debug)]
#[must_use = "the runtime is current only while the guard lives"]
pub struct EnterGuard<'a> {
    _entered: Entered,
    _runtime: PhantomData<&'a EventLoop>,
}

impl EnterGuard<'_> {
    pub(super) fn new(event_loop: &Rc<EventLoop>) -> Self {
        EnterGuard {
            _entered: context::enter(event_loop),
            _runtime: PhantomData,
        }
    }
}

// Without it the compiler would take the borrow as unused at the guard's end, and let the runtime be
// dropped before.
impl Drop for EnterGuard<'_> {
    fn drop(&mut self) {}
}
