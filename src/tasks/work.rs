//! What a task does, and later what came of it, in one box.

use std::any::Any;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::{Failure, Outcome};
use crate::panics::{self, Payload};

/// Something that a task can do: polled until it has an outcome.
pub(crate) trait Work: 'static {
    /// What it makes.
    type Output: 'static;

    /// Whether the pool does it: then its end comes as an event, and keeps the loop alive.
    const IS_JOB: bool = false;

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

/// Work in a box, without its types: what a slot holds.
pub(crate) struct AnyWork {
    pub(super) erased: Pin<Box<dyn Erased>>,
    pub(super) is_job: bool,
}

impl AnyWork {
    #[inline]
    pub(crate) fn new<W: Work>(work: W) -> Self {
        AnyWork {
            erased: Box::pin(Stage::Working { work }),
            is_job: W::IS_JOB,
        }
    }
}

/// The body of a task, without its types. No method unwinds.
pub(super) trait Erased {
    /// Polls the work; when it is done, drops it and keeps its outcome.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()>;

    /// Drops the work and keeps "cancelled" as the outcome; false if it cannot be cancelled.
    fn cancel(self: Pin<&mut Self>) -> bool;

    /// The same, without asking.
    fn end(self: Pin<&mut Self>);

    /// Moves the outcome to `out`, an `Option<Outcome<T>>`. What is left is to be dropped.
    fn take(self: Pin<&mut Self>, out: &mut dyn Any);

    /// The payload of a panic that nobody has taken.
    fn take_panic(self: Pin<&mut Self>) -> Option<Payload>;
}

pin_project! {
    /// Work, then its outcome.
    #[project = StageProjection]
    enum Stage<W: Work> {
        Working { #[pin] work: W },
        Done { outcome: Outcome<W::Output> },
    }
}

impl<W: Work> Stage<W> {
    /// Drops the work and keeps the outcome. A panic in the destructor is reported; the outcome is
    /// in place all the same.
    fn finish(mut self: Pin<&mut Self>, outcome: Outcome<W::Output>) {
        if !mem::needs_drop::<W>() {
            self.set(Stage::Done { outcome });
            return;
        }
        let dropped = panics::contain(|| self.set(Stage::Done { outcome }));
        if let Err(payload) = dropped {
            report_destructor(payload);
        }
    }

    /// Exchanges the outcome for a dummy.
    fn take_outcome(self: Pin<&mut Self>) -> Option<Outcome<W::Output>> {
        match self.project() {
            StageProjection::Done { outcome } => {
                Some(mem::replace(outcome, Err(Failure::Cancelled)))
            }
            StageProjection::Working { .. } => None,
        }
    }
}

#[cold]
fn report_destructor(payload: Payload) {
    panics::report(format_args!(
        "the destructor of a task's future panicked: {}",
        panics::message(&*payload)
    ));
    panics::discard(payload);
}

impl<W: Work> Erased for Stage<W> {
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let StageProjection::Working { work } = self.as_mut().project() else {
            unreachable!("a finished task is not polled");
        };
        match work.poll(cx) {
            Poll::Ready(outcome) => {
                self.finish(outcome);
                Poll::Ready(())
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn cancel(mut self: Pin<&mut Self>) -> bool {
        let may_cancel = match self.as_mut().project() {
            StageProjection::Working { work } => work.may_cancel(),
            StageProjection::Done { .. } => false,
        };
        if may_cancel {
            self.end();
        }
        may_cancel
    }

    fn end(self: Pin<&mut Self>) {
        self.finish(Err(Failure::Cancelled));
    }

    fn take(self: Pin<&mut Self>, out: &mut dyn Any) {
        *out.downcast_mut::<Option<Outcome<W::Output>>>()
            .expect("a handle and its slot agree on the type of the output") = self.take_outcome();
    }

    fn take_panic(self: Pin<&mut Self>) -> Option<Payload> {
        let is_panic = matches!(
            &*self,
            Stage::Done {
                outcome: Err(Failure::Panicked(_))
            }
        );
        if !is_panic {
            return None;
        }
        match self.take_outcome() {
            Some(Err(Failure::Panicked(payload))) => Some(payload),
            _ => None,
        }
    }
}
