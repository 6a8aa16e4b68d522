//! What a task waits for.

use std::fmt;
use std::os::fd::RawFd;
use std::panic::Location;
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
    /// A lock or a semaphore, if the runtime
    /// [tracks waits](crate::runtime::Builder::track_waits).
    Permits(PermitWait),
    /// A [`mpsc`](crate::sync::mpsc), [`watch`](crate::sync::watch) or
    /// [`broadcast`](crate::sync::broadcast) channel, if the runtime
    /// [tracks waits](crate::runtime::Builder::track_waits), and for the latter two, did so when
    /// the channel was made.
    Channel(ChannelWait),
    /// A primitive of this crate, such as a notification, or a lock or a channel of which no more
    /// is known.
    Other(&'static str),
    /// Something that the runtime does not know, for example a channel of another crate.
    Unknown,
}

/// What is known of a lock or semaphore that a task waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PermitWait {
    pub(crate) what: &'static str,
    pub(crate) location: &'static Location<'static>,
    /// Whether the numbers of permits are of interest.
    pub(crate) is_counted: bool,
    pub(crate) waited: Duration,
    pub(crate) missing: usize,
    pub(crate) holders: Vec<Holder>,
    pub(crate) unknown: usize,
}

/// What is known of a channel that a task waits for.
///
/// Which tasks could send or receive is not known: handles of a channel may be anywhere. So the
/// tasks are given that have done so last. To see a new value of a [`watch`](crate::sync::watch)
/// channel is to receive it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelWait {
    pub(crate) what: &'static str,
    pub(crate) location: &'static Location<'static>,
    pub(crate) waited: Duration,
    pub(crate) last_sender: Option<Id>,
    pub(crate) last_receiver: Option<Id>,
}

impl ChannelWait {
    /// Returns where the channel was made.
    pub fn location(&self) -> &'static Location<'static> {
        self.location
    }

    /// Returns for how long the task has waited, by the runtime's clock.
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// Returns the task that has sent the last message. `None` if no message was sent since waits
    /// are tracked, or if the last one was sent from outside of tasks. The task may have ended.
    pub fn last_sender(&self) -> Option<Id> {
        self.last_sender
    }

    /// Returns the task that has received the last message, like
    /// [`last_sender`](ChannelWait::last_sender).
    pub fn last_receiver(&self) -> Option<Id> {
        self.last_receiver
    }
}

impl fmt::Display for ChannelWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "waits for {}, channel made at {}, for {:.1?}",
            self.what, self.location, self.waited
        )?;
        let peers = [
            ("sender", self.last_sender),
            ("receiver", self.last_receiver),
        ];
        let mut separator = ';';
        for (role, id) in peers {
            if let Some(id) = id {
                write!(f, "{separator} last {role} seen: task {id}")?;
                separator = ',';
            }
        }
        Ok(())
    }
}

/// A task that holds a lock, or permits of a semaphore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    pub(crate) id: Id,
    pub(crate) permits: usize,
    pub(crate) is_certain: bool,
}

impl PermitWait {
    /// Returns where the lock or semaphore was made.
    pub fn location(&self) -> &'static Location<'static> {
        self.location
    }

    /// Returns for how long the task has waited, by the runtime's clock.
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// Returns how many permits the task still waits for.
    ///
    /// A lock has permits too: a [`Mutex`](crate::sync::Mutex) has one. A reader of an
    /// [`RwLock`](crate::sync::RwLock) takes one, and a writer takes all.
    pub fn missing(&self) -> usize {
        self.missing
    }

    /// Returns the tasks that hold permits. A task that waits in the queue may already have some of
    /// the permits that it waits for.
    pub fn holders(&self) -> &[Holder] {
        &self.holders
    }

    /// Returns how many permits are held by something unknown: by code outside of tasks, or by
    /// tasks that have acquired them before waits were tracked.
    pub fn unknown_holders(&self) -> usize {
        self.unknown
    }
}

impl Holder {
    /// Returns the id of the task.
    pub fn id(&self) -> Id {
        self.id
    }

    /// Returns how many permits it has.
    pub fn permits(&self) -> usize {
        self.permits
    }

    /// Returns whether the task has the permits at present. Otherwise it has acquired them, and
    /// they may be elsewhere: it has ended or belongs to another runtime, or its guard owns a
    /// reference to the lock, so it can be given to another task.
    ///
    /// A guard that borrows a lock stays in its task, unless the lock is in a `static` or was
    /// leaked. Such a guard can be given away as well, which this does not consider.
    pub fn is_certain(&self) -> bool {
        self.is_certain
    }
}

impl fmt::Display for PermitWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "waits for {}", self.what)?;
        if self.is_counted && self.missing > 1 {
            write!(f, ", {} of them", self.missing)?;
        }
        write!(f, ", made at {}, for {:.1?}", self.location, self.waited)?;
        for (index, holder) in self.holders.iter().enumerate() {
            let verb = match (index, holder.is_certain) {
                (0, true) => "held by ",
                (0, false) => "last acquired by ",
                (_, true) => "",
                (_, false) => "maybe ",
            };
            let separator = if index == 0 { "; " } else { ", " };
            write!(f, "{separator}{verb}task {}", holder.id)?;
            if self.is_counted && holder.permits > 1 {
                write!(f, " ({} permits)", holder.permits)?;
            }
        }
        match (self.unknown, self.is_counted) {
            (0, _) => Ok(()),
            (_, false) => f.write_str("; held by something unknown"),
            (count, true) => write!(f, "; {count} permits are held by something unknown"),
        }
    }
}

impl WaitReason {
    /// Returns the tasks that must act before the wait ends.
    pub(super) fn blockers(&self) -> Vec<Id> {
        match self {
            WaitReason::Join(id) => vec![*id],
            WaitReason::Permits(wait) => wait.holders.iter().map(Holder::id).collect(),
            _ => Vec::new(),
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
            WaitReason::Permits(_) => "permits",
            WaitReason::Channel(_) => "channel",
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
            WaitReason::Permits(wait) => wait.fmt(f),
            WaitReason::Channel(wait) => wait.fmt(f),
            WaitReason::Other(what) => write!(f, "waits for {what}"),
            WaitReason::Unknown => {
                f.write_str("waits for something that the runtime does not know")
            }
        }
    }
}
