//! Scopes: children that may borrow.
//!
//! The future of a scope owns its children and polls them. So they end with it, also when it is
//! dropped early, and if it is leaked they are never polled again. The borrow checker therefore
//! knows that what they borrow outlives them.
//!
//! `nursery` is that future, `children` the slab of children, `queue` the ready queue of the scope,
//! and `job` one child, whose output goes to its handle.

mod children;
mod job;
mod nursery;
mod queue;
mod scoped_join_handle;
mod try_scope;

use std::fmt;
use std::rc::Rc;

use super::boxed_if_large;
use children::{Children, Owned, ScopeState};
use nursery::Nursery;

pub use scoped_join_handle::ScopedJoinHandle;
pub use try_scope::{TryScope, try_scope};

/// Runs `body` and the children that it spawns, and waits until all of them have ended.
///
/// The children may borrow values that live outside of the scope, and need not be `Send`. They are
/// part of the scope's future and run in the task that awaits it, so they wait concurrently but do
/// not compute in parallel. Use [`spawn`](super::spawn) for a task that outlives the caller, and
/// [`spawn_blocking`](crate::spawn_blocking) for another thread.
///
/// The body gets a [`Scope`] to spawn with, which can be cloned for children that spawn.
///
/// # Order
///
/// No child is polled inside `spawn`. The body and the children are polled in the order in which
/// they were woken; a new child counts as woken. They share the budget of their task: each poll of
/// a child or of the body costs one unit, or the cost of its operations. When the budget is spent,
/// the rest of the queue is polled in the next tick.
///
/// # The end
///
/// When the body has returned, the scope waits for the remaining children, and then resolves to the
/// body's output. [`Scope::cancel`] drops the children instead.
///
/// If the scope ends early (by a panic, or because its future is dropped), all children are dropped
/// at once, in the order in which they were spawned, and then the body. After the end `spawn` drops
/// the future that it gets, and its handles resolve to
/// [cancelled](super::JoinError::is_cancelled).
///
/// # Panics
///
/// If the body or a child panics, the scope ends early and panics with the same payload, even if
/// the child's handle is awaited. A panic in a destructor is [reported](crate::runtime::Report) and
/// not propagated.
///
/// The future panics when it is polled after completion.
///
/// # Cancel safety
///
/// Dropping the future ends the scope early; see above. The effects that the children had until
/// then stay. A [`timeout`](crate::time::timeout) around a scope is a deadline for the body and all
/// children.
///
/// # Examples
///
/// Children borrow from the caller:
///
/// ```
/// use quintet::task::scope;
///
/// # quintet::block_on(async {
/// let text = String::from("to be or not to be");
/// let mut words = 0;
/// let mut letters = 0;
///
/// scope(async |s| {
///     s.spawn(async { words = text.split(' ').count() });
///     s.spawn(async { letters = text.chars().filter(|c| c.is_alphabetic()).count() });
/// })
/// .await;
///
/// assert_eq!((words, letters), (6, 13));
/// # });
/// ```
///
/// They spawn more children through a clone:
///
/// ```
/// use std::cell::Cell;
/// use quintet::task::{Scope, scope};
///
/// struct Tree {
///     value: u32,
///     children: Vec<Tree>,
/// }
///
/// async fn add<'env>(s: Scope<'env>, tree: &'env Tree, sum: &'env Cell<u32>) {
///     sum.set(sum.get() + tree.value);
///     for child in &tree.children {
///         s.spawn(add(s.clone(), child, sum));
///     }
/// }
///
/// # quintet::block_on(async {
/// let leaf = |value| Tree { value, children: Vec::new() };
/// let tree = Tree { value: 1, children: vec![leaf(2), leaf(3)] };
/// let sum = Cell::new(0);
/// scope(async |s| add(s, &tree, &sum).await).await;
/// assert_eq!(sum.get(), 6);
/// # });
/// ```
///
/// A value that is dropped before the scope ends cannot be borrowed:
///
/// ```compile_fail,E0597
/// # quintet::block_on(async {
/// let running;
/// {
///     let text = String::from("gone before the scope is");
///     running = quintet::task::scope(async |s| {
///         s.spawn(async { println!("{text}") });
///     });
/// }
/// running.await;
/// # });
/// ```
///
/// Neither can a local of the body; a child takes it by `async move`:
///
/// ```compile_fail,E0373
/// # quintet::block_on(async {
/// quintet::task::scope(async |s| {
///     let text = String::from("gone when the body returns");
///     s.spawn(async { println!("{text}") });
/// })
/// .await;
/// # });
/// ```
pub fn scope<'env, T, F>(body: F) -> impl Future<Output = T>
where
    F: AsyncFnOnce(Scope<'env>) -> T,
{
    let children = Owned::new();
    let scope = Scope {
        children: children.share(),
    };
    let finish = |output: Option<T>| output.expect("only an error halts a scope");
    Nursery::new(children, body(scope), |_| false, finish)
}

/// Spawns the children of a [`scope`](scope()).
///
/// `'env` is the lifetime of what they may borrow. It outlives the scope's future, so the values
/// belong to the caller and not to the body: helpers that spawn take a `Scope<'env>` and `&'env`
/// references.
pub struct Scope<'env> {
    children: Rc<Children<'env>>,
}

impl<'env> Scope<'env> {
    /// Spawns a child and returns its handle. Dropping the handle detaches the child.
    ///
    /// The child is first polled after the children that were woken before, never inside this call.
    /// In a scope that was cancelled or has ended the future is dropped at once.
    ///
    /// # Examples
    ///
    /// ```
    /// # quintet::block_on(async {
    /// let numbers = [1, 2, 3];
    /// let sum = quintet::task::scope(async |s| {
    ///     let squares = numbers.iter().map(|n| s.spawn(async move { n * n }));
    ///     let squares: Vec<_> = squares.collect();
    ///     let mut sum = 0;
    ///     for square in squares {
    ///         sum += square.await.unwrap();
    ///     }
    ///     sum
    /// });
    /// assert_eq!(sum.await, 14);
    /// # });
    /// ```
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> ScopedJoinHandle<F::Output>
    where
        F: Future + 'env,
    {
        boxed_if_large!(future: F => self.children.spawn(future, Some))
    }

    /// Cancels all children, and refuses new ones from now on.
    ///
    /// They are dropped in the order in which they were spawned, as soon as the current poll of the
    /// body or child returns; no other child is polled before. A child that completes in this poll
    /// is not cancelled. The body is not a child: it continues, and the scope resolves to its
    /// output.
    ///
    /// # Examples
    ///
    /// ```
    /// # quintet::block_on(async {
    /// let output = quintet::task::scope(async |s| {
    ///     let forever = s.spawn(std::future::pending::<()>());
    ///     s.cancel();
    ///     assert!(forever.await.unwrap_err().is_cancelled());
    ///     "the body goes on"
    /// });
    /// assert_eq!(output.await, "the body goes on");
    /// # });
    /// ```
    pub fn cancel(&self) {
        self.children.cancel();
    }

    /// Returns whether the scope refuses new children, because it was cancelled or has ended.
    pub fn is_cancelled(&self) -> bool {
        self.children.state() != ScopeState::Open
    }
}

impl Clone for Scope<'_> {
    fn clone(&self) -> Self {
        Scope {
            children: Rc::clone(&self.children),
        }
    }
}

impl fmt::Debug for Scope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("is_cancelled", &self.is_cancelled())
            .finish_non_exhaustive()
    }
}
