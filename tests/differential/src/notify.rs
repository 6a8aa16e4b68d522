//! `Notify`: waits that are made, enabled, polled and given up in any order, and every way to
//! notify.

use crate::driver::{SLOTS, WAKERS, compare, on_both_sides};
use crate::programs::operations;

operations! {
    4 Make { slot: SLOTS };
    2 Enable { slot: SLOTS };
    8 Poll { slot: SLOTS, waker: WAKERS };
    2 Clear { slot: SLOTS };
    3 NotifyOne;
    2 NotifyLast;
    2 NotifyWaiters;
}

on_both_sides! {
    use super::Op;
    use crate::driver::{SLOTS, Slot, Trace};
    use side::sync::Notify;
    use std::sync::Arc;

    pub(super) fn run(program: &[Op], trace: &mut Trace) {
        let notify = Arc::new(Notify::new());
        let mut slots: [Slot<_>; SLOTS] = Default::default();
        for op in program {
            match *op {
                Op::Make { slot } => {
                    slots[slot].put(Box::pin(Arc::clone(&notify).notified_owned()));
                }
                Op::Enable { slot } => {
                    let future = slots[slot].future();
                    trace.note(future.map(|future| future.enable()));
                }
                Op::Poll { slot, waker } => {
                    let polled = slots[slot].poll(trace.context(waker));
                    trace.note(polled);
                }
                Op::Clear { slot } => slots[slot].clear(),
                Op::NotifyOne => notify.notify_one(),
                Op::NotifyLast => notify.notify_last(),
                Op::NotifyWaiters => notify.notify_waiters(),
            }
            trace.end_step();
        }
    }
}

#[test]
fn notify() {
    compare("notify", ours::run, theirs::run);
}
