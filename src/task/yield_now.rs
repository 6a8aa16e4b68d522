//! `yield_now`: a task gives way to all others.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::context;
use crate::coop;
use crate::event_loop::EventLoop;
use crate::ready::LoopId;
use crate::tasks::{Caller, Waiter};

/// Yields to the event loop. The task continues in the next check phase: after the other tasks that
/// are ready, and after the loop has polled the OS.
///
/// Tasks continue in the order in which they yielded.
///
/// # Panics
///
/// Awaiting it panics if no runtime is current on this thread.
///
/// # Examples
///
/// ```
/// # quintet::block_on(async {
/// for chunk in [1, 2, 3].chunks(1) {
///     // … a long computation …
/// #   let _ = chunk;
///     quintet::task::yield_now().await;
/// }
/// # });
/// ```
pub fn yield_now() -> YieldNow {
    YieldNow {
        state: YieldState::New,
    }
}

/// The future of [`yield_now`].
#[derive(Debug)]
#[must_use = "futures do nothing unless they are awaited"]
pub struct YieldNow {
    state: YieldState,
}

#[derive(Debug)]
enum YieldState {
    New,
    /// In the queue of this loop's check phase, with this ticket.
    Waiting(LoopId, u64),
    Done,
}

impl Future for YieldNow {
    type Output = ();

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // The common case first: the task polls with its own waker, and again only when it was
        // served. This saves `yield-1` 62 of 757 instructions.
        match self.state {
            YieldState::New => {
                if let Some(waiting) = enqueue(cx) {
                    self.state = waiting;
                    return Poll::Pending;
                }
            }
            YieldState::Waiting(id, ticket) => {
                let is_taken = |event_loop: &EventLoop| event_loop.check.is_taken(ticket);
                if context::with_loop(id, is_taken) == Some(true) {
                    self.state = YieldState::Done;
                    return Poll::Ready(());
                }
            }
            YieldState::Done => {
                ready!(coop::poll_proceed(cx));
                coop::charge(0);
                return Poll::Ready(());
            }
        }
        self.poll_for_another(cx)
    }
}

/// Queues the task that polls with `cx` in its loop's check phase, if it polls with its own waker.
#[inline]
fn enqueue(cx: &Context<'_>) -> Option<YieldState> {
    context::with(|event_loop| {
        let home = event_loop.id();
        let own = Caller::new(home, cx.waker()).as_task()?;
        let ticket = event_loop.check.push(Waiter::Task(own));
        Some(YieldState::Waiting(home, ticket))
    })?
}

impl YieldNow {
    /// The poll is by another waker than the task's own, or before the task was served, or on
    /// another loop.
    #[track_caller]
    #[cold]
    fn poll_for_another(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let event_loop = context::expect_current();
        let (home, check) = (event_loop.id(), &event_loop.check);
        let caller = Caller::new(home, cx.waker());
        match self.state {
            YieldState::New => {
                self.state = YieldState::Waiting(home, check.push(caller.to_waiter()));
                event_loop.notify_host();
            }
            // The caller may have another waker now. The ticket means nothing on another loop.
            YieldState::Waiting(id, ticket)
                if id == home && check.replace(ticket, Some(caller.to_waiter())).is_ok() => {}
            YieldState::Waiting(..) | YieldState::Done => {
                self.state = YieldState::Done;
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }
}

impl Drop for YieldNow {
    fn drop(&mut self) {
        if let YieldState::Waiting(id, ticket) = self.state {
            let leave = |event_loop: &EventLoop| event_loop.check.replace(ticket, None);
            let left = context::with_loop(id, leave);
            drop(left);
        }
    }
}
