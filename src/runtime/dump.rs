//! Who is alive, and what everybody waits for.

mod descriptor;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::os::fd::RawFd;
use std::panic::Location;
use std::time::Duration;

use crate::clock;
use crate::context;
use crate::event_loop::EventLoop;
use crate::phase::poll::Direction;
use crate::ready;
use crate::slots::Key;
use crate::task::Id;
use crate::tasks::{Name, Person, Waiter};
use crate::time::Instant;
use descriptor::Descriptors;

/// A look at the live tasks of a runtime; made by [`Runtime::dump`](super::Runtime::dump).
///
/// It prints well.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// use quintet::time::{Duration, sleep};
///
/// let runtime = quintet::runtime::Runtime::new()?;
/// quintet::task::Builder::new(); // tasks may have names
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
    /// Which runtime it is.
    title: String,
    tasks: Vec<TaskDump>,
}

/// One live task.
#[derive(Clone, Debug)]
pub struct TaskDump {
    id: Id,
    name: Option<Name>,
    location: &'static Location<'static>,
    age: Duration,
    polls: u32,
    busy: Option<Duration>,
    is_ref: bool,
    waits: Vec<Wait>,
}

/// What a task waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wait {
    /// Nothing: it is being polled.
    Running,
    /// Its turn: it stands in a queue.
    Ready,
    /// The next check phase.
    Check,
    /// The next close phase.
    Close,
    /// A point in time.
    Timer {
        /// The time.
        deadline: Instant,
        /// How long it is until then; `None` if that is for ever.
        left: Option<Duration>,
    },
    /// A socket or another descriptor.
    Source {
        /// The descriptor.
        fd: RawFd,
        /// Whether it is to be read or written.
        is_read: bool,
        /// What it is, as far as can be told.
        description: String,
    },
    /// A worker thread: the task is a blocking job.
    Worker,
    /// The end of another task.
    Join(Id),
    /// What a primitive of this crate says: a lock, a channel.
    Other(&'static str),
    /// Nobody knows: a waker that was given away, or none at all.
    Unknown,
}

impl Dump {
    pub(super) fn new(event_loop: &EventLoop) -> Self {
        let mut descriptors = Descriptors::default();
        let survey = Survey::new(event_loop, |fd| descriptors.describe(fd));
        Dump::of(event_loop, &survey, |_| true)
    }

    /// The tasks that can never end by what the loop has: those which keep it alive and wait for
    /// nothing of it, nor for another task that does. Where time does not move, timers do not help.
    pub(super) fn stalled(event_loop: &EventLoop, does_time_move: bool) -> Self {
        // Who waits for a descriptor is not among them, and it takes long to ask what each of them is.
        let survey = Survey::new(event_loop, |_| String::new());
        let stalled = survey.stalled(does_time_move);
        let is_stalled = |person: &Person| person.is_ref && stalled.contains(&person.key);
        Dump::of(event_loop, &survey, is_stalled)
    }

    fn of(event_loop: &EventLoop, survey: &Survey, is_wanted: impl Fn(&Person) -> bool) -> Self {
        let now = event_loop.clock.now();
        let tasks = survey.people.iter().filter(|person| is_wanted(person));
        let tasks = tasks
            .map(|person| TaskDump {
                id: Id(person.identity.id),
                name: person.identity.origin.name.clone(),
                location: person.identity.origin.location,
                age: Duration::from_nanos(now.saturating_sub(person.spawned_at)),
                polls: person.polls,
                busy: (event_loop.is_measuring()).then(|| Duration::from_nanos(person.busy)),
                is_ref: person.is_ref,
                waits: survey.waits_of(person),
            })
            .collect();
        let title = match &event_loop.shared.name {
            Some(name) => format!("runtime `{name}`"),
            None => context::describe(event_loop.id()),
        };
        Dump { title, tasks }
    }

    pub(super) fn nothing() -> Self {
        Dump {
            title: "a runtime that has ended".to_owned(),
            tasks: Vec::new(),
        }
    }

    /// Returns the tasks, in the order in which they were spawned.
    pub fn tasks(&self) -> &[TaskDump] {
        &self.tasks
    }

    pub(super) fn fmt_tasks(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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

    /// Returns its name, if it was given one.
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

    /// Returns how often it was polled.
    pub fn polls(&self) -> u32 {
        self.polls
    }

    /// Returns how long its polls took together, if that is
    /// [measured](super::Builder::measure_tasks).
    pub fn busy(&self) -> Option<Duration> {
        self.busy
    }

    /// Returns whether it keeps the runtime alive.
    pub fn is_referenced(&self) -> bool {
        self.is_ref
    }

    /// Returns what it waits for; it may be several things at once.
    pub fn waits(&self) -> &[Wait] {
        &self.waits
    }
}

/// Everybody who is there, and what each waits for.
struct Survey {
    people: Vec<Person>,
    waits: HashMap<Key, Vec<Wait>>,
}

impl Survey {
    fn new(event_loop: &EventLoop, describe: impl FnMut(RawFd) -> String) -> Self {
        let polled = ready::polled_task(event_loop.id());
        let people = event_loop.tasks.census(polled.unwrap_or(Key::DANGLING));
        let mut survey = Survey {
            people,
            waits: HashMap::new(),
        };
        survey.add_people();
        survey.add_resources(event_loop, describe);
        survey
    }

    fn add(&mut self, key: Key, wait: Wait) {
        self.waits.entry(key).or_default().push(wait);
    }

    fn add_waiter(&mut self, waiter: &Waiter, wait: Wait) {
        if let Some(key) = waiter.owner() {
            self.add(key, wait);
        }
    }

    /// What the tasks themselves tell.
    fn add_people(&mut self) {
        let mut waits = Vec::new();
        for person in &self.people {
            let key = person.key;
            if person.is_running {
                waits.push((key, Wait::Running));
            } else if person.is_ready {
                waits.push((key, Wait::Ready));
            }
            if person.is_job {
                waits.push((key, Wait::Worker));
            }
            if let Some(joiner) = person.joiner {
                waits.push((joiner, Wait::Join(Id(person.identity.id))));
            }
            if let Some(note) = person.note {
                waits.push((key, Wait::Other(note)));
            }
        }
        for (key, wait) in waits {
            self.add(key, wait);
        }
    }

    /// Who stands in the queues of the phases.
    fn add_resources(&mut self, event_loop: &EventLoop, mut describe: impl FnMut(RawFd) -> String) {
        let clock = &event_loop.clock;
        let now = clock.now();
        event_loop.timers.for_each_waiter(|waiter, deadline| {
            let wait = Wait::Timer {
                deadline: Instant::from_std(clock.instant_at(deadline)),
                left: (deadline != clock::NEVER).then(|| clock::until(deadline, now)),
            };
            self.add_waiter(waiter, wait);
        });
        event_loop.poll.for_each_waiter(|waiter, fd, direction| {
            let wait = Wait::Source {
                fd,
                is_read: direction == Direction::Read,
                description: describe(fd),
            };
            self.add_waiter(waiter, wait);
        });
        event_loop
            .check
            .for_each_waiter(|waiter| self.add_waiter(waiter, Wait::Check));
        event_loop
            .close
            .for_each_waiter(|waiter| self.add_waiter(waiter, Wait::Close));
    }

    fn waits_of(&self, person: &Person) -> Vec<Wait> {
        let waits = self.waits.get(&person.key).cloned();
        waits.unwrap_or_else(|| vec![Wait::Unknown])
    }

    fn stalled(&self, does_time_move: bool) -> HashSet<Key> {
        let helps = |wait: &Wait| match wait {
            Wait::Timer { left, .. } => does_time_move && left.is_some(),
            Wait::Join(_) | Wait::Other(_) | Wait::Unknown => false,
            _ => true,
        };
        let is_helped = |person: &Person| self.waits_of(person).iter().any(helps);
        let (helped, stalled): (Vec<&Person>, Vec<_>) =
            self.people.iter().partition(|person| is_helped(person));
        let joiners: HashMap<Key, Key> = stalled
            .iter()
            .filter_map(|person| Some((person.key, person.joiner?)))
            .collect();
        let mut stalled: HashSet<Key> = stalled.iter().map(|person| person.key).collect();
        // Who awaits a task that is not stalled is not stalled either.
        let mut saved: Vec<Key> = helped.iter().filter_map(|person| person.joiner).collect();
        while let Some(key) = saved.pop() {
            if stalled.remove(&key) {
                saved.extend(joiners.get(&key));
            }
        }
        stalled
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

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wait::Running => f.write_str("is running"),
            Wait::Ready => f.write_str("is ready to run"),
            Wait::Check => f.write_str("waits for the check phase"),
            Wait::Close => f.write_str("waits for the close phase"),
            Wait::Timer { left: None, .. } => f.write_str("waits for a timer that never fires"),
            Wait::Timer {
                left: Some(left), ..
            } => write!(f, "waits for a timer, due in {left:.1?}"),
            Wait::Source {
                fd,
                is_read,
                description,
            } => {
                let what = if *is_read { "read" } else { "write" };
                write!(f, "waits to {what} descriptor {fd} ({description})")
            }
            Wait::Worker => f.write_str("waits for a worker thread"),
            Wait::Join(id) => write!(f, "waits for the end of task {id}"),
            Wait::Other(what) => write!(f, "waits for {what}"),
            Wait::Unknown => f.write_str("waits for something that the runtime does not know of"),
        }
    }
}
