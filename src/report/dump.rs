//! Dumps: the live tasks of a runtime and what they wait for.

use std::fmt;
use std::os::fd::RawFd;
use std::panic::Location;
use std::time::Duration;

use crate::clock::instant::Instant;
use crate::identity::{Id, Name};

/// The live tasks of a runtime; returned by [`Runtime::dump`](crate::runtime::Runtime::dump).
///
/// Its [`Display`](fmt::Display) output lists each task on a line, followed by what it waits for.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// use quintet::time::{Duration, sleep};
///
/// let runtime = quintet::runtime::Runtime::new()?;
/// runtime.spawn(async { sleep(Duration::from_secs(60)).await });
/// runtime.run_until_stalled();
///
/// let dump = runtime.dump();
/// assert_eq!(dump.tasks().len(), 1);
/// println!("{dump}");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Dump {
    /// The name of the runtime, or a description of its loop.
    pub(crate) title: String,
    pub(crate) tasks: Vec<TaskDump>,
}

/// A live task in a [`Dump`].
#[derive(Clone, Debug)]
pub struct TaskDump {
    pub(crate) id: Id,
    pub(crate) name: Option<Name>,
    pub(crate) location: &'static Location<'static>,
    pub(crate) age: Duration,
    pub(crate) polls: u32,
    pub(crate) busy: Option<Duration>,
    pub(crate) is_ref: bool,
    pub(crate) waits: Vec<WaitReason>,
}

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

impl Dump {
    /// Returns the tasks, in the order in which they were spawned.
    pub fn tasks(&self) -> &[TaskDump] {
        &self.tasks
    }

    pub(crate) fn fmt_tasks(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for task in &self.tasks {
            write!(f, "\n  {task}")?;
        }
        Ok(())
    }
}

impl TaskDump {
    /// Returns the task's id.
    pub fn id(&self) -> Id {
        self.id
    }

    /// Returns its name, if it has one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Returns where it was spawned.
    pub fn location(&self) -> &'static Location<'static> {
        self.location
    }

    /// Returns how long ago it was spawned.
    pub fn age(&self) -> Duration {
        self.age
    }

    /// Returns how many times it was polled.
    pub fn polls(&self) -> u32 {
        self.polls
    }

    /// Returns how long its polls took in total, if the runtime
    /// [measures](crate::runtime::Builder::measure_tasks) this.
    pub fn busy(&self) -> Option<Duration> {
        self.busy
    }

    /// Returns whether it keeps the runtime alive.
    pub fn is_referenced(&self) -> bool {
        self.is_ref
    }

    /// Returns what it waits for. A task may wait for several things at once.
    pub fn waits(&self) -> &[WaitReason] {
        &self.waits
    }
}

impl fmt::Display for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.tasks.len();
        let noun = if count == 1 { "task" } else { "tasks" };
        write!(f, "{}: {count} {noun}", self.title)?;
        self.fmt_tasks(f)
    }
}

impl fmt::Display for TaskDump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.id)?;
        if let Some(name) = &self.name {
            write!(f, " `{name}`")?;
        }
        let polls = if self.polls == 1 { "poll" } else { "polls" };
        write!(
            f,
            ", spawned at {}, {:.1?} ago, {} {polls}",
            self.location, self.age, self.polls
        )?;
        if let Some(busy) = self.busy {
            write!(f, ", busy for {busy:.1?}")?;
        }
        if !self.is_ref {
            f.write_str(", unreferenced")?;
        }
        for wait in &self.waits {
            write!(f, "\n    {wait}")?;
        }
        Ok(())
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
