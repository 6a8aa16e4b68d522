//! A value whose destructor cannot unwind.
//!
//! `async-task` aborts the process if a future or an output panics while it is dropped. So a job's
//! closure and its result are wrapped in [`Contained`].

use crate::panics::drop_quietly;

/// Holds a `T`, and catches a panic of its destructor.
#[derive(Debug)]
pub(super) struct Contained<T>(
    /// `None` only while [`into_inner`](Contained::into_inner) runs.
    Option<T>,
);

impl<T> Contained<T> {
    pub(super) fn new(value: T) -> Contained<T> {
        Contained(Some(value))
    }

    /// Returns the value. A panic of its destructor is no longer caught.
    pub(super) fn into_inner(mut self) -> T {
        self.0
            .take()
            .expect("this consumes `self`, so the value is taken once")
    }
}

impl<T> Drop for Contained<T> {
    fn drop(&mut self) {
        if let Some(value) = self.0.take() {
            drop_quietly(value);
        }
    }
}
