//! A source: a non-blocking descriptor whose operations can be awaited.
//!
//! Operations are optimistic: they try their system call first. Only one that would block registers
//! the descriptor with the poller, edge-triggered, and waits (`operation.rs`). A source belongs to
//! the loop on which one of its operations is first polled (`registration.rs`).
//!
//! A source may be dropped on any thread. The descriptor is deregistered and closed there at once.
//! The slot is freed by the loop, in its close phase, because events for it may have been fetched
//! already.
//!
//! The `#[inline]`s of `operation.rs` and `net/socket.rs` save `echo-loop` 24 of 4010 instructions.

mod operation;
mod readiness;
pub(crate) mod reference;
mod registration;

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use crate::context;
use crate::event_loop::EventLoop;
use crate::io::Interest;
use crate::phase::close::Closing;
use crate::phase::poll::{Direction, ReadinessParts, SourceKind};
use crate::ready::LoopId;
use crate::slots::Key;
use crate::tasks::Caller;
use registration::{LoopBinding, Registration};

/// What a system call of an operation did.
#[derive(Debug)]
pub(crate) struct OpOutput<R> {
    pub(crate) value: R,
    /// How many bytes it moved, for the task's budget.
    pub(crate) bytes: usize,
    /// Whether the next call would block: this one has moved less than it could have. That is a
    /// proof only for stream sockets and pipes.
    pub(crate) is_drained: bool,
}

/// No system call of Linux moves more bytes than this: `MAX_RW_COUNT`, which is `i32::MAX` rounded
/// down to a page, with the largest pages of 64 KiB.
const CALL_BYTES_MAX: usize = 0x7fff_0000;

impl<R> OpOutput<R> {
    /// A call that moves no bytes and proves nothing.
    pub(crate) fn new(value: R) -> Self {
        OpOutput {
            value,
            bytes: 0,
            is_drained: false,
        }
    }

    /// Stores the value in `place`.
    fn store(self, place: &mut Option<R>) -> OpOutput<()> {
        *place = Some(self.value);
        OpOutput {
            value: (),
            bytes: self.bytes,
            is_drained: self.is_drained,
        }
    }

    /// The same with another value.
    pub(crate) fn map<S>(self, f: impl FnOnce(R) -> S) -> OpOutput<S> {
        OpOutput {
            value: f(self.value),
            bytes: self.bytes,
            is_drained: self.is_drained,
        }
    }
}

impl OpOutput<usize> {
    /// A read or write of a stream whose call was given `given` bytes.
    pub(crate) fn moved(bytes: usize, given: usize) -> Self {
        OpOutput {
            value: bytes,
            bytes,
            is_drained: bytes < given.min(CALL_BYTES_MAX),
        }
    }
}

/// A non-blocking descriptor whose operations can be awaited.
pub(crate) struct Source<T: AsFd> {
    /// `None` only after `into_inner` and `close`.
    io: Option<T>,
    binding: LoopBinding,
    /// Closes the descriptor if that may block the thread.
    slow_close: Option<SlowClose<T>>,
    may_close_slowly: AtomicBool,
}

/// Closes a descriptor where that does not block the loop. Returns a future that waits for it,
/// unless it is closed already. A drop of the future changes nothing.
pub(crate) type SlowClose<T> = fn(T) -> Option<CloseFuture>;

/// See [`SlowClose`].
pub(crate) type CloseFuture = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

impl<T: AsFd> Source<T> {
    /// Takes ownership of a descriptor, which must be non-blocking.
    pub(crate) fn new(io: T) -> Self {
        Source::with_kind(io, SourceKind::Ordinary, ReadinessParts::ALL)
    }

    /// Creates a source whose events are delivered after all others of a tick.
    pub(crate) fn new_signal(io: T) -> Self {
        Source::with_kind(io, SourceKind::Signal, ReadinessParts::ALL)
    }

    /// Creates a source of which the OS reports only the events of `interest`.
    pub(crate) fn with_interest(io: T, interest: Interest) -> Self {
        Source::with_kind(io, SourceKind::Ordinary, readiness::parts_of(interest))
    }

    fn with_kind(io: T, kind: SourceKind, parts: ReadinessParts) -> Self {
        Source {
            io: Some(io),
            binding: LoopBinding::new(kind, parts),
            slow_close: None,
            may_close_slowly: AtomicBool::new(false),
        }
    }

    /// Sets how the descriptor is closed after [`set_closes_slowly`](Source::set_closes_slowly).
    pub(crate) fn with_slow_close(mut self, close: SlowClose<T>) -> Self {
        self.slow_close = Some(close);
        self
    }

    /// Notes that closing the descriptor may block the thread.
    pub(crate) fn set_closes_slowly(&self) {
        self.may_close_slowly.store(true, Ordering::Relaxed);
    }

    pub(crate) fn may_close_slowly(&self) -> bool {
        self.may_close_slowly.load(Ordering::Relaxed)
    }

    /// Closes the descriptor, which has been deregistered.
    fn close_io(&self, io: T) -> Option<CloseFuture> {
        self.slow_close
            .filter(|_| self.may_close_slowly())
            .and_then(|close| close(io))
    }

    /// Registers the descriptor with the current loop, to which the source belongs from now on.
    ///
    /// # Errors
    ///
    /// Returns an error if no loop is current, or if the poller does not accept the descriptor.
    pub(crate) fn register(&self) -> io::Result<()> {
        let registered = context::with(|event_loop| {
            self.binding.bind(event_loop.id())?;
            self.binding.register(event_loop, self.get().as_fd())
        });
        let no_loop = || Err(io::Error::other(context::no_loop()));
        registered.unwrap_or_else(no_loop).map(drop)
    }

    /// Returns whether the source belongs to another loop than the current one.
    pub(crate) fn belongs_elsewhere(&self) -> bool {
        context::with(|event_loop| self.binding.is_bound_elsewhere(event_loop.id())) == Some(true)
    }

    pub(crate) fn get(&self) -> &T {
        self.io
            .as_ref()
            .expect("only `into_inner` and `close` take it, by value")
    }

    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.io
            .as_mut()
            .expect("only `into_inner` and `close` take it, by value")
    }

    /// Sets whether the source keeps its loop alive while a task waits for it.
    pub(crate) fn set_ref(&self, is_ref: bool) {
        self.binding.set_ref(is_ref);
    }

    pub(crate) fn is_ref(&self) -> bool {
        self.binding.is_ref()
    }

    /// Returns a reference to the source for other threads, if it is registered.
    pub(crate) fn remote(&self) -> Option<RemoteSource> {
        self.binding.registration().cloned().map(RemoteSource)
    }

    /// Leaves the loop, and returns the descriptor.
    pub(crate) fn into_inner(mut self) -> T {
        let io = self
            .io
            .take()
            .expect("only `into_inner` and `close` take it, by value");
        self.binding.release(io.as_fd());
        io
    }

    /// Closes the descriptor, and completes in the close phase or, if a worker closes it, when that
    /// is done.
    pub(crate) async fn close(mut self) {
        let Some(io) = self.io.take() else { return };
        let registration = self.binding.deregister(io.as_fd());
        let closing = self.close_io(io);
        if let Some(closed) = LoopBinding::wait_for_close(registration) {
            closed.await;
        }
        if let Some(closing) = closing {
            closing.await;
        }
    }

    /// Ends all present and later operations with an error, even while there are other owners. The
    /// descriptor is closed when these drop the source.
    pub(crate) fn end_operations(&self) {
        self.binding.end_operations();
    }
}

impl<T: AsFd> Drop for Source<T> {
    fn drop(&mut self) {
        if let Some(io) = self.io.take() {
            self.binding.release(io.as_fd());
            drop(self.close_io(io));
        }
    }
}

impl<T: AsFd + fmt::Debug> fmt::Debug for Source<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.io.fmt(f)
    }
}

/// A reference to a source that does not own it.
#[derive(Clone, Debug)]
pub(crate) struct RemoteSource(Registration);

impl RemoteSource {
    /// Does what an event would do, from any thread: all that wait for `direction` try their
    /// operation again. For a source whose operations also depend on something else than the OS.
    /// If the source has been closed, it does nothing.
    pub(crate) fn set_ready(&self, direction: Direction) {
        self.0.call_on_loop(move |event_loop, source| {
            event_loop.poll.sources.set_ready(source, direction);
            LoopBinding::wake_ready(event_loop, source);
        });
    }
}

impl LoopBinding {
    /// Wakes all waiters of the source; then they find it closed. Operations borrow the source, so
    /// where it is dropped, only trait callers are left.
    fn wake_all(event_loop: &EventLoop, source: Key) {
        let mut waiters = Vec::new();
        event_loop
            .poll
            .sources
            .take_all_waiters(source, &mut waiters);
        for waiter in waiters {
            event_loop.tasks.wake(waiter);
        }
    }

    /// Wakes those that wait for a direction that is ready.
    fn wake_ready(event_loop: &EventLoop, source: Key) {
        let mut waiters = Vec::new();
        let sources = &event_loop.poll.sources;
        let single = sources.take_ready_waiters(source, &mut waiters);
        for waiter in single.into_iter().chain(waiters) {
            event_loop.tasks.wake(waiter);
        }
    }

    /// Queues a closed source for the close phase. Returns the ticket.
    fn push_closing(event_loop: &EventLoop, source: Option<Key>) -> u64 {
        if let Some(source) = source {
            LoopBinding::wake_all(event_loop, source);
        }
        let ticket = event_loop.close.push(Closing {
            source,
            waiter: None,
        });
        event_loop.notify_host();
        ticket
    }

    fn end_operations(&self) {
        self.set_closed();
        self.call_on_loop(LoopBinding::wake_all);
    }

    /// Deregisters the descriptor, and sends the slot to its loop.
    fn release(&mut self, fd: BorrowedFd<'_>) {
        if let Some(registration) = self.deregister(fd) {
            registration.call_on_loop(|event_loop, source| {
                LoopBinding::push_closing(event_loop, Some(source));
            });
        }
    }

    /// Queues a source that was closed for the close phase. Returns a future that waits for the
    /// close phase of the current loop; `None` if another loop frees the slot, or if no loop is
    /// current.
    fn wait_for_close(registration: Option<Registration>) -> Option<Closed> {
        let source = match registration {
            None => None,
            Some(registration) if registration.is_of_current_loop() => Some(registration.key()),
            Some(registration) => {
                registration.call_on_loop(|event_loop, source| {
                    LoopBinding::push_closing(event_loop, Some(source));
                });
                return None;
            }
        };
        let event_loop = context::current()?;
        Some(Closed {
            loop_id: event_loop.id(),
            ticket: LoopBinding::push_closing(&event_loop, source),
        })
    }
}

/// Waits until the close phase of a loop has reached a ticket.
struct Closed {
    loop_id: LoopId,
    ticket: u64,
}

impl Future for Closed {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // On another loop there is nothing to wait for: the descriptor is closed.
        let Some(event_loop) = context::current_if(self.loop_id) else {
            return Poll::Ready(());
        };
        let caller = Caller::new(self.loop_id, cx.waker());
        event_loop.close.poll(self.ticket, caller)
    }
}

impl Drop for Closed {
    fn drop(&mut self) {
        let forget = |event_loop: &EventLoop| event_loop.close.forget(self.ticket);
        let waiter = context::with_loop(self.loop_id, forget);
        drop(waiter);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_short_only_if_a_call_can_move_more() {
        let is_drained = |bytes, given| OpOutput::moved(bytes, given).is_drained;
        assert!(is_drained(99, 100));
        assert!(!is_drained(100, 100));
        // What the kernel moves of a buffer of 3 GiB.
        assert!(!is_drained(0x7fff_f000, 3 << 30));
    }
}
