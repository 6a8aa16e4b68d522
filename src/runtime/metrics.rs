//! What a runtime has counted.

#[cfg(feature = "metrics-facade")]
mod facade;
mod families;
mod ported;
mod prometheus;
mod since;
mod utilization;

use super::{Handle, Runtime};
use crate::blocking::{Class, PoolStats};
use crate::context;
use crate::counts::histogram::{Histogram, Recorder};
use crate::counts::{LoopCounts, TaskEnd, TickStage};
use crate::event_loop::LoopShared;

#[cfg(feature = "metrics-facade")]
pub use facade::MetricsFeed;
pub use utilization::Utilization;

/// The numbers of a runtime, at one moment; from [`metrics()`] and
/// [`Handle::metrics`](super::Handle::metrics).
///
/// A runtime always counts: it takes a few instructions for each event. *Counts* only rise, while
/// the runtime exists: ticks, polls, tasks that were spawned. The others are what there is now:
/// tasks that are alive, timers, the length of a queue. [`since`](Metrics::since) is what has
/// happened between two values.
///
/// # How new they are
///
/// On the runtime's own thread the numbers are exact. Polls are counted when the ready queue has
/// been drained, so those between two callbacks of a phase are counted together, when all have
/// ended.
///
/// On another thread they are as new as the processor's caches, but not of one moment, so numbers
/// of one value may not fit together exactly. [`queues.ready`](QueueMetrics::ready) and
/// [`timers`](Metrics::timers) are those of the last time that the loop began to wait, or of the
/// last 32nd tick if it has not waited since.
///
/// When the runtime has ended, its handles return the last counts.
///
/// # Examples
///
/// ```
/// use quintet::runtime::{self, Phase};
///
/// # quintet::block_on(async {
/// let before = runtime::metrics();
/// let task = quintet::spawn(quintet::task::yield_now());
/// task.await.unwrap();
///
/// let window = runtime::metrics().since(&before);
/// assert_eq!(window.tasks.spawned, 1);
/// assert_eq!(window.tasks.finished, 1);
/// assert_eq!(window.phase(Phase::Check).callbacks, 1);
/// # });
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Metrics {
    /// The [name](super::Builder::name) of the runtime.
    pub name: Option<String>,
    /// Ticks that have ended.
    pub ticks: u64,
    /// How often the poll phase has waited for events: with a timeout other than zero.
    pub sleeps: u64,
    /// How much of its time the runtime was active.
    pub utilization: Utilization,
    /// What ran before the first tick of each run: the first poll of the future of `block_on`, and
    /// the tasks that were ready.
    pub start: PhaseMetrics,
    /// By phase; see [`phase`](Metrics::phase).
    phases: [PhaseMetrics; Phase::ALL.len()],
    /// The tasks.
    pub tasks: TaskMetrics,
    /// What has woken tasks.
    pub wakes: WakeMetrics,
    /// What was moved to the pending phase of the next tick because of a budget.
    pub deferred: DeferredMetrics,
    /// How much waits in the loop's queues.
    pub queues: QueueMetrics,
    /// The descriptors that are registered with the OS.
    pub sources: SourceMetrics,
    /// The timers.
    pub timers: TimerMetrics,
    /// Files that were read on the loop.
    pub cached_reads: CachedReadMetrics,
    /// The jobs, by class, and the threads that run them.
    pub pool: PoolStats,
    /// How long polls of tasks took. Like all histograms, it is `None` unless the runtime
    /// [measures](super::Builder::measure) this.
    pub poll_times: Option<Histogram>,
    /// How long jobs have waited and run, by class, in the order of [`Class::ALL`].
    job_times: [Option<JobTimeMetrics>; Class::ALL.len()],
}

/// One of the five phases of a tick; see the [module `order`](crate::order).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Timers whose deadline has passed.
    Timers,
    /// What an earlier tick has deferred.
    Pending,
    /// Sockets, results of jobs, other threads, signals.
    Poll,
    /// `set_immediate` and `yield_now`.
    Check,
    /// Closed resources.
    Close,
}

impl Phase {
    /// All phases, in the order of a tick.
    pub const ALL: [Phase; 5] = [
        Phase::Timers,
        Phase::Pending,
        Phase::Poll,
        Phase::Check,
        Phase::Close,
    ];

    fn stage(self) -> TickStage {
        match self {
            Phase::Timers => TickStage::Timers,
            Phase::Pending => TickStage::Pending,
            Phase::Poll => TickStage::Poll,
            Phase::Check => TickStage::Check,
            Phase::Close => TickStage::Close,
        }
    }
}

/// The numbers of one phase.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct PhaseMetrics {
    /// Callbacks: the timers that have fired, the entries of pending, the events and messages that
    /// poll has delivered, the immediates, the closes for which a task has waited.
    pub callbacks: u64,
    /// Polls of tasks: by callbacks, and in the ready queue after each.
    pub polls: u64,
    /// How long the phase took, in the ticks in which it had something to do, without the time in
    /// which the loop has waited. `None` for what runs before the first tick, and if the runtime
    /// does not [measure](super::Builder::measure) it.
    pub time: Option<Histogram>,
}

/// How long the jobs of one class took.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct JobTimeMetrics {
    /// How long those that have begun have waited for a thread.
    pub waiting: Histogram,
    /// How long those that have ended have run.
    pub running: Histogram,
}

/// The numbers of tasks.
///
/// The future of `block_on` counts as a task, and so does a job that was spawned on the runtime's
/// own thread. The children of a [scope](crate::task::scope) are part of one task.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct TaskMetrics {
    /// Tasks that exist and have not finished.
    pub alive: u64,
    /// Tasks that were spawned.
    pub spawned: u64,
    /// Tasks that have ended, in whatever way.
    pub finished: u64,
    /// Tasks among these that have panicked.
    pub panicked: u64,
    /// Tasks among those that have finished that were aborted, or dropped when the runtime ended,
    /// before they had a result.
    pub aborted: u64,
}

/// What has woken tasks, by kind.
///
/// An event wakes one task in the usual case. It may wake none, for example if the task has ended,
/// or several, if several wait for one socket; these are then queued, and counted in
/// [`queued`](WakeMetrics::queued) as well.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct WakeMetrics {
    /// Tasks that code on the runtime's thread has spawned or woken, and that were polled for that.
    pub queued: u64,
    /// Timers.
    pub timers: u64,
    /// Events of sockets and other descriptors, as the OS has reported them.
    pub sources: u64,
    /// Signals, one for each stream that waits for them.
    pub signals: u64,
    /// Messages: results of jobs, wakes by other threads, tasks that they have spawned.
    pub messages: u64,
    /// Immediates and yields.
    pub immediates: u64,
    /// Closes for which a task has waited.
    pub closes: u64,
}

/// What was moved to the pending phase of the next tick.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct DeferredMetrics {
    /// Tasks that were ready when their phase had spent its
    /// [budget](super::Builder::phase_budget).
    pub phase_budget: u64,
    /// Tasks that have spent [their own budget](crate::task::coop).
    pub task_budget: u64,
    /// Events that poll has fetched and not delivered: its budget was spent, a timer was due, or
    /// older entries were pending.
    pub events: u64,
}

/// The lengths of the loop's queues.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct QueueMetrics {
    /// Tasks that are ready to run.
    pub ready: u64,
    /// Entries of the pending phase.
    pub pending: u64,
    /// Messages from workers and other threads that the loop has not fetched.
    pub inbox: u64,
}

/// The numbers of descriptors: sockets and pipes for which a task has waited, descriptors of
/// `AsyncFd`, children and signals.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct SourceMetrics {
    /// Those that are registered now. A source that was closed counts until the close phase.
    pub registered: u64,
    /// All that were ever registered.
    pub total: u64,
}

/// The numbers of timers. Each sleep, timeout and interval that has been polled is one.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct TimerMetrics {
    /// Timers that have not fired yet.
    pub armed: u64,
    /// How often a timer was armed, first or again.
    pub total: u64,
    /// How late timers have fired: the time from the deadline, or from arming if that was later, to
    /// the beginning of the timers phase. It is measured by the runtime's clock. `None` unless the
    /// runtime [measures](super::Builder::measure) this.
    pub lateness: Option<Histogram>,
}

/// The numbers of operations on files that were tried on the loop, because their data may be in the
/// kernel's cache; see [`fs`](crate::fs#cached-files).
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct CachedReadMetrics {
    /// Operations that needed no job.
    pub hits: u64,
    /// Operations that a job had to do.
    pub misses: u64,
}

impl Metrics {
    pub(super) fn new(shared: &LoopShared) -> Self {
        let counts = &*shared.counts;
        // Before the number of those that were spawned: no task may end that was not spawned.
        let finished = counts.all_ended();
        let spawned = counts.spawned.get();
        let times = counts.times.as_deref();
        Metrics {
            name: shared.name.clone(),
            ticks: counts.ticks.get(),
            sleeps: counts.sleeps.get(),
            utilization: Utilization::new(&shared.remote_clock),
            start: PhaseMetrics::new(counts, TickStage::Start),
            phases: Phase::ALL.map(|phase| PhaseMetrics::new(counts, phase.stage())),
            tasks: TaskMetrics {
                alive: spawned.saturating_sub(finished),
                spawned,
                finished,
                panicked: counts.ended(TaskEnd::Panicked).get(),
                aborted: counts.ended(TaskEnd::Cancelled).get(),
            },
            wakes: WakeMetrics::new(counts),
            deferred: DeferredMetrics {
                phase_budget: counts.over_phase_budget.get(),
                task_budget: counts.over_task_budget.get(),
                events: counts.deferred_events.get(),
            },
            queues: QueueMetrics {
                ready: counts.ready.get(),
                pending: counts.pending.get(),
                inbox: shared.inbox.len() as u64,
            },
            sources: SourceMetrics {
                registered: counts.sources.get(),
                total: counts.registered.get(),
            },
            timers: TimerMetrics {
                armed: counts.timers.get(),
                total: counts.armed.get(),
                lateness: times.map(|times| times.lateness.histogram()),
            },
            cached_reads: CachedReadMetrics {
                hits: counts.cache_hits.get(),
                misses: counts.cache_misses.get(),
            },
            pool: shared.pool.stats(),
            poll_times: times.map(|times| times.polls.histogram()),
            job_times: Class::ALL.map(|class| JobTimeMetrics::new(shared, class)),
        }
    }

    /// Returns the numbers of a phase.
    pub fn phase(&self, phase: Phase) -> &PhaseMetrics {
        &self.phases[phase as usize]
    }

    /// Returns how long the jobs of a class took, if the runtime
    /// [measures](super::Builder::measure) this. With a [seed](super::Builder::seed) it does not.
    pub fn job_times(&self, class: Class) -> Option<&JobTimeMetrics> {
        self.job_times[class as usize].as_ref()
    }

    /// Returns how many polls of tasks there were, in all phases and before the first tick.
    pub fn polls(&self) -> u64 {
        self.stages().map(|stage| stage.polls).sum()
    }

    /// Returns how many callbacks there were, in all phases.
    pub fn callbacks(&self) -> u64 {
        self.stages().map(|stage| stage.callbacks).sum()
    }

    fn stages(&self) -> impl Iterator<Item = &PhaseMetrics> {
        std::iter::once(&self.start).chain(&self.phases)
    }
}

impl PhaseMetrics {
    fn new(counts: &LoopCounts, stage: TickStage) -> Self {
        PhaseMetrics {
            callbacks: counts.callbacks(stage).get(),
            polls: counts.polls(stage),
            time: (counts.times.as_ref())
                .and_then(|times| times.phase(stage))
                .map(Recorder::histogram),
        }
    }
}

impl JobTimeMetrics {
    fn new(shared: &LoopShared, class: Class) -> Option<Self> {
        let times = shared.pool.counts(class).times()?;
        Some(JobTimeMetrics {
            waiting: times.waiting.histogram(),
            running: times.running.histogram(),
        })
    }
}

impl WakeMetrics {
    fn new(counts: &LoopCounts) -> Self {
        let callbacks = |stage| counts.callbacks(stage).get();
        WakeMetrics {
            queued: counts.all_queued(),
            timers: callbacks(TickStage::Timers),
            sources: counts.source_events.get(),
            signals: counts.signals.get(),
            messages: counts.messages.get(),
            immediates: callbacks(TickStage::Check),
            closes: callbacks(TickStage::Close),
        }
    }
}

impl Handle {
    /// Returns what the runtime has counted.
    ///
    /// On any thread, at any time, and without waiting for the loop. [`Metrics`] says how new the
    /// numbers are. It takes a lock of the pool and one of the inbox for a moment, and may be
    /// called often.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = quintet::runtime::Runtime::new()?;
    /// runtime.block_on(quintet::task::yield_now());
    /// let handle = runtime.handle().clone();
    /// let metrics = std::thread::spawn(move || handle.metrics()).join().unwrap();
    /// assert_eq!(metrics.ticks, 1);
    /// assert_eq!(metrics.polls(), 2);
    /// # Ok(())
    /// # }
    /// ```
    pub fn metrics(&self) -> Metrics {
        of_loop(&self.shared)
    }
}

impl Runtime {
    /// Returns what the runtime has counted; see [`Handle::metrics`](super::Handle::metrics).
    pub fn metrics(&self) -> Metrics {
        of_loop(&self.event_loop.shared)
    }
}

/// Returns the numbers of the current runtime.
///
/// In a blocking job, this is the runtime that the job belongs to. [`Handle::metrics`] is the same
/// for any thread.
///
/// [`Handle::metrics`]: super::Handle::metrics
///
/// # Panics
///
/// If no runtime is current on this thread.
///
/// # Examples
///
/// ```
/// # quintet::block_on(async {
/// quintet::spawn(std::future::pending::<()>());
/// let metrics = quintet::runtime::metrics();
/// assert_eq!(metrics.tasks.alive, 2, "the other is the future of `block_on`");
/// # });
/// ```
#[track_caller]
pub fn metrics() -> Metrics {
    match context::current_shared() {
        Some(shared) => of_loop(&shared),
        None => panic!("{}", context::no_loop()),
    }
}

/// Returns the numbers of a runtime. On its own thread they are brought up to date first.
fn of_loop(shared: &LoopShared) -> Metrics {
    if let Some(event_loop) = context::loop_of_thread(shared.id) {
        event_loop.update_counts();
    }
    Metrics::new(shared)
}
