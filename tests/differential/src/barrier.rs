//! `Barrier`: waits that arrive, and are given up after they did.

use crate::driver::{SLOTS, WAKERS, compare_unordered, on_both_sides};
use crate::programs::operations;

operations! {
    6 Wait { slot: SLOTS };
    10 Poll { slot: SLOTS, waker: WAKERS };
    1 Clear { slot: SLOTS };
    1 Another { size: SLOTS };
}

on_both_sides! {
    use super::Op;
    use crate::driver::{AnySlot, SLOTS, Trace};
    use side::sync::{Barrier, BarrierWaitResult};
    use std::sync::Arc;

    pub(super) fn run(program: &[Op], trace: &mut Trace) {
        let mut barrier = Arc::new(Barrier::new(2));
        let mut slots: [AnySlot<'_, BarrierWaitResult>; SLOTS] = Default::default();
        for op in program {
            match *op {
                Op::Wait { slot } => {
                    let barrier = Arc::clone(&barrier);
                    slots[slot].put(Box::pin(async move { barrier.wait().await }));
                }
                Op::Poll { slot, waker } => {
                    let polled = slots[slot].poll(trace.context(waker));
                    let polled = polled.map(|poll| poll.map(|result| result.is_leader()));
                    trace.note(polled);
                }
                Op::Clear { slot } => slots[slot].clear(),
                Op::Another { size } => barrier = Arc::new(Barrier::new(size)),
            }
            trace.end_step();
        }
    }
}

#[test]
fn barrier() {
    // Tokio wakes the waiting tasks in any order: it spreads them over several lists.
    compare_unordered("barrier", ours::run, theirs::run);
}
