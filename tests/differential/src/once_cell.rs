//! `OnceCell`: futures that initialize it, end well or badly, or are given up, beside `set`.

use crate::driver::{SLOTS, WAKERS, compare, on_both_sides};
use crate::programs::operations;

operations! {
    4 Init { slot: SLOTS };
    4 TryInit { slot: SLOTS };
    12 Poll { slot: SLOTS, waker: WAKERS };
    2 Finish { slot: SLOTS };
    2 Fail { slot: SLOTS };
    3 Clear { slot: SLOTS };
    1 Set { value: 100 };
}

on_both_sides! {
    use super::Op;
    use crate::driver::{AnySlot, SLOTS, Trace};
    use side::sync::OnceCell;
    use std::cell::Cell;
    use std::future::poll_fn;
    use std::task::Poll;

    /// What the initializing future of a slot resolves to, when it has been decided.
    type Decided = Cell<Option<Result<usize, &'static str>>>;

    async fn decided(decided: &Decided) -> Result<usize, &'static str> {
        poll_fn(|_| decided.get().map_or(Poll::Pending, Poll::Ready)).await
    }

    async fn decided_value(value: &Decided) -> usize {
        poll_fn(|_| match value.get() {
            Some(Ok(value)) => Poll::Ready(value),
            _ => Poll::Pending,
        })
        .await
    }

    pub(super) fn run(program: &[Op], trace: &mut Trace) {
        let cell = OnceCell::new();
        let decisions: [Decided; SLOTS] = Default::default();
        let mut slots: [AnySlot<'_, Result<usize, &'static str>>; SLOTS] = Default::default();
        for op in program {
            match *op {
                Op::Init { slot } => {
                    let decision = &decisions[slot];
                    decision.set(None);
                    let (cell, value) = (&cell, || decided_value(decision));
                    slots[slot].put(Box::pin(async move { Ok(*cell.get_or_init(value).await) }));
                }
                Op::TryInit { slot } => {
                    let decision = &decisions[slot];
                    decision.set(None);
                    let (cell, value) = (&cell, || decided(decision));
                    slots[slot].put(Box::pin(async move {
                        cell.get_or_try_init(value).await.copied()
                    }));
                }
                Op::Poll { slot, waker } => {
                    let polled = slots[slot].poll(trace.context(waker));
                    trace.note(polled);
                }
                Op::Finish { slot } => decisions[slot].set(Some(Ok(slot))),
                Op::Fail { slot } => decisions[slot].set(Some(Err("failed"))),
                Op::Clear { slot } => slots[slot].clear(),
                Op::Set { value } => trace.note(cell.set(value)),
            }
            trace.note((cell.get(), cell.initialized()));
            trace.end_step();
        }
    }
}

#[test]
fn once_cell() {
    compare("once_cell", ours::run, theirs::run);
}
