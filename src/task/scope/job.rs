//! A child's future, which moves its output to the handle.
//!
//! The output goes to a cell that the handle shares. Both stay on the scope's thread, and the
//! output may borrow what the child may borrow.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::panics;
use crate::report::TaskMeta;
use crate::task::outcome_cell::OutcomeCell;
use crate::tasks::{Identity, wake_contained};

/// The output of a child; `None` if the child was cancelled.
pub(super) struct Output<T> {
    pub(super) outcome: OutcomeCell<Option<T>>,
    /// Whether a member of a scope awaits it, by its own waker.
    pub(super) is_awaited_by_member: Cell<bool>,
}

impl<T> Output<T> {
    pub(super) fn new() -> Self {
        Output {
            outcome: OutcomeCell::new(),
            is_awaited_by_member: Cell::new(false),
        }
    }
}

/// The future of a child.
pub(super) trait ScopeJob: Future<Output = ()> {
    /// How many references to the child, and wakers of members that await it, belong to its handle.
    fn count_of_handle(&self) -> usize;
}

pin_project! {
    /// A child's future, and the cell for its output.
    ///
    /// The destructor drops the future, then fills the cell and wakes the handle. It does not
    /// unwind.
    pub(super) struct ChildJob<F, T, S>
    where
        F: Future,
        S: FnOnce(F::Output) -> Option<T>,
    {
        #[pin]
        future: Option<F>,
        // Converts the future's output to that of the handle.
        settle: Option<S>,
        output: Option<T>,
        cell: Rc<Output<T>>,
        identity: Identity,
    }

    impl<F, T, S> PinnedDrop for ChildJob<F, T, S>
    where
        F: Future,
        S: FnOnce(F::Output) -> Option<T>,
    {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if let Err(payload) = panics::contain(|| this.future.set(None)) {
                let what = "the destructor of a scope's task";
                let task = TaskMeta::new(this.identity.clone());
                panics::report_destructor(what, Some(task), payload);
            }
            let (waker, unwanted) = this.cell.outcome.fill(this.output.take());
            if let Some(waker) = waker {
                wake_contained(waker);
            }
            panics::drop_contained(unwanted, "the destructor of an output");
        }
    }
}

impl<F, T, S> ChildJob<F, T, S>
where
    F: Future,
    S: FnOnce(F::Output) -> Option<T>,
{
    pub(super) fn new(future: F, settle: S, cell: Rc<Output<T>>, identity: Identity) -> Self {
        ChildJob {
            future: Some(future),
            settle: Some(settle),
            output: None,
            cell,
            identity,
        }
    }
}

impl<F, T, S> ScopeJob for ChildJob<F, T, S>
where
    F: Future,
    S: FnOnce(F::Output) -> Option<T>,
{
    fn count_of_handle(&self) -> usize {
        let has_handle = Rc::strong_count(&self.cell) > 1;
        let is_awaited = has_handle && self.cell.is_awaited_by_member.get();
        usize::from(has_handle) + usize::from(is_awaited)
    }
}

/// After `Ready` it must be dropped, which fills the cell.
impl<F, T, S> Future for ChildJob<F, T, S>
where
    F: Future,
    S: FnOnce(F::Output) -> Option<T>,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let future = this.future.as_pin_mut();
        let output = std::task::ready!(
            future
                .expect("the future is dropped with the job only")
                .poll(cx)
        );
        *this.output = this.settle.take().and_then(|settle| settle(output));
        Poll::Ready(())
    }
}
