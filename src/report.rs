//! What a runtime has to say that no result carries, and where it says it.

mod dump;
mod reporter;

use std::fmt;
use std::panic::Location;
use std::time::Duration;

use crate::identity::{Id, Identity};

pub use dump::{Dump, TaskDump, WaitReason};
pub(crate) use reporter::{Current, Reporter, make_current, polled_task, print, report};

/// Something that a runtime has to report and that no call returns.
///
/// The function given to [`Builder::on_report`](crate::runtime::Builder::on_report) receives it.
/// Without one it is written to standard error, as one line that begins with `quintet:` (a
/// [`Dump`] follows on lines of its own).
///
/// # Examples
///
/// ```
/// use quintet::runtime::{Builder, Report};
///
/// # fn main() -> std::io::Result<()> {
/// let runtime = Builder::new()
///     .on_report(|report| match report {
///         Report::TaskPanicked { task, message, .. } => {
///             eprintln!("task {} has failed: {message}", task.id());
///         }
///         other => eprintln!("{other}"),
///     })
///     .build()?;
/// # drop(runtime);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Report {
    /// A task has panicked, and its join handle has been dropped, so that nothing else says so.
    #[non_exhaustive]
    TaskPanicked {
        /// The task.
        task: TaskMeta,
        /// The panic's message.
        message: String,
    },
    /// A destructor that the runtime has called has panicked. The runtime goes on.
    #[non_exhaustive]
    DestructorPanicked {
        /// Which destructor: "the destructor of a task's output".
        what: &'static str,
        /// The task that owned the value, where that is known.
        task: Option<TaskMeta>,
        /// The panic's message.
        message: String,
    },
    /// A [`Waker`](std::task::Waker) that belongs to another executor has panicked when it was called.
    #[non_exhaustive]
    WakerPanicked {
        /// The panic's message.
        message: String,
    },
    /// A hook of [`on_exit`](crate::runtime::on_exit) has panicked. The others are called.
    #[non_exhaustive]
    HookPanicked {
        /// The panic's message.
        message: String,
    },
    /// A [`block_on`](crate::runtime::Runtime::block_on) waits, and nothing of its loop can end that:
    /// no timer is armed, no socket is waited for, no job is under way. Another thread still can.
    /// Said once for each `block_on`.
    #[non_exhaustive]
    Stalled {
        /// The tasks, and what each waits for.
        dump: Dump,
    },
    /// The runtime has ended, and this blocking job still runs, though the
    /// [grace](crate::runtime::Builder::shutdown_grace) is over.
    #[non_exhaustive]
    JobLeftBehind {
        /// The job.
        job: JobMeta,
        /// How long the runtime has waited.
        grace: Duration,
    },
    /// All worker threads are busy, jobs wait for one of them, and for a second none has begun. If
    /// the running jobs wait for others that are queued, none of them will ever end. Said once for
    /// each place where running jobs are spawned.
    ///
    /// There may be more workers, see
    /// [`max_blocking_threads`](crate::runtime::Builder::max_blocking_threads). What goes on for ever
    /// belongs on a thread of its own.
    #[non_exhaustive]
    PoolStarved {
        /// The jobs that run.
        running: Vec<JobMeta>,
        /// How many jobs wait.
        queued: usize,
    },
}

impl Report {
    /// Whether it is about a panic, of which the panic hook has been told before.
    fn is_panic(&self) -> bool {
        match self {
            Report::TaskPanicked { .. }
            | Report::DestructorPanicked { .. }
            | Report::WakerPanicked { .. }
            | Report::HookPanicked { .. } => true,
            Report::Stalled { .. } | Report::JobLeftBehind { .. } | Report::PoolStarved { .. } => {
                false
            }
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Report::TaskPanicked { task, message } => {
                write!(f, "{task} panicked, and its handle is gone: {message}")
            }
            Report::DestructorPanicked {
                what,
                task: Some(task),
                message,
            } => write!(f, "{what} panicked in {task}: {message}"),
            Report::DestructorPanicked { what, message, .. } => {
                write!(f, "{what} panicked: {message}")
            }
            Report::WakerPanicked { message } => write!(f, "a waker panicked: {message}"),
            Report::HookPanicked { message } => {
                write!(f, "an `on_exit` hook panicked: {message}")
            }
            Report::Stalled { dump } => write!(
                f,
                "nothing can wake this loop but another thread: no timer is armed, no socket is \
                 waited for, no job is under way; {dump}"
            ),
            Report::JobLeftBehind { job, grace } => write!(
                f,
                "shutdown leaves a blocking job behind that did not end within {grace:?}: {job}"
            ),
            Report::PoolStarved { running, queued } => {
                let workers = running.len();
                write!(
                    f,
                    "all {workers} worker threads are busy, and for a second no queued job has begun \
                     ({queued} in the queue); jobs that wait for queued ones never end, so allow more \
                     threads with `Builder::max_blocking_threads`, or wait in tasks; running jobs:"
                )?;
                let mut separator = " ";
                for job in running {
                    write!(f, "{separator}{job}")?;
                    separator = "; ";
                }
                Ok(())
            }
        }
    }
}

/// Which task a [`Report`] is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskMeta {
    identity: Identity,
}

impl TaskMeta {
    pub(crate) fn new(identity: Identity) -> Self {
        TaskMeta { identity }
    }

    /// Returns the task's id.
    pub fn id(&self) -> Id {
        Id(self.identity.id)
    }

    /// Returns its name, if it was given one.
    pub fn name(&self) -> Option<&str> {
        self.identity.origin.name.as_deref()
    }

    /// Returns where it was spawned.
    pub fn location(&self) -> &'static Location<'static> {
        self.identity.origin.location
    }
}

impl fmt::Display for TaskMeta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.identity.fmt(f)
    }
}

/// Which blocking job a [`Report`] is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobMeta {
    name: Option<Box<str>>,
    location: &'static Location<'static>,
}

impl JobMeta {
    pub(crate) fn new(name: Option<Box<str>>, location: &'static Location<'static>) -> Self {
        JobMeta { name, location }
    }

    /// Returns its name, if it was given one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Returns where it was spawned.
    pub fn location(&self) -> &'static Location<'static> {
        self.location
    }
}

impl fmt::Display for JobMeta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name().unwrap_or("unnamed");
        write!(f, "{name}, spawned at {}", self.location)
    }
}
