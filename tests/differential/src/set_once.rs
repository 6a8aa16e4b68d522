//! `SetOnce`: waits and sets in any order.

use crate::driver::{SLOTS, WAKERS, compare, on_both_sides};
use crate::programs::operations;

operations! {
    4 Wait { slot: SLOTS };
    8 Poll { slot: SLOTS, waker: WAKERS };
    2 Clear { slot: SLOTS };
    1 Set { value: 100 };
}

on_both_sides! {
    use super::Op;
    use crate::driver::{AnySlot, SLOTS, Trace};
    use side::sync::SetOnce;

    pub(super) fn run(program: &[Op], trace: &mut Trace) {
        let cell = SetOnce::new();
        let mut slots: [AnySlot<'_, usize>; SLOTS] = Default::default();
        for op in program {
            match *op {
                Op::Wait { slot } => slots[slot].put(Box::pin(async { *cell.wait().await })),
                Op::Poll { slot, waker } => {
                    let polled = slots[slot].poll(trace.context(waker));
                    trace.note(polled);
                }
                Op::Clear { slot } => slots[slot].clear(),
                Op::Set { value } => trace.note(cell.set(value)),
            }
            trace.note((cell.get(), cell.initialized()));
            trace.end_step();
        }
    }
}

#[test]
fn set_once() {
    compare("set_once", ours::run, theirs::run);
}
