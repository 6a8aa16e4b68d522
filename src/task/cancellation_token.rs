//! Telling many tasks to stop.

mod tree;

use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::coop;
use crate::sync::watchers::WatcherSlot;
use tree::TokenRef;

/// Tells tasks that they are to stop, from any thread.
///
/// Clones are the same token: cancelling one cancels all. A [child](CancellationToken::child_token)
/// is cancelled with its parent, but not the other way round. A cancelled token stays so.
///
/// Nothing is dropped or aborted by a cancel: whoever watches the token stops by itself.
///
/// # Examples
///
/// ```
/// use quintet::task::CancellationToken;
///
/// # quintet::block_on(async {
/// let token = CancellationToken::new();
/// let child = token.child_token();
/// let task = quintet::spawn(async move {
///     child.cancelled().await;
///     "cleaned up"
/// });
///
/// token.cancel();
/// assert_eq!(task.await.unwrap(), "cleaned up");
/// # });
/// ```
#[derive(Clone)]
pub struct CancellationToken {
    token: Arc<TokenRef>,
}

impl CancellationToken {
    /// Makes a token without a parent.
    pub fn new() -> Self {
        CancellationToken {
            token: Arc::new(TokenRef::root()),
        }
    }

    /// Makes a token that is cancelled with this one, and can be cancelled by itself. If this one is
    /// cancelled already, so is the child.
    ///
    /// The child keeps nothing of this token alive, and leaves nothing behind in it.
    pub fn child_token(&self) -> CancellationToken {
        CancellationToken {
            token: Arc::new(self.token.child()),
        }
    }

    /// Cancels the token and all its descendants.
    ///
    /// When this returns all of them are cancelled, and those who wait have been woken: first those
    /// of this token, in the order in which they came, then those of its children, then of theirs.
    pub fn cancel(&self) {
        self.token.cancel();
    }

    /// Returns whether the token is cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Waits until the token is cancelled.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses its place among those who wait, and no more.
    pub fn cancelled(&self) -> WaitForCancellationFuture<'_> {
        WaitForCancellationFuture {
            token: self,
            place: WatcherSlot::default(),
        }
    }

    /// Waits until the token is cancelled, with a future that owns the token.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses its place among those who wait, and no more.
    pub fn cancelled_owned(self) -> WaitForCancellationFutureOwned {
        WaitForCancellationFutureOwned {
            token: self,
            place: WatcherSlot::default(),
        }
    }

    /// Makes a guard that cancels the token when it is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// let token = quintet::task::CancellationToken::new();
    /// drop(token.clone().drop_guard());
    /// assert!(token.is_cancelled());
    /// ```
    pub fn drop_guard(self) -> DropGuard {
        DropGuard {
            token: self,
            is_armed: true,
        }
    }

    /// Makes a guard of a borrowed token, which cancels it when it is dropped.
    pub fn drop_guard_ref(&self) -> DropGuardRef<'_> {
        DropGuardRef {
            token: self,
            is_armed: true,
        }
    }

    /// Runs `future` until it ends, or until the token is cancelled; resolves to `None` then.
    ///
    /// A cancelled token is noticed first: the future is not polled again, even if it could end.
    ///
    /// # Cancel safety
    ///
    /// That of `future`, which is dropped where it stands when the token is cancelled.
    ///
    /// # Examples
    ///
    /// ```
    /// use quintet::task::CancellationToken;
    ///
    /// # quintet::block_on(async {
    /// let token = CancellationToken::new();
    /// assert_eq!(token.run_until_cancelled(async { 5 }).await, Some(5));
    ///
    /// token.cancel();
    /// assert_eq!(token.run_until_cancelled(async { 5 }).await, None);
    /// # });
    /// ```
    pub async fn run_until_cancelled<F: Future>(&self, future: F) -> Option<F::Output> {
        let mut cancelled = self.cancelled();
        let mut future = pin!(future);
        let mut has_waited = false;
        poll_fn(|cx| {
            // To find the token not cancelled is no operation: the future is polled whatever is left
            // of the budget, and charges what it does.
            let waits = coop::without_budget(|| Pin::new(&mut cancelled).poll(cx)).is_pending();
            let is_first = !mem::replace(&mut has_waited, true);
            if waits {
                return future.as_mut().poll(cx).map(Some);
            }
            // Refused only once: what spends the whole budget in each poll of the task, before this
            // is polled, must not keep a cancel from being noticed.
            if is_first {
                ready!(coop::poll_proceed(cx));
            }
            coop::charge(0);
            Poll::Ready(None)
        })
        .await
    }

    /// The same as [`run_until_cancelled`](CancellationToken::run_until_cancelled), with a future
    /// that owns the token.
    ///
    /// # Cancel safety
    ///
    /// That of `future`, which is dropped where it stands when the token is cancelled.
    pub async fn run_until_cancelled_owned<F: Future>(self, future: F) -> Option<F::Output> {
        self.run_until_cancelled(future).await
    }

    fn poll_cancelled(&self, place: &mut WatcherSlot, cx: &Context<'_>) -> Poll<()> {
        self.token.poll_cancelled(place, cx)
    }
}

impl Default for CancellationToken {
    fn default() -> Self {
        CancellationToken::new()
    }
}

impl fmt::Debug for CancellationToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancellationToken")
            .field("is_cancelled", &self.is_cancelled())
            .finish_non_exhaustive()
    }
}

/// The future of [`CancellationToken::cancelled`].
#[derive(Debug)]
#[must_use = "futures do nothing unless they are awaited"]
pub struct WaitForCancellationFuture<'a> {
    token: &'a CancellationToken,
    place: WatcherSlot,
}

impl Future for WaitForCancellationFuture<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        this.token.poll_cancelled(&mut this.place, cx)
    }
}

impl Drop for WaitForCancellationFuture<'_> {
    fn drop(&mut self) {
        self.token.token.leave(&mut self.place);
    }
}

/// The future of [`CancellationToken::cancelled_owned`].
#[derive(Debug)]
#[must_use = "futures do nothing unless they are awaited"]
pub struct WaitForCancellationFutureOwned {
    token: CancellationToken,
    place: WatcherSlot,
}

impl Future for WaitForCancellationFutureOwned {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        this.token.poll_cancelled(&mut this.place, cx)
    }
}

impl Drop for WaitForCancellationFutureOwned {
    fn drop(&mut self) {
        self.token.token.leave(&mut self.place);
    }
}

/// Cancels a token when it is dropped; made by [`CancellationToken::drop_guard`].
#[derive(Debug)]
#[must_use = "dropping the guard cancels the token"]
pub struct DropGuard {
    token: CancellationToken,
    is_armed: bool,
}

impl DropGuard {
    /// Returns the token, uncancelled.
    pub fn disarm(mut self) -> CancellationToken {
        self.is_armed = false;
        self.token.clone()
    }
}

impl Drop for DropGuard {
    fn drop(&mut self) {
        if self.is_armed {
            self.token.cancel();
        }
    }
}

/// Cancels a token when it is dropped; made by [`CancellationToken::drop_guard_ref`].
#[derive(Debug)]
#[must_use = "dropping the guard cancels the token"]
pub struct DropGuardRef<'a> {
    token: &'a CancellationToken,
    is_armed: bool,
}

impl<'a> DropGuardRef<'a> {
    /// Returns the token, uncancelled.
    pub fn disarm(mut self) -> &'a CancellationToken {
        self.is_armed = false;
        self.token
    }
}

impl Drop for DropGuardRef<'_> {
    fn drop(&mut self) {
        if self.is_armed {
            self.token.cancel();
        }
    }
}

assert_impl!(CancellationToken: Send + Sync);
assert_impl!(WaitForCancellationFutureOwned: Send + Sync);
