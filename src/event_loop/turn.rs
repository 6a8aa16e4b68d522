//! One run of the loop, tick by tick.
//!
//! [`Turn::tick`] runs the five phases. Each phase hands its callbacks back to the turn, which
//! wakes and polls tasks, and then makes a checkpoint.
//!
//! The budget bounds how many tasks a phase polls. Tasks that it does not reach are deferred to the
//! pending phase of the next tick, so no phase starves the others.

mod deferral;
mod observed;
mod sleep;
mod timing;

use std::cell::Cell;
use std::io;
use std::mem;

use super::EventLoop;
use super::idle_report::IdleWatch;
use super::root::Root;
use crate::blocked::{NowRunning, PollObserver, TickPosition, UserCode, WatchedDrive};
use crate::clock::NEVER;
use crate::coop;
use crate::counts::{LoopCounts, TaskEnd, TickStage};
use crate::panics::{self, Payload};
use crate::phase::poll::PollWait;
use crate::phase::{Callback, Deliver};
use crate::ready;
use crate::rng;
use crate::slots::Key;
use crate::tasks::{Message, PollCause, Waiter};
use observed::{AfterWait, TaskPoller};
use timing::PhaseTiming;

/// After so many callbacks poll looks for due timers. To read the clock costs about as much as one
/// callback.
const CALLBACKS_PER_CLOCK_READ: u32 = 64;

/// It also looks after a callback that did this much work, in units of the task budget.
const UNITS_PER_CLOCK_READ: u32 = 32;

/// The clock is read at least once in so many ticks, for what uses its cached time.
const TICKS_PER_CLOCK_READ: u64 = 32;

const _: () = assert!(TICKS_PER_CLOCK_READ.is_power_of_two());

/// How long poll may wait in this run.
#[derive(Clone, Copy, Debug)]
pub(super) struct WaitLimit {
    /// Until this time of the loop's clock.
    pub(super) limit: Option<u64>,
    /// Not at all if nothing referenced is alive.
    pub(super) only_while_alive: bool,
}

impl WaitLimit {
    pub(super) const ENDLESS: WaitLimit = WaitLimit {
        limit: None,
        only_while_alive: false,
    };

    pub(super) const WHILE_ALIVE: WaitLimit = WaitLimit {
        limit: None,
        only_while_alive: true,
    };
}

/// See the [module](self).
pub(super) struct Turn<'a> {
    pub(super) event_loop: &'a EventLoop,
    root: Option<Root<'a>>,
    wait_limit: WaitLimit,
    pub(super) idle_watch: IdleWatch,
    /// Set if time is paused and nothing can ever happen.
    pub(super) is_stuck: bool,
    counts: &'a LoopCounts,
    /// Chosen once, so that a poll that is not observed costs no question.
    poll_task: TaskPoller<'a>,
    /// What runs, for a watcher.
    now: &'a NowRunning,
    position: TickPosition,
    /// How many calls of user code the watcher was told of that were no polls.
    outside_calls: Cell<u32>,
    /// 1 if it is measured how long phases take, and otherwise 0.
    is_timing: usize,
    /// In each tick whose number has none of these bits, the clock is read at the end.
    end_mask: u64,
    timing: PhaseTiming,
    /// Whether there was an event in this tick.
    is_eventful: bool,
    /// How many callbacks there were since poll has last looked for due timers.
    callbacks: u32,
    /// What the present callback and its checkpoint have charged.
    charged: u32,
    /// What is to be done after the wait.
    after_wait: AfterWait,
    /// A buffer for the waiters of one event.
    waiters: Vec<Waiter>,
    _drive: Option<WatchedDrive>,
}

impl<'a> Turn<'a> {
    pub(super) fn new(
        event_loop: &'a EventLoop,
        root: Option<Root<'a>>,
        wait_limit: WaitLimit,
    ) -> Self {
        Turn {
            event_loop,
            root,
            wait_limit,
            idle_watch: IdleWatch::default(),
            is_stuck: false,
            counts: &event_loop.shared.counts,
            poll_task: Turn::poller_of(event_loop),
            now: &event_loop.observation.now,
            position: TickPosition {
                budget: 0,
                stage: TickStage::Start,
            },
            outside_calls: Cell::new(0),
            is_timing: usize::from(event_loop.is_measuring()),
            end_mask: match event_loop.is_measuring() {
                true => 0,
                false => TICKS_PER_CLOCK_READ - 1,
            },
            timing: PhaseTiming::default(),
            is_eventful: false,
            callbacks: 0,
            charged: 0,
            after_wait: AfterWait::default(),
            _drive: event_loop.begin_drive(),
            waiters: Vec::new(),
        }
    }

    /// How many polls and callbacks there were, in this run and before.
    pub(super) fn events(&self) -> u64 {
        self.counts.events()
    }

    /// Runs the five phases.
    pub(super) fn tick(&mut self) -> io::Result<()> {
        let l = self.event_loop;
        let now = || l.clock.now();
        self.begin_tick();
        l.timers.run(self.begin_phase(TickStage::Timers), now);
        l.pending.run(self.begin_phase(TickStage::Pending));
        if let Some(rng) = &l.rng {
            self.begins(UserCode::JOB);
            l.run_inline_jobs(rng);
        }
        let mut wait = self.begin_phase(TickStage::Poll).wait();
        if wait != PollWait::Not && l.has_park_hooks() {
            wait = self.park(wait);
        }
        if wait != PollWait::Not {
            wait = self.prepare_sleep(wait);
        }
        debug_assert!(
            wait == PollWait::Not || !l.has_work() || self.is_stopping(),
            "poll does not wait while there is work"
        );
        self.restart_timer_check();
        l.poll.run(self, wait, l.must_repeat(), &l.clock)?;
        l.check.run(self.begin_phase(TickStage::Check));
        l.close.run(self.begin_phase(TickStage::Close), |source| {
            l.poll.release(source);
        });
        self.end_tick();
        Ok(())
    }

    /// Defers the tasks that the last phase did not reach, and grants a new budget.
    #[inline]
    pub(super) fn begin_phase(&mut self, stage: TickStage) -> &mut Self {
        // Both in one branch.
        if ready::len() | self.is_timing != 0 {
            self.end_phase(stage);
        }
        debug_assert!(
            ready::is_empty() || self.has_stopped(),
            "a phase begins with an empty ready queue"
        );
        self.position.stage = stage;
        self.grant_budget()
    }

    fn begin_tick(&mut self) {
        debug_assert!(!ready::has_deferred(), "drained after each poll");
        self.position.stage = TickStage::Start;
        self.is_eventful = false;
    }

    fn end_tick(&mut self) {
        debug_assert_eq!(
            self.position.stage,
            TickStage::Close,
            "the last phase has begun"
        );
        debug_assert!(!ready::has_deferred(), "drained after each poll");
        let ticks = self.counts.ticks.next() + 1;
        if ticks & self.end_mask == 0 {
            self.end_tick_specially(ticks);
        }
    }

    /// Drains the ready queue before the first tick.
    pub(super) fn begin(&mut self) {
        self.position.stage = TickStage::Start;
        self.event_loop.clock.now();
        self.grant_budget().checkpoint();
    }

    pub(super) fn grant_budget(&mut self) -> &mut Self {
        self.position.budget = self.event_loop.phase_budget;
        self
    }

    /// Counts callbacks and their work from zero, until poll looks for due timers again.
    fn restart_timer_check(&mut self) {
        self.callbacks = 0;
        self.charged = 0;
    }

    /// Whether the drive ends after this tick. `block_on` does not heed [`LoopShared::stop`].
    ///
    /// [`LoopShared::stop`]: super::LoopShared::stop
    #[inline]
    pub(super) fn is_stopping(&self) -> bool {
        !self.has_root() && self.event_loop.is_stopping()
    }

    /// Whether this is the run of a root.
    #[inline]
    pub(super) fn has_root(&self) -> bool {
        self.root.is_some()
    }

    /// Returns whether nothing more may be polled in this run.
    #[inline]
    pub(super) fn has_stopped(&self) -> bool {
        self.event_loop.is_ending() || matches!(&self.root, Some(root) if root.result.is_some())
    }

    /// Polls a task. Returns false if it was not there to be polled.
    #[inline]
    fn poll(&mut self, key: Key, cause: PollCause, observer: impl PollObserver) -> bool {
        let l = self.event_loop;
        coop::begin_poll();
        let was_run = match &mut self.root {
            Some(root) if root.key == key => root.run(&l.tasks, cause, observer),
            _ => l.tasks.run(key, cause, observer),
        };
        self.charged += coop::end_poll();
        if was_run {
            debug_assert!(
                self.position.budget > 0,
                "a task is polled while the phase has a budget"
            );
            self.position.budget -= 1;
            self.record(key.to_bits());
            if ready::has_deferred() {
                ready::drain_deferred(|key| {
                    self.move_to_pending(Callback::Deferred(key), &self.counts.over_task_budget);
                });
            }
            debug_assert!(!ready::has_deferred(), "drained after each poll");
        }
        was_run
    }

    /// Under a seed: adds an event to the hash of the run.
    #[inline]
    fn record(&mut self, what: u64) {
        if self.event_loop.rng.is_some() {
            self.fold(what);
        }
    }

    #[cold]
    fn fold(&mut self, what: u64) {
        // Ticks without events are not counted, because of spurious wake-ups.
        let is_first = !mem::replace(&mut self.is_eventful, true);
        let place = (self.position.stage as u64) << 1 | u64::from(is_first);
        let shared = &self.event_loop.shared;
        shared.fold_order(|hash| rng::fold(rng::fold(hash, place), what));
    }

    /// Runs a callback, without the checkpoint. As `dispatch`, for speed.
    #[inline]
    fn start(&mut self, callback: Callback) {
        match callback {
            Callback::Wake(waiter) => self.end_wait(waiter),
            Callback::Source(source) => {
                // Nothing of it is to be dropped, and without this there would be a call to see.
                mem::forget(callback);
                self.wake_source(source);
            }
            callback => self.dispatch(callback),
        }
    }

    /// Runs a callback, without the checkpoint.
    fn dispatch(&mut self, callback: Callback) {
        let l = self.event_loop;
        match callback {
            Callback::Wake(waiter) => self.end_wait(waiter),
            Callback::Deferred(key) => {
                let budget = self.position.budget;
                self.run(key, PollCause::Queued);
                self.count_indirect();
                self.count_queued(budget);
            }
            Callback::Message(Message::Wake(header)) => {
                self.run_named(header.key(), PollCause::Message);
            }
            Callback::Message(Message::Call(call)) => {
                self.count_indirect();
                self.begins(UserCode::MESSAGE);
                if let Err(payload) = panics::contain(call) {
                    panics::discard(payload);
                }
            }
            Callback::Message(Message::Panic(payload)) => {
                self.count_indirect();
                l.tasks.end_by(payload);
            }
            Callback::Source(source) => {
                let single = l.poll.sources.take_ready_waiters(source, &mut self.waiters);
                self.count_indirect();
                self.wake_all(single);
            }
        }
    }

    /// Polls the task that has waited, or wakes the waker.
    #[inline]
    fn end_wait(&mut self, waiter: Waiter) {
        match waiter {
            Waiter::Task(key) => self.run_named(key, PollCause::Event),
            waker @ Waiter::Foreign(_) => {
                self.count_indirect();
                self.begins(UserCode::WAKER);
                self.event_loop.tasks.wake(waker);
            }
        }
    }

    /// Wakes the waiters of a source. A task that waits alone is polled at once: nothing else is
    /// ready, so the result is the same.
    fn wake_source(&mut self, source: Key) {
        let sources = &self.event_loop.poll.sources;
        match sources.take_ready_waiters(source, &mut self.waiters) {
            Some(Waiter::Task(key)) => self.run_named(key, PollCause::Event),
            single => {
                self.count_indirect();
                self.wake_all(single);
            }
        }
    }

    /// Wakes a single waiter, or those that were collected.
    fn wake_all(&mut self, single: Option<Waiter>) {
        debug_assert!(single.is_none() || self.waiters.is_empty());
        let tasks = &self.event_loop.tasks;
        self.begins(UserCode::WAKER);
        let waiters = single.into_iter().chain(self.waiters.drain(..));
        waiters.for_each(|waiter| tasks.wake(waiter));
    }

    /// Drains the ready queue, from which `first` was taken.
    fn drain(&mut self, first: Key) {
        let budget = self.position.budget;
        self.run(first, PollCause::Queued);
        while self.may_go_on()
            && let Some(key) = ready::pop()
        {
            self.run(key, PollCause::Queued);
        }
        self.count_queued(budget);
    }

    /// Counts that a callback has polled no task itself.
    fn count_indirect(&self) {
        self.counts.indirect(self.position.stage).add(1);
    }

    /// Counts polls of tasks from a queue: those since the phase had this `budget`.
    fn count_queued(&self, budget: u32) {
        let polls = budget - self.position.budget;
        self.counts
            .queued(self.position.stage)
            .add(u64::from(polls));
    }

    /// Removes the root from the tasks, and returns its result.
    pub(super) fn finish(self) -> Option<Result<(), Payload>> {
        let root = self.root?;
        let end = match &root.result {
            Some(Ok(())) => TaskEnd::Returned,
            Some(Err(_)) => TaskEnd::Panicked,
            None => TaskEnd::Cancelled,
        };
        let tasks = &self.event_loop.tasks;
        tasks.remove_root(root.spawned, root.waker, end);
        root.result
    }
}

impl Deliver for Turn<'_> {
    #[inline]
    fn may_go_on(&self) -> bool {
        self.position.budget > 0 && !self.has_stopped()
    }

    fn deliver(&mut self, callback: Callback) {
        debug_assert!(self.may_go_on(), "a phase asks before each callback");
        self.charged = 0;
        self.counts.callbacks(self.position.stage).add(1);
        self.record(0);
        self.start(callback);
        self.checkpoint();
        self.callbacks += 1;
    }

    fn deliver_alone(&mut self, callback: Callback) {
        debug_assert!(self.may_go_on(), "a phase asks before each callback");
        let wakes_others = matches!(
            callback,
            Callback::Wake(Waiter::Foreign(_)) | Callback::Source(_)
        );
        let mark = ready::len();
        self.counts.callbacks(self.position.stage).add(1);
        self.dispatch(callback);
        if wakes_others {
            self.run_woken(mark);
        }
        let left = self.event_loop.pending.len();
        self.counts.pending.set(left as u64);
    }

    #[inline]
    fn checkpoint(&mut self) {
        if self.may_go_on()
            && let Some(first) = ready::pop()
        {
            self.drain(first);
        }
        debug_assert!(
            ready::is_empty() || !self.may_go_on(),
            "a checkpoint drains the ready queue unless the budget or the run ends"
        );
    }

    #[inline]
    fn has_fetched(&mut self) {
        if self.after_wait != AfterWait::default() {
            self.end_wait_for_events();
        }
    }

    fn has_pending(&self) -> bool {
        !self.event_loop.pending.is_empty()
    }

    fn has_fired(&self, lateness: u64) {
        if let Some(times) = &self.counts.times {
            times.lateness.record(lateness);
        }
    }

    #[inline]
    fn is_timer_due(&mut self) -> bool {
        if self.callbacks < CALLBACKS_PER_CLOCK_READ && self.charged < UNITS_PER_CLOCK_READ {
            return false;
        }
        self.restart_timer_check();
        let deadline = self.event_loop.timers.next_deadline();
        deadline.is_some_and(|deadline| deadline <= self.event_loop.clock.now())
    }

    fn defer(&mut self, callback: Callback) {
        self.move_to_pending(callback, &self.counts.deferred_events);
    }

    fn idle(&mut self) {
        let l = self.event_loop;
        if !l.clock.is_paused() || l.is_stopping() {
            return;
        }
        let limit = self.wait_limit.limit;
        let deadline = l.timers.next_deadline().filter(|_| l.expects_timer());
        match (deadline, limit) {
            (Some(deadline), _) => l.clock.advance_to(deadline.min(limit.unwrap_or(NEVER))),
            (None, Some(_)) => {}
            (None, None) => self.is_stuck = true,
        }
    }
}
