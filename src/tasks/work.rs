//! What a task does, and later what came of it, in one box.

use std::any::Any;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::{Failure, Identity, Outcome};
use crate::panics;

/// Something that a task can do: polled until it has an outcome.
pub(crate) trait Work: 'static {
    /// What it makes.
    type Output: 'static;

    /// Goes on with it. Does not unwind.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome<Self::Output>>;

    /// Whether it can still be kept from happening by being dropped.
    fn may_cancel(self: Pin<&mut Self>) -> bool;
}

pin_project! {
    /// The ordinary work: a future, polled with its panics caught.
    pub(crate) struct FutureWork<F> {
        #[pin]
        future: F,
    }
}

impl<F> FutureWork<F> {
    pub(crate) fn new(future: F) -> Self {
        FutureWork { future }
    }
}

impl<F: Future<Output: 'static> + 'static> Work for FutureWork<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome<F::Output>> {
        match panics::contain(|| self.project().future.poll(cx)) {
            Ok(poll) => poll.map(Ok),
            Err(payload) => Poll::Ready(Err(Failure::Panicked(payload))),
        }
    }

    fn may_cancel(self: Pin<&mut Self>) -> bool {
        true
    }
}

/// Boxes `work` as what a slot holds.
pub(super) fn erase<W: Work>(work: W) -> Pin<Box<dyn Erased>> {
    Box::pin(Stage::Working { work })
}

/// The body of a task, without its types. No method unwinds.
pub(super) trait Erased {
    /// Polls the work; when it is done, drops it and keeps its outcome.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()>;

    /// Drops the work and keeps "cancelled" as the outcome; false if it cannot be cancelled.
    fn cancel(self: Pin<&mut Self>) -> bool;

    /// The same, without asking.
    fn end(self: Pin<&mut Self>);

    /// Moves the outcome to `out`, an `Option<Outcome<T>>`.
    fn take(self: Pin<&mut Self>, out: &mut dyn Any);

    /// Drops what is left. A panic that nobody has taken is reported.
    fn discard(self: Pin<&mut Self>, identity: &Identity);
}

pin_project! {
    /// Work, its outcome, nothing: in this order, never back.
    #[project = StageProjection]
    enum Stage<W: Work> {
        Working { #[pin] work: W },
        Done { outcome: Outcome<W::Output> },
        Empty,
    }
}

impl<W: Work> Stage<W> {
    /// Goes to the next stage. A panic in the destructor of what stood here is reported; the new
    /// stage is in place all the same.
    fn replace(mut self: Pin<&mut Self>, next: Self) {
        let result = panics::contain(|| self.set(next));
        if let Err(payload) = result {
            panics::report(format_args!(
                "the destructor of a task's future or output panicked: {}",
                panics::message(&*payload)
            ));
            panics::discard(payload);
        }
    }

    fn take_outcome(mut self: Pin<&mut Self>) -> Option<Outcome<W::Output>> {
        // The projection gives no owned field of a pinned enum, but an outcome is not pinned: it
        // is exchanged for a dummy, which goes when the stage is replaced.
        let outcome = match self.as_mut().project() {
            StageProjection::Done { outcome } => {
                Some(std::mem::replace(outcome, Err(Failure::Cancelled)))
            }
            _ => None,
        };
        self.replace(Stage::Empty);
        outcome
    }
}

impl<W: Work> Erased for Stage<W> {
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let StageProjection::Working { work } = self.as_mut().project() else {
            unreachable!("a finished task is not polled");
        };
        match work.poll(cx) {
            Poll::Ready(outcome) => {
                self.replace(Stage::Done { outcome });
                Poll::Ready(())
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn cancel(mut self: Pin<&mut Self>) -> bool {
        let may_cancel = match self.as_mut().project() {
            StageProjection::Working { work } => work.may_cancel(),
            _ => false,
        };
        if may_cancel {
            self.end();
        }
        may_cancel
    }

    fn end(self: Pin<&mut Self>) {
        self.replace(Stage::Done {
            outcome: Err(Failure::Cancelled),
        });
    }

    fn take(self: Pin<&mut Self>, out: &mut dyn Any) {
        let out = out
            .downcast_mut::<Option<Outcome<W::Output>>>()
            .expect("a handle and its slot agree on the type of the output");
        *out = self.take_outcome();
    }

    fn discard(mut self: Pin<&mut Self>, identity: &Identity) {
        if let Some(Err(Failure::Panicked(payload))) = self.as_mut().take_panic() {
            panics::report(format_args!(
                "{identity} panicked, and nobody awaits it: {}",
                panics::message(&*payload)
            ));
            panics::discard(payload);
        }
        self.replace(Stage::Empty);
    }
}

impl<W: Work> Stage<W> {
    /// The outcome, if it is a panic.
    fn take_panic(self: Pin<&mut Self>) -> Option<Outcome<W::Output>> {
        let is_panic = matches!(
            &*self,
            Stage::Done {
                outcome: Err(Failure::Panicked(_))
            }
        );
        is_panic.then(|| self.take_outcome()).flatten()
    }
}
