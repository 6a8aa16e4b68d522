//! The future of a scope, which polls the body and the children.
//!
//! The members of a scope, its body and its children, are polled in the order in which they were
//! woken. A poll in which nothing is charged costs one unit of the task's budget. When the budget
//! is spent, the scope yields like any leaf future, so that members which wake each other for ever
//! do not starve the rest of the loop. A poll of an inner scope costs nothing in addition: only
//! leaves are charged, not levels, so the budget reaches the innermost scope at any depth.

use std::collections::VecDeque;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use pin_project_lite::pin_project;

use super::children::{Owned, ScopeState, poll_member};
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
        // Dropped before the body.
        children: Owned<'env>,
        #[pin]
        body: Option<B>,
        member: Arc<ChildWaker>,
        waker: Waker,
        // The members to poll next.
        batch: VecDeque<Key>,
        output: Option<B::Output>,
        // Whether an output of the body halts the scope.
        halts: fn(&B::Output) -> bool,
        // Converts the body's output, which is absent if the scope was halted, to that of the
        // scope.
        finish: Option<A>,
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
        finish: A,
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
            finish: Some(finish),
        }
    }

    /// Polls members until the scope is over, or no woken member is left.
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

    /// Drops the members of a cancelled or halted scope, and returns whether no member is left.
    fn is_over(self: Pin<&mut Self>) -> bool {
        let mut this = self.project();
        let children = &this.children;
        if children.state() >= ScopeState::Cancelled {
            children.drop_all();
        }
        if children.state() >= ScopeState::Halted {
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
        let polled = coop::charge_turn(|| panics::contain(|| poll_member(body, cx)));
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

    /// Wakes all members, so that all of them are polled.
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
            self.children.state() != ScopeState::Ended,
            "the future of a scope was polled after completion"
        );
        self.children.queue().attend();
        if coop::is_insisting() {
            self.as_mut().wake_all();
        }
        let Poll::Ready(ran) = coop::with_budget(|| self.as_mut().run(cx)) else {
            context::waits_for(&"children (task::scope)");
            self.children.record_wakers(cx, &self.member);
            return Poll::Pending;
        };
        let mut this = self.project();
        this.children.close();
        if let Err(payload) = ran {
            drop_body(&mut this.body);
            resume_unwind(payload);
        }
        let finish = this.finish.take().expect("a scope ends once");
        Poll::Ready(finish(this.output.take()))
    }
}
