//! Scopes that end with the first error.

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
/// This is [`scope`](super::scope()) but for the errors: the first `Err` of a child or of the body ends
/// the scope early. The children that are left are dropped in the order of their spawning, then the
/// body.
///
/// # Errors
///
/// The first error, whoever awaits the child that it came from. An `Err` that comes after the body
/// has returned `Ok` counts too.
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
    let answer = move |output: Option<Result<T, E>>| match error.take() {
        Some(error) => Err(error),
        None => output.expect("what halts the scope leaves its error"),
    };
    Nursery::new(children, body(scope), Result::is_err, answer)
}

/// Spawns the children of a [`try_scope`]; see [`Scope`](super::Scope).
pub struct TryScope<'env, E> {
    children: Rc<Children<'env>>,
    /// Of the child that halted the scope.
    error: Rc<Cell<Option<E>>>,
}

impl<'env, E> TryScope<'env, E> {
    /// Spawns a child and returns its handle, which gives what is in the child's `Ok`; see
    /// [`Scope::spawn`](super::Scope::spawn). An `Err` ends the scope.
    ///
    /// # Examples
    ///
    /// ```
    /// # quintet::block_on(async {
    /// let answer = quintet::task::try_scope(async |s| {
    ///     s.spawn(async { Err::<(), _>("no") });
    ///     std::future::pending::<Result<(), _>>().await
    /// });
    /// assert_eq!(answer.await, Err("no"));
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
        boxed_if_large!(future: F, Box::pin => self.children.spawn(future, settle))
    }

    /// Takes what a child's future answered: an error halts the scope.
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

    /// Cancels all children, and takes no others from now on; the body goes on. See
    /// [`Scope::cancel`](super::Scope::cancel).
    pub fn cancel(&self) {
        self.children.cancel();
    }

    /// Returns whether the scope takes no children any more: it was cancelled, or has ended.
    pub fn is_cancelled(&self) -> bool {
        self.children.stage() != ScopeState::Open
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
