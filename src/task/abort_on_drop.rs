//! A join handle that aborts its task when it is dropped.

use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::{AbortHandle, Id, JoinError, JoinHandle};

/// A [`JoinHandle`] that aborts its task when it is dropped.
///
/// # Cancel safety
///
/// Awaiting `&mut handle` and dropping that future loses nothing and aborts nothing.
///
/// # Panics
///
/// Awaiting it panics like awaiting a [`JoinHandle`].
///
/// # Examples
///
/// ```
/// use quintet::task::AbortOnDropHandle;
///
/// # quintet::block_on(async {
/// let task = AbortOnDropHandle::new(quintet::spawn(std::future::pending::<()>()));
/// let abort_handle = task.abort_handle();
/// drop(task);
///
/// quintet::task::yield_now().await;
/// assert!(abort_handle.is_finished());
/// # });
/// ```
#[derive(Debug)]
#[must_use = "dropping the handle aborts the task"]
pub struct AbortOnDropHandle<T> {
    handle: JoinHandle<T>,
}

impl<T> AbortOnDropHandle<T> {
    /// Wraps a handle.
    pub fn new(handle: JoinHandle<T>) -> Self {
        AbortOnDropHandle { handle }
    }

    /// Returns the plain handle, whose drop detaches the task.
    pub fn detach(mut self) -> JoinHandle<T> {
        // The handle left here has no task to abort.
        let nothing = JoinHandle::cancelled(self.handle.id().0);
        mem::replace(&mut self.handle, nothing)
    }

    /// Cancels the task; see [`JoinHandle::abort`].
    pub fn abort(&self) {
        self.handle.abort();
    }

    /// Returns a handle that can only abort the task.
    pub fn abort_handle(&self) -> AbortHandle {
        self.handle.abort_handle()
    }

    /// Returns whether the task has ended.
    pub fn is_finished(&self) -> bool {
        self.handle.is_finished()
    }

    /// Returns the task's id.
    pub fn id(&self) -> Id {
        self.handle.id()
    }
}

impl<T> AsRef<JoinHandle<T>> for AbortOnDropHandle<T> {
    fn as_ref(&self) -> &JoinHandle<T> {
        &self.handle
    }
}

impl<T: 'static> Future for AbortOnDropHandle<T> {
    type Output = Result<T, JoinError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.handle).poll(cx)
    }
}

impl<T> Drop for AbortOnDropHandle<T> {
    fn drop(&mut self) {
        self.handle.abort();
    }
}
