//! `TaskTracker`: tokens and futures that come and go, closes and reopens, and waits that begin
//! anywhere in between.

use crate::driver::{SLOTS, WAKERS, compare, on_both_sides};
use crate::programs::operations;

/// Tokens that a program has at a time.
const TOKENS: usize = 3;

operations! {
    2 Token { token: TOKENS };
    1 Clone { from: TOKENS, to: TOKENS };
    4 DropToken { token: TOKENS };
    2 Track { slot: SLOTS };
    3 Close;
    2 Reopen;
    5 Wait { slot: SLOTS };
    8 Poll { slot: SLOTS, waker: WAKERS };
    3 Clear { slot: SLOTS };
}

on_both_sides! {
    use super::{Op, TOKENS};
    use crate::driver::{AnySlot, SLOTS, Trace};
    use side::task::{TaskTracker, TaskTrackerToken};

    pub(super) fn run(program: &[Op], trace: &mut Trace) {
        let tracker = TaskTracker::new();
        let mut tokens: [Option<TaskTrackerToken>; TOKENS] = Default::default();
        let mut slots: [AnySlot<'_, ()>; SLOTS] = Default::default();
        for op in program {
            match *op {
                Op::Token { token } => tokens[token] = Some(tracker.token()),
                Op::Clone { from, to } => tokens[to] = tokens[from].clone(),
                Op::DropToken { token } => tokens[token] = None,
                Op::Track { slot } => {
                    slots[slot].put(Box::pin(tracker.track_future(std::future::ready(()))));
                }
                Op::Close => trace.note(tracker.close()),
                Op::Reopen => trace.note(tracker.reopen()),
                Op::Wait { slot } => slots[slot].put(Box::pin(tracker.wait())),
                Op::Poll { slot, waker } => {
                    let polled = slots[slot].poll(trace.context(waker));
                    trace.note(polled);
                }
                Op::Clear { slot } => slots[slot].clear(),
            }
            trace.note((tracker.len(), tracker.is_empty(), tracker.is_closed()));
            trace.end_step();
        }
    }
}

#[test]
fn task_tracker() {
    compare("task_tracker", ours::run, theirs::run);
}
