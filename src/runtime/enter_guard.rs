//! The guard of [`Runtime::enter`](super::Runtime::enter) and
//! [`Handle::enter`](super::Handle::enter).

use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;

use crate::context::{self, Entered, EnteredElsewhere};
use crate::event_loop::{EventLoop, LoopShared};

/// Keeps a runtime current on this thread; see [`Runtime::enter`](super::Runtime::enter) and
/// [`Handle::enter`](super::Handle::enter).
///
/// Guards may be dropped in any order. The current runtime is that of the newest guard that has not
/// been dropped.
#[derive(Debug)]
#[must_use = "the runtime is current only while the guard lives"]
pub struct EnterGuard<'a> {
    _entered: EnteredRuntime,
    _runtime: PhantomData<&'a EventLoop>,
}

#[derive(Debug)]
#[expect(dead_code, reason = "these are kept for their destructors")]
enum EnteredRuntime {
    Here(Entered),
    /// The runtime is of another thread.
    Elsewhere(EnteredElsewhere),
}

impl EnterGuard<'_> {
    pub(super) fn new(event_loop: &Rc<EventLoop>) -> Self {
        EnterGuard {
            _entered: EnteredRuntime::Here(context::enter(event_loop)),
            _runtime: PhantomData,
        }
    }

    /// Enters a runtime that is not of this thread, or that has ended.
    pub(super) fn elsewhere(shared: &Arc<LoopShared>) -> Self {
        let entered = context::enter_elsewhere(Arc::clone(shared));
        EnterGuard {
            _entered: EnteredRuntime::Elsewhere(entered),
            _runtime: PhantomData,
        }
    }
}

// With a destructor, the borrow lasts until the guard is dropped, so the runtime cannot be dropped
// before.
impl Drop for EnterGuard<'_> {
    fn drop(&mut self) {}
}
