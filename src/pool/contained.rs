//! A value whose destructor cannot unwind into whoever drops it.
//!
//! `async-task` aborts the process if a future or an output panics while it is dropped, so a job's
//! closure and its result are handed over in a [`Contained`].

use std::any::Any;
use std::mem;
use std::panic::{self, AssertUnwindSafe};

/// Holds a `T` and drops it with its panic caught.
#[derive(Debug)]
pub(super) struct Contained<T>(
    /// Empty only between [`into_inner`](Contained::into_inner) and the end of that call.
    Option<T>,
);

impl<T> Contained<T> {
    pub(super) fn new(value: T) -> Contained<T> {
        Contained(Some(value))
    }

    /// Hands the value out; from here on its destructor is the caller's business.
    pub(super) fn into_inner(mut self) -> T {
        self.0
            .take()
            .expect("the value is taken once only: this consumes its holder")
    }
}

impl<T> Drop for Contained<T> {
    fn drop(&mut self) {
        // Nothing is to be said about a panic caught here: the panic hook has spoken already, and
        // nobody waits for a value that is being dropped.
        if let Some(value) = self.0.take()
            && let Err(payload) = contain(|| drop(value))
        {
            discard(payload);
        }
    }
}

/// Calls `f` and catches its panic.
///
/// Unwind safety is asserted: what `f` leaves half done belongs to its own job.
pub(super) fn contain<R>(f: impl FnOnce() -> R) -> Result<R, Box<dyn Any + Send>> {
    panic::catch_unwind(AssertUnwindSafe(f))
}

/// Drops a panic's payload. One whose own destructor panics yields another payload, and that one
/// is leaked: there is no end to it otherwise.
fn discard(payload: Box<dyn Any + Send>) {
    if let Err(second) = contain(|| drop(payload)) {
        mem::forget(second);
    }
}
