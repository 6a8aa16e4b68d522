//! A child's output on its way from the child to its handle.
//!
//! Both live on the scope's thread, and the output may borrow whatever the child could.

use std::cell::Cell;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use pin_project_lite::pin_project;

use crate::panics;
use crate::report::{self, Report, TaskMeta};
use crate::tasks::{Identity, wake_contained};

/// The place for one output.
pub(super) struct Packet<T> {
    /// Empty before the child ends, when it was cancelled, and when the handle has answered.
    output: Cell<Option<T>>,
    /// Who awaits the handle.
    joiner: Cell<Option<Waker>>,
    finished: Cell<bool>,
    /// Whether the handle is gone.
    detached: Cell<bool>,
}

impl<T> Packet<T> {
    pub(super) fn new() -> Rc<Self> {
        Rc::new(Packet {
            output: Cell::new(None),
            joiner: Cell::new(None),
            finished: Cell::new(false),
            detached: Cell::new(false),
        })
    }

    pub(super) fn is_finished(&self) -> bool {
        self.finished.get()
    }

    /// The child has ended, with an output or cancelled.
    pub(super) fn fill(&self, output: Option<T>) {
        self.finished.set(true);
        if self.detached.get() {
            panics::drop_contained(output, "the destructor of an output");
        } else {
            self.output.set(output);
        }
        if let Some(joiner) = self.joiner.take() {
            wake_contained(joiner);
        }
    }

    /// Takes the output, which is `None` if the child was cancelled.
    pub(super) fn poll(&self, cx: &Context<'_>) -> Poll<Option<T>> {
        if self.finished.get() {
            return Poll::Ready(self.output.take());
        }
        match self.joiner.take() {
            Some(joiner) if joiner.will_wake(cx.waker()) => self.joiner.set(Some(joiner)),
            old => {
                self.joiner.set(Some(cx.waker().clone()));
                panics::drop_contained(old, "the destructor of a waker");
            }
        }
        Poll::Pending
    }

    /// The handle is gone.
    pub(super) fn detach(&self) {
        self.detached.set(true);
        panics::drop_contained(self.joiner.take(), "the destructor of a waker");
        panics::drop_contained(self.output.take(), "the destructor of an output");
    }
}

impl<T> fmt::Debug for Packet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packet")
            .field("finished", &self.finished)
            .finish_non_exhaustive()
    }
}

pin_project! {
    /// A child's future and where its output goes.
    ///
    /// Its destructor does not unwind. It drops the future, then tells the handle.
    pub(super) struct Job<F, T, S>
    where
        F: Future,
        S: FnOnce(F::Output) -> Option<T>,
    {
        #[pin]
        future: Option<F>,
        // Makes of the future's output that of the handle.
        settle: Option<S>,
        output: Option<T>,
        packet: Rc<Packet<T>>,
        identity: Identity,
    }

    impl<F, T, S> PinnedDrop for Job<F, T, S>
    where
        F: Future,
        S: FnOnce(F::Output) -> Option<T>,
    {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if let Err(payload) = panics::contain(|| this.future.set(None)) {
                report::report(&Report::DestructorPanicked {
                    what: "the destructor of a scope's task",
                    task: Some(TaskMeta::new(this.identity.clone())),
                    message: panics::message(&*payload).to_owned(),
                });
                panics::discard(payload);
            }
            this.packet.fill(this.output.take());
        }
    }
}

impl<F, T, S> Job<F, T, S>
where
    F: Future,
    S: FnOnce(F::Output) -> Option<T>,
{
    pub(super) fn new(future: F, settle: S, packet: Rc<Packet<T>>, identity: Identity) -> Self {
        Job {
            future: Some(future),
            settle: Some(settle),
            output: None,
            packet,
            identity,
        }
    }
}

/// It is `Ready` when it is to be dropped.
impl<F, T, S> Future for Job<F, T, S>
where
    F: Future,
    S: FnOnce(F::Output) -> Option<T>,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let future = this.future.as_pin_mut();
        let output = std::task::ready!(future.expect("a job lives with its future").poll(cx));
        *this.output = this.settle.take().and_then(|settle| settle(output));
        Poll::Ready(())
    }
}
