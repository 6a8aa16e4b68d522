//! The five phases of a tick. Each is a file with a struct that owns the phase's queue.
//!
//! ```text
//!    ┌─> timers ── timers whose deadline has passed
//!    │   pending ─ what an earlier tick has deferred
//!    │   poll ──── the OS: sockets, worker results, other threads, signals
//!    │   check ─── set_immediate and yield_now
//!    └── close ─── closed sources are released, tasks that wait for a close are woken
//! ```
//!
//! A phase processes the entries that its queue has when the phase begins, one *callback* at a
//! time, while [`Deliver::may_go_on`] returns true. Entries that are added meanwhile wait for the
//! next tick. The event loop runs each callback, and then makes a *checkpoint*, which drains the
//! ready queue.
//!
//! Phases hold queues, not features. They do not know each other, sockets, or the runtime.
//!
//! The phase `pending` has nothing to do with `Poll::Pending`.
//!
//! `counts` of the `#[inline]`s: those of sources, their waiters and registrations, and candidates
//! save `echo-loop` 249 of 4245 instructions and `waiters-1` 136 of 2871. Those of pending, check,
//! close and OS events, with those of `event_loop/{alive,embedded,idle_report,starvation}`, save
//! `yield-1` 72 of 798 and `echo-loop` 119.

pub(crate) mod candidates;
pub(crate) mod check;
pub(crate) mod close;
pub(crate) mod pending;
pub(crate) mod poll;
mod ticket_queue;
pub(crate) mod timers;

use crate::slots::Key;
use crate::tasks::{Message, Waiter};

/// One event of a phase.
pub(crate) enum Callback {
    /// Timers, check, close: this waiter is woken.
    Wake(Waiter),
    /// Pending: a task that has been deferred, because its budget or that of a phase was spent.
    Deferred(Key),
    /// Poll: this source is ready.
    Source(Key),
    /// Poll: a message from another thread.
    Message(Message),
}

/// The event loop, as a phase sees it.
pub(crate) trait Deliver {
    /// Returns whether the phase has budget for another callback, and the run has not been stopped.
    fn may_go_on(&self) -> bool;

    /// Runs a callback, and then makes a checkpoint.
    fn deliver(&mut self, callback: Callback);

    /// Runs a callback without a checkpoint: the tasks that it wakes stay in the ready queue.
    fn deliver_alone(&mut self, callback: Callback);

    /// Drains the ready queue.
    fn checkpoint(&mut self);

    /// Called when poll has fetched what there is, before it delivers that.
    fn has_fetched(&mut self) {}

    /// Returns whether the pending phase has an entry.
    fn has_pending(&self) -> bool;

    /// Called when a timer fires, this many nanoseconds after its deadline.
    fn has_fired(&self, _lateness: u64) {}

    /// Returns whether a timer is due; then poll defers the rest of its callbacks. The clock is not
    /// read each time.
    fn is_timer_due(&mut self) -> bool;

    /// Queues a callback for the pending phase.
    fn defer(&mut self, callback: Callback);

    /// Called if poll has asked the OS without waiting, as [`PollWait::Probe`] demands, and nothing
    /// has happened.
    ///
    /// [`PollWait::Probe`]: poll::PollWait::Probe
    fn idle(&mut self);
}
