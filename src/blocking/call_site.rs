//! Where a user has called one of our functions whose jobs may be spoken of.
//!
//! Futures start their jobs when they are polled, and then the user's call is long over. So the
//! functions are no `async fn`s: they note their caller, and while their future is polled that stands
//! in a thread-local.

use std::cell::Cell;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::scope_guard::on_drop;

thread_local! {
    static SITE: Cell<Option<&'static Location<'static>>> = const { Cell::new(None) };
}

/// The call of the user for whom a future is being polled, or else `other`.
pub(crate) fn call_site(other: &'static Location<'static>) -> &'static Location<'static> {
    SITE.get().unwrap_or(other)
}

/// Names the caller as the one who asks for the jobs of `future`, unless that is part of a future that
/// has been given another name.
#[track_caller]
pub(crate) fn called_here<T, F: Future<Output = T>>(future: F) -> CalledHere<F> {
    CalledHere {
        future,
        location: Location::caller(),
    }
}

pin_project! {
    /// See [`called_here`].
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
