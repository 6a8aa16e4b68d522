//! Catches panics of user code.
//!
//! Any user code that a loop or worker calls (a poll, a destructor, a waker) may panic. It is
//! called through this module, so that a panic loses nothing else that is queued.

use std::any::Any;
use std::mem;
use std::panic::{self, AssertUnwindSafe};

use crate::blocked;
use crate::report::{self, Report, TaskMeta};

/// The payload of a panic.
pub(crate) type Payload = Box<dyn Any + Send + 'static>;

/// Calls `f` and catches its panic.
///
/// Unwind safety is asserted, because nothing that `f` has changed is used after a panic, outside
/// of its own task or job.
pub(crate) fn contain<R>(f: impl FnOnce() -> R) -> Result<R, Payload> {
    panic::catch_unwind(AssertUnwindSafe(f))
}

/// Drops `value`, for which no task waits. Only the panic hook learns of a panic of its destructor.
pub(crate) fn drop_quietly<T>(value: T) {
    if let Err(payload) = contain(|| drop(value)) {
        discard(payload);
    }
}

/// Drops `value`, and reports a panic of its destructor.
pub(crate) fn drop_contained<T>(value: T, what: &'static str) {
    if mem::needs_drop::<T>()
        && let Err(payload) = contain(|| blocked::doing(what, || drop(value)))
    {
        report_destructor(what, None, payload);
    }
}

/// Reports the panic of the destructor of a value that `task` owned.
pub(crate) fn report_destructor(what: &'static str, task: Option<TaskMeta>, payload: Payload) {
    report::report(&Report::DestructorPanicked {
        what,
        task,
        message: message(&*payload).to_owned(),
    });
    discard(payload);
}

/// The maximum number of payloads that [`discard`] drops. The number is arbitrary: usually there is
/// one, but a destructor that always panics with a value of its own type has no end.
const PAYLOADS_MAX: usize = 8;

/// Drops a payload. If its destructor panics, drops the payload of that panic, and so on. After
/// [`PAYLOADS_MAX`] payloads, the next one is leaked.
pub(crate) fn discard(mut payload: Payload) {
    for _ in 0..PAYLOADS_MAX {
        match contain(|| drop(payload)) {
            Ok(()) => return,
            Err(next) => payload = next,
        }
    }
    mem::forget(payload);
}

/// The message of a payload, if it is a string.
pub(crate) fn message(payload: &(dyn Any + Send)) -> &str {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        text
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text
    } else {
        "(the payload is not a string)"
    }
}
