//! What a loop counts.
//!
//! Only the loop's thread writes these numbers, so that counting is a plain addition in memory. Any
//! thread may read them, at any time and without a lock, and sees each number as it was a moment
//! ago. What is not an event but a length is in a [`Counter`] as well, which is then set, not
//! added to.

pub(crate) mod histogram;

use crate::primitive::{AtomicU64, Ordering};

use histogram::Recorder;

/// A number that one thread writes and any thread reads.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) const fn new() -> Self {
        Counter(AtomicU64::new(0))
    }

    #[inline]
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Adds to the number. Without a read-modify-write, because no other thread writes.
    #[inline]
    pub(crate) fn add(&self, more: u64) {
        self.set(self.get().wrapping_add(more));
    }

    /// Adds one, and returns the number before that.
    #[inline]
    pub(crate) fn next(&self) -> u64 {
        let before = self.get();
        self.set(before.wrapping_add(1));
        before
    }
}

/// A part of a run, to which polls and callbacks are counted.
// As wide as the budget beside it in `TickPosition`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum TickStage {
    /// Before the first phase: the ready queue is drained before the first tick.
    Start,
    Timers,
    Pending,
    Poll,
    Check,
    Close,
}

impl TickStage {
    const ALL: [TickStage; STAGES] = [
        TickStage::Start,
        TickStage::Timers,
        TickStage::Pending,
        TickStage::Poll,
        TickStage::Check,
        TickStage::Close,
    ];
}

/// How many values of [`TickStage`] there are.
const STAGES: usize = 6;

/// How a task has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum TaskEnd {
    Returned,
    Panicked,
    /// It was aborted, or dropped by the shutdown.
    Cancelled,
}

/// See the [module](self).
// Other threads read neighboring fields of a loop all the time; these are on cache lines of their
// own.
#[derive(Default)]
#[repr(align(128))]
pub(crate) struct LoopCounts {
    /// How many ticks have ended.
    pub(crate) ticks: Counter,
    /// Callbacks that have begun. The usual callback polls one task, so it is one addition; see
    /// [`LoopCounts::polls`].
    callbacks: [Counter; STAGES],
    /// Callbacks among these that have polled no task themselves, but through the ready queue or
    /// not at all.
    indirect: [Counter; STAGES],
    /// Polls of tasks that were in the ready queue, or in pending.
    queued: [Counter; STAGES],
    pub(crate) spawned: Counter,
    ended: [Counter; 3],
    /// Tasks that were moved to pending because a phase had polled as many as it may.
    pub(crate) over_phase_budget: Counter,
    /// Tasks that were moved to pending because they had spent their own budget.
    pub(crate) over_task_budget: Counter,
    /// Events that poll has fetched and moved to pending.
    pub(crate) deferred_events: Counter,
    /// Events of sources that the OS has reported, without signals.
    pub(crate) source_events: Counter,
    pub(crate) signals: Counter,
    /// What has come through the inbox.
    pub(crate) messages: Counter,
    /// How often poll has waited.
    pub(crate) sleeps: Counter,
    /// How many sources have been registered.
    pub(crate) registered: Counter,
    /// The number of sources.
    pub(crate) sources: Counter,
    /// The number of timers that wait, and how many have been armed: as of the last update.
    pub(crate) timers: Counter,
    pub(crate) armed: Counter,
    /// The length of the ready queue as of the last update, and that of pending.
    pub(crate) ready: Counter,
    pub(crate) pending: Counter,
    /// Operations on files that were completed on the loop, and those that were tried in vain.
    pub(crate) cache_hits: Counter,
    pub(crate) cache_misses: Counter,
    /// Present if the loop measures how long things take.
    pub(crate) times: Option<Box<LoopTimes>>,
}

/// How long things take on a loop.
#[derive(Default)]
pub(crate) struct LoopTimes {
    /// Polls of tasks.
    pub(crate) polls: Recorder,
    /// The time from the deadline of a timer until it fired.
    pub(crate) lateness: Recorder,
    phases: [Recorder; STAGES - 1],
}

impl LoopTimes {
    /// The phases of ticks in which there was something to do, without their waits. `None` before
    /// the first phase.
    pub(crate) fn phase(&self, stage: TickStage) -> Option<&Recorder> {
        let index = (stage as usize).checked_sub(1)?;
        self.phases.get(index)
    }
}

impl LoopCounts {
    pub(crate) fn new(is_measuring: bool) -> Self {
        LoopCounts {
            times: is_measuring.then(Box::default),
            ..LoopCounts::default()
        }
    }

    #[inline]
    pub(crate) fn callbacks(&self, stage: TickStage) -> &Counter {
        &self.callbacks[stage as usize]
    }

    pub(crate) fn indirect(&self, stage: TickStage) -> &Counter {
        &self.indirect[stage as usize]
    }

    pub(crate) fn queued(&self, stage: TickStage) -> &Counter {
        &self.queued[stage as usize]
    }

    #[inline]
    pub(crate) fn ended(&self, end: TaskEnd) -> &Counter {
        &self.ended[end as usize]
    }

    /// How many polls of tasks there were in a stage.
    pub(crate) fn polls(&self, stage: TickStage) -> u64 {
        // In this order: another thread may see a callback that is not yet known to be indirect.
        let indirect = self.indirect(stage).get();
        let direct = self.callbacks(stage).get().saturating_sub(indirect);
        direct + self.queued(stage).get()
    }

    /// How many polls and callbacks there were. An entry of pending counts only if it polls a task.
    pub(crate) fn events(&self) -> u64 {
        let polls: u64 = TickStage::ALL.map(|stage| self.polls(stage)).iter().sum();
        let callbacks = self.callbacks.iter().map(Counter::get).sum::<u64>();
        polls + callbacks - self.callbacks(TickStage::Pending).get()
    }

    /// How many tasks were polled because code on the loop's thread had queued them.
    pub(crate) fn all_queued(&self) -> u64 {
        self.queued.iter().map(Counter::get).sum()
    }

    /// How many callbacks and polls from the queue there were in a stage: whether it had something
    /// to do.
    pub(crate) fn work(&self, stage: TickStage) -> u64 {
        self.callbacks(stage).get() + self.queued(stage).get()
    }

    /// How many tasks have ended, in whatever way.
    pub(crate) fn all_ended(&self) -> u64 {
        self.ended.iter().map(Counter::get).sum()
    }
}
