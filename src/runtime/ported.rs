//! What code that is ported from tokio asks of a runtime.

use std::fmt;
use std::io;

use super::Runtime;
use crate::context;
use crate::io_error::RuntimeEnded;
use crate::ready::{self, LoopId};

/// tokio's name for a runtime whose tasks need not be `Send`: a [`Runtime`].
pub type LocalRuntime = Runtime;

/// The options of [`Builder::build_local`](super::Builder::build_local), of which there are none.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct LocalOptions {}

/// The kind of a runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RuntimeFlavor {
    /// One thread runs all tasks. All runtimes of this crate are of this kind.
    CurrentThread,
}

/// The id of a runtime; see [`Handle::id`](super::Handle::id).
///
/// Two runtimes of a process have different ids, even if one ended before the other was built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Id(u32);

impl Id {
    pub(super) fn new(id: LoopId) -> Self {
        Id(id.to_bits())
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Returns 0 on the thread of a runtime while that runs, and `None` elsewhere, also in blocking
/// jobs.
///
/// In tokio this is the number of the thread among those that run tasks.
///
/// # Examples
///
/// ```
/// use quintet::runtime::worker_index;
///
/// assert_eq!(worker_index(), None);
/// assert_eq!(quintet::block_on(async { worker_index() }), Some(0));
/// ```
pub fn worker_index() -> Option<usize> {
    let is_running = context::with(|event_loop| ready::is_running(event_loop.id()));
    is_running.filter(|&is_running| is_running).map(|_| 0)
}

/// Returns whether `error` says that the runtime has ended to which a socket or another source
/// belongs.
///
/// # Examples
///
/// ```
/// use std::io;
///
/// let error = io::Error::other("something else");
/// assert!(!quintet::runtime::is_rt_shutdown_err(&error));
/// ```
pub fn is_rt_shutdown_err(error: &io::Error) -> bool {
    error
        .get_ref()
        .is_some_and(|inner| inner.is::<RuntimeEnded>())
}
