//! A descriptor of any kind, as a source.

mod exclusive;
mod guards;
mod try_new_error;

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::task::{Context, Poll, ready};

use crate::io::source::Source;
use crate::io::{Interest, Ready};
use crate::io_error::cannot;

pub use guards::{AsyncFdReadyGuard, AsyncFdReadyMutGuard, TryIoError};
pub use try_new_error::AsyncFdTryNewError;

/// A descriptor of any kind whose readiness can be awaited: a socket, a pipe, an eventfd, an
/// inotify instance, a device.
///
/// It owns an object with a descriptor, such as the connection of a client library. A method such
/// as [`readable`](AsyncFd::readable) waits until the descriptor is ready, and returns a guard. The
/// caller makes its system call by [`try_io`](AsyncFdReadyGuard::try_io) of the guard, which clears
/// the readiness if the call would block. Readiness is remembered until it is cleared; it must be
/// cleared only after a system call has said that it would block.
///
/// Any number of tasks may wait for one `AsyncFd`. All are woken by an event, in the order in which
/// they came. A task whose call would block, and that waits for another guard, is behind all others
/// then. [`async_io`](AsyncFd::async_io) keeps the task's place, so tasks that call it in loops
/// take turns.
///
/// # Differences from tokio
///
/// - The object implements [`AsFd`], where tokio asks for [`AsRawFd`]. `AsFd` guarantees that the
///   descriptor is open, and this crate has no `unsafe` code. For a library that only has a raw
///   descriptor, write a type that owns it and implements `AsFd`, for example one with an
///   [`OwnedFd`](std::os::fd::OwnedFd).
/// - `poll_*` methods may be called by any number of tasks, and all of them are woken.
/// - Without a runtime, [`new`](AsyncFd::new) returns an error and does not panic.
/// - Waiting for an event that is not in the interest that was given to
///   [`with_interest`](AsyncFd::with_interest) is an error.
///
/// # The descriptor
///
/// It is not made non-blocking: as with tokio, that is left to the caller. With a blocking
/// descriptor a call in `try_io` may block the loop after a spurious wake-up.
///
/// It is registered with the loop that is current in `new`, and deregistered when the `AsyncFd` is
/// dropped or by [`into_inner`](AsyncFd::into_inner). Until then the object must return the same
/// descriptor, and not close it. On another loop, methods return an error of kind
/// [`Other`](io::ErrorKind::Other). A task that waits for it keeps its runtime alive; see
/// [`unref`](AsyncFd::unref).
///
/// # Examples
///
/// A connection of the standard library, as if it were that of another crate:
///
/// ```
/// use std::io::{self, Read, Write};
/// use std::os::unix::net::UnixStream;
///
/// use quintet::io::unix::AsyncFd;
///
/// async fn read(stream: &AsyncFd<UnixStream>, buf: &mut [u8]) -> io::Result<usize> {
///     loop {
///         let mut guard = stream.readable().await?;
///         match guard.try_io(|stream| stream.get_ref().read(buf)) {
///             Ok(result) => return result,
///             Err(_would_block) => continue,
///         }
///     }
/// }
///
/// # quintet::block_on(async {
/// let (own, mut peer) = UnixStream::pair()?;
/// own.set_nonblocking(true)?;
/// let own = AsyncFd::new(own)?;
/// peer.write_all(b"ping")?;
/// let mut buf = [0; 16];
/// let n = read(&own, &mut buf).await?;
/// assert_eq!(&buf[..n], b"ping");
/// # io::Result::Ok(())
/// # }).unwrap();
/// ```
pub struct AsyncFd<T: AsFd> {
    source: Source<T>,
    /// What the descriptor is registered for.
    interest: Interest,
}

impl<T: AsFd> AsyncFd<T> {
    /// Registers the descriptor of `inner` with the current loop, for reading and writing.
    ///
    /// The descriptor is not made non-blocking; see [the type](AsyncFd#the-descriptor).
    ///
    /// # Errors
    ///
    /// Returns an error of kind
    ///
    /// - [`PermissionDenied`](io::ErrorKind::PermissionDenied) if the OS does not report the
    ///   readiness of such a descriptor. On Linux these are regular files and directories; read
    ///   them by [`fs`](crate::fs).
    /// - [`AlreadyExists`](io::ErrorKind::AlreadyExists), on Linux, if the descriptor is registered
    ///   already.
    /// - [`Other`](io::ErrorKind::Other) if no loop is current.
    ///
    /// The object is dropped then; [`try_new`](AsyncFd::try_new) returns it.
    pub fn new(inner: T) -> io::Result<Self> {
        AsyncFd::with_interest(inner, ALL_INTEREST)
    }

    /// Registers the descriptor of `inner` with the current loop, for the events of `interest`.
    ///
    /// This is [`new`](AsyncFd::new) for a descriptor of which only some events matter: others do
    /// not wake the loop.
    ///
    /// # Errors
    ///
    /// Returns the errors of `new`.
    pub fn with_interest(inner: T, interest: Interest) -> io::Result<Self> {
        AsyncFd::try_with_interest(inner, interest).map_err(io::Error::from)
    }

    /// The same as [`new`](AsyncFd::new), but the error contains `inner`.
    ///
    /// # Errors
    ///
    /// Returns the errors of `new`, with the object.
    pub fn try_new(inner: T) -> Result<Self, AsyncFdTryNewError<T>> {
        AsyncFd::try_with_interest(inner, ALL_INTEREST)
    }

    /// The same as [`with_interest`](AsyncFd::with_interest), but the error contains `inner`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`new`](AsyncFd::new), with the object.
    pub fn try_with_interest(inner: T, interest: Interest) -> Result<Self, AsyncFdTryNewError<T>> {
        let source = Source::with_interest(inner, interest);
        match source.register() {
            Ok(()) => Ok(AsyncFd { source, interest }),
            Err(error) => {
                let inner = source.into_inner();
                let error = describe(error, inner.as_fd());
                Err(AsyncFdTryNewError::new(inner, error))
            }
        }
    }

    /// Returns the object.
    pub fn get_ref(&self) -> &T {
        self.source.get()
    }

    /// Returns the object, mutably. It must keep its descriptor.
    pub fn get_mut(&mut self) -> &mut T {
        self.source.get_mut()
    }

    /// Deregisters the descriptor, and returns the object.
    pub fn into_inner(self) -> T {
        self.source.into_inner()
    }

    /// Keeps the runtime alive while a task waits for this descriptor. This is the default.
    ///
    /// It reverses [`unref`](AsyncFd::unref). Both may be called from any thread, any number of
    /// times; the last call counts. See [`Runtime::run`](crate::runtime::Runtime::run).
    pub fn ref_(&self) {
        self.source.set_ref(true);
    }

    /// Allows the runtime to end even while a task waits for this descriptor.
    pub fn unref(&self) {
        self.source.set_ref(false);
    }

    /// Returns whether the descriptor keeps the runtime alive while a task waits for it.
    pub fn has_ref(&self) -> bool {
        self.source.is_ref()
    }

    /// Waits until the descriptor is ready for one of the events of `interest`, and returns a guard
    /// that says for which.
    ///
    /// # Errors
    ///
    /// Returns an error of kind [`InvalidInput`](io::ErrorKind::InvalidInput) if the descriptor is
    /// registered for none of these events, and of kind [`Other`](io::ErrorKind::Other) if it
    /// belongs to another loop. An error of the descriptor itself is left for the next system call
    /// to return.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: it consumes no readiness.
    pub async fn ready(&self, interest: Interest) -> io::Result<AsyncFdReadyGuard<'_, T>> {
        let ready = self.wait(interest).await?;
        Ok(AsyncFdReadyGuard::new(self, ready))
    }

    /// Waits until the descriptor is readable, and returns a guard.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`ready`](AsyncFd::ready).
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: it consumes no readiness.
    pub async fn readable(&self) -> io::Result<AsyncFdReadyGuard<'_, T>> {
        self.ready(Interest::READABLE).await
    }

    /// Waits until the descriptor is writable, and returns a guard.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`ready`](AsyncFd::ready).
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: it consumes no readiness.
    pub async fn writable(&self) -> io::Result<AsyncFdReadyGuard<'_, T>> {
        self.ready(Interest::WRITABLE).await
    }

    /// Polls until the descriptor is readable.
    ///
    /// If it is not, the task of `cx` is woken when it may be. Spurious wake-ups are possible.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`ready`](AsyncFd::ready).
    pub fn poll_read_ready<'a>(
        &'a self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyGuard<'a, T>>> {
        let ready = ready!(self.poll_wait(cx, Interest::READABLE))?;
        Poll::Ready(Ok(AsyncFdReadyGuard::new(self, ready)))
    }

    /// Polls until the descriptor is writable.
    ///
    /// If it is not, the task of `cx` is woken when it may be. Spurious wake-ups are possible.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`ready`](AsyncFd::ready).
    pub fn poll_write_ready<'a>(
        &'a self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyGuard<'a, T>>> {
        let ready = ready!(self.poll_wait(cx, Interest::WRITABLE))?;
        Poll::Ready(Ok(AsyncFdReadyGuard::new(self, ready)))
    }

    /// Calls `f`, which makes a system call on the descriptor, if one of the events of `interest`
    /// is there.
    ///
    /// If `f` returns an error of kind [`WouldBlock`](io::ErrorKind::WouldBlock), the readiness is
    /// cleared.
    ///
    /// # Errors
    ///
    /// Returns an error of kind `WouldBlock` without calling `f` if no event of `interest` is
    /// there, and otherwise the error of `f`.
    pub fn try_io<R>(
        &self,
        interest: Interest,
        f: impl FnOnce(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        self.source.try_io(interest, || f(self.get_ref()))
    }

    /// Calls `f`, which makes a system call on the descriptor, each time that one of the events of
    /// `interest` is there, until it does not return `WouldBlock`. Returns its result.
    ///
    /// # Errors
    ///
    /// Returns the error of `f`, and the errors of [`ready`](AsyncFd::ready).
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: `f` runs within one poll, and the poll in which it succeeds
    /// returns its result.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::{Read, Write};
    ///
    /// use quintet::io::Interest;
    /// use quintet::io::unix::AsyncFd;
    ///
    /// # quintet::block_on(async {
    /// let (own, mut peer) = std::os::unix::net::UnixStream::pair()?;
    /// own.set_nonblocking(true)?;
    /// let own = AsyncFd::new(own)?;
    /// let reading = quintet::spawn(async move {
    ///     let mut byte = [0; 1];
    ///     let read = own.async_io(Interest::READABLE, |mut stream| stream.read(&mut byte));
    ///     read.await
    /// });
    /// peer.write_all(b"x")?;
    /// assert_eq!(reading.await.unwrap()?, 1);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    pub async fn async_io<R>(
        &self,
        interest: Interest,
        mut f: impl FnMut(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        self.check(interest)?;
        let io = self.get_ref();
        self.source.async_io(interest, || f(io)).await
    }

    /// Waits for one of the events of `interest`.
    async fn wait(&self, interest: Interest) -> io::Result<Ready> {
        self.check(interest)?;
        self.source.ready(interest).await
    }

    fn poll_wait(&self, cx: &Context<'_>, interest: Interest) -> Poll<io::Result<Ready>> {
        self.check(interest)?;
        self.source.poll_ready(cx, interest)
    }

    /// Returns an error if the descriptor is registered for none of these events: no event would
    /// end a wait.
    fn check(&self, interest: Interest) -> io::Result<()> {
        // Errors are always reported.
        if interest.is_error() || interest.remove(self.interest) != Some(interest) {
            return Ok(());
        }
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!(
                "this descriptor is registered for {:?} and cannot be awaited for {interest:?}; \
                 create it by `AsyncFd::with_interest` with both",
                self.interest
            ),
        ))
    }
}

/// Without urgent data, as in tokio.
const ALL_INTEREST: Interest = Interest::READABLE.add(Interest::WRITABLE);

/// Says what the poller has refused.
fn describe(error: io::Error, fd: BorrowedFd<'_>) -> io::Error {
    let fd = fd.as_raw_fd();
    let why = match error.kind() {
        io::ErrorKind::PermissionDenied => {
            ", because the OS reports the readiness of sockets, pipes and devices, but not of \
             regular files and directories"
        }
        io::ErrorKind::AlreadyExists => ", because it is registered already",
        // There is no loop, or it belongs to another one.
        io::ErrorKind::Other => return error,
        _ => "",
    };
    cannot(format!("wait for descriptor {fd}{why}"), error)
}

impl<T: AsFd> AsFd for AsyncFd<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.get_ref().as_fd()
    }
}

impl<T: AsFd> AsRawFd for AsyncFd<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.get_ref().as_fd().as_raw_fd()
    }
}

impl<T: AsFd + fmt::Debug> fmt::Debug for AsyncFd<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncFd")
            .field("inner", self.get_ref())
            .finish()
    }
}

assert_impl!(AsyncFd<std::os::fd::OwnedFd>: Send + Sync + Unpin);
