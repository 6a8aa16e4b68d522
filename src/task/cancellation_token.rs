//! Cooperative cancellation of many tasks.

mod tree;

use std::fmt;
use std::future::poll_fn;
use std::hash::{Hash, Hasher};
use std::mem;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::coop;
use crate::sync::watchers::WatcherSlot;
use tree::TokenRef;

/// Signals a cancellation request to tasks, from any thread.
///
/// All clones are one token: cancelling one cancels all. A [child](CancellationToken::child_token)
/// is cancelled with its parent; cancelling a child does not cancel the parent. A token stays
/// cancelled.
///
/// A cancel drops and aborts nothing: the tasks that watch the token decide how to stop.
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

    /// Makes a token that is cancelled with this one, and that can be cancelled alone. The child of
    /// a cancelled token is cancelled from the start.
    ///
    /// The child does not keep this token alive, and a dropped child takes no memory in this token.
    pub fn child_token(&self) -> CancellationToken {
        CancellationToken {
            token: Arc::new(self.token.child()),
        }
    }

    /// Cancels the token and all its descendants.
    ///
    /// When this returns, all of them are cancelled and all tasks that wait for one have been
    /// woken: first those that wait for this token, in the order of their first polls, then those
    /// of its children, then of its grandchildren, and so on.
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
    /// Dropping the future loses its place in the order of waiters, and nothing else.
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
    /// Dropping the future loses its place in the order of waiters, and nothing else.
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

    /// Makes a guard that borrows the token, and cancels it when it is dropped.
    pub fn drop_guard_ref(&self) -> DropGuardRef<'_> {
        DropGuardRef {
            token: self,
            is_armed: true,
        }
    }

    /// Runs `future` until it completes, or until the token is cancelled; in that case resolves to
    /// `None`.
    ///
    /// The token is checked first: once it is cancelled the future is not polled again, even if it
    /// could complete.
    ///
    /// # Cancel safety
    ///
    /// The same as that of `future`, which is dropped when the token is cancelled.
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
            // A check that finds the token not cancelled is not charged: the future is polled even
            // without budget, and charges its own operations.
            let waits = coop::without_budget(|| Pin::new(&mut cancelled).poll(cx)).is_pending();
            let is_first = !mem::replace(&mut has_waited, true);
            if waits {
                return future.as_mut().poll(cx).map(Some);
            }
            // Refused in the first poll only: a task that spends its whole budget in each poll
            // before it gets here must still notice the cancel.
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
    /// The same as that of `future`, which is dropped when the token is cancelled.
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

/// Tokens are equal if they are clones of one token.
impl PartialEq for CancellationToken {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.token, &other.token)
    }
}

impl Eq for CancellationToken {}

impl Hash for CancellationToken {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.token).hash(state);
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
    /// Returns the token without cancelling it.
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
    /// Returns the token without cancelling it.
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
