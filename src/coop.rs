//! The budget of one poll of a task.
//!
//! A leaf future calls [`poll_proceed`] before it tries its operation, and [`charge`] when it is
//! about to return `Ready`. Once a task has spent its budget, every leaf returns `Pending` and
//! wakes the task, which is polled again in the next tick's pending phase. So a socket that is
//! always readable cannot keep a task, and with it the loop, busy for ever.
//!
//! The event loop sets the budget for each poll. Outside of a task's poll nothing is counted.

use std::cell::Cell;
use std::future::poll_fn;
use std::task::{Context, Poll, ready};

use crate::ready;
use crate::scope_guard::on_drop;

/// Units that one poll of a task may spend. The number is tokio's.
pub(crate) const UNITS_PER_POLL: u32 = 128;

/// Each time so many bytes, an operation costs one unit more.
const BYTES_PER_UNIT: usize = 16 * 1024;

/// The budget outside of polls: nothing is counted.
const UNLIMITED: u32 = u32::MAX;

thread_local! {
    static LEFT: Cell<u32> = const { Cell::new(UNLIMITED) };
    /// Whether I/O makes its system call even without known readiness: see [`insist`].
    static INSISTING: Cell<bool> = const { Cell::new(false) };
}

/// Begins a poll with a full budget.
#[inline]
pub(crate) fn begin_poll() {
    LEFT.set(UNITS_PER_POLL);
}

/// Ends the poll and returns the units that it spent.
#[inline]
pub(crate) fn end_poll() -> u32 {
    let left = LEFT.replace(UNLIMITED);
    debug_assert!(
        left <= UNITS_PER_POLL || left == UNLIMITED,
        "a budget only falls"
    );
    // After a poll that has run another loop, `left` is `UNLIMITED`.
    UNITS_PER_POLL.saturating_sub(left)
}

/// Ready if the task may do one more operation. Otherwise the task is polled again in the next
/// tick's pending phase.
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

/// Charges one operation that moved `bytes` and is about to return `Ready`.
#[inline]
pub(crate) fn charge(bytes: usize) {
    let left = LEFT.get();
    if left != UNLIMITED {
        let units = u32::try_from(1 + bytes / BYTES_PER_UNIT).unwrap_or(u32::MAX);
        LEFT.set(left.saturating_sub(units));
    }
}

/// Charges the bytes that an operation has moved. The operation itself has been charged.
#[inline]
pub(crate) fn charge_bytes(bytes: usize) {
    let left = LEFT.get();
    if left != UNLIMITED {
        let units = u32::try_from(bytes / BYTES_PER_UNIT).unwrap_or(u32::MAX);
        LEFT.set(left.saturating_sub(units));
    }
}

/// Waits until the task may do an operation, and charges one. For operations that never wait
/// otherwise.
pub(crate) async fn operate() {
    poll_fn(|cx| poll_operate(cx)).await;
}

/// The same as [`operate`], as a poll function.
pub(crate) fn poll_operate(cx: &Context<'_>) -> Poll<()> {
    ready!(poll_proceed(cx));
    charge(0);
    Poll::Ready(())
}

/// The units left to the task, for [`charge_unless_charged`].
pub(crate) fn left() -> u32 {
    LEFT.get()
}

/// Charges an operation that moved `bytes`, unless something was charged since [`left`] returned
/// `left`.
///
/// For operations on any reader or writer: those of this crate charge themselves, those of other
/// crates do not.
pub(crate) fn charge_unless_charged(left: u32, bytes: usize) {
    if LEFT.get() == left {
        charge(bytes);
    }
}

/// Calls `poll`, which polls one of several futures of a task, and charges one operation unless
/// `poll` has charged any. So futures that wake each other for ever spend the budget, and nested
/// levels cost nothing in addition.
pub(crate) fn charge_turn<R>(poll: impl FnOnce() -> R) -> R {
    let left = LEFT.get();
    let result = poll();
    if LEFT.get() == left {
        charge(0);
    }
    result
}

/// Calls `poll` with a separate full budget, even if the task has spent its own. What it spends is
/// charged to the task, as far as the task's budget reaches. Where nothing is counted, nothing is
/// counted here.
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

/// Calls `poll` without a budget: nothing in it is charged or refused.
pub(crate) fn without_budget<R>(poll: impl FnOnce() -> R) -> R {
    with_left(UNLIMITED, poll)
}

/// Calls `poll` with the task's budget or, where nothing is counted, with a new one.
pub(crate) fn with_budget<R>(poll: impl FnOnce() -> R) -> R {
    if LEFT.get() == UNLIMITED {
        with_left(UNITS_PER_POLL, poll)
    } else {
        poll()
    }
}

/// Calls `poll` with `left` units, and restores the former budget.
fn with_left<R>(left: u32, poll: impl FnOnce() -> R) -> R {
    let outer = LEFT.replace(left);
    let _restore = on_drop(|| LEFT.set(outer));
    poll()
}

/// Calls `poll`, in which I/O makes its system calls even without known readiness.
///
/// An expired `timeout` polls its future once more in this way, so that data which arrived while
/// the loop was busy is not lost.
pub(crate) fn insist<R>(poll: impl FnOnce() -> R) -> R {
    let outer = INSISTING.replace(true);
    let _restore = on_drop(|| INSISTING.set(outer));
    poll()
}

#[inline]
pub(crate) fn is_insisting() -> bool {
    INSISTING.get()
}
