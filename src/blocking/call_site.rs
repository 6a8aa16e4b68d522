//! The call in user code that a job of this crate runs for, for reports.
//!
//! Futures start jobs when they are polled, and the call that created the future has returned by
//! then. So functions that start jobs are not `async fn`s: they record their caller, and a
//! thread-local contains it while their future is polled.

use std::cell::Cell;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::scope_guard::on_drop;

thread_local! {
    static SITE: Cell<Option<&'static Location<'static>>> = const { Cell::new(None) };
}

/// Returns the call in user code whose future is polled now, or else `other`.
pub(crate) fn call_site(other: &'static Location<'static>) -> &'static Location<'static> {
    SITE.get().unwrap_or(other)
}

/// Records the caller as the location of the jobs of `future`, unless `future` is part of another
/// one that has recorded a location.
#[track_caller]
pub(crate) fn called_here<T, F: Future<Output = T>>(future: F) -> CalledHere<F> {
    called_at(Location::caller(), future)
}

/// The same for a location that has been recorded already.
pub(crate) fn called_at<T, F: Future<Output = T>>(
    location: &'static Location<'static>,
    future: F,
) -> CalledHere<F> {
    CalledHere { future, location }
}

pin_project! {
    /// The future of [`called_here`].
    #[must_use = "futures do nothing unless they are polled"]
    pub(crate) struct CalledHere<F> {
        #[pin]
        future: F,
        location: &'static Location<'static>,
    }
}

impl<F: Future> Future for CalledHere<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let outer = SITE.get();
        SITE.set(Some(outer.unwrap_or(this.location)));
        let _restore = on_drop(|| SITE.set(outer));
        this.future.poll(cx)
    }
}
