//! The futures that operate on a source.

use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::{Done, Source};
use crate::phase::poll::{Direction, WaiterId};

/// Where a future stands that operates on a source: on its list, if it waits.
pub(super) struct Place<'a, T: AsFd> {
    source: &'a Source<T>,
    waiter: WaiterId,
    direction: Direction,
}

impl<'a, T: AsFd> Place<'a, T> {
    pub(super) fn new(source: &'a Source<T>, direction: Direction) -> Self {
        Place {
            source,
            waiter: WaiterId::UNNUMBERED,
            direction,
        }
    }

    #[inline]
    fn poll<R>(
        &mut self,
        cx: &Context<'_>,
        operation: impl FnMut(&T) -> io::Result<Done<R>>,
    ) -> Poll<io::Result<R>> {
        self.source
            .poll_with(cx, self.direction, &mut self.waiter, operation)
    }
}

impl<T: AsFd> Drop for Place<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if self.waiter.has_waited() {
            self.source.link.forget_waiter(self.direction, self.waiter);
        }
    }
}

/// The future of [`Source::operate`].
#[must_use = "futures do nothing unless they are awaited"]
pub(crate) struct Operation<'a, T: AsFd, F> {
    place: Place<'a, T>,
    operation: F,
}

impl<'a, T: AsFd, F> Operation<'a, T, F> {
    pub(super) fn new(place: Place<'a, T>, operation: F) -> Self {
        Operation { place, operation }
    }
}

// The operation is called through a mutable reference; nothing in here is pinned.
impl<T: AsFd, F> Unpin for Operation<'_, T, F> {}

impl<T: AsFd, F, R> Future for Operation<'_, T, F>
where
    F: FnMut(&T) -> io::Result<Done<R>>,
{
    type Output = io::Result<R>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<R>> {
        let this = &mut *self;
        this.place.poll(cx, &mut this.operation)
    }
}

/// The future of [`Source::operate_until_done`].
#[must_use = "futures do nothing unless they are awaited"]
pub(crate) struct OperationUntilDone<'a, T: AsFd, F> {
    place: Place<'a, T>,
    is_done: bool,
    operation: F,
}

impl<'a, T: AsFd, F> OperationUntilDone<'a, T, F> {
    pub(super) fn new(place: Place<'a, T>, is_done: bool, operation: F) -> Self {
        OperationUntilDone {
            place,
            is_done,
            operation,
        }
    }
}

// As above.
impl<T: AsFd, F> Unpin for OperationUntilDone<'_, T, F> {}

impl<T: AsFd, F> Future for OperationUntilDone<'_, T, F>
where
    F: FnMut(&T) -> io::Result<Done<bool>>,
{
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        while !this.is_done {
            this.is_done = ready!(this.place.poll(cx, &mut this.operation))?;
        }
        Poll::Ready(Ok(()))
    }
}
