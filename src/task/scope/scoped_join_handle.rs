//! The handle of a child.

use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::job::Output;
use super::queue::ChildWaker;
use crate::coop;
use crate::panics;
use crate::ready;
use crate::task::{Id, JoinError};
use crate::tasks::Failure;

/// Awaits the end of a child of a [scope](super::scope()).
///
/// A handle is a future that resolves to `Result<T, JoinError>`. Dropping it *detaches* the child,
/// which continues to run, at most until the scope ends. The error is always
/// [cancelled](JoinError::is_cancelled): if a child panics, the scope ends and panics itself.
///
/// The handle may outlive the scope. It resolves then too, since the scope ends all its children.
///
/// # Cancel safety
///
/// Awaiting `&mut handle` and dropping that future loses nothing.
///
/// # Panics
///
/// Panics if it is polled after completion.
///
/// # Examples
///
/// ```
/// # quintet::block_on(async {
/// let words = vec!["structured", "concurrency"];
/// let length = quintet::task::scope(async |s| {
///     let first = s.spawn(async { words[0].len() });
///     let second = s.spawn(async { words[1].len() });
///     first.await.unwrap() + second.await.unwrap()
/// });
/// assert_eq!(length.await, 21);
/// # });
/// ```
pub struct ScopedJoinHandle<T> {
    cell: Rc<Output<T>>,
    /// `None` if the scope refused the child.
    member: Option<Arc<ChildWaker>>,
    id: Id,
    is_done: bool,
}

impl<T> ScopedJoinHandle<T> {
    pub(super) fn new(cell: Rc<Output<T>>, member: Option<Arc<ChildWaker>>, id: u64) -> Self {
        ScopedJoinHandle {
            cell,
            member,
            id: Id(id),
            is_done: false,
        }
    }

    /// Cancels the child.
    ///
    /// This marks the child and wakes it. At its next turn in the scope's queue its future is
    /// dropped, and the handle resolves to [cancelled](JoinError::is_cancelled). A child that
    /// completes in the poll which is running now is not cancelled.
    pub fn abort(&self) {
        if let Some(member) = &self.member
            && !self.is_finished()
        {
            member.abort();
        }
    }

    /// Returns whether the child has ended.
    pub fn is_finished(&self) -> bool {
        self.cell.outcome.is_finished()
    }

    /// Returns the child's id, which is unique among all tasks and children.
    pub fn id(&self) -> Id {
        self.id
    }
}

impl<T> Future for ScopedJoinHandle<T> {
    type Output = Result<T, JoinError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        assert!(!self.is_done, "`ScopedJoinHandle` polled after completion");
        ready!(coop::poll_proceed(cx));
        let watched = self.cell.outcome.watch(cx);
        self.cell
            .is_awaited_by_member
            .set(ready::is_member_waker(cx.waker()));
        ready!(watched);
        coop::charge(0);
        self.is_done = true;
        let output = self.cell.outcome.take().flatten();
        Poll::Ready(output.ok_or_else(|| JoinError::new(self.id.0, Failure::Cancelled)))
    }
}

impl<T> Drop for ScopedJoinHandle<T> {
    fn drop(&mut self) {
        let unwanted = self.cell.outcome.detach();
        panics::drop_contained(unwanted, "the destructor of an output");
    }
}

impl<T> fmt::Debug for ScopedJoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopedJoinHandle")
            .field("id", &self.id)
            .field("is_finished", &self.is_finished())
            .finish()
    }
}
