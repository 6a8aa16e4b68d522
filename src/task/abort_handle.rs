//! A handle that can only abort a task.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::task::Wake;

use super::Id;
use super::remote::Awaited;
use crate::tasks::Header;

/// Aborts a task from any thread; made by
/// [`JoinHandle::abort_handle`](super::JoinHandle::abort_handle).
///
/// Dropping it does not abort the task.
#[derive(Clone)]
pub struct AbortHandle {
    /// `None` if there is no task to abort.
    target: Option<AbortTarget>,
    id: Id,
}

/// The task to abort.
#[derive(Clone)]
pub(super) enum AbortTarget {
    /// A task of a loop.
    Local(Arc<Header>),
    /// A task or job whose handle may be awaited on any thread.
    Remote(Arc<dyn Awaited>),
}

impl AbortTarget {
    pub(super) fn abort(&self) {
        if self.is_finished() {
            return;
        }
        match self {
            AbortTarget::Local(header) => abort_local(header),
            AbortTarget::Remote(remote) => Arc::clone(remote).abort(),
        }
    }

    pub(super) fn is_finished(&self) -> bool {
        match self {
            AbortTarget::Local(header) => header.is_finished(),
            AbortTarget::Remote(remote) => remote.is_finished(),
        }
    }
}

/// Marks a task and wakes it, so that its next turn drops the future. A blocking job that has begun
/// continues.
pub(super) fn abort_local(header: &Arc<Header>) {
    if header.abort() {
        header.wake_by_ref();
    }
}

impl AbortHandle {
    pub(super) fn new(target: Option<AbortTarget>, id: Id) -> Self {
        AbortHandle { target, id }
    }

    /// Cancels the task; see [`JoinHandle::abort`](super::JoinHandle::abort).
    pub fn abort(&self) {
        if let Some(target) = &self.target {
            target.abort();
        }
    }

    /// Returns whether the task has ended.
    pub fn is_finished(&self) -> bool {
        self.target.as_ref().is_none_or(AbortTarget::is_finished)
    }

    /// Returns the task's id.
    pub fn id(&self) -> Id {
        self.id
    }
}

impl UnwindSafe for AbortHandle {}
impl RefUnwindSafe for AbortHandle {}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortHandle")
            .field("id", &self.id)
            .field("is_finished", &self.is_finished())
            .finish()
    }
}
