//! Dumps: the live tasks of a runtime and what they wait for.

mod cycle;
mod json;
mod wait;

use std::fmt;
use std::panic::Location;
use std::time::Duration;

use crate::identity::{Id, Name};

pub use cycle::Cycle;
pub(crate) use cycle::CycleLink;
pub use wait::{ChannelWait, Holder, PermitWait, WaitReason};

/// The maximum number of tasks of a chain that the text of a dump names.
const CHAIN_MAX: usize = 8;

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
    pub(crate) cycles: Vec<Cycle>,
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
    pub(crate) longest_poll: Option<Duration>,
    pub(crate) waiting: Option<Duration>,
    pub(crate) is_ref: bool,
    pub(crate) joined_by: Option<Id>,
    pub(crate) waits: Vec<WaitReason>,
}

impl Dump {
    /// Returns the tasks, in the order in which they were spawned.
    pub fn tasks(&self) -> &[TaskDump] {
        &self.tasks
    }

    /// Returns the cycles of tasks that wait for each other.
    ///
    /// Cycles of joins are always found. Those that include locks or semaphores are found if the
    /// runtime [tracks waits](crate::runtime::Builder::track_waits). If tasks are in several cycles
    /// at once, not all of them are listed, but each of these tasks is in one.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// use quintet::runtime::Builder;
    /// use quintet::sync::Mutex;
    ///
    /// let runtime = Builder::new().track_waits(true).build()?;
    /// let task = runtime.spawn(async {
    ///     let lock = Mutex::new(1);
    ///     let _guard = lock.lock().await;
    ///     // The task waits for itself.
    ///     let _second = lock.lock().await;
    /// });
    /// runtime.run_until_stalled();
    ///
    /// let dump = runtime.dump();
    /// let [cycle] = dump.cycles() else { panic!("{dump}") };
    /// assert!(cycle.tasks().eq([task.id()]));
    /// assert!(dump.to_string().contains("deadlock of a task with itself"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn cycles(&self) -> &[Cycle] {
        &self.cycles
    }

    /// Returns the chain of tasks that delays a task: the task that it waits for, the task that
    /// that one waits for, and so on.
    ///
    /// If a task waits for several others, the first of them is followed. The chain ends with a
    /// task that waits for no other task, or before the first task that would be in it twice. It is
    /// empty if the task waits for no other task, or is not in the dump.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// use std::future::pending;
    ///
    /// let runtime = quintet::runtime::Runtime::new()?;
    /// let first = runtime.spawn(pending::<()>());
    /// let first_id = first.id();
    /// let second = runtime.spawn(first);
    /// let second_id = second.id();
    /// let third = runtime.spawn(second);
    /// runtime.run_until_stalled();
    ///
    /// assert_eq!(runtime.dump().chain(third.id()), [second_id, first_id]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn chain(&self, id: Id) -> Vec<Id> {
        let mut chain = vec![id];
        while let Some(task) = chain.last().and_then(|last| self.task(*last))
            && let Some(next) = task.blockers().find(|next| self.task(*next).is_some())
            && !chain.contains(&next)
        {
            chain.push(next);
        }
        chain.remove(0);
        chain
    }

    fn task(&self, id: Id) -> Option<&TaskDump> {
        self.tasks.iter().find(|task| task.id == id)
    }

    /// Writes the cycles, and then the tasks.
    pub(crate) fn fmt_tasks(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for cycle in &self.cycles {
            write!(f, "\n  {cycle}")?;
        }
        for task in &self.tasks {
            write!(f, "\n  {task}")?;
            self.fmt_chain(f, task)?;
        }
        Ok(())
    }

    /// Writes the chain of a task, if it is not obvious from what the task waits for.
    fn fmt_chain(&self, f: &mut fmt::Formatter<'_>, task: &TaskDump) -> fmt::Result {
        let chain = self.chain(task.id);
        if chain.len() < 2 {
            return Ok(());
        }
        f.write_str("\n    which in turn waits for task ")?;
        let mut tasks = chain.iter().skip(1).filter_map(|id| self.task(*id));
        for (index, task) in tasks.by_ref().take(CHAIN_MAX).enumerate() {
            let separator = if index == 0 { "" } else { ", for task " };
            write!(f, "{separator}{}", task.label())?;
        }
        match tasks.count() {
            0 => Ok(()),
            more => write!(f, ", and {more} more"),
        }
    }
}

/// The id of a task and its name, if it has one.
struct TaskLabel<'a>(&'a TaskDump);

impl fmt::Display for TaskLabel<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.id.fmt(f)?;
        match &self.0.name {
            Some(name) => write!(f, " `{name}`"),
            None => Ok(()),
        }
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
    /// [measures](crate::runtime::Builder::measure) this.
    pub fn busy(&self) -> Option<Duration> {
        self.busy
    }

    /// Returns how long its longest poll took, if the runtime
    /// [measures](crate::runtime::Builder::measure) this.
    pub fn longest_poll(&self) -> Option<Duration> {
        self.longest_poll
    }

    /// Returns how long ago its last poll ended, if the runtime
    /// [measures](crate::runtime::Builder::measure) this. That is how long it has waited,
    /// unless something else than what it waits for has woken it meanwhile.
    ///
    /// It is a duration of the runtime's clock, so it does not grow in
    /// [paused time](crate::time::pause). `None` for a task that was never polled, and for the task
    /// that is being polled.
    pub fn waiting(&self) -> Option<Duration> {
        self.waiting
    }

    /// Returns the task that awaits its end, if that is a task of the same runtime.
    pub fn joined_by(&self) -> Option<Id> {
        self.joined_by
    }

    /// Returns whether it keeps the runtime alive.
    pub fn is_referenced(&self) -> bool {
        self.is_ref
    }

    /// Returns what it waits for. A task may wait for several things at once.
    pub fn waits(&self) -> &[WaitReason] {
        &self.waits
    }

    /// Returns the tasks that it waits for.
    fn blockers(&self) -> impl Iterator<Item = Id> {
        self.waits.iter().flat_map(WaitReason::blockers)
    }

    fn label(&self) -> TaskLabel<'_> {
        TaskLabel(self)
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
        write!(f, "task {}", self.label())?;
        let polls = if self.polls == 1 { "poll" } else { "polls" };
        write!(
            f,
            ", spawned at {}, {:.1?} ago, {} {polls}",
            self.location, self.age, self.polls
        )?;
        if let Some(busy) = self.busy {
            write!(f, ", busy for {busy:.1?}")?;
        }
        if let Some(waiting) = self.waiting {
            write!(f, ", waiting for {waiting:.1?}")?;
        }
        if !self.is_ref {
            f.write_str(", unreferenced")?;
        }
        if let Some(joiner) = self.joined_by {
            write!(f, ", awaited by task {joiner}")?;
        }
        for wait in &self.waits {
            write!(f, "\n    {wait}")?;
        }
        Ok(())
    }
}
