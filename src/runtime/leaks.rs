//! The things that a program has left on a runtime.

use std::fmt;
use std::os::fd::RawFd;
use std::thread;
use std::time::Duration;

use super::dump::{self, title};
use super::{JobMeta, Runtime, TaskDump};
use crate::clock;
use crate::event_loop::EventLoop;
use crate::phase::poll::Descriptors;
use crate::pool::Label;
use crate::tasks::Waiter;
use crate::time::Instant;

/// The maximum number of turns in which things can end. A task that is always ready uses all of
/// them.
const TURNS_MAX: u32 = 1000;

/// The number of idle turns after which nothing more can end: one turn in which the poll phase sees
/// what the last destructors have closed, one that releases it, and one more.
const IDLE_TURNS: u32 = 3;

/// The interval in which unfinished jobs are checked.
const JOBS_POLL_INTERVAL: Duration = Duration::from_millis(1);

/// The things that are left on a runtime; returned by [`leaks`](crate::testing::leaks).
///
/// Its [`Display`](fmt::Display) output is a list with one thing on each line.
#[derive(Clone, Debug)]
pub struct Leaks {
    runtime: String,
    leaks: Vec<Leak>,
}

/// One thing that is left on a runtime.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Leak {
    /// A task that has not ended.
    Task(TaskDump),
    /// A blocking job that is queued or running.
    Job(JobMeta),
    /// A socket or another descriptor that is registered with the loop and belongs to no task.
    #[non_exhaustive]
    Source {
        /// The descriptor.
        fd: RawFd,
        /// What the descriptor is. For a TCP socket this includes its addresses.
        description: String,
    },
    /// An armed timer that belongs to no task.
    #[non_exhaustive]
    Timer {
        /// The time at which it fires.
        deadline: Instant,
        /// The time until the deadline; `None` if the timer never fires.
        left: Option<Duration>,
    },
    /// A [`KeepAlive`](super::KeepAlive) guard, or a job of
    /// [`Handle::spawn_blocking`](super::Handle::spawn_blocking) that has not started.
    KeepAlive,
}

impl Leaks {
    /// Returns whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.leaks.is_empty()
    }

    /// Returns the things that are left: first tasks, in the order in which they were spawned, and
    /// then the others.
    pub fn as_slice(&self) -> &[Leak] {
        &self.leaks
    }

    /// Runs the loop until nothing more can end, and collects what is left.
    #[inline]
    #[track_caller]
    pub(crate) fn of(runtime: &Runtime) -> Self {
        let event_loop = &runtime.event_loop;
        let mut leaks = Vec::new();
        if !event_loop.is_closed() {
            settle(runtime);
        }
        // `settle` may have shut the runtime down.
        if !event_loop.is_closed() {
            add_tasks_and_jobs(event_loop, &mut leaks);
            add_resources(event_loop, &mut leaks);
        }
        Leaks {
            runtime: title(&event_loop.shared),
            leaks,
        }
    }
}

/// Runs what is ready, and waits for unfinished jobs up to the grace period, as the shutdown does.
#[inline]
#[track_caller]
fn settle(runtime: &Runtime) {
    let event_loop = &runtime.event_loop;
    let start = Instant::from_std(std::time::Instant::now());
    loop {
        run_turns(runtime);
        // A worker still counts a job for a moment after its result has arrived.
        let is_waiting = event_loop.tasks.has_referenced_jobs()
            || event_loop.shared.inbox.has_keep_alive()
            || !event_loop.shared.pool.running().is_empty();
        let waited = Instant::from_std(std::time::Instant::now()).duration_since(start);
        if !is_waiting || event_loop.is_closed() || waited > runtime.grace {
            return;
        }
        thread::sleep(JOBS_POLL_INTERVAL);
    }
}

/// Runs turns until the loop is idle. Paused time does not advance.
#[track_caller]
fn run_turns(runtime: &Runtime) {
    let event_loop = &runtime.event_loop;
    let mut idle_turns = 0;
    for _ in 0..TURNS_MAX {
        if event_loop.is_closed() || idle_turns == IDLE_TURNS {
            return;
        }
        runtime.turn(Some(Duration::ZERO));
        let now = event_loop.clock.now();
        let is_busy = event_loop.next_turn(now).is_some_and(|at| at <= now);
        idle_turns = if is_busy { 0 } else { idle_turns + 1 };
    }
}

#[inline]
fn add_tasks_and_jobs(event_loop: &EventLoop, leaks: &mut Vec<Leak>) {
    let (jobs, tasks) = dump::unfinished(event_loop);
    let mut running = event_loop.shared.pool.running();
    for job in &jobs {
        let is_same =
            |label: &Label| label.location == job.location() && label.name.as_deref() == job.name();
        if let Some(index) = running.iter().position(is_same) {
            running.swap_remove(index);
        }
    }
    let has_keep_alive = running.is_empty() && event_loop.shared.inbox.has_keep_alive();
    // Jobs that were spawned through a handle have no slot.
    let from_other_threads = running
        .into_iter()
        .map(|label| JobMeta::new(label.name, label.location));
    leaks.extend(tasks.into_iter().map(Leak::Task));
    leaks.extend(jobs.into_iter().chain(from_other_threads).map(Leak::Job));
    leaks.extend(has_keep_alive.then_some(Leak::KeepAlive));
}

/// Adds the sources and timers that belong to no live task.
#[inline]
fn add_resources(event_loop: &EventLoop, leaks: &mut Vec<Leak>) {
    let belongs_to_task = |waiter: &Waiter| {
        let owner = waiter.owner();
        owner.is_some_and(|key| event_loop.tasks.is_unfinished(key))
    };
    let sources = event_loop.poll.sources.unowned(belongs_to_task);
    let mut descriptors = Descriptors::default();
    leaks.extend(sources.into_iter().map(|descriptor| Leak::Source {
        fd: descriptor.number(),
        description: descriptors.describe(&descriptor),
    }));
    let clock = &event_loop.clock;
    let now = clock.now();
    let timers = event_loop.timers.unowned(belongs_to_task);
    leaks.extend(timers.into_iter().map(|deadline| Leak::Timer {
        deadline: Instant::from_std(clock.instant_at(deadline)),
        left: (deadline != clock::NEVER).then(|| clock::until(deadline, now)),
    }));
}

impl fmt::Display for Leaks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let things = match self.leaks.len() {
            0 => "nothing is".to_owned(),
            1 => "1 thing is".to_owned(),
            count => format!("{count} things are"),
        };
        write!(f, "{things} left on {}", self.runtime)?;
        for leak in &self.leaks {
            write!(f, "\n  {leak}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Leak::Task(task) => task.fmt(f),
            Leak::Job(job) => write!(f, "blocking job: {job}"),
            Leak::Source { fd, description } => write!(f, "descriptor {fd} ({description})"),
            Leak::Timer {
                left: Some(left), ..
            } => write!(f, "a timer, due in {left:.1?}"),
            Leak::Timer { left: None, .. } => f.write_str("a timer that never fires"),
            Leak::KeepAlive => f.write_str(
                "a `KeepAlive` guard, or a blocking job from another thread that has not started",
            ),
        }
    }
}
