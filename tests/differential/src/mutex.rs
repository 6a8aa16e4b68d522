//! `Mutex`: guards, lent, owned and mapped, that are waited for, tried, given up and dropped in any
//! order.

use crate::driver::{SLOTS, WAKERS, compare, on_both_sides};
use crate::programs::operations;

operations! {
    4 Lock { slot: SLOTS };
    4 LockOwned { slot: SLOTS };
    1 TryLock { slot: SLOTS };
    1 TryLockOwned { slot: SLOTS };
    12 Poll { slot: SLOTS, waker: WAKERS };
    5 Clear { slot: SLOTS };
    1 Map { slot: SLOTS };
    2 Write { slot: SLOTS };
}

on_both_sides! {
    use super::Op;
    use crate::driver::{AnySlot, SLOTS, Trace};
    use side::sync::{MappedMutexGuard, Mutex, MutexGuard, OwnedMutexGuard};
    use std::sync::Arc;

    type Value = (usize, usize);

    #[derive(Debug)]
    enum Guard<'a> {
        Lent(MutexGuard<'a, Value>),
        Owned(OwnedMutexGuard<Value>),
        Mapped(MappedMutexGuard<'a, usize>),
    }

    impl Guard<'_> {
        fn write(&mut self) {
            match self {
                Guard::Lent(guard) => guard.0 += 1,
                Guard::Owned(guard) => guard.0 += 10,
                Guard::Mapped(part) => **part += 1,
            }
        }

        fn map(self) -> Self {
            match self {
                Guard::Lent(guard) => Guard::Mapped(MutexGuard::map(guard, |value| &mut value.1)),
                other => other,
            }
        }
    }

    pub(super) fn run(program: &[Op], trace: &mut Trace) {
        let shared = Arc::new(Mutex::new((0, 0)));
        let mutex = &*shared;
        let mut slots: [AnySlot<'_, Guard<'_>>; SLOTS] = Default::default();
        for op in program {
            match *op {
                Op::Lock { slot } => {
                    slots[slot].put(Box::pin(async { Guard::Lent(mutex.lock().await) }));
                }
                Op::LockOwned { slot } => {
                    let lock = Arc::clone(&shared).lock_owned();
                    slots[slot].put(Box::pin(async { Guard::Owned(lock.await) }));
                }
                Op::TryLock { slot } => match mutex.try_lock() {
                    Ok(guard) => slots[slot].keep(Guard::Lent(guard)),
                    Err(error) => trace.note(error),
                },
                Op::TryLockOwned { slot } => match Arc::clone(&shared).try_lock_owned() {
                    Ok(guard) => slots[slot].keep(Guard::Owned(guard)),
                    Err(error) => trace.note(error),
                },
                Op::Poll { slot, waker } => {
                    let polled = slots[slot].poll(trace.context(waker));
                    trace.note(polled);
                }
                Op::Clear { slot } => slots[slot].clear(),
                Op::Map { slot } => {
                    if let Some(guard) = slots[slot].take() {
                        slots[slot].keep(guard.map());
                    }
                }
                Op::Write { slot } => {
                    trace.note(slots[slot].output().map(|guard| guard.write()));
                }
            }
            trace.end_step();
        }
    }
}

#[test]
fn mutex() {
    compare("mutex", ours::run, theirs::run);
}
