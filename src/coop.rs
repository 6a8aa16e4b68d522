//! The budget of one poll of a task.
//!
//! A leaf future asks [`poll_proceed`] before it tries its operation and calls [`charge`] when it
//! is about to answer `Ready`. A task that has spent its budget gets `Pending` from every leaf; its
//! waker is woken at once, into the next tick's pending phase. So a socket that is always readable
//! cannot keep a task, and with it the loop, busy for ever.
//!
//! The event loop sets the budget around each poll. Outside of a task's poll there is none.

use std::cell::Cell;
use std::future::poll_fn;
use std::task::{Context, Poll, ready};

use crate::ready;
use crate::scope_guard::on_drop;

/// Units that one poll of a task may spend. The number is tokio's, whose years of use show it to
/// be large enough not to be felt and small enough to keep others alive.
pub(crate) const UNITS_PER_POLL: u32 = 128;

/// Bytes that cost one unit more.
const BYTES_PER_UNIT: usize = 16 * 1024;

/// No budget: nothing is counted.
const UNLIMITED: u32 = u32::MAX;

thread_local! {
    static LEFT: Cell<u32> = const { Cell::new(UNLIMITED) };
    /// Whether I/O tries its call whatever the readiness says: see [`insist`].
    static INSISTING: Cell<bool> = const { Cell::new(false) };
}

/// Grants a poll its budget.
#[inline]
pub(crate) fn begin_poll() {
    LEFT.set(UNITS_PER_POLL);
}

/// Ends the poll and returns what it spent.
#[inline]
pub(crate) fn end_poll() -> u32 {
    match LEFT.replace(UNLIMITED) {
        UNLIMITED => 0,
        left => {
            debug_assert!(left <= UNITS_PER_POLL, "a budget only falls");
            UNITS_PER_POLL - left
        }
    }
}

/// `Ready` if the task may do one more operation; else `Pending`, and the task comes again in the
/// next tick's pending phase.
#[inline]
pub(crate) fn poll_proceed(cx: &Context<'_>) -> Poll<()> {
    if has_budget() {
        return Poll::Ready(());
    }
    ready::deferring(|| cx.waker().wake_by_ref());
    Poll::Pending
}

/// Whether the task may do one more operation.
#[inline]
pub(crate) fn has_budget() -> bool {
    LEFT.get() > 0
}

/// Charges one operation that is about to answer `Ready`, and moved `bytes`.
#[inline]
pub(crate) fn charge(bytes: usize) {
    let left = LEFT.get();
    if left != UNLIMITED {
        let units = u32::try_from(1 + bytes / BYTES_PER_UNIT).unwrap_or(u32::MAX);
        LEFT.set(left.saturating_sub(units));
    }
}

/// Does one operation that has nothing to wait for: waits until the task may, and charges it.
pub(crate) async fn operate() {
    poll_fn(|cx| poll_operate(cx)).await;
}

/// The same, for those that are polled.
pub(crate) fn poll_operate(cx: &Context<'_>) -> Poll<()> {
    ready!(poll_proceed(cx));
    charge(0);
    Poll::Ready(())
}

/// What is left to the task. For [`charge_unless_charged`].
pub(crate) fn left() -> u32 {
    LEFT.get()
}

/// Charges an operation that moved `bytes`, unless something has been charged since there was `left`.
///
/// For operations by readers and writers of which some charge themselves: ours do, those of other
/// crates do not.
pub(crate) fn charge_unless_charged(left: u32, bytes: usize) {
    if LEFT.get() == left {
        charge(bytes);
    }
}

/// Runs `poll`, the turn of one among several within a task, which costs an operation if none is
/// charged in it. So what takes turns for nothing ends, and the levels of a nest cost nothing.
pub(crate) fn charge_turn<R>(poll: impl FnOnce() -> R) -> R {
    let left = LEFT.get();
    let result = poll();
    if LEFT.get() == left {
        charge(0);
    }
    result
}

/// Runs `poll` with a whole budget of its own, though the task may have spent its. What it spends is
/// charged to the task as far as that has something left. Where nothing is counted, that stays so.
pub(crate) fn with_own_budget<R>(poll: impl FnOnce() -> R) -> R {
    let left = LEFT.get();
    if left == UNLIMITED {
        return poll();
    }
    LEFT.set(UNITS_PER_POLL);
    let _restore = on_drop(|| {
        let spent = UNITS_PER_POLL.saturating_sub(LEFT.get());
        LEFT.set(left.saturating_sub(spent));
    });
    poll()
}

/// Runs `poll` such that nothing in it is charged or refused.
pub(crate) fn without_budget<R>(poll: impl FnOnce() -> R) -> R {
    with_left(UNLIMITED, poll)
}

/// Runs `poll` with a budget: the task's or, where nothing is counted, one of its own.
pub(crate) fn with_budget<R>(poll: impl FnOnce() -> R) -> R {
    if LEFT.get() == UNLIMITED {
        with_left(UNITS_PER_POLL, poll)
    } else {
        poll()
    }
}

/// Runs `poll` with `left` units. What there was before is there again afterwards.
fn with_left<R>(left: u32, poll: impl FnOnce() -> R) -> R {
    let outer = LEFT.replace(left);
    let _restore = on_drop(|| LEFT.set(outer));
    poll()
}

/// Runs `poll` such that I/O in it makes its system call even where no readiness is known.
///
/// A `timeout` that expires polls its future once more in this way: data that came while the loop
/// was busy is not lost to the timer.
pub(crate) fn insist<R>(poll: impl FnOnce() -> R) -> R {
    let outer = INSISTING.replace(true);
    let _restore = on_drop(|| INSISTING.set(outer));
    poll()
}

#[inline]
pub(crate) fn is_insisting() -> bool {
    INSISTING.get()
}
