//! The ways to drive the loop: until a root completes, until nothing is alive, for one tick, until
//! it stalls.
//!
//! In all of them the loop must be the running one of this thread.

use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::EventLoop;
use super::alive::LoopLiveness;
use super::root::Root;
use super::turn::{Turn, WaitLimit};
use crate::blocked::UserCode;
use crate::clock;
use crate::panics::Payload;
use crate::ready;
use crate::tasks::Origin;
use crate::trace::{SpanKind, TaskSpan};
use crate::vars::Vars;

/// Why a run has ended.
pub(crate) enum StopReason {
    /// The root has completed, nothing referenced is alive, or the run was stopped.
    Done,
    /// The process is to end with this code.
    Exit(i32),
    /// A task without a handle has panicked, and the policy is to end the runtime.
    Panicked(Payload),
    /// Time is paused, and nothing can ever happen.
    Stuck,
}

/// What is reported of a root that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IdleReport {
    /// Nothing in the loop can wake anything; another thread may.
    Idle,
    /// Time is paused, and nothing can ever happen, so the run ends.
    Stuck,
}

impl EventLoop {
    /// Runs until `root` completes. Calls `report` if the root waits for what may never happen, at
    /// most once for each variant.
    ///
    /// # Errors
    ///
    /// Returns the payload if the root has panicked.
    pub(crate) fn run_root(
        &self,
        root: Pin<&mut dyn Future<Output = ()>>,
        origin: Origin,
        mut report: impl FnMut(IdleReport),
    ) -> Result<StopReason, Payload> {
        let mut turn = Turn::new(self, Some(self.root(root, origin)), WaitLimit::ENDLESS);
        turn.begin();
        while !turn.has_stopped() && !turn.is_stuck {
            tick(&mut turn);
            if let Some(idle) = turn.take_idle_report() {
                report(idle);
            }
        }
        let is_stuck = turn.is_stuck && !turn.has_stopped();
        if is_stuck {
            // Before the root is removed from the tasks, so that a dump contains it.
            report(IdleReport::Stuck);
        }
        match turn.finish() {
            Some(Err(payload)) => Err(payload),
            None if is_stuck => Ok(StopReason::Stuck),
            _ => Ok(self.take_stop()),
        }
    }

    /// Makes a root of a future, and puts it to the front of the ready queue.
    pub(super) fn root<'a>(
        &self,
        future: Pin<&'a mut dyn Future<Output = ()>>,
        origin: Origin,
    ) -> Root<'a> {
        let identity = self.tasks.identify(origin);
        let (bytes, policy) = (size_of_val(&*future), self.shared.span_policy);
        let span = TaskSpan::new(SpanKind::BlockOn, &identity, bytes, policy);
        let (spawned, waker) = self.tasks.insert_root(identity, self.clock.now());
        spawned.header.span().set(span.id());
        if let Some(key) = spawned.header.enqueue() {
            ready::push_front(key);
        }
        Root {
            key: spawned.header.key(),
            spawned,
            waker,
            future,
            result: None,
            vars: Vars::inherit(),
            span,
        }
    }

    /// Runs until nothing referenced is alive. Each time when that is so, it calls `revive`, which
    /// may change it.
    pub(crate) fn run_while_alive(&self, mut revive: impl FnMut()) -> StopReason {
        let mut turn = Turn::new(self, None, WaitLimit::WHILE_ALIVE);
        turn.begin();
        while !self.is_stopping() && !turn.is_stuck {
            if self.liveness() == LoopLiveness::Dead {
                turn.begins(UserCode::BEFORE_EXIT);
                revive();
                turn.begin();
                if self.is_stopping() || self.liveness() == LoopLiveness::Dead {
                    break;
                }
            }
            tick(&mut turn);
        }
        match self.end_run() {
            StopReason::Done if turn.is_stuck => StopReason::Stuck,
            stop => stop,
        }
    }

    /// Runs one tick, which waits no longer than `limit`.
    pub(crate) fn run_once(&self, limit: Option<Duration>) -> StopReason {
        let now = self.clock.now();
        let wait_limit = WaitLimit {
            limit: limit.map(|limit| now.saturating_add(clock::nanos(limit))),
            ..WaitLimit::WHILE_ALIVE
        };
        let mut turn = Turn::new(self, None, wait_limit);
        turn.begin();
        if !self.is_stopping() {
            tick(&mut turn);
        }
        self.end_run()
    }

    /// Runs ticks without waiting, while there is something to do.
    pub(crate) fn run_until_stalled(&self) -> StopReason {
        let wait_limit = WaitLimit {
            limit: Some(0),
            ..WaitLimit::ENDLESS
        };
        let mut turn = Turn::new(self, None, wait_limit);
        turn.begin();
        let mut events = None;
        while !self.is_stopping() && (events != Some(turn.events()) || self.has_work()) {
            events = Some(turn.events());
            tick(&mut turn);
        }
        self.end_run()
    }

    /// Clears the request to stop, and returns why the run has ended.
    pub(super) fn end_run(&self) -> StopReason {
        self.shared.stopping.store(false, Ordering::Relaxed);
        self.take_stop()
    }

    /// Returns why the run has ended.
    pub(super) fn take_stop(&self) -> StopReason {
        if let Some(code) = self.exit_code.get() {
            return StopReason::Exit(code);
        }
        match self.tasks.take_fatal_panic() {
            Some(payload) => StopReason::Panicked(payload),
            None => StopReason::Done,
        }
    }
}

/// Runs one tick.
pub(super) fn tick(turn: &mut Turn<'_>) {
    if let Err(error) = turn.tick() {
        panic!("quintet: waiting for events failed: {error}");
    }
}
