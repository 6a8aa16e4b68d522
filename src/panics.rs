//! Panics of users' code, kept where they happened.
//!
//! Whatever a loop or worker calls that is not ours (a poll, a destructor, a waker) may panic. It
//! is called through here, so that nothing else that is queued is lost.

use std::any::Any;
use std::mem;
use std::panic::{self, AssertUnwindSafe};

use crate::report::{self, Report, TaskMeta};

/// What a panic carries.
pub(crate) type Payload = Box<dyn Any + Send + 'static>;

/// Calls `f` and catches its panic.
///
/// Unwind safety is asserted: what `f` leaves half done is its own task's or worker's business, and
/// nothing of that is used again after a panic.
pub(crate) fn contain<R>(f: impl FnOnce() -> R) -> Result<R, Payload> {
    panic::catch_unwind(AssertUnwindSafe(f))
}

/// Drops `value`; a panic of its destructor is reported.
#[inline]
pub(crate) fn drop_contained<T>(value: T, what: &'static str) {
    if mem::needs_drop::<T>()
        && let Err(payload) = contain(|| drop(value))
    {
        report_destructor(what, None, payload);
    }
}

/// Reports the panic of a destructor that cannot be told otherwise, of what `task` owned.
#[cold]
pub(crate) fn report_destructor(what: &'static str, task: Option<TaskMeta>, payload: Payload) {
    report::report(&Report::DestructorPanicked {
        what,
        task,
        message: message(&*payload).to_owned(),
    });
    discard(payload);
}

/// How many payloads in a row are dropped before one is leaked. Arbitrary: one is usual, two are
/// odd, and a type whose destructor panics with a value of its own kind has no end.
const PAYLOADS_MAX: usize = 8;

/// Drops a payload, and if its destructor panics, that one's payload, and so on for a while. Should
/// there be no end to it, the last is leaked.
pub(crate) fn discard(mut payload: Payload) {
    for _ in 0..PAYLOADS_MAX {
        match contain(|| drop(payload)) {
            Ok(()) => return,
            Err(next) => payload = next,
        }
    }
    mem::forget(payload);
}

/// The text of a payload, as far as it is one.
pub(crate) fn message(payload: &(dyn Any + Send)) -> &str {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        text
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text
    } else {
        "(the payload is not a string)"
    }
}
