//! Scopes that end at the first error.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

use super::ScopedJoinHandle;
use super::children::{Children, Owned, ScopeState};
use super::nursery::Nursery;
use crate::task::boxed_if_large;

/// Runs `body` and the children that it spawns, and waits until all of them have ended or one has
/// failed.
///
/// Works like [`scope`](super::scope()), except that the first `Err` of a child or of the body ends
/// the scope early. The remaining children are dropped in the order in which they were spawned,
/// then the body.
///
/// # Errors
///
/// Returns the first error, even if the handle of the failed child is awaited. This includes the
/// `Err` of a child after the body has returned `Ok`.
///
/// # Panics
///
/// Like [`scope`](super::scope()).
///
/// # Cancel safety
///
/// Like [`scope`](super::scope()).
///
/// # Examples
///
/// ```
/// use quintet::task::try_scope;
///
/// async fn parse(text: &str) -> Result<u32, std::num::ParseIntError> {
///     text.parse()
/// }
///
/// # quintet::block_on(async {
/// let texts = [String::from("1"), String::from("two")];
/// let sum = try_scope(async |s| {
///     let first = s.spawn(parse(&texts[0]));
///     let second = s.spawn(parse(&texts[1]));
///     Ok(first.await.unwrap() + second.await.unwrap())
/// });
/// assert!(sum.await.is_err());
/// # });
/// ```
pub fn try_scope<'env, T, E, F>(body: F) -> impl Future<Output = Result<T, E>>
where
    F: AsyncFnOnce(TryScope<'env, E>) -> Result<T, E>,
{
    let children = Owned::new();
    let error = Rc::new(Cell::new(None));
    let scope = TryScope {
        children: children.share(),
        error: Rc::clone(&error),
    };
    let finish = move |output: Option<Result<T, E>>| match error.take() {
        Some(error) => Err(error),
        None => output.expect("a child that halts the scope stores its error"),
    };
    Nursery::new(children, body(scope), Result::is_err, finish)
}

/// Spawns the children of a [`try_scope`]; see [`Scope`](super::Scope).
pub struct TryScope<'env, E> {
    children: Rc<Children<'env>>,
    /// The error of the child that halted the scope.
    error: Rc<Cell<Option<E>>>,
}

impl<'env, E> TryScope<'env, E> {
    /// Spawns a child and returns its handle, which resolves to the value of the child's `Ok`; see
    /// [`Scope::spawn`](super::Scope::spawn). An `Err` ends the scope.
    ///
    /// # Examples
    ///
    /// ```
    /// # quintet::block_on(async {
    /// let output = quintet::task::try_scope(async |s| {
    ///     s.spawn(async { Err::<(), _>("no") });
    ///     std::future::pending::<Result<(), _>>().await
    /// });
    /// assert_eq!(output.await, Err("no"));
    /// # });
    /// ```
    #[track_caller]
    pub fn spawn<F, T>(&self, future: F) -> ScopedJoinHandle<T>
    where
        F: Future<Output = Result<T, E>> + 'env,
        T: 'env,
        E: 'env,
    {
        let scope = self.clone();
        let settle = move |output| scope.settle(output);
        boxed_if_large!(future: F => self.children.spawn(future, settle))
    }

    /// Handles the output of a child: an error halts the scope.
    fn settle<T>(self, output: Result<T, E>) -> Option<T> {
        match output {
            Ok(output) => Some(output),
            Err(error) => {
                self.error.set(Some(error));
                self.children.advance(ScopeState::Halted);
                None
            }
        }
    }

    /// Cancels all children, and refuses new ones from now on; the body continues. See
    /// [`Scope::cancel`](super::Scope::cancel).
    pub fn cancel(&self) {
        self.children.cancel();
    }

    /// Returns whether the scope refuses new children, because it was cancelled or has ended.
    pub fn is_cancelled(&self) -> bool {
        self.children.state() != ScopeState::Open
    }
}

impl<E> Clone for TryScope<'_, E> {
    fn clone(&self) -> Self {
        TryScope {
            children: Rc::clone(&self.children),
            error: Rc::clone(&self.error),
        }
    }
}

impl<E> fmt::Debug for TryScope<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TryScope")
            .field("is_cancelled", &self.is_cancelled())
            .finish_non_exhaustive()
    }
}
