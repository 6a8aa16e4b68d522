//! The five phases of a tick, each a file and a struct that owns the phase's queue.
//!
//! ```text
//!    ┌─> timers ── every timer whose deadline has passed
//!    │   pending ─ what an earlier tick had to leave over
//!    │   poll ──── the OS: sockets, worker results, other threads, signals
//!    │   check ─── set_immediate and yield_now
//!    └── close ─── what was closed is released, and those who wait for it are told
//! ```
//!
//! One rule for all: a phase works on what was there when it began, one *callback* after the other,
//! while [`Deliver::may_go_on`] allows; what is added meanwhile waits for the next tick. Phases hold
//! queues, not features: they know each other not, nor sockets or the runtime. What a callback
//! means is the event loop's business, which follows each with a *checkpoint* that drains the ready
//! queue.
//!
//! Words: the loop *waits*, a task is *run*, a future is *polled*. The phase `pending` has nothing
//! to do with `Poll::Pending`.

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
    /// Timers, check, close: somebody waited for this.
    Wake(Waiter),
    /// Pending: a task that the budget of an earlier phase did not reach.
    Deferred(Key),
    /// Poll: this source is ready.
    Source(Key),
    /// Poll: from another thread.
    Message(Message),
}

/// What a phase may ask of the event loop.
pub(crate) trait Deliver {
    /// Whether the phase's budget allows another callback, and nobody has asked to stop.
    fn may_go_on(&self) -> bool;

    /// Carries one callback out, and follows it with a checkpoint.
    fn deliver(&mut self, callback: Callback);

    /// Carries one callback out; what it makes ready, other than the tasks it runs itself, stays
    /// in the ready queue.
    fn deliver_alone(&mut self, callback: Callback);

    /// Drains the ready queue.
    fn checkpoint(&mut self);

    /// Whether the pending phase has something to do.
    fn has_pending(&self) -> bool;

    /// Whether a timer is due, looked at now and then: poll leaves then.
    fn is_timer_due(&mut self) -> bool;

    /// Leaves a callback for the pending phase.
    fn defer(&mut self, callback: Callback);

    /// Poll has asked without waiting, as it was told by [`poll::Wait::Probe`], and nothing had
    /// happened.
    fn idle(&mut self);
}
