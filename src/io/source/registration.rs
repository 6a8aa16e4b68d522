//! The binding of a source to its loop, and its registration there at the first operation that
//! waits.

use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use mio::unix::SourceFd;

use super::reference::Reference;
use crate::context;
use crate::event_loop::{EventLoop, LoopShared};
use crate::io_error::RuntimeEnded;
use crate::phase::poll::{Direction, ReadinessParts, SourceKind};
use crate::ready::LoopId;
use crate::slots::Key;

/// See the [module](self).
pub(super) struct LoopBinding {
    /// The loop that the source belongs to; zero until the first operation has bound it.
    loop_id: AtomicU32,
    registration: OnceLock<Registration>,
    /// Set by `end_operations`, while operations may still wait.
    closed: AtomicBool,
    /// Whether the last operation that was awaited has drained the source, for the time before its
    /// registration. Only the loop that it is bound to uses these.
    drained_read: AtomicBool,
    drained_write: AtomicBool,
    kind: SourceKind,
    /// What the descriptor is registered for.
    parts: ReadinessParts,
    reference: Reference,
}

/// The slot of a source in its loop.
#[derive(Clone)]
pub(super) struct Registration {
    shared: Arc<LoopShared>,
    key: Key,
}

impl LoopBinding {
    pub(super) fn new(kind: SourceKind, parts: ReadinessParts) -> Self {
        LoopBinding {
            loop_id: AtomicU32::new(0),
            registration: OnceLock::new(),
            closed: AtomicBool::new(false),
            drained_read: AtomicBool::new(false),
            drained_write: AtomicBool::new(false),
            kind,
            parts,
            reference: Reference::new(),
        }
    }

    /// Returns the slot, if the source is registered.
    #[inline]
    pub(super) fn key(&self) -> Option<Key> {
        self.registration.get().map(Registration::key)
    }

    pub(super) fn registration(&self) -> Option<&Registration> {
        self.registration.get()
    }

    /// Whether an operation would block, as far as is known before the registration. That reports
    /// what has happened since.
    #[inline]
    pub(super) fn was_drained(&self, direction: Direction) -> bool {
        self.drained(direction).load(Ordering::Relaxed)
    }

    /// Notes whether an operation has drained a source that is not registered.
    #[inline]
    pub(super) fn set_drained(&self, direction: Direction, is_drained: bool) {
        self.drained(direction).store(is_drained, Ordering::Relaxed);
    }

    #[inline]
    fn drained(&self, direction: Direction) -> &AtomicBool {
        match direction {
            Direction::Read => &self.drained_read,
            Direction::Write => &self.drained_write,
        }
    }

    /// Calls `f` with the loop and the slot, if the source is registered and its loop is current.
    /// `f` must not run user code.
    #[inline]
    pub(super) fn with_loop<R>(&self, f: impl FnOnce(&EventLoop, Key) -> R) -> Option<R> {
        let Registration { shared, key } = self.registration.get()?;
        context::with_loop(shared.id, |event_loop| f(event_loop, *key))
    }

    /// Calls `f` on the loop with the slot, if the source is registered.
    pub(super) fn call_on_loop(&self, f: impl FnOnce(&EventLoop, Key) + Send + 'static) {
        if let Some(registration) = self.registration.get() {
            registration.call_on_loop(f);
        }
    }

    pub(super) fn is_ref(&self) -> bool {
        self.reference.is_ref()
    }

    pub(super) fn set_ref(&self, is_ref: bool) {
        if let Some(call) = self.reference.set(is_ref) {
            self.call_on_loop(move |event_loop, key| {
                event_loop.poll.sources.set_ref(key, is_ref, call);
            });
        }
    }

    pub(super) fn set_closed(&self) {
        self.closed.store(true, Ordering::Release);
    }

    #[inline]
    pub(super) fn check_open(&self) -> io::Result<()> {
        if self.closed.load(Ordering::Acquire) {
            return Err(closed());
        }
        Ok(())
    }

    /// Binds the source to the loop `id`, the current one.
    ///
    /// # Errors
    ///
    /// Returns an error if it is bound to another loop.
    #[inline]
    pub(super) fn bind(&self, id: LoopId) -> io::Result<()> {
        let id = id.to_bits();
        let bound = self.loop_id.load(Ordering::Relaxed);
        // Relaxed: the number publishes no other memory. If two loops bind at once, the exchange
        // decides.
        let is_bound_here = bound == id
            || bound == 0
                && self
                    .loop_id
                    .compare_exchange(0, id, Ordering::Relaxed, Ordering::Relaxed)
                    .is_ok();
        if is_bound_here {
            Ok(())
        } else {
            Err(self.bound_elsewhere())
        }
    }

    /// Returns whether the source belongs to another loop than `id`.
    pub(super) fn is_bound_elsewhere(&self, id: LoopId) -> bool {
        let bound = self.loop_id.load(Ordering::Relaxed);
        bound != 0 && bound != id.to_bits()
    }

    /// Returns whether the source belongs to the loop `id`.
    pub(super) fn is_bound_to(&self, id: LoopId) -> bool {
        self.loop_id.load(Ordering::Relaxed) == id.to_bits()
    }

    #[cold]
    fn bound_elsewhere(&self) -> io::Error {
        let registration = self.registration.get();
        let has_ended = registration.is_some_and(|registration| registration.shared.is_closed());
        let text = format!(
            "this source belongs to quintet loop {}, on which it was first used{}, but {}; \
             move it by `into_std` and `from_std`",
            self.loop_id.load(Ordering::Relaxed),
            if has_ended {
                " and which has ended"
            } else {
                ""
            },
            context::describe_current()
        );
        if has_ended {
            io::Error::other(RuntimeEnded(text))
        } else {
            io::Error::other(text)
        }
    }

    /// Registers the descriptor, unless it is registered already.
    #[inline]
    pub(super) fn register(&self, event_loop: &EventLoop, fd: BorrowedFd<'_>) -> io::Result<Key> {
        match self.key() {
            Some(key) => Ok(key),
            None => self.register_first(event_loop, fd),
        }
    }

    fn register_first(&self, event_loop: &EventLoop, fd: BorrowedFd<'_>) -> io::Result<Key> {
        let key = event_loop.poll.register(fd, self.kind, self.parts)?;
        let registration = Registration {
            shared: Arc::clone(&event_loop.shared),
            key,
        };
        // Only the loop that the source is bound to gets here, so this is the first registration.
        let _registered = self.registration.set(registration);
        let (is_ref, call) = self.reference.register();
        if !is_ref {
            event_loop.poll.sources.set_ref(key, is_ref, call);
        }
        Ok(key)
    }

    /// Deregisters the descriptor, before it is closed or returned to its owner.
    pub(super) fn deregister(&mut self, fd: BorrowedFd<'_>) -> Option<Registration> {
        let registration = self.registration.take()?;
        // It fails only if the poller does not know the descriptor.
        let _unknown = registration
            .shared
            .registry
            .deregister(&mut SourceFd(&fd.as_raw_fd()));
        Some(registration)
    }
}

impl Registration {
    #[inline]
    pub(super) fn key(&self) -> Key {
        self.key
    }

    /// Returns whether its loop is current.
    pub(super) fn is_of_current_loop(&self) -> bool {
        context::with_loop(self.shared.id, |_| ()).is_some()
    }

    /// Calls `f` on the loop with the slot.
    pub(super) fn call_on_loop(&self, f: impl FnOnce(&EventLoop, Key) + Send + 'static) {
        let key = self.key;
        context::call_on_loop(self.shared.id, &self.shared.inbox, move |event_loop| {
            f(event_loop, key);
        });
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

#[cold]
fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "the socket has been closed")
}
