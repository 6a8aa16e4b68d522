//! What a task waits for.

use std::fmt;
use std::os::fd::RawFd;
use std::time::Duration;

use crate::clock::instant::Instant;
use crate::identity::Id;

/// What a task waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitReason {
    /// Nothing: the task is being polled.
    Running,
    /// Nothing: the task is in a queue, ready to be polled.
    Ready,
    /// The next check phase.
    Check,
    /// The next close phase.
    Close,
    /// A point in time.
    Timer {
        /// The time at which the timer fires.
        deadline: Instant,
        /// The time until the deadline; `None` if the timer never fires.
        left: Option<Duration>,
    },
    /// The readiness of a socket or another descriptor.
    Source {
        /// The descriptor.
        fd: RawFd,
        /// Whether the task waits to read; otherwise it waits to write.
        is_read: bool,
        /// What the descriptor is, as far as the OS reports it.
        description: String,
    },
    /// A worker thread. The task is a blocking job.
    Worker,
    /// The end of another task.
    Join(Id),
    /// A primitive of this crate, such as a lock or a channel.
    Other(&'static str),
    /// Something that the runtime does not know, for example a channel of another crate.
    Unknown,
}

impl WaitReason {
    /// Returns the task that must act before the wait ends.
    pub(super) fn blocker(&self) -> Option<Id> {
        match self {
            WaitReason::Join(id) => Some(*id),
            _ => None,
        }
    }

    /// Returns the name of the variant in JSON.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            WaitReason::Running => "running",
            WaitReason::Ready => "ready",
            WaitReason::Check => "check",
            WaitReason::Close => "close",
            WaitReason::Timer { .. } => "timer",
            WaitReason::Source { .. } => "source",
            WaitReason::Worker => "worker",
            WaitReason::Join(_) => "join",
            WaitReason::Other(_) => "other",
            WaitReason::Unknown => "unknown",
        }
    }
}

impl fmt::Display for WaitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WaitReason::Running => f.write_str("is running"),
            WaitReason::Ready => f.write_str("is ready to run"),
            WaitReason::Check => f.write_str("waits for the check phase"),
            WaitReason::Close => f.write_str("waits for the close phase"),
            WaitReason::Timer { left: None, .. } => {
                f.write_str("waits for a timer that never fires")
            }
            WaitReason::Timer {
                left: Some(left), ..
            } => write!(f, "waits for a timer, due in {left:.1?}"),
            WaitReason::Source {
                fd,
                is_read,
                description,
            } => {
                let what = if *is_read { "read" } else { "write" };
                write!(f, "waits to {what} descriptor {fd} ({description})")
            }
            WaitReason::Worker => f.write_str("waits for a worker thread"),
            WaitReason::Join(id) => write!(f, "waits for the end of task {id}"),
            WaitReason::Other(what) => write!(f, "waits for {what}"),
            WaitReason::Unknown => {
                f.write_str("waits for something that the runtime does not know")
            }
        }
    }
}
