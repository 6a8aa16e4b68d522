//! Reports: events of a runtime that no call returns, and where they are sent.

mod blocked;
mod dump;
#[cfg_attr(not(feature = "tracing"), path = "report/events/off.rs")]
mod events;
mod reporter;

use std::fmt;
use std::panic::Location;
use std::time::Duration;

use crate::identity::{Id, Identity, Name};
use crate::pool::Class;

pub use blocked::ThreadActivity;
pub(crate) use dump::CycleLink;
pub use dump::{ChannelWait, Cycle, Dump, Holder, PermitWait, TaskDump, WaitReason};
pub(crate) use reporter::{
    Current, Reporter, expect_job, make_current, polled_task, print, report,
};

/// An event of a runtime that no call returns, such as a panic that no join handle receives.
///
/// The function that is set by [`Builder::on_report`](crate::runtime::Builder::on_report) receives
/// it. By default it is written to standard error, as one line that begins with `quintet:`. The
/// tasks of a [`Dump`] follow on separate lines.
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
    /// A task has panicked, and its join handle has been dropped.
    #[non_exhaustive]
    TaskPanicked {
        /// The task that panicked.
        task: TaskMeta,
        /// The message of the panic.
        message: String,
    },
    /// A destructor has panicked that the runtime called. The runtime continues.
    #[non_exhaustive]
    DestructorPanicked {
        /// The destructor, for example "the destructor of a task's output".
        what: &'static str,
        /// The task that owned the value, if it is known.
        task: Option<TaskMeta>,
        /// The message of the panic.
        message: String,
    },
    /// A [`Waker`](std::task::Waker) of another executor has panicked.
    #[non_exhaustive]
    WakerPanicked {
        /// The message of the panic.
        message: String,
    },
    /// An [`on_exit`](crate::runtime::on_exit) hook has panicked. The other hooks still run.
    #[non_exhaustive]
    HookPanicked {
        /// The message of the panic.
        message: String,
    },
    /// Only another thread can wake a [`block_on`](crate::runtime::Runtime::block_on) that waits:
    /// no timer is armed, no task waits for a socket, and no job is running.
    ///
    /// It is sent at most once for each `block_on`.
    #[non_exhaustive]
    Stalled {
        /// The live tasks and what they wait for.
        dump: Dump,
    },
    /// The process has got a signal of
    /// [`Builder::dump_on`](crate::runtime::Builder::dump_on).
    #[non_exhaustive]
    Dump {
        /// The live tasks and what they wait for.
        dump: Dump,
    },
    /// The runtime has shut down, and a blocking job was still running at the end of the
    /// [grace period](crate::runtime::Builder::shutdown_grace).
    #[non_exhaustive]
    JobLeftBehind {
        /// The job that is still running.
        job: JobMeta,
        /// How long the runtime waited.
        grace: Duration,
    },
    /// All threads for a [class](Class) of jobs are busy, and for long no queued job has started:
    /// for a second, or for ten seconds if they look up names or compute.
    ///
    /// If running jobs wait for queued jobs, none of them ever ends. To avoid this, allow more
    /// threads by [`max_blocking_threads`](crate::runtime::Builder::max_blocking_threads), and
    /// start a thread of your own for work that never ends.
    ///
    /// It is sent at most once for each place at which running jobs were spawned.
    #[non_exhaustive]
    PoolStarved {
        /// The class of the queued jobs.
        class: Class,
        /// The running jobs.
        running: Vec<JobMeta>,
        /// The number of queued jobs.
        queued: usize,
    },
    /// User code keeps the loop's thread for long, so that nothing else could run: no other
    /// task, no timer and no socket.
    ///
    /// See [`Builder::blocked_after`](crate::runtime::Builder::blocked_after). It is sent at most
    /// once a second for each task.
    #[non_exhaustive]
    Blocked {
        /// What runs, for example "a poll" or "the destructor of a task's output".
        what: &'static str,
        /// The task for which it runs, if there is one.
        task: Option<TaskMeta>,
        /// The phase of the tick, such as "timers", or `None` before the first tick.
        phase: Option<&'static str>,
        /// What has woken the task, for example "a timer", if that is known.
        woken_by: Option<&'static str>,
        /// For how long it runs, in real time, without the time in which the thread waited for a
        /// processor.
        duration: Duration,
        /// What the thread does, if the OS says so and it has not ended.
        activity: Option<ThreadActivity>,
        /// Whether it has ended. If not, there will be another report when it has.
        is_over: bool,
    },
    /// A [server](mod@crate::serve) could not accept a connection, or the task of a connection has
    /// panicked. The server continues.
    #[non_exhaustive]
    ServeFailed {
        /// What has happened.
        message: String,
    },
}

impl Report {
    /// Whether it is about a panic, for which the panic hook has already run.
    fn is_panic(&self) -> bool {
        match self {
            Report::TaskPanicked { .. }
            | Report::DestructorPanicked { .. }
            | Report::WakerPanicked { .. }
            | Report::HookPanicked { .. } => true,
            Report::Stalled { .. }
            | Report::Dump { .. }
            | Report::JobLeftBehind { .. }
            | Report::PoolStarved { .. }
            | Report::Blocked { .. }
            | Report::ServeFailed { .. } => false,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Report::TaskPanicked { task, message } => {
                write!(
                    f,
                    "{task} panicked, and its join handle was dropped: {message}"
                )
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
                "only another thread can wake this loop: no timer is armed, no task waits for a \
                 socket, no job is running; {dump}"
            ),
            Report::Dump { dump } => dump.fmt(f),
            Report::JobLeftBehind { job, grace } => write!(
                f,
                "a blocking job is still running after the grace period of {grace:?}: {job}"
            ),
            Report::PoolStarved {
                class,
                running,
                queued,
            } => write_starved(f, *class, running, *queued),
            Report::Blocked { .. } => self.write_blocked(f),
            Report::ServeFailed { message } => f.write_str(message),
        }
    }
}

fn write_starved(
    f: &mut fmt::Formatter<'_>,
    class: Class,
    running: &[JobMeta],
    queued: usize,
) -> fmt::Result {
    let busy = running.len();
    match class {
        Class::Plain => write!(
            f,
            "all {busy} worker threads are busy, and for a second no queued job has started \
             ({queued} in the queue); jobs that wait for queued jobs never end, so allow more \
             threads with `Builder::max_blocking_threads`, or wait in tasks; running jobs:"
        )?,
        Class::Dns => write!(
            f,
            "name lookups keep all {busy} worker threads busy that they may use, and for ten \
             seconds no queued one has started ({queued} in the queue); running lookups:"
        )?,
        Class::Cpu => write!(
            f,
            "all {busy} threads for computations are busy, and for ten seconds no queued one has \
             started ({queued} in the queue); divide long ones, let those that wait for something \
             be jobs of `spawn_blocking`, or allow more threads with `Builder::cpu_threads`; \
             running jobs:"
        )?,
    }
    let mut separator = " ";
    for job in running {
        write!(f, "{separator}{job}")?;
        separator = "; ";
    }
    Ok(())
}

/// The id, name and spawn location of the task that a [`Report`] is about.
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

    /// Returns its name, if it has one.
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

/// The name and spawn location of the blocking job that a [`Report`] is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobMeta {
    name: Option<Name>,
    location: &'static Location<'static>,
}

impl JobMeta {
    pub(crate) fn new(name: Option<Name>, location: &'static Location<'static>) -> Self {
        JobMeta { name, location }
    }

    /// Returns its name, if it has one.
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
