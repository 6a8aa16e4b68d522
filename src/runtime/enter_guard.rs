//! The guard of [`Runtime::enter`](super::Runtime::enter).

use std::marker::PhantomData;
use std::rc::Rc;

use crate::context::{self, Entered};
use crate::event_loop::EventLoop;

/// Keeps a runtime current on this thread; see [`Runtime::enter`](super::Runtime::enter).
///
/// Guards may be dropped in any order. The current runtime is that of the newest guard that has not
/// been dropped.
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

// With a destructor, the borrow lasts until the guard is dropped, so the runtime cannot be dropped
// before.
impl Drop for EnterGuard<'_> {
    fn drop(&mut self) {}
}
