//! Scopes: children that borrow.
//!
//! The children of a scope live in the scope's own future and are polled by it. So they end when it
//! does, also if it is dropped half way, and if it is forgotten they are never polled again: what
//! they borrow outlives them by the ordinary rules of the language.
//!
//! `nursery` is that future, `children` is what it owns, `queue` is whose turn it is, and `job` is one
//! child, whose output goes to its handle.

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
/// The children may borrow what lives outside of the scope, and need not be `Send`. They are part of
/// the scope's future: they share the task and the thread that await it, so they wait side by side
/// but do not compute in parallel. [`spawn`](super::spawn) is for what is to outlive the caller,
/// [`spawn_blocking`](crate::spawn_blocking) for what is to use another thread.
///
/// The body gets a [`Scope`] to spawn with. It can be cloned: a child that spawns takes a clone along.
///
/// # Order
///
/// No child is polled inside `spawn`. The body and the children are polled in the order in which
/// they were woken, a new child as if it had been woken. They share the budget of their task, of
/// which each of these turns takes a unit, or what its operations take; when it is spent, those that
/// still stand in the queue are polled in the next tick.
///
/// # The end
///
/// When the body has returned, the scope waits for the children that are left, and then answers
/// what the body returned. [`Scope::cancel`] shortens this: it drops the children.
///
/// Whatever ends the scope early (a panic, dropping its future) drops all children at once, in the
/// order in which they were spawned, and the body after them. After the end `spawn` drops what it is
/// given, and its handles answer [cancelled](super::JoinError::is_cancelled).
///
/// # Panics
///
/// If the body or a child panics, the scope ends early and panics with the same payload, whoever
/// awaits that child. A panic in a destructor is [reported](crate::runtime::Report) and goes no
/// further.
///
/// The future panics when it is polled after it has ended.
///
/// # Cancel safety
///
/// Dropping the future ends the scope early; see above. What the children did until then is done.
/// A [`timeout`](crate::time::timeout) around a scope is a deadline for the body and all children.
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
/// They spawn others through a clone:
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
/// What is dropped before the scope ends cannot be borrowed:
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
/// So nothing of the body's own can be; a child takes it along by `async move`:
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
    let answer = |output: Option<T>| output.expect("nothing halts a scope without errors");
    Nursery::new(children, body(scope), |_| false, answer)
}

/// Spawns the children of a [`scope`](scope()).
///
/// `'env` is what they may borrow. A scope's future ends within it, so it is the caller's, not the
/// body's: helpers that spawn take a `Scope<'env>` and `&'env` references.
pub struct Scope<'env> {
    children: Rc<Children<'env>>,
}

impl<'env> Scope<'env> {
    /// Spawns a child and returns its handle. Dropping the handle lets the child go on.
    ///
    /// The child's first turn comes when those who were woken before have had theirs, never inside
    /// this call. In a scope that was cancelled or has ended the future is dropped here.
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
        boxed_if_large!(future: F, Box::pin => self.children.spawn(future, Some))
    }

    /// Cancels all children, and takes no others from now on.
    ///
    /// They are dropped in the order of their spawning as soon as the poll of the caller returns to
    /// the scope; nobody else is polled before. A caller that ends in this very poll has ended. The
    /// body is not a child: it goes on, and the scope answers what it returns.
    ///
    /// # Examples
    ///
    /// ```
    /// # quintet::block_on(async {
    /// let answer = quintet::task::scope(async |s| {
    ///     let forever = s.spawn(std::future::pending::<()>());
    ///     s.cancel();
    ///     assert!(forever.await.unwrap_err().is_cancelled());
    ///     "the body goes on"
    /// });
    /// assert_eq!(answer.await, "the body goes on");
    /// # });
    /// ```
    pub fn cancel(&self) {
        self.children.cancel();
    }

    /// Returns whether the scope takes no children any more: it was cancelled, or has ended.
    pub fn is_cancelled(&self) -> bool {
        self.children.stage() != ScopeState::Open
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
