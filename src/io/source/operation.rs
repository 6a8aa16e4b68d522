//! Operations on a source: a system call that is tried, and tried again after an event while it
//! would block.
//!
//! Events are edge-triggered, so the order matters: an operation waits only after its system call
//! has said that it would block, or has moved less than it could have. Both mean that the source is
//! drained, so the next change of its readiness causes an event. A wake-up may be spurious; then
//! the operation waits again.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::{LoopBinding, OpOutput, Source};
use crate::context;
use crate::coop;
use crate::event_loop::EventLoop;
use crate::phase::poll::{Direction, Readiness, WaiterId};
use crate::slots::Key;
use crate::tasks::Caller;

impl<T: AsFd> Source<T> {
    /// Calls `operation` until it does not return `WouldBlock`, and returns its result.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: the poll in which `operation` succeeds returns its result.
    pub(crate) fn operate<F, R>(&self, direction: Direction, operation: F) -> Operation<'_, T, F>
    where
        F: FnMut(&T) -> io::Result<OpOutput<R>>,
    {
        Operation {
            waiter: OpWaiter::new(self, direction),
            operation,
        }
    }

    /// Calls `operation` until it returns true, or an error; not at all if it `is_done` already.
    ///
    /// # Cancel safety
    ///
    /// This method is not cancel safe: the caller does not learn what `operation` has done.
    pub(crate) fn operate_until_done<F>(
        &self,
        direction: Direction,
        is_done: bool,
        operation: F,
    ) -> OperationUntilDone<'_, T, F>
    where
        F: FnMut(&T) -> io::Result<OpOutput<bool>>,
    {
        OperationUntilDone {
            waiter: OpWaiter::new(self, direction),
            is_done,
            operation,
        }
    }

    /// Polls `operation` for a trait caller.
    pub(crate) fn poll_operate<R>(
        &self,
        cx: &Context<'_>,
        direction: Direction,
        mut operation: impl FnMut(&T) -> io::Result<OpOutput<R>>,
    ) -> Poll<io::Result<R>> {
        let mut value = None;
        let io = self.get();
        let mut call = || Ok(operation(io)?.store(&mut value));
        ready!(self.binding.poll_call(cx, io.as_fd(), direction, &mut call))?;
        Poll::Ready(Ok(value.expect("the operation has stored it")))
    }

    /// The same with a copy of the code around the system call, for what is done most often.
    pub(crate) fn poll_operate_inlined<R>(
        &self,
        cx: &Context<'_>,
        direction: Direction,
        operation: impl FnMut(&T) -> io::Result<OpOutput<R>>,
    ) -> Poll<io::Result<R>> {
        let mut waiter = WaiterId::TRAIT_CALLER;
        self.poll_with(cx, direction, &mut waiter, operation)
    }

    /// Calls `operation` once, whatever the readiness is, and does not wait. Only the bytes that it
    /// moves are charged: a wait for readiness between two calls is charged itself.
    pub(crate) fn try_operate<R>(
        &self,
        direction: Direction,
        mut operation: impl FnMut(&T) -> io::Result<OpOutput<R>>,
    ) -> io::Result<R> {
        let mut value = None;
        let io = self.get();
        let mut call = || Ok(operation(io)?.store(&mut value));
        self.binding.try_call(direction, &mut call)?;
        Ok(value.expect("the operation has stored it"))
    }

    fn poll_with<R>(
        &self,
        cx: &Context<'_>,
        direction: Direction,
        waiter: &mut WaiterId,
        operation: impl FnMut(&T) -> io::Result<OpOutput<R>>,
    ) -> Poll<io::Result<R>> {
        self.binding
            .poll_with(self.get(), cx, direction, waiter, operation)
    }
}

/// A system call that stores its value elsewhere, so that the code around it is compiled once, and
/// not for each operation. That costs `echo-loop` 10 % more instructions.
type Call<'a> = dyn FnMut() -> io::Result<OpOutput<()>> + 'a;

impl LoopBinding {
    fn try_call(&self, direction: Direction, call: &mut Call<'_>) -> io::Result<()> {
        self.check_open()?;
        let result = retry(call);
        coop::charge_bytes(bytes_of(&result));
        context::with(|event_loop| event_loop.note_moved(bytes_of(&result)));
        self.with_loop(|event_loop, key| note(event_loop, key, direction, &result));
        result.map(|output| output.value)
    }

    fn poll_call(
        &self,
        cx: &Context<'_>,
        fd: BorrowedFd<'_>,
        direction: Direction,
        call: &mut Call<'_>,
    ) -> Poll<io::Result<()>> {
        let mut waiter = WaiterId::TRAIT_CALLER;
        self.poll_with(&fd, cx, direction, &mut waiter, |_| call())
    }

    #[inline]
    fn poll_with<T: AsFd, R>(
        &self,
        io: &T,
        cx: &Context<'_>,
        direction: Direction,
        waiter: &mut WaiterId,
        mut operation: impl FnMut(&T) -> io::Result<OpOutput<R>>,
    ) -> Poll<io::Result<R>> {
        ready!(coop::poll_proceed(cx));
        let state = context::with(|event_loop| {
            self.try_or_wait(io, event_loop, cx, direction, waiter, &mut operation)
        });
        match state {
            None => Poll::Ready(Err(io::Error::other(context::no_loop()))),
            Some(OpState::Complete(result)) => {
                coop::charge(bytes_of(&result));
                Poll::Ready(result.map(|output| output.value))
            }
            Some(OpState::Rejected(error)) => {
                coop::charge(0);
                Poll::Ready(Err(error))
            }
            Some(OpState::Pending) => Poll::Pending,
            Some(OpState::NeedsWaker(key)) => {
                context::with(|event_loop| event_loop.poll.sources.clear_ready(key, direction));
                wait_by_waker(cx, key, direction, waiter);
                Poll::Pending
            }
        }
    }

    /// Calls the operation, if it may succeed, and adds the task to the waiters if it would block.
    ///
    /// The loop is borrowed, so this runs no user code: it does not clone, wake or drop a waker.
    #[inline]
    fn try_or_wait<T: AsFd, R>(
        &self,
        io: &T,
        event_loop: &EventLoop,
        cx: &Context<'_>,
        direction: Direction,
        waiter: &mut WaiterId,
        operation: &mut impl FnMut(&T) -> io::Result<OpOutput<R>>,
    ) -> OpState<R> {
        let refused = self.bind(event_loop.id());
        if let Err(error) = refused.and_then(|()| self.check_open()) {
            return OpState::Rejected(error);
        }
        let sources = &event_loop.poll.sources;
        let key = self.key();
        let is_worth_trying = match key {
            Some(key) => sources.readiness(key, direction) != Readiness::NotReady,
            None => !self.was_drained(direction),
        };
        if is_worth_trying || coop::is_insisting() {
            let result = retry(|| operation(io));
            if !would_block(&result) {
                event_loop.note_moved(bytes_of(&result));
                match key {
                    Some(key) => {
                        note(event_loop, key, direction, &result);
                        if waiter.is_numbered() {
                            sources.forget_task(key, direction, waiter);
                        }
                    }
                    None => self.set_drained(direction, has_drained(&result)),
                }
                return OpState::Complete(result);
            }
        }
        let key = match self.register(event_loop, io.as_fd()) {
            Ok(key) => key,
            Err(error) => return OpState::Rejected(error),
        };
        let caller = Caller::new(event_loop.id(), cx.waker());
        if sources.wait_by_task(key, direction, waiter, &caller, true) {
            OpState::Pending
        } else {
            OpState::NeedsWaker(key)
        }
    }
}

/// What a poll of an operation has come to.
enum OpState<R> {
    Complete(io::Result<OpOutput<R>>),
    /// The source belongs to another loop, or has been closed.
    Rejected(io::Error),
    /// It would block, and the task that polls it waits.
    Pending,
    /// It would block, and the waker of its caller has still to be added to the waiters.
    NeedsWaker(Key),
}

/// Adds the caller of an operation that would block to the waiters. It runs user code, so it does
/// not borrow the loop.
#[cold]
pub(super) fn wait_by_waker(
    cx: &Context<'_>,
    key: Key,
    direction: Direction,
    waiter: &mut WaiterId,
) {
    let Some(event_loop) = context::current() else {
        return;
    };
    let caller = Caller::new(event_loop.id(), cx.waker());
    let tick = event_loop.ticks();
    let sources = &event_loop.poll.sources;
    sources.wait_by_waker(key, direction, waiter, &caller, &event_loop.tasks, tick);
}

/// Returns how many bytes an operation has moved.
fn bytes_of<R>(result: &io::Result<OpOutput<R>>) -> usize {
    result.as_ref().map_or(0, |output| output.bytes)
}

/// Returns whether an operation has drained its source. A read of nothing has found the end, which
/// stays.
fn has_drained<R>(result: &io::Result<OpOutput<R>>) -> bool {
    let output = result.as_ref();
    output.is_ok_and(|output| output.is_drained && output.bytes > 0)
}

pub(super) fn would_block<R>(result: &io::Result<R>) -> bool {
    matches!(result, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

/// Repeats a system call that a signal handler has interrupted.
fn retry<R>(mut call: impl FnMut() -> io::Result<R>) -> io::Result<R> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Records what the result says about the next operation.
fn note<R>(
    event_loop: &EventLoop,
    key: Key,
    direction: Direction,
    result: &io::Result<OpOutput<R>>,
) {
    let sources = &event_loop.poll.sources;
    match result {
        Ok(output) if output.is_drained => {
            sources.clear_ready_if_drained(key, direction);
        }
        Err(_) if would_block(result) => sources.clear_ready(key, direction),
        _ => {}
    }
}

/// The waiter of a future that operates on a source. It is removed from the waiters when it is
/// dropped.
struct OpWaiter<'a, T: AsFd> {
    source: &'a Source<T>,
    waiter: WaiterId,
    direction: Direction,
}

impl<'a, T: AsFd> OpWaiter<'a, T> {
    fn new(source: &'a Source<T>, direction: Direction) -> Self {
        OpWaiter {
            source,
            waiter: WaiterId::UNNUMBERED,
            direction,
        }
    }

    #[inline]
    fn poll<R>(
        &mut self,
        cx: &Context<'_>,
        operation: impl FnMut(&T) -> io::Result<OpOutput<R>>,
    ) -> Poll<io::Result<R>> {
        self.source
            .poll_with(cx, self.direction, &mut self.waiter, operation)
    }
}

impl<T: AsFd> Drop for OpWaiter<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if self.waiter.is_numbered() {
            self.source.binding.forget(self.direction, self.waiter);
        }
    }
}

impl LoopBinding {
    /// Removes an operation that may be among the waiters.
    #[cold]
    pub(super) fn forget(&self, direction: Direction, waiter: WaiterId) {
        self.call_on_loop(move |event_loop, key| {
            drop(event_loop.poll.sources.forget(key, direction, waiter));
        });
    }
}

/// The future of [`Source::operate`].
#[must_use = "futures do nothing unless they are awaited"]
pub(crate) struct Operation<'a, T: AsFd, F> {
    waiter: OpWaiter<'a, T>,
    operation: F,
}

// The operation is called through a mutable reference; nothing in here is pinned.
impl<T: AsFd, F> Unpin for Operation<'_, T, F> {}

impl<T: AsFd, F, R> Future for Operation<'_, T, F>
where
    F: FnMut(&T) -> io::Result<OpOutput<R>>,
{
    type Output = io::Result<R>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<R>> {
        let this = &mut *self;
        this.waiter.poll(cx, &mut this.operation)
    }
}

/// The future of [`Source::operate_until_done`].
#[must_use = "futures do nothing unless they are awaited"]
pub(crate) struct OperationUntilDone<'a, T: AsFd, F> {
    waiter: OpWaiter<'a, T>,
    is_done: bool,
    operation: F,
}

// As for `Operation`.
impl<T: AsFd, F> Unpin for OperationUntilDone<'_, T, F> {}

impl<T: AsFd, F> Future for OperationUntilDone<'_, T, F>
where
    F: FnMut(&T) -> io::Result<OpOutput<bool>>,
{
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.is_done {
            // There was nothing to do.
            return coop::poll_operate(cx).map(Ok);
        }
        while !this.is_done {
            this.is_done = ready!(this.waiter.poll(cx, &mut this.operation))?;
        }
        Poll::Ready(Ok(()))
    }
}
