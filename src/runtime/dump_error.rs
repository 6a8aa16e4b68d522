//! Why there is no [`Dump`](super::Dump).

use std::error::Error;
use std::fmt;
use std::time::Duration;

use super::dump::title;
use crate::event_loop::LoopShared;

/// A loop on another thread did not return a [`Dump`](super::Dump) in time; see
/// [`Handle::dump_timeout`](super::Handle::dump_timeout).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum DumpError {
    /// Nothing runs the loop: no `block_on`, `run` or `turn`.
    #[non_exhaustive]
    NotRunning {
        /// The runtime's name, or a description of its loop.
        runtime: String,
        /// How long it was waited for.
        timeout: Duration,
    },
    /// The loop runs, but has not come to its poll phase: a task blocks it, or holds it up with work.
    #[non_exhaustive]
    Busy {
        /// The runtime's name, or a description of its loop.
        runtime: String,
        /// How long it was waited for.
        timeout: Duration,
    },
}

impl DumpError {
    pub(super) fn not_running(shared: &LoopShared, timeout: Duration) -> Self {
        let runtime = title(shared);
        DumpError::NotRunning { runtime, timeout }
    }

    pub(super) fn busy(shared: &LoopShared, timeout: Duration) -> Self {
        let runtime = title(shared);
        DumpError::Busy { runtime, timeout }
    }
}

impl fmt::Display for DumpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DumpError::NotRunning { runtime, timeout } => write!(
                f,
                "no dump of {runtime} within {timeout:?}: it is not running, and only its own thread \
                 can look at it then; call `dump` there, or while `block_on` or `run` runs it"
            ),
            DumpError::Busy { runtime, timeout } => write!(
                f,
                "no dump of {runtime} within {timeout:?}: a task keeps its thread busy or blocked"
            ),
        }
    }
}

impl Error for DumpError {}
