//! A descriptor and its place in a loop.
//!
//! Operations are optimistic: they try their system call first, and only one that would block
//! registers the descriptor with the poller and waits. A source belongs to the loop on which one of
//! its operations is first polled. It is closed where it is dropped, on any thread: the descriptor
//! is deregistered and closed at once, and the slot is sent home, to be freed in the close phase.

mod operation;

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use mio::unix::SourceFd;

use crate::context;
use crate::coop;
use crate::event_loop::{EventLoop, Shared};
use crate::phase::close::Closing;
use crate::phase::poll::{Direction, Kind, WaiterId};
use crate::ready::LoopId;
use crate::slots::Key;
use crate::tasks::Asker;
use operation::{Operation, OperationUntilDone, Place};

/// What a successful operation says about the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outlook {
    /// It may succeed too.
    Ready,
    /// It would block: this one moved less than it could have. Only stream sockets and pipes are
    /// a proof of that.
    Drained,
}

/// What an operation did.
#[derive(Debug)]
pub(crate) struct Done<R> {
    pub(crate) result: R,
    /// How many bytes it moved, for the task's budget.
    pub(crate) bytes: usize,
    pub(crate) outlook: Outlook,
}

impl<R> Done<R> {
    /// An operation that moves no bytes and proves nothing.
    pub(crate) fn new(result: R) -> Self {
        Done {
            result,
            bytes: 0,
            outlook: Outlook::Ready,
        }
    }
}

impl<R> Done<R> {
    /// The same with another result.
    pub(crate) fn map<S>(self, f: impl FnOnce(R) -> S) -> Done<S> {
        Done {
            result: f(self.result),
            bytes: self.bytes,
            outlook: self.outlook,
        }
    }
}

impl Done<usize> {
    /// A read or write of a stream that could have moved `wanted` bytes.
    pub(crate) fn moved(bytes: usize, wanted: usize) -> Self {
        let outlook = if bytes < wanted {
            Outlook::Drained
        } else {
            Outlook::Ready
        };
        Done {
            result: bytes,
            bytes,
            outlook,
        }
    }
}

/// A non-blocking descriptor that can be awaited.
pub(crate) struct Source<T: AsFd> {
    /// Empty only after `into_inner`.
    io: Option<T>,
    link: Link,
}

/// The way from a source to its loop.
struct Link {
    /// The loop that it belongs to, or zero: bound once, by the first operation.
    home: AtomicU32,
    registration: OnceLock<Registration>,
    /// Set when it was closed while operations still wait.
    closed: AtomicBool,
    kind: Kind,
    /// Whether it does not keep its loop alive.
    unref: AtomicBool,
}

struct Registration {
    shared: Arc<Shared>,
    key: Key,
}

impl<T: AsFd> Source<T> {
    /// Takes over a descriptor, which must be non-blocking.
    pub(crate) fn new(io: T) -> Self {
        Source::with_kind(io, Kind::Ordinary)
    }

    /// The same for one whose events are to come after all others of a tick.
    pub(crate) fn new_signal(io: T) -> Self {
        Source::with_kind(io, Kind::Signal)
    }

    fn with_kind(io: T, kind: Kind) -> Self {
        Source {
            io: Some(io),
            link: Link {
                home: AtomicU32::new(0),
                registration: OnceLock::new(),
                closed: AtomicBool::new(false),
                kind,
                unref: AtomicBool::new(false),
            },
        }
    }

    pub(crate) fn get(&self) -> &T {
        self.io.as_ref().expect("emptied by `into_inner` only")
    }

    /// Says whether it keeps its loop alive while somebody waits for it.
    pub(crate) fn set_ref(&self, is_ref: bool) {
        self.link.unref.store(!is_ref, Ordering::Relaxed);
        if let Some(registration) = self.link.registration.get() {
            let key = registration.key;
            at_home(&registration.shared, move |event_loop| {
                event_loop.poll.set_ref(key, is_ref);
            });
        }
    }

    pub(crate) fn is_ref(&self) -> bool {
        self.link.is_ref()
    }

    /// Leaves the loop and gives the descriptor back.
    pub(crate) fn into_inner(mut self) -> T {
        let io = self.io.take().expect("emptied here only, once");
        self.link.release(io.as_fd());
        io
    }

    /// Closes the descriptor now; the answer comes in the close phase.
    pub(crate) async fn close(mut self) {
        let Some(io) = self.io.take() else { return };
        if let Some(closed) = self.link.close(io) {
            closed.await;
        }
    }

    /// Ends what still waits, and everything that comes, with an error, though others hold the
    /// source: its descriptor is closed when they drop it.
    pub(crate) fn end_operations(&self) {
        self.link.closed.store(true, Ordering::Release);
        let Some(registration) = self.link.registration.get() else {
            return;
        };
        let key = registration.key;
        at_home(&registration.shared, move |event_loop| {
            wake_waiters(event_loop, key);
        });
    }

    /// Awaits `operation`, which is tried until it does not block.
    ///
    /// # Cancel safety
    ///
    /// Whatever `operation` has done it has answered in the same poll; dropped before, it has done
    /// nothing.
    pub(crate) fn operate<F, R>(&self, direction: Direction, operation: F) -> Operation<'_, T, F>
    where
        F: FnMut(&T) -> io::Result<Done<R>>,
    {
        Operation::new(Place::new(self, direction), operation)
    }

    /// Awaits `operation` again and again, until it answers that all is done; not at all if it `is_done`
    /// already.
    ///
    /// # Cancel safety
    ///
    /// None: what it has done is known to `operation` alone.
    pub(crate) fn operate_until_done<F>(
        &self,
        direction: Direction,
        is_done: bool,
        operation: F,
    ) -> OperationUntilDone<'_, T, F>
    where
        F: FnMut(&T) -> io::Result<Done<bool>>,
    {
        OperationUntilDone::new(Place::new(self, direction), is_done, operation)
    }

    /// Polls `operation` for a caller of an I/O trait.
    pub(crate) fn poll_operate<R>(
        &self,
        cx: &Context<'_>,
        direction: Direction,
        operation: impl FnMut(&T) -> io::Result<Done<R>>,
    ) -> Poll<io::Result<R>> {
        let mut poller = WaiterId::POLLER;
        self.poll_with(cx, direction, &mut poller, operation)
    }

    /// Tries `operation` now, whatever the readiness says, and does not wait.
    pub(crate) fn try_operate<R>(
        &self,
        direction: Direction,
        mut operation: impl FnMut(&T) -> io::Result<Done<R>>,
    ) -> io::Result<R> {
        self.link.check_open()?;
        let result = retry(|| operation(self.get()));
        if let Some(registration) = self.link.registration.get() {
            let key = registration.key;
            context::with_loop(registration.shared.id, |event_loop| {
                note(event_loop, key, direction, &result);
            });
        }
        result.map(|done| done.result)
    }

    fn poll_with<R>(
        &self,
        cx: &Context<'_>,
        direction: Direction,
        waiter: &mut WaiterId,
        mut operation: impl FnMut(&T) -> io::Result<Done<R>>,
    ) -> Poll<io::Result<R>> {
        ready!(coop::poll_proceed(cx));
        let attempt = context::with(|event_loop| {
            self.attempt(event_loop, cx, direction, waiter, &mut operation)
        });
        match attempt {
            None => Poll::Ready(Err(io::Error::other(context::no_loop()))),
            Some(Attempt::Done(result)) => {
                let bytes = result.as_ref().map_or(0, |done| done.bytes);
                coop::charge(bytes);
                Poll::Ready(result.map(|done| done.result))
            }
            Some(Attempt::Refused(error)) => Poll::Ready(Err(error)),
            Some(Attempt::Waits) => Poll::Pending,
            Some(Attempt::WaitsAmongOthers(key)) => {
                self.link.wait_among_others(cx, key, direction, waiter);
                Poll::Pending
            }
        }
    }

    /// Tries the operation, if it may succeed, and else has its task wait. Runs no code of users, for
    /// the loop is only borrowed.
    #[inline]
    fn attempt<R>(
        &self,
        event_loop: &EventLoop,
        cx: &Context<'_>,
        direction: Direction,
        waiter: &mut WaiterId,
        operation: &mut impl FnMut(&T) -> io::Result<Done<R>>,
    ) -> Attempt<R> {
        let refused = self.link.bind(event_loop.id());
        if let Err(error) = refused.and_then(|()| self.link.check_open()) {
            return Attempt::Refused(error);
        }
        let key = self.link.key();
        let is_ready = key.is_none_or(|key| event_loop.poll.is_ready(key, direction));
        if is_ready || coop::is_insisting() {
            let result = retry(|| operation(self.get()));
            let would_block =
                matches!(&result, Err(error) if error.kind() == io::ErrorKind::WouldBlock);
            if !would_block {
                if let Some(key) = key {
                    note(event_loop, key, direction, &result);
                    if waiter.has_waited() {
                        event_loop.poll.forget_task(key, direction, waiter);
                    }
                }
                return Attempt::Done(result);
            }
        }
        let key = match self.link.register(event_loop, self.get().as_fd()) {
            Ok(key) => key,
            Err(error) => return Attempt::Refused(error),
        };
        let asker = Asker::new(event_loop.id(), cx.waker());
        match asker.as_task() {
            Some(own) if event_loop.poll.wait_alone(key, direction, waiter, own) => Attempt::Waits,
            _ => Attempt::WaitsAmongOthers(key),
        }
    }
}

/// What became of the attempt to do an operation.
enum Attempt<R> {
    Done(io::Result<Done<R>>),
    /// The source cannot be used here, or not any more.
    Refused(io::Error),
    /// It would block, and the task that polls it waits.
    Waits,
    /// It would block, and whoever polls it is still to be put on the list, by its waker or among
    /// others.
    WaitsAmongOthers(Key),
}

impl<T: AsFd> Drop for Source<T> {
    fn drop(&mut self) {
        if let Some(io) = self.io.take() {
            self.link.release(io.as_fd());
        }
    }
}

impl Link {
    /// The slot of a source that is registered.
    #[inline]
    fn key(&self) -> Option<Key> {
        self.registration.get().map(|registration| registration.key)
    }

    fn is_ref(&self) -> bool {
        !self.unref.load(Ordering::Relaxed)
    }

    /// Lets the source belong to the loop `id`, the current one, from now on.
    #[inline]
    fn bind(&self, id: LoopId) -> io::Result<()> {
        let id = id.to_bits();
        let home = self.home.load(Ordering::Relaxed);
        // Relaxed: nothing but the number itself is handed over. Two loops that bind at once are
        // told apart by the exchange.
        let is_home = home == id
            || home == 0
                && self
                    .home
                    .compare_exchange(0, id, Ordering::Relaxed, Ordering::Relaxed)
                    .is_ok();
        if is_home {
            Ok(())
        } else {
            Err(self.bound_elsewhere())
        }
    }

    #[cold]
    fn bound_elsewhere(&self) -> io::Error {
        io::Error::other(format!(
            "this source belongs to quintet loop {}, on which it was first used, but {}; \
             move it by `into_std` and `from_std`",
            self.home.load(Ordering::Relaxed),
            context::describe_current()
        ))
    }

    /// Puts whoever polls an operation that would block on the list.
    #[cold]
    fn wait_among_others(
        &self,
        cx: &Context<'_>,
        key: Key,
        direction: Direction,
        waiter: &mut WaiterId,
    ) {
        let Some(event_loop) = context::current() else {
            return;
        };
        event_loop.poll.clear_ready(key, direction);
        let asker = Asker::new(event_loop.id(), cx.waker());
        if let Some(other) = event_loop.poll.wait_for(key, direction, waiter, asker) {
            event_loop.tasks.tell(other);
        }
    }

    #[inline]
    fn check_open(&self) -> io::Result<()> {
        if self.closed.load(Ordering::Acquire) {
            return Err(closed());
        }
        Ok(())
    }

    /// Registers the descriptor, unless it is.
    #[inline]
    fn register(&self, event_loop: &EventLoop, fd: BorrowedFd<'_>) -> io::Result<Key> {
        match self.key() {
            Some(key) => Ok(key),
            None => self.register_first(event_loop, fd),
        }
    }

    fn register_first(&self, event_loop: &EventLoop, fd: BorrowedFd<'_>) -> io::Result<Key> {
        let key = event_loop.poll.register(fd, self.kind, self.is_ref())?;
        let registration = Registration {
            shared: Arc::clone(&event_loop.shared),
            key,
        };
        // Only the loop that the source is bound to comes here, so nobody was faster.
        let _registered = self.registration.set(registration);
        Ok(key)
    }

    /// A future is dropped that may be on the list.
    #[cold]
    fn forget_waiter(&self, direction: Direction, waiter: WaiterId) {
        if let Some(Registration { shared, key }) = self.registration.get() {
            let key = *key;
            at_home(shared, move |event_loop| {
                event_loop.poll.forget_waiter(key, direction, waiter);
            });
        }
    }

    /// Tells the poller that the descriptor is about to be closed, or to leave.
    fn deregister(&mut self, fd: BorrowedFd<'_>) -> Option<Registration> {
        let registration = self.registration.take()?;
        // It fails only where the poller does not know the descriptor any more.
        let _unknown = registration
            .shared
            .registry
            .deregister(&mut SourceFd(&fd.as_raw_fd()));
        Some(registration)
    }

    /// Deregisters, and sends the slot home.
    fn release(&mut self, fd: BorrowedFd<'_>) {
        if let Some(registration) = self.deregister(fd) {
            let key = registration.key;
            at_home(&registration.shared, move |event_loop| {
                wake_waiters(event_loop, key);
                event_loop.close.push(Closing {
                    source: Some(key),
                    waiter: None,
                });
                event_loop.touch();
            });
        }
    }

    /// Deregisters and closes; returns what waits for the current loop's close phase. There is
    /// nothing to wait for where another loop's close phase does it.
    fn close<T: AsFd>(&mut self, io: T) -> Option<Closed> {
        let registration = self.deregister(io.as_fd());
        drop(io);
        let (source, is_foreign) = match registration {
            None => (None, false),
            Some(Registration { shared, key }) => {
                let is_here = context::with_loop(shared.id, |_| ()).is_some();
                at_home(&shared, move |event_loop| {
                    wake_waiters(event_loop, key);
                    if !is_here {
                        let source = Some(key);
                        event_loop.close.push(Closing {
                            source,
                            waiter: None,
                        });
                        event_loop.touch();
                    }
                });
                (Some(key), !is_here)
            }
        };
        if is_foreign {
            return None;
        }
        let waiter = None;
        context::with(|event_loop| {
            let ticket = event_loop.close.push(Closing { source, waiter });
            event_loop.touch();
            Closed {
                home: event_loop.id(),
                ticket,
            }
        })
    }
}

/// Wakes all who wait for a source that is closed. Operations borrow the source, so they are gone by
/// then; but callers of the I/O traits may still be on the list.
fn wake_waiters(event_loop: &EventLoop, key: Key) {
    let mut waiters = Vec::new();
    event_loop.poll.take_all_waiters(key, &mut waiters);
    for waiter in waiters {
        event_loop.tasks.tell(waiter);
    }
}

#[cold]
fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "the socket has been closed")
}

/// Waits for a loop's close phase to come to a ticket.
struct Closed {
    home: LoopId,
    ticket: u64,
}

impl Future for Closed {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // Where its loop is not the current one there is nobody to ask; the descriptor is closed.
        let Some(event_loop) = context::home(self.home) else {
            return Poll::Ready(());
        };
        let asker = Asker::new(self.home, cx.waker());
        event_loop.close.poll(self.ticket, asker)
    }
}

impl Drop for Closed {
    fn drop(&mut self) {
        let forget = |event_loop: &EventLoop| event_loop.close.forget(self.ticket);
        let waiter = context::with_loop(self.home, forget);
        drop(waiter);
    }
}

fn at_home(shared: &Shared, f: impl FnOnce(&EventLoop) + Send + 'static) {
    context::at_home(shared.id, &shared.inbox, f);
}

/// Repeats what a signal handler interrupted.
fn retry<R>(mut operation: impl FnMut() -> io::Result<R>) -> io::Result<R> {
    loop {
        match operation() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Draws the conclusion for the next operation.
fn note<R>(event_loop: &EventLoop, key: Key, direction: Direction, result: &io::Result<Done<R>>) {
    match result {
        Ok(Done {
            outlook: Outlook::Drained,
            ..
        }) => event_loop.poll.clear_ready_unless_closed(key, direction),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            event_loop.poll.clear_ready(key, direction);
        }
        _ => {}
    }
}

impl<T: AsFd + fmt::Debug> fmt::Debug for Source<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.io.fmt(f)
    }
}
