//! The methods that give mutable access to the object.

use std::io;
use std::os::fd::AsFd;
use std::task::{Context, Poll, ready};

use super::{AsyncFd, AsyncFdReadyMutGuard};
use crate::io::Interest;

/// The same methods with mutable access to the object.
impl<T: AsFd> AsyncFd<T> {
    /// The same as [`ready`](AsyncFd::ready), with mutable access to the object.
    ///
    /// # Errors
    ///
    /// Returns the errors of `ready`.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: it consumes no readiness.
    pub async fn ready_mut(
        &mut self,
        interest: Interest,
    ) -> io::Result<AsyncFdReadyMutGuard<'_, T>> {
        let ready = self.wait(interest).await?;
        Ok(AsyncFdReadyMutGuard::new(self, ready))
    }

    /// The same as [`readable`](AsyncFd::readable), with mutable access to the object.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`ready`](AsyncFd::ready).
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: it consumes no readiness.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::{Read, Write};
    ///
    /// use quintet::io::unix::AsyncFd;
    ///
    /// # quintet::block_on(async {
    /// let (own, mut peer) = std::os::unix::net::UnixStream::pair()?;
    /// own.set_nonblocking(true)?;
    /// let mut own = AsyncFd::new(own)?;
    /// peer.write_all(b"x")?;
    /// let mut guard = own.readable_mut().await?;
    /// let read = guard.try_io(|stream| stream.get_mut().read(&mut [0; 8]));
    /// assert_eq!(read.expect("it is readable")?, 1);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    pub async fn readable_mut(&mut self) -> io::Result<AsyncFdReadyMutGuard<'_, T>> {
        self.ready_mut(Interest::READABLE).await
    }

    /// The same as [`writable`](AsyncFd::writable), with mutable access to the object.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`ready`](AsyncFd::ready).
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: it consumes no readiness.
    pub async fn writable_mut(&mut self) -> io::Result<AsyncFdReadyMutGuard<'_, T>> {
        self.ready_mut(Interest::WRITABLE).await
    }

    /// The same as [`poll_read_ready`](AsyncFd::poll_read_ready), with mutable access to the
    /// object.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`ready`](AsyncFd::ready).
    pub fn poll_read_ready_mut<'a>(
        &'a mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyMutGuard<'a, T>>> {
        let ready = ready!(self.poll_wait(cx, Interest::READABLE))?;
        Poll::Ready(Ok(AsyncFdReadyMutGuard::new(self, ready)))
    }

    /// The same as [`poll_write_ready`](AsyncFd::poll_write_ready), with mutable access to the
    /// object.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`ready`](AsyncFd::ready).
    pub fn poll_write_ready_mut<'a>(
        &'a mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyMutGuard<'a, T>>> {
        let ready = ready!(self.poll_wait(cx, Interest::WRITABLE))?;
        Poll::Ready(Ok(AsyncFdReadyMutGuard::new(self, ready)))
    }

    /// The same as [`try_io`](AsyncFd::try_io), with mutable access to the object.
    ///
    /// # Errors
    ///
    /// Returns the errors of `try_io`.
    pub fn try_io_mut<R>(
        &mut self,
        interest: Interest,
        f: impl FnOnce(&mut T) -> io::Result<R>,
    ) -> io::Result<R> {
        self.source.check_ready(interest)?;
        let result = f(self.source.get_mut());
        self.source.note_io(interest, &result);
        result
    }

    /// The same as [`async_io`](AsyncFd::async_io), with mutable access to the object.
    ///
    /// # Errors
    ///
    /// Returns the errors of `async_io`.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe, as `async_io` is.
    pub async fn async_io_mut<R>(
        &mut self,
        interest: Interest,
        mut f: impl FnMut(&mut T) -> io::Result<R>,
    ) -> io::Result<R> {
        loop {
            self.wait(interest).await?;
            match f(self.source.get_mut()) {
                result @ Err(_) => {
                    self.source.note_io(interest, &result);
                    let is_blocked = |error: &io::Error| error.kind() == io::ErrorKind::WouldBlock;
                    if !result.as_ref().is_err_and(is_blocked) {
                        return result;
                    }
                }
                result => return result,
            }
        }
    }
}
