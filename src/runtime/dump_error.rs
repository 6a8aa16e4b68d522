//! The error of [`Handle::dump_timeout`](super::Handle::dump_timeout).

use std::error::Error;
use std::fmt;
use std::time::Duration;

use super::dump::title;
use crate::event_loop::LoopShared;

/// The error of [`Handle::dump_timeout`](super::Handle::dump_timeout): a loop on another thread did
/// not return a [`Dump`](super::Dump) in time.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum DumpError {
    /// Nothing runs the loop, neither `block_on`, `run` nor `turn`.
    #[non_exhaustive]
    NotRunning {
        /// The runtime's name, or a description of its loop.
        runtime: String,
        /// The timeout that expired.
        timeout: Duration,
    },
    /// The loop is running, but has not reached its poll phase, because a task blocks it.
    #[non_exhaustive]
    Busy {
        /// The runtime's name, or a description of its loop.
        runtime: String,
        /// The timeout that expired.
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
                "no dump of {runtime} within {timeout:?}: it is not running, so only its own \
                 thread can make a dump; call `dump` there, or while `block_on` or `run` runs it"
            ),
            DumpError::Busy { runtime, timeout } => write!(
                f,
                "no dump of {runtime} within {timeout:?}: a task blocks its thread"
            ),
        }
    }
}

impl Error for DumpError {}
