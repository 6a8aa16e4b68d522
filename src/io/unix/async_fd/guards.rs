//! The guards of a descriptor that is ready.

use std::error::Error;
use std::fmt;
use std::io;
use std::os::fd::AsFd;

use super::AsyncFd;
use crate::io::Ready;

/// A descriptor that is ready, returned by methods such as [`AsyncFd::readable`].
///
/// Make the system call by [`try_io`](AsyncFdReadyGuard::try_io), or clear the readiness by
/// [`clear_ready`](AsyncFdReadyGuard::clear_ready) if a system call would block. If the guard is
/// dropped, the descriptor stays ready.
#[must_use = "clear the readiness if a system call would block, or say that it stays by \
              `retain_ready`"]
pub struct AsyncFdReadyGuard<'a, T: AsFd> {
    async_fd: &'a AsyncFd<T>,
    seen: SeenReady,
}

/// The same as [`AsyncFdReadyGuard`], with mutable access to the object; returned by methods such
/// as [`AsyncFd::readable_mut`].
#[must_use = "clear the readiness if a system call would block, or say that it stays by \
              `retain_ready`"]
pub struct AsyncFdReadyMutGuard<'a, T: AsFd> {
    async_fd: &'a mut AsyncFd<T>,
    seen: SeenReady,
}

/// The readiness that a caller has seen.
struct SeenReady {
    ready: Ready,
    /// How many events of the descriptor there were.
    events: u32,
}

impl SeenReady {
    fn of<T: AsFd>(async_fd: &AsyncFd<T>, ready: Ready) -> Self {
        SeenReady {
            ready,
            events: async_fd.source.events(),
        }
    }

    /// Clears the readiness that is in `ready` and was seen. Later events are not cleared.
    fn clear<T: AsFd>(&mut self, async_fd: &AsyncFd<T>, ready: Ready) {
        async_fd.source.clear_ready(self.ready & ready, self.events);
        self.ready = self.ready - ready;
    }
}

impl<'a, T: AsFd> AsyncFdReadyGuard<'a, T> {
    pub(super) fn new(async_fd: &'a AsyncFd<T>, ready: Ready) -> Self {
        AsyncFdReadyGuard {
            async_fd,
            seen: SeenReady::of(async_fd, ready),
        }
    }

    /// Calls `f`, which makes a system call on the descriptor, and clears the readiness if `f`
    /// returns an error of kind [`WouldBlock`](io::ErrorKind::WouldBlock).
    ///
    /// `f` must return `WouldBlock` only if the descriptor itself did.
    ///
    /// # Errors
    ///
    /// Returns [`TryIoError`] if the call would block. Every other result of `f` is returned within
    /// `Ok`.
    pub fn try_io<R>(
        &mut self,
        f: impl FnOnce(&'a AsyncFd<T>) -> io::Result<R>,
    ) -> Result<io::Result<R>, TryIoError> {
        match f(self.async_fd) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.clear_ready();
                Err(TryIoError(()))
            }
            result => Ok(result),
        }
    }

    /// Returns the descriptor.
    pub fn get_ref(&self) -> &'a AsyncFd<T> {
        self.async_fd
    }

    /// Returns the object that the [`AsyncFd`] owns.
    pub fn get_inner(&self) -> &'a T {
        self.async_fd.get_ref()
    }
}

impl<'a, T: AsFd> AsyncFdReadyMutGuard<'a, T> {
    pub(super) fn new(async_fd: &'a mut AsyncFd<T>, ready: Ready) -> Self {
        AsyncFdReadyMutGuard {
            seen: SeenReady::of(async_fd, ready),
            async_fd,
        }
    }

    /// Calls `f`, which makes a system call on the descriptor, and clears the readiness if `f`
    /// returns an error of kind [`WouldBlock`](io::ErrorKind::WouldBlock).
    ///
    /// `f` must return `WouldBlock` only if the descriptor itself did.
    ///
    /// # Errors
    ///
    /// Returns [`TryIoError`] if the call would block. Every other result of `f` is returned within
    /// `Ok`.
    pub fn try_io<R>(
        &mut self,
        f: impl FnOnce(&mut AsyncFd<T>) -> io::Result<R>,
    ) -> Result<io::Result<R>, TryIoError> {
        match f(self.async_fd) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.clear_ready();
                Err(TryIoError(()))
            }
            result => Ok(result),
        }
    }

    /// Returns the descriptor.
    pub fn get_ref(&self) -> &AsyncFd<T> {
        self.async_fd
    }

    /// Returns the descriptor, mutably.
    pub fn get_mut(&mut self) -> &mut AsyncFd<T> {
        self.async_fd
    }

    /// Returns the object that the [`AsyncFd`] owns.
    pub fn get_inner(&self) -> &T {
        self.async_fd.get_ref()
    }

    /// Returns the object that the [`AsyncFd`] owns, mutably.
    pub fn get_inner_mut(&mut self) -> &mut T {
        self.async_fd.get_mut()
    }
}

macro_rules! impl_guard {
    ($guard:ident) => {
        impl<T: AsFd> $guard<'_, T> {
            /// Clears the readiness: the next wait ends with the next event.
            ///
            /// Call it only after a system call has said that it would block, and not because one
            /// has succeeded: the OS does not report again what is still there.
            ///
            /// An event that has come since the guard was created is not cleared, and neither is
            /// that the other end has closed the descriptor.
            pub fn clear_ready(&mut self) {
                self.seen.clear(self.async_fd, Ready::ALL);
            }

            /// Clears the readiness for the events of `ready`, and keeps that for others.
            ///
            /// It is [`clear_ready`](Self::clear_ready) for a guard of reading and writing at once
            /// after a system call for one of them would block.
            pub fn clear_ready_matching(&mut self, ready: Ready) {
                self.seen.clear(self.async_fd, ready);
            }

            /// Does nothing: says that the descriptor stays ready on purpose.
            pub fn retain_ready(&mut self) {}

            /// Returns the events that were there when the guard was created and have not been
            /// cleared by it.
            pub fn ready(&self) -> Ready {
                self.seen.ready
            }
        }

        impl<T: AsFd + fmt::Debug> fmt::Debug for $guard<'_, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($guard))
                    .field("async_fd", &self.async_fd)
                    .field("ready", &self.seen.ready)
                    .finish()
            }
        }
    };
}

impl_guard!(AsyncFdReadyGuard);
impl_guard!(AsyncFdReadyMutGuard);

/// The error of [`AsyncFdReadyGuard::try_io`]: the system call would block, and the readiness has
/// been cleared.
#[derive(Debug)]
pub struct TryIoError(());

impl fmt::Display for TryIoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the operation would block")
    }
}

impl Error for TryIoError {}
