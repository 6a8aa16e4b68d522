//! A value whose destructor cannot unwind into whoever drops it.
//!
//! `async-task` aborts the process if a future or an output panics while it is dropped, so a job's
//! closure and its result are handed over in a [`Contained`].

use crate::panics::{contain, discard};

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

    /// Backend the value out; from here on its destructor is the caller's business.
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
