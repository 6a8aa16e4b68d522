//! The future of a scope: it polls the body and the children, and no other does.
//!
//! Whatever was woken has its turn in the order of the wakes, the body among the children. A turn in
//! which nothing is charged costs a unit of the task's budget. When that is spent the scope gives way
//! like any leaf future, so members that wake each other for ever leave the rest of the loop its time.
//! A turn in which a scope within this one has given turns costs nothing more: the budget is spent
//! by leaves, not by levels, so it gets to the innermost however deep that is.

use std::collections::VecDeque;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use pin_project_lite::pin_project;

use super::children::{Owned, ScopeState};
use super::queue::{BODY, ChildWaker};
use crate::context;
use crate::coop;
use crate::panics::{self, Payload};
use crate::report;
use crate::slots::Key;

pin_project! {
    /// A body and its children.
    #[must_use = "futures do nothing unless they are awaited"]
    pub(super) struct Nursery<'env, B, A>
    where
        B: Future,
    {
        // Dropped first, and the body only then.
        children: Owned<'env>,
        #[pin]
        body: Option<B>,
        member: Arc<ChildWaker>,
        waker: Waker,
        // Whose turn it is next.
        batch: VecDeque<Key>,
        output: Option<B::Output>,
        // Whether an output of the body ends everything.
        halts: fn(&B::Output) -> bool,
        // Makes the answer of the body's output, which is absent if the scope was halted.
        answer: Option<A>,
    }
}

impl<'env, B, A, R> Nursery<'env, B, A>
where
    B: Future,
    A: FnOnce(Option<B::Output>) -> R,
{
    pub(super) fn new(
        children: Owned<'env>,
        body: B,
        halts: fn(&B::Output) -> bool,
        answer: A,
    ) -> Self {
        let member = ChildWaker::new(BODY, children.queue());
        member.wake_by_ref();
        Nursery {
            children,
            body: Some(body),
            waker: Waker::from(Arc::clone(&member)),
            member,
            batch: VecDeque::new(),
            output: None,
            halts,
            answer: Some(answer),
        }
    }

    /// Gives turns until the scope is over, or nobody is left who was woken.
    fn run(mut self: Pin<&mut Self>, cx: &Context<'_>) -> Poll<Result<(), Payload>> {
        loop {
            if self.as_mut().is_over() {
                return Poll::Ready(Ok(()));
            }
            let this = self.as_mut().project();
            let queue = this.children.queue();
            if !queue.refill(this.batch) {
                if queue.park(cx) {
                    return Poll::Pending;
                }
                continue;
            }
            if coop::poll_proceed(cx).is_pending() {
                return Poll::Pending;
            }
            let Some(key) = this.batch.pop_front() else {
                continue;
            };
            let ran = match key {
                BODY => self.as_mut().run_body(),
                child => this.children.run(child),
            };
            if let Err(payload) = ran {
                return Poll::Ready(Err(payload));
            }
        }
    }

    /// Does what a cancelled or halted scope does, and returns whether there is nobody left.
    fn is_over(self: Pin<&mut Self>) -> bool {
        let mut this = self.project();
        let children = &this.children;
        if children.stage() >= ScopeState::Cancelled {
            children.drop_all();
        }
        if children.stage() >= ScopeState::Halted {
            drop_body(&mut this.body);
        }
        this.body.is_none() && children.is_empty()
    }

    fn run_body(self: Pin<&mut Self>) -> Result<(), Payload> {
        let mut this = self.project();
        this.member.begin_turn();
        let Some(body) = this.body.as_mut().as_pin_mut() else {
            return Ok(());
        };
        let cx = &mut Context::from_waker(this.waker);
        let polled = coop::charge_turn(|| panics::contain(|| body.poll(cx)));
        if let Poll::Ready(output) = polled? {
            this.member.retire();
            drop_body(&mut this.body);
            if (this.halts)(&output) {
                this.children.advance(ScopeState::Halted);
            }
            *this.output = Some(output);
        }
        Ok(())
    }

    /// Lets everybody look again, woken or not.
    fn wake_all(self: Pin<&mut Self>) {
        let this = self.project();
        if this.body.is_some() {
            this.member.wake_by_ref();
        }
        this.children.wake_all();
    }
}

/// Drops the body; a panic of its destructor is reported.
fn drop_body<B>(body: &mut Pin<&mut Option<B>>) {
    if let Err(payload) = panics::contain(|| body.set(None)) {
        let what = "the destructor of a scope's body";
        panics::report_destructor(what, report::polled_task(), payload);
    }
}

impl<B, A, R> Future for Nursery<'_, B, A>
where
    B: Future,
    A: FnOnce(Option<B::Output>) -> R,
{
    type Output = R;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R> {
        assert!(
            self.children.stage() != ScopeState::Ended,
            "the future of a scope was polled after it had ended"
        );
        self.children.queue().attend();
        if coop::is_insisting() {
            self.as_mut().wake_all();
        }
        let Poll::Ready(ran) = coop::with_budget(|| self.as_mut().run(cx)) else {
            context::waits_for(&"children (task::scope)");
            return Poll::Pending;
        };
        let mut this = self.project();
        this.children.close();
        if let Err(payload) = ran {
            drop_body(&mut this.body);
            resume_unwind(payload);
        }
        let answer = this.answer.take().expect("a scope ends once");
        Poll::Ready(answer(this.output.take()))
    }
}
