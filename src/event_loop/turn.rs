//! One run of the loop, tick by tick.
//!
//! [`Turn::tick`] runs the five phases. Each phase hands its callbacks back to the turn, which
//! wakes and polls tasks, and then makes a checkpoint.
//!
//! The budget bounds how many tasks a phase polls. Tasks that it does not reach are deferred to the
//! pending phase of the next tick, so no phase starves the others.

mod observed;

use std::io;

use super::EventLoop;
use super::alive::LoopLiveness;
use super::idle_report::IdleWatch;
use super::root::Root;
use super::starvation::PoolSleep;
use crate::blocked::{PollObserver, UserCode, WatchedDrive};
use crate::clock::NEVER;
use crate::coop;
use crate::panics::{self, Payload};
use crate::phase::poll::PollWait;
use crate::phase::{Callback, Deliver};
use crate::ready;
use crate::rng;
use crate::slots::Key;
use crate::tasks::{Message, PollCause, Waiter};
use observed::AfterWait;

/// After so many callbacks poll looks for due timers. To read the clock costs about as much as one
/// callback.
const CALLBACKS_PER_CLOCK_READ: u32 = 64;

/// It also looks after a callback that did this much work, in units of the task budget.
const UNITS_PER_CLOCK_READ: u32 = 32;

/// How many phases a tick has.
const PHASES: u64 = 5;

/// The clock is read at least once in so many ticks, for what uses its cached time.
const TICKS_PER_CLOCK_READ: u64 = 32;

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
    /// How many polls and callbacks there were.
    pub(super) events: u64,
    /// The number of the running phase in this tick, from 1.
    phase: u64,
    /// Whether there was an event in this tick.
    is_eventful: bool,
    /// How many polls the running phase has left.
    budget: u32,
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
            events: 0,
            phase: 0,
            is_eventful: false,
            budget: 0,
            callbacks: 0,
            charged: 0,
            after_wait: AfterWait::default(),
            _drive: event_loop.begin_drive(),
            waiters: Vec::new(),
        }
    }

    /// Runs the five phases.
    pub(super) fn tick(&mut self) -> io::Result<()> {
        let l = self.event_loop;
        let now = || l.clock.now();
        self.begin_tick();
        l.timers.run(self.begin_phase(), now);
        l.pending.run(self.begin_phase());
        if let Some(rng) = &l.rng {
            self.begins(UserCode::JOB);
            l.run_inline_jobs(rng);
        }
        let mut wait = self.begin_phase().wait();
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
        l.poll.run(self, wait, l.must_repeat(), now)?;
        l.check.run(self.begin_phase());
        l.close
            .run(self.begin_phase(), |source| l.poll.release(source));
        self.end_tick();
        Ok(())
    }

    /// Returns how long poll may wait.
    #[inline]
    fn wait(&self) -> PollWait {
        let l = self.event_loop;
        if self.is_stopping() || l.has_work() {
            return PollWait::Not;
        }
        match self.wait_limit.only_while_alive.then(|| l.liveness()) {
            Some(LoopLiveness::Dead) => PollWait::Until(0),
            Some(LoopLiveness::Probing) => PollWait::Not,
            Some(LoopLiveness::Alive) | None => self.next_deadline().at_most(self.wait_limit.limit),
        }
    }

    /// Returns until when nothing is due.
    ///
    /// A deadline is compared with the clock only when poll waits, so the time that tasks take is
    /// not added to any sleep.
    #[inline]
    fn next_deadline(&self) -> PollWait {
        let l = self.event_loop;
        if l.clock.is_paused() {
            return self.wait_in_paused_time();
        }
        let recent = l.clock.recent();
        match l.timers.next_wake(recent) {
            None => PollWait::ForEver,
            // What is due already is work.
            Some(wake) if wake <= recent && self.wait_limit.limit.is_none() => PollWait::Not,
            Some(wake) => PollWait::Until(wake),
        }
    }

    /// Frees memory before a sleep, and limits the sleep for reports that become due during it.
    #[inline]
    fn prepare_sleep(&mut self, wait: PollWait) -> PollWait {
        let l = self.event_loop;
        ready::trim();
        match l.watch_pool() {
            PoolSleep::Any => {}
            PoolSleep::AtMost(limit) => l.poll.limit_next_wait(limit),
            // The report function has run, and may have woken tasks.
            PoolSleep::No => return PollWait::Not,
        }
        let wait = match wait {
            PollWait::ForEver if !l.expects_events() => self.limit_idle_sleep(),
            wait => wait,
        };
        self.note_sleep();
        wait
    }

    /// Calls the user's function for a sleep, and returns how long poll may wait after that.
    #[cold]
    fn park(&mut self, wait: PollWait) -> PollWait {
        if wait == PollWait::Probe || self.has_stopped() {
            return wait;
        }
        self.after_wait.has_parked = true;
        if let Some(on_park) = &self.event_loop.on_park {
            self.begins(UserCode::ON_PARK);
            on_park.call();
        }
        // The function may have woken tasks.
        self.wait()
    }

    /// Returns how long poll may wait in paused time: for events, but not for time to pass.
    fn wait_in_paused_time(&self) -> PollWait {
        let l = self.event_loop;
        let expects_messages = l.expects_messages();
        if expects_messages || (!l.expects_timer() && l.poll.sources.has_waiters()) {
            PollWait::ForEver
        } else {
            PollWait::Probe
        }
    }

    /// Defers the tasks that the last phase did not reach, and grants a new budget.
    #[inline]
    pub(super) fn begin_phase(&mut self) -> &mut Self {
        if !ready::is_empty() {
            self.defer_ready_tasks();
        }
        debug_assert!(
            ready::is_empty() || self.has_stopped(),
            "a phase begins with an empty ready queue"
        );
        self.phase += 1;
        self.grant_budget()
    }

    #[cold]
    fn defer_ready_tasks(&mut self) {
        if !self.has_stopped() {
            while let Some(key) = ready::pop() {
                self.event_loop.pending.push(Callback::Deferred(key));
            }
            ready::trim();
        }
    }

    fn begin_tick(&mut self) {
        debug_assert!(!ready::has_deferred(), "drained after each poll");
        self.phase = 0;
        self.is_eventful = false;
    }

    fn end_tick(&self) {
        debug_assert_eq!(self.phase, PHASES, "each phase has begun once");
        debug_assert!(!ready::has_deferred(), "drained after each poll");
        let ticks = self.event_loop.ticks.get() + 1;
        self.event_loop.ticks.set(ticks);
        if ticks.is_multiple_of(TICKS_PER_CLOCK_READ) {
            self.event_loop.clock.now();
            self.event_loop.watch_pool();
        }
    }

    /// Drains the ready queue before the first tick.
    pub(super) fn begin(&mut self) {
        self.event_loop.clock.now();
        self.grant_budget().checkpoint();
    }

    pub(super) fn grant_budget(&mut self) -> &mut Self {
        self.budget = self.event_loop.phase_budget;
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
    fn is_stopping(&self) -> bool {
        self.root.is_none() && self.event_loop.is_stopping()
    }

    /// Returns whether nothing more may be polled in this run.
    #[inline]
    pub(super) fn has_stopped(&self) -> bool {
        self.event_loop.is_ending() || matches!(&self.root, Some(root) if root.result.is_some())
    }

    /// Polls a task.
    fn run(&mut self, key: Key, cause: PollCause) {
        if self.event_loop.observation.is_on {
            self.run_observed(key, cause);
        } else {
            self.poll(key, cause, ());
        }
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
                self.budget > 0,
                "a task is polled while the phase has a budget"
            );
            self.budget -= 1;
            self.record(key.to_bits());
            if ready::has_deferred() {
                ready::drain_deferred(|key| l.pending.push(Callback::Deferred(key)));
            }
            debug_assert!(!ready::has_deferred(), "drained after each poll");
        }
        was_run
    }

    /// Counts an event of this phase.
    #[inline]
    fn record(&mut self, what: u64) {
        self.events += 1;
        if self.event_loop.rng.is_some() {
            self.fold(what);
        }
    }

    /// Adds an event to the hash of the run.
    #[cold]
    fn fold(&mut self, what: u64) {
        // Ticks without events are not counted, because of spurious wake-ups.
        let is_first = !std::mem::replace(&mut self.is_eventful, true);
        let place = self.phase << 1 | u64::from(is_first);
        let shared = &self.event_loop.shared;
        shared.fold_order(|hash| rng::fold(rng::fold(hash, place), what));
    }

    /// Runs a callback, without the checkpoint.
    fn dispatch(&mut self, callback: Callback) {
        let l = self.event_loop;
        match callback {
            Callback::Wake(waiter) => self.end_wait(waiter),
            Callback::Deferred(key) => self.run(key, PollCause::Queued),
            Callback::Message(Message::Wake(header)) => self.run(header.key(), PollCause::Message),
            Callback::Message(Message::Call(call)) => {
                self.begins(UserCode::MESSAGE);
                if let Err(payload) = panics::contain(call) {
                    panics::discard(payload);
                }
            }
            Callback::Message(Message::Panic(payload)) => l.tasks.end_by(payload),
            Callback::Source(source) => {
                let single = l.poll.sources.take_ready_waiters(source, &mut self.waiters);
                self.wake_all(single);
            }
        }
    }

    /// Polls the task that has waited, or wakes the waker.
    #[inline]
    fn end_wait(&mut self, waiter: Waiter) {
        match waiter {
            Waiter::Task(key) => self.run(key, PollCause::Event),
            waker @ Waiter::Foreign(_) => {
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
            Some(Waiter::Task(key)) => self.run(key, PollCause::Event),
            single => self.wake_all(single),
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

    /// Removes the root from the tasks, and returns its result.
    pub(super) fn finish(self) -> Option<Result<(), Payload>> {
        let root = self.root?;
        self.event_loop.tasks.remove_root(root.spawned, root.waker);
        root.result
    }
}

impl Deliver for Turn<'_> {
    #[inline]
    fn may_go_on(&self) -> bool {
        self.budget > 0 && !self.has_stopped()
    }

    fn deliver(&mut self, callback: Callback) {
        debug_assert!(self.may_go_on(), "a phase asks before each callback");
        self.charged = 0;
        self.record(0);
        match callback {
            // As in `dispatch`; here for speed.
            Callback::Wake(waiter) => self.end_wait(waiter),
            Callback::Source(source) => self.wake_source(source),
            callback => self.dispatch(callback),
        }
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
        self.dispatch(callback);
        if !wakes_others {
            return;
        }
        let mut woken = ready::split_off(mark);
        while self.may_go_on()
            && let Some(key) = woken.pop_front()
        {
            self.run(key, PollCause::Queued);
        }
        for key in woken.into_iter().rev() {
            self.event_loop.pending.push_front(Callback::Deferred(key));
        }
    }

    fn checkpoint(&mut self) {
        while self.may_go_on()
            && let Some(key) = ready::pop()
        {
            self.run(key, PollCause::Queued);
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

    fn is_timer_due(&mut self) -> bool {
        if self.callbacks < CALLBACKS_PER_CLOCK_READ && self.charged < UNITS_PER_CLOCK_READ {
            return false;
        }
        self.restart_timer_check();
        let deadline = self.event_loop.timers.next_deadline();
        deadline.is_some_and(|deadline| deadline <= self.event_loop.clock.now())
    }

    fn defer(&mut self, callback: Callback) {
        self.event_loop.pending.push(callback);
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
