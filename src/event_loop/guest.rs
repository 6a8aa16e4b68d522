//! A loop that runs within the loop of a host, which does the waiting.
//!
//! It is the loop of [`drive`](super::drive), cut where poll would wait: a [`GuestRun`] is kept
//! from one turn of the host to the next.

use std::pin::Pin;

use super::EventLoop;
use super::alive::LoopLiveness;
use super::drive::{StopReason, tick};
use super::turn::{Turn, WaitLimit};
use crate::panics::Payload;
use crate::tasks::Origin;

/// After so many ticks in a row the host may do something else.
const TICKS_MAX: u32 = 8;

/// Poll never waits.
const WAITLESS: WaitLimit = WaitLimit {
    limit: Some(0),
    only_while_alive: false,
};

/// What a run does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GuestState {
    /// Nothing: it has ended.
    Ended,
    /// It goes on as soon as the host has had its turn.
    Busy,
    /// It goes on when the descriptor of the loop is readable.
    Waiting,
}

/// A run that has begun and not ended. The loop must be the running one of this thread in each
/// method, and need not be in between.
pub(crate) struct GuestRun<'a> {
    turn: Turn<'a>,
}

impl<'a> GuestRun<'a> {
    /// Begins a run that ends when `root` completes.
    pub(crate) fn of_root(
        event_loop: &'a EventLoop,
        root: Pin<&'a mut dyn Future<Output = ()>>,
        origin: Origin,
    ) -> Self {
        GuestRun {
            turn: Turn::new(event_loop, Some(event_loop.root(root, origin)), WAITLESS),
        }
    }

    /// Begins a run that ends when nothing keeps the loop alive.
    pub(crate) fn while_alive(event_loop: &'a EventLoop) -> Self {
        GuestRun {
            turn: Turn::new(event_loop, None, WAITLESS),
        }
    }

    /// Runs ticks while there is something to do. If nothing referenced is alive, it calls
    /// `is_over`, which may change that.
    pub(crate) fn run(&mut self, mut is_over: impl FnMut() -> bool) -> GuestState {
        self.turn.end_sleep();
        let state = self.run_ticks(&mut is_over);
        // What the host does is not the loop's.
        self.turn.note_sleep();
        state
    }

    fn run_ticks(&mut self, is_over: &mut impl FnMut() -> bool) -> GuestState {
        self.turn.begin();
        for _ in 0..TICKS_MAX {
            if self.has_stopped() {
                return GuestState::Ended;
            }
            tick(&mut self.turn);
            if self.has_stopped() {
                return GuestState::Ended;
            }
            if !self.turn.has_root() && self.is_dead() && is_over() && self.is_dead() {
                return GuestState::Ended;
            }
            if !self.has_stopped() && !self.turn.event_loop.may_go_on() {
                return GuestState::Waiting;
            }
        }
        GuestState::Busy
    }

    fn has_stopped(&self) -> bool {
        self.turn.is_stopping() || self.turn.has_stopped()
    }

    fn is_dead(&self) -> bool {
        self.turn.event_loop.liveness() == LoopLiveness::Dead
    }

    /// Ends the run.
    ///
    /// # Errors
    ///
    /// Returns the payload if the root has panicked.
    pub(crate) fn finish(self) -> Result<StopReason, Payload> {
        let event_loop = self.turn.event_loop;
        match self.turn.finish() {
            Some(Err(payload)) => Err(payload),
            Some(Ok(())) => Ok(event_loop.take_stop()),
            None => Ok(event_loop.end_run()),
        }
    }
}
