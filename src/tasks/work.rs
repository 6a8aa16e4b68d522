//! The work of a task, and later its outcome, in one box.

use std::any::Any;
use std::cell::RefCell;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::{Failure, Outcome};
use crate::blocked::{self, UserCode};
use crate::counts::TaskEnd;
use crate::panics::{self, Payload};
use crate::report;

/// The work of a task: polled until it has an outcome.
pub(crate) trait Work: 'static {
    /// The output of the task.
    type Output: 'static;

    /// Whether it is a job of the pool. Its end is then an event, which the loop stays alive for.
    const IS_JOB: bool = false;

    /// Polls the work. Does not unwind.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome<Self::Output>>;
}

pin_project! {
    /// A future as work. Its panics are caught.
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
}

/// Boxed work without its types, as a slot holds it.
pub(crate) struct AnyWork {
    pub(super) erased: Pin<Box<dyn Erased>>,
    pub(super) is_job: bool,
}

impl AnyWork {
    #[inline]
    fn new<W: Work>(work: W) -> Self {
        BoxedWork::new(work).into_any()
    }

    /// Boxes `work`, in the spare box if that is of the same type.
    #[inline]
    pub(crate) fn fill<W: Work>(spare: SpareBox, work: W) -> Self {
        let mut work = Some(work);
        if let Some(mut erased) = spare.0
            && erased.as_mut().refill(&mut work)
        {
            return AnyWork {
                erased,
                is_job: W::IS_JOB,
            };
        }
        AnyWork::new(work.expect("only a box of its type takes the work"))
    }
}

/// The box of a task that has ended, if there was one.
pub(crate) struct SpareBox(Option<Pin<Box<dyn Erased>>>);

impl SpareBox {
    pub(crate) fn none() -> Self {
        SpareBox(None)
    }
}

/// The size in bytes of the box of such work.
#[inline]
pub(crate) const fn boxed_size<W: Work>() -> usize {
    size_of::<WorkState<W>>()
}

/// Boxed work on its way to a loop: `Send` if the work and its output are.
pub(crate) struct BoxedWork<W: Work>(Pin<Box<WorkState<W>>>);

impl<W: Work> BoxedWork<W> {
    #[inline]
    pub(crate) fn new(work: W) -> Self {
        BoxedWork(Box::pin(WorkState::Working { work }))
    }

    #[inline]
    pub(crate) fn into_any(self) -> AnyWork {
        AnyWork {
            erased: self.0,
            is_job: W::IS_JOB,
        }
    }
}

/// The boxes of tasks that have ended, for reuse.
///
/// Most tasks of a program are of a few types, so the box on top usually fits.
#[derive(Default)]
pub(super) struct SpareBoxes {
    boxes: RefCell<Vec<Pin<Box<dyn Erased>>>>,
}

/// How many boxes are kept.
const SPARE_MAX: usize = 1024;

/// Larger boxes than this, in bytes, are not kept: to move so much into one costs as much as an
/// allocation, and memory that may never be used again is to be small.
const SPARE_BYTES_MAX: usize = 256;

impl SpareBoxes {
    /// Takes the box on top, for work of this size in bytes.
    #[inline]
    pub(super) fn take(&self, size: usize) -> SpareBox {
        if size > SPARE_BYTES_MAX {
            return SpareBox::none();
        }
        SpareBox(self.boxes.borrow_mut().pop())
    }

    /// Keeps a box whose outcome was taken or dropped.
    #[inline(always)]
    pub(super) fn keep(&self, erased: Pin<Box<dyn Erased>>) {
        let mut boxes = self.boxes.borrow_mut();
        if boxes.len() < SPARE_MAX && size_of_val(&*erased) <= SPARE_BYTES_MAX {
            boxes.push(erased);
        }
    }
}

/// Boxed work without its types. No method unwinds.
pub(super) trait Erased {
    /// Polls the work. When it completes, drops it, stores its outcome, and returns what kind of
    /// outcome that is.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Option<TaskEnd>;

    /// Drops the work and stores "cancelled" as the outcome.
    fn end(self: Pin<&mut Self>);

    /// Stores new work from `work`, an `Option<W>`, after the outcome was taken. Returns false, and
    /// does nothing, if that is of another type.
    fn refill(self: Pin<&mut Self>, work: &mut dyn Any) -> bool;

    /// Moves the outcome to `out`, an `Option<Outcome<T>>`. Afterwards the box may be dropped or
    /// refilled.
    fn take(self: Pin<&mut Self>, out: &mut dyn Any);

    /// Drops the outcome, and reports a panic of its destructor. Afterwards as after `take`.
    fn drop_outcome(self: Pin<&mut Self>);

    /// Takes the payload if the outcome is a panic.
    fn take_panic(self: Pin<&mut Self>) -> Option<Payload>;
}

pin_project! {
    /// Work, then its outcome.
    #[project = StageProjection]
    enum WorkState<W: Work> {
        Working { #[pin] work: W },
        Done { outcome: Outcome<W::Output> },
    }
}

impl<W: Work> WorkState<W> {
    /// Drops the work and stores the outcome, also if the destructor panics, which is reported.
    fn finish(mut self: Pin<&mut Self>, outcome: Outcome<W::Output>) {
        if !mem::needs_drop::<W>() {
            self.set(WorkState::Done { outcome });
            return;
        }
        let mut outcome = Some(outcome);
        drop_future(&mut || {
            if let Some(outcome) = outcome.take() {
                self.set(WorkState::Done { outcome });
            }
        });
    }

    /// As [`finish`](WorkState::finish), for work that has no output.
    #[cold]
    fn fail(self: Pin<&mut Self>, failure: Failure) -> TaskEnd {
        let end = match &failure {
            Failure::Panicked(_) => TaskEnd::Panicked,
            Failure::Cancelled | Failure::NoWorker(_) => TaskEnd::Cancelled,
        };
        self.finish(Err(failure));
        end
    }

    /// Takes the outcome and leaves "cancelled" in its place.
    fn take_outcome(self: Pin<&mut Self>) -> Option<Outcome<W::Output>> {
        match self.project() {
            StageProjection::Done { outcome } => {
                Some(mem::replace(outcome, Err(Failure::Cancelled)))
            }
            StageProjection::Working { .. } => None,
        }
    }
}

/// Calls `drop`, which drops the future of the polled task, and reports a panic.
fn drop_future(drop: &mut dyn FnMut()) {
    let what = UserCode::FUTURE;
    if let Err(payload) = panics::contain(|| blocked::doing(what, drop)) {
        panics::report_destructor(what.name(), report::polled_task(), payload);
    }
}

impl<W: Work> Erased for WorkState<W> {
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Option<TaskEnd> {
        let StageProjection::Working { work } = self.as_mut().project() else {
            unreachable!("a finished task is never polled");
        };
        match work.poll(cx) {
            Poll::Ready(Ok(output)) => {
                self.finish(Ok(output));
                Some(TaskEnd::Returned)
            }
            Poll::Ready(Err(failure)) => Some(self.fail(failure)),
            Poll::Pending => None,
        }
    }

    fn end(self: Pin<&mut Self>) {
        self.finish(Err(Failure::Cancelled));
    }

    fn refill(mut self: Pin<&mut Self>, work: &mut dyn Any) -> bool {
        let work = work.downcast_mut::<Option<W>>().and_then(Option::take);
        work.map(|work| self.set(WorkState::Working { work }))
            .is_some()
    }

    fn take(self: Pin<&mut Self>, out: &mut dyn Any) {
        *out.downcast_mut::<Option<Outcome<W::Output>>>()
            .expect("the handle has the output type of the slot") = self.take_outcome();
    }

    fn drop_outcome(self: Pin<&mut Self>) {
        let outcome = self.take_outcome();
        if mem::needs_drop::<W::Output>() {
            panics::drop_contained(outcome, "the destructor of a task's output");
        }
    }

    fn take_panic(self: Pin<&mut Self>) -> Option<Payload> {
        let is_panic = matches!(
            &*self,
            WorkState::Done {
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

#[cfg(test)]
mod tests {
    use std::future;
    use std::ptr;
    use std::task::Waker;

    use super::*;

    fn work<T: Unpin + 'static>(value: T) -> impl Work<Output = T> {
        FutureWork::new(future::ready(value))
    }

    fn address(work: &Pin<Box<dyn Erased>>) -> *const () {
        ptr::from_ref(&**work).cast()
    }

    /// The outcome of `work`, which completes in its first poll. Afterwards the box can be kept.
    fn outcome<T: 'static>(work: &mut Pin<Box<dyn Erased>>) -> Option<T> {
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(work.as_mut().poll(&mut cx), Some(TaskEnd::Returned));
        let mut out: Option<Outcome<T>> = None;
        work.as_mut().take(&mut out);
        out.and_then(Result::ok)
    }

    /// `count` kept boxes that had work of `make`.
    fn spare<W: Work>(count: usize, make: impl Fn() -> W) -> SpareBoxes {
        let spare = SpareBoxes::default();
        for _ in 0..count {
            let mut work = AnyWork::new(make()).erased;
            let _: Option<W::Output> = outcome(&mut work);
            spare.keep(work);
        }
        spare
    }

    #[test]
    fn a_spare_box_takes_work_of_its_type() {
        let spare = spare(1, || work(1_u32));
        let address_before = address(&spare.boxes.borrow()[0]);

        let mut again = AnyWork::fill(spare.take(0), work(2_u32)).erased;

        assert_eq!(address(&again), address_before);
        assert_eq!(outcome(&mut again), Some(2_u32));
        assert!(spare.boxes.borrow().is_empty());
    }

    #[test]
    fn work_of_another_type_gets_its_own_box() {
        let spare = spare(1, || work(1_u32));

        let mut other = AnyWork::fill(spare.take(0), work('x')).erased;

        assert_eq!(outcome(&mut other), Some('x'));
    }

    #[test]
    fn neither_large_boxes_nor_too_many_are_kept() {
        let large = spare(1, || work([0_u8; SPARE_BYTES_MAX]));
        let many = spare(SPARE_MAX + 1, || work(1_u32));

        assert!(large.boxes.borrow().is_empty());
        assert_eq!(many.boxes.borrow().len(), SPARE_MAX);
    }
}
