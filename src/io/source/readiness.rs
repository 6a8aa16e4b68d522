//! Waiting until an operation may succeed, and operations of callers that are tried then.
//!
//! What events have reported is known without a system call. If there was no event yet, the OS is
//! asked by `poll`, which leaves an error of the source in place for the operation to find.

use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;

use super::operation::{wait_by_waker, would_block};
use super::{LoopBinding, Source};
use crate::context;
use crate::coop;
use crate::event_loop::EventLoop;
use crate::io::Interest;
use crate::io::Ready;
use crate::io::readiness::POLL_READ;
use crate::phase::poll::{Direction, KnownReadiness, Readiness, ReadinessParts, WaiterId};
use crate::slots::Key;
use crate::tasks::Caller;

impl<T: AsFd> Source<T> {
    /// Waits until one of the events of `interest` is there, and returns those that are.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: it consumes no readiness.
    pub(crate) fn ready(&self, interest: Interest) -> ReadyFuture<'_, T> {
        ReadyFuture {
            source: self,
            interest,
            waiters: InterestWaiters {
                read: WaiterId::UNNUMBERED,
                write: WaiterId::UNNUMBERED,
                keeps_place: false,
            },
        }
    }

    /// Waits until a read may succeed.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        self.ready(Interest::READABLE).await.map(drop)
    }

    /// Waits until a write may succeed.
    pub(crate) async fn writable(&self) -> io::Result<()> {
        self.ready(Interest::WRITABLE).await.map(drop)
    }

    /// Polls for readiness for a trait caller, which is woken when `interest` may be satisfied.
    pub(crate) fn poll_ready(
        &self,
        cx: &Context<'_>,
        interest: Interest,
    ) -> Poll<io::Result<Ready>> {
        let mut waiters = InterestWaiters {
            read: WaiterId::TRAIT_CALLER,
            write: WaiterId::TRAIT_CALLER,
            keeps_place: false,
        };
        self.binding
            .poll_interest(cx, self.get(), interest, &mut waiters)
    }

    /// Calls `f` if one of the events of `interest` is there, or returns `WouldBlock`. If `f`
    /// returns `WouldBlock`, it is not called again before the next event.
    pub(crate) fn try_io<R>(
        &self,
        interest: Interest,
        f: impl FnOnce() -> io::Result<R>,
    ) -> io::Result<R> {
        self.check_ready(interest)?;
        let result = f();
        self.note_io(interest, &result);
        result
    }

    /// Returns an error of kind `WouldBlock` if no event of `interest` is there.
    pub(crate) fn check_ready(&self, interest: Interest) -> io::Result<()> {
        self.binding.check_open()?;
        if ready_now(self.get(), &self.known(), interest, false)?.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(())
    }

    fn known(&self) -> KnownReadiness {
        let known = self
            .binding
            .with_loop(|event_loop, key| event_loop.poll.sources.known(key));
        known.unwrap_or(KnownReadiness::NOTHING)
    }

    /// Calls `f` each time that one of the events of `interest` is there, until it does not return
    /// `WouldBlock`, and returns its result.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe if `f` is.
    pub(crate) async fn async_io<R>(
        &self,
        interest: Interest,
        mut f: impl FnMut() -> io::Result<R>,
    ) -> io::Result<R> {
        // One future for all tries, so one that is woken in vain keeps its place in the line.
        let mut ready = self.ready(interest);
        ready.waiters.keeps_place = true;
        loop {
            (&mut ready).await?;
            let result = f();
            self.note_io(interest, &result);
            if !would_block(&result) {
                return result;
            }
        }
    }

    /// Returns how many events there were, for [`clear_ready`](Source::clear_ready).
    pub(crate) fn events(&self) -> u32 {
        self.known().events
    }

    /// Clears the readiness that `ready` names, unless there was an event since there were
    /// `events`. What has been closed stays ready.
    pub(crate) fn clear_ready(&self, ready: Ready, events: u32) {
        let parts = ReadinessParts {
            read: ready.contains(Ready::READABLE),
            write: ready.contains(Ready::WRITABLE),
            priority: ready.contains(Ready::URGENT),
            error: ready.contains(Ready::ERROR),
        };
        self.binding.call_on_loop(move |event_loop, key| {
            let sources = &event_loop.poll.sources;
            sources.clear_unless_changed(key, parts, events);
        });
    }

    /// Records what the result of a caller's operation says about the next one.
    ///
    /// If the OS has said that the source is ready, but the operation would block, only an event
    /// can tell when it is worth another try. So the source is registered.
    pub(crate) fn note_io<R>(&self, interest: Interest, result: &io::Result<R>) {
        if !would_block(result) {
            return;
        }
        context::with(|event_loop| {
            if self.binding.is_bound_to(event_loop.id())
                && let Ok(key) = self.binding.register(event_loop, self.get().as_fd())
            {
                event_loop.poll.sources.clear(key, parts_of(interest));
            }
        });
    }
}

impl LoopBinding {
    fn poll_interest(
        &self,
        cx: &Context<'_>,
        io: &dyn AsFd,
        interest: Interest,
        waiters: &mut InterestWaiters,
    ) -> Poll<io::Result<Ready>> {
        ready!(coop::poll_proceed(cx));
        let state =
            context::with(|event_loop| self.ready_or_wait(event_loop, cx, io, interest, waiters));
        let result = match state {
            None => Err(io::Error::other(context::no_loop())),
            Some(ReadyState::Complete(result)) => result,
            Some(ReadyState::Rejected(error)) => Err(error),
            Some(ReadyState::Pending) => return Poll::Pending,
            Some(ReadyState::NeedsWaker(key)) => {
                for (direction, waiter) in waiters.of(interest) {
                    wait_by_waker(cx, key, direction, waiter);
                }
                return Poll::Pending;
            }
        };
        coop::charge(0);
        Poll::Ready(result)
    }

    /// Returns what is ready, or adds the task to the waiters.
    ///
    /// The loop is borrowed, so this runs no user code: it does not clone, wake or drop a waker.
    fn ready_or_wait(
        &self,
        event_loop: &EventLoop,
        cx: &Context<'_>,
        io: &dyn AsFd,
        interest: Interest,
        waiters: &mut InterestWaiters,
    ) -> ReadyState {
        let refused = self.bind(event_loop.id());
        if let Err(error) = refused.and_then(|()| self.check_open()) {
            return ReadyState::Rejected(error);
        }
        let sources = &event_loop.poll.sources;
        let key = self.key();
        let known = key.map_or(KnownReadiness::NOTHING, |key| sources.known(key));
        match ready_now(io, &known, interest, coop::is_insisting()) {
            Ok(ready) if ready.is_empty() => {}
            result => {
                if let Some(key) = key {
                    waiters.forget(event_loop, key);
                }
                return ReadyState::Complete(result);
            }
        }
        let registered = match key {
            Some(key) => Ok(key),
            None => self.register(event_loop, io.as_fd()),
        };
        let key = match registered {
            Ok(key) => key,
            Err(error) => return ReadyState::Rejected(error),
        };
        sources.clear(key, parts_of(interest));
        let caller = Caller::new(event_loop.id(), cx.waker());
        let mut are_added = true;
        for (direction, waiter) in waiters.of(interest) {
            are_added &= sources.wait_by_task(key, direction, waiter, &caller, false);
        }
        if are_added {
            ReadyState::Pending
        } else {
            ReadyState::NeedsWaker(key)
        }
    }
}

/// What a poll for readiness has come to.
enum ReadyState {
    Complete(io::Result<Ready>),
    /// The source belongs to another loop, or has been closed.
    Rejected(io::Error),
    /// Nothing is ready, and the task that polls waits.
    Pending,
    /// Nothing is ready, and the waker of the caller has still to be added to the waiters.
    NeedsWaker(Key),
}

/// Returns which events of `interest` are there: what is known or, if that is nothing, what the OS
/// says about the events of which nothing is known. If `is_insisting`, it is asked about all.
fn ready_now(
    io: &dyn AsFd,
    known: &KnownReadiness,
    interest: Interest,
    is_insisting: bool,
) -> io::Result<Ready> {
    let ready = ready_of(known) & Ready::of_interest(interest);
    if !ready.is_empty() {
        return Ok(ready);
    }
    let asked = if is_insisting {
        Some(interest)
    } else {
        unknown_of(known, interest)
    };
    asked.map_or(Ok(Ready::EMPTY), |asked| ask(io, asked))
}

/// Returns the events that are known to be there.
fn ready_of(known: &KnownReadiness) -> Ready {
    let is_readable = known.read == Readiness::Ready;
    let is_writable = known.write == Readiness::Ready;
    Ready::READABLE.when(is_readable)
        | Ready::READ_CLOSED.when(is_readable && known.is_read_closed)
        | Ready::WRITABLE.when(is_writable)
        | Ready::WRITE_CLOSED.when(is_writable && known.is_write_closed)
        | Ready::URGENT.when(known.priority == Readiness::Ready)
        | Ready::ERROR.when(known.error == Readiness::Ready)
}

/// Returns the events of `interest` of which nothing is known, if there are any.
fn unknown_of(known: &KnownReadiness, interest: Interest) -> Option<Interest> {
    let parts = [
        (Interest::READABLE, known.read),
        (Interest::WRITABLE, known.write),
        (Interest::URGENT, known.priority),
        (Interest::ERROR, known.error),
    ];
    let mut known = parts
        .into_iter()
        .filter(|(_, readiness)| *readiness != Readiness::Unknown);
    known.try_fold(interest, |left, (part, _)| left.remove(part))
}

/// Returns the parts of the readiness that `interest` is about.
pub(super) fn parts_of(interest: Interest) -> ReadinessParts {
    ReadinessParts {
        read: interest.is_readable(),
        write: interest.is_writable(),
        priority: interest.wants_priority(),
        error: interest.is_error(),
    }
}

/// Asks the OS what a source is ready for.
fn ask(io: &dyn AsFd, interest: Interest) -> io::Result<Ready> {
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let when = |is_wanted, flags| if is_wanted { flags } else { PollFlags::empty() };
    let flags = when(interest.is_readable(), POLL_READ)
        | when(interest.is_writable(), PollFlags::OUT)
        | when(interest.wants_priority(), PollFlags::PRI);
    let mut fds = [PollFd::from_borrowed_fd(io.as_fd(), flags)];
    // Even without a wait it is interrupted by a signal that is pending.
    retry_on_intr(|| poll(&mut fds, Some(&now)))?;
    let ready = ready_of_flags(fds[0].revents(), interest);
    Ok(ready & Ready::of_interest(interest))
}

fn ready_of_flags(flags: PollFlags, interest: Interest) -> Ready {
    let is_any = |any| flags.intersects(any);
    // The next operation returns the error, or the end of the stream, at once.
    let has_failed = is_any(PollFlags::ERR | PollFlags::NVAL);
    let is_closed = is_any(PollFlags::HUP);
    let is_read_closed = flags.intersects(POLL_READ.difference(PollFlags::IN)) || is_closed;
    Ready::READABLE.when(is_any(PollFlags::IN) || has_failed && interest.is_readable())
        | Ready::WRITABLE.when(is_any(PollFlags::OUT) || has_failed && interest.is_writable())
        | Ready::READ_CLOSED.when(is_read_closed)
        | Ready::WRITE_CLOSED.when(is_closed)
        | Ready::URGENT.when(is_any(PollFlags::PRI))
        | Ready::ERROR.when(has_failed)
}

/// The waiters of one caller. Urgent data and errors are reported to readers.
struct InterestWaiters {
    read: WaiterId,
    write: WaiterId,
    /// Whether the caller may wait again, in the place that it has now.
    keeps_place: bool,
}

impl InterestWaiters {
    /// Returns the directions whose events may satisfy `interest`.
    fn of(&mut self, interest: Interest) -> impl Iterator<Item = (Direction, &mut WaiterId)> {
        let is_reader = interest != Interest::WRITABLE;
        let reader = is_reader.then_some((Direction::Read, &mut self.read));
        let writer = interest
            .is_writable()
            .then_some((Direction::Write, &mut self.write));
        reader.into_iter().chain(writer)
    }

    /// Removes those that wait as a task.
    fn forget(&mut self, event_loop: &EventLoop, key: Key) {
        let both = [
            (Direction::Read, &mut self.read),
            (Direction::Write, &mut self.write),
        ];
        for (direction, waiter) in both {
            if waiter.is_numbered() {
                let number = *waiter;
                let sources = &event_loop.poll.sources;
                sources.forget_task(key, direction, waiter);
                if self.keeps_place {
                    *waiter = number;
                }
            }
        }
    }
}

/// The future of [`Source::ready`]. It has an entry of its own among the waiters.
#[must_use = "futures do nothing unless they are awaited"]
pub(crate) struct ReadyFuture<'a, T: AsFd> {
    source: &'a Source<T>,
    interest: Interest,
    waiters: InterestWaiters,
}

impl<T: AsFd> Future for ReadyFuture<'_, T> {
    type Output = io::Result<Ready>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        let this = &mut *self;
        let binding: &LoopBinding = &this.source.binding;
        binding.poll_interest(cx, this.source.get(), this.interest, &mut this.waiters)
    }
}

impl<T: AsFd> Drop for ReadyFuture<'_, T> {
    fn drop(&mut self) {
        let binding: &LoopBinding = &self.source.binding;
        if self.waiters.read.is_numbered() {
            binding.forget(Direction::Read, self.waiters.read);
        }
        if self.waiters.write.is_numbered() {
            binding.forget(Direction::Write, self.waiters.write);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::fd::BorrowedFd;
    use std::os::unix::net::UnixStream;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::future::poll_immediate;

    use super::*;
    use crate::task::yield_now;

    /// A descriptor that counts how often it is used for a system call.
    struct CountedFd {
        end: UnixStream,
        uses: AtomicUsize,
    }

    impl AsFd for CountedFd {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.uses.fetch_add(1, Ordering::Relaxed);
            self.end.as_fd()
        }
    }

    #[test]
    fn what_is_known_costs_no_system_call() {
        crate::block_on(async {
            let (end, mut peer) = UnixStream::pair().unwrap();
            let uses = AtomicUsize::new(0);
            let source = Source::new(CountedFd { end, uses });
            let uses = || source.get().uses.load(Ordering::Relaxed);

            // Unregistered: each call asks.
            let writable = source.ready(Interest::WRITABLE).await;
            assert_eq!((writable.unwrap(), uses()), (Ready::WRITABLE, 1));
            // It waits, so it is registered.
            let mut readable = Box::pin(source.readable());
            assert!(poll_immediate(readable.as_mut()).await.is_none());
            yield_now().await;
            let known = uses();
            assert!(poll_immediate(readable.as_mut()).await.is_none());

            peer.write_all(b"x").unwrap();
            readable.await.unwrap();
            let both = Interest::READABLE | Interest::WRITABLE;
            let all = Ready::READABLE | Ready::WRITABLE;
            for _ in 0..3 {
                assert_eq!(source.ready(both).await.unwrap(), all);
                source.try_io(both, || Ok(())).unwrap();
            }
            assert_eq!(uses(), known);
        });
    }
}
