//! `RwLock`: readers and writers, lent and owned, that are waited for, tried, downgraded, given up,
//! mapped and dropped in any order.

use crate::driver::{SLOTS, WAKERS, compare, on_both_sides};
use crate::programs::operations;

operations! {
    3 Read { slot: SLOTS };
    3 ReadOwned { slot: SLOTS };
    2 Write { slot: SLOTS };
    2 WriteOwned { slot: SLOTS };
    1 TryRead { slot: SLOTS };
    1 TryReadOwned { slot: SLOTS };
    1 TryWrite { slot: SLOTS };
    1 TryWriteOwned { slot: SLOTS };
    12 Poll { slot: SLOTS, waker: WAKERS };
    5 Clear { slot: SLOTS };
    2 Downgrade { slot: SLOTS };
    2 Map { slot: SLOTS };
    2 Change { slot: SLOTS };
}

on_both_sides! {
    use super::Op;
    use crate::driver::{AnySlot, SLOTS, Trace};
    use side::sync::{
        OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock, RwLockMappedWriteGuard, RwLockReadGuard, RwLockWriteGuard,
        TryLockError,
    };
    use std::sync::Arc;

    type Value = (usize, usize);

    #[derive(Debug)]
    #[allow(dead_code, reason = "they are held, and shown")]
    enum Guard<'a> {
        Read(RwLockReadGuard<'a, Value>),
        ReadPart(RwLockReadGuard<'a, usize>),
        ReadOwned(OwnedRwLockReadGuard<Value>),
        ReadOwnedPart(OwnedRwLockReadGuard<Value, usize>),
        Write(RwLockWriteGuard<'a, Value>),
        WritePart(RwLockMappedWriteGuard<'a, usize>),
        WriteOwned(OwnedRwLockWriteGuard<Value>),
    }

    impl Guard<'_> {
        fn downgrade(self) -> Self {
            match self {
                Guard::Write(guard) => Guard::Read(guard.downgrade()),
                Guard::WriteOwned(guard) => Guard::ReadOwned(guard.downgrade()),
                other => other,
            }
        }

        fn map(self) -> Self {
            match self {
                Guard::Read(guard) => {
                    Guard::ReadPart(RwLockReadGuard::map(guard, |value| &value.1))
                }
                Guard::ReadOwned(guard) => {
                    Guard::ReadOwnedPart(OwnedRwLockReadGuard::map(guard, |value| &value.1))
                }
                Guard::Write(guard) => {
                    Guard::WritePart(RwLockWriteGuard::map(guard, |value| &mut value.1))
                }
                other => other,
            }
        }

        fn change(&mut self) {
            match self {
                Guard::Write(guard) => guard.0 += 1,
                Guard::WritePart(part) => **part += 1,
                Guard::WriteOwned(guard) => guard.0 += 10,
                _ => {}
            }
        }
    }

    fn keep<'a>(
        slot: &mut AnySlot<'a, Guard<'a>>,
        locked: Result<Guard<'a>, TryLockError>,
    ) -> Option<TryLockError> {
        match locked {
            Ok(guard) => slot.keep(guard),
            Err(error) => return Some(error),
        }
        None
    }

    pub(super) fn run(program: &[Op], trace: &mut Trace) {
        let shared = Arc::new(RwLock::with_max_readers((0, 0), 3));
        let lock = &*shared;
        let owned = || Arc::clone(&shared);
        let mut slots: [AnySlot<'_, Guard<'_>>; SLOTS] = Default::default();
        for op in program {
            match *op {
                Op::Read { slot } => {
                    slots[slot].put(Box::pin(async { Guard::Read(lock.read().await) }));
                }
                Op::ReadOwned { slot } => {
                    let read = owned().read_owned();
                    slots[slot].put(Box::pin(async { Guard::ReadOwned(read.await) }));
                }
                Op::Write { slot } => {
                    slots[slot].put(Box::pin(async { Guard::Write(lock.write().await) }));
                }
                Op::WriteOwned { slot } => {
                    let write = owned().write_owned();
                    slots[slot].put(Box::pin(async { Guard::WriteOwned(write.await) }));
                }
                Op::TryRead { slot } => {
                    trace.note(keep(&mut slots[slot], lock.try_read().map(Guard::Read)));
                }
                Op::TryReadOwned { slot } => {
                    let locked = owned().try_read_owned().map(Guard::ReadOwned);
                    trace.note(keep(&mut slots[slot], locked));
                }
                Op::TryWrite { slot } => {
                    trace.note(keep(&mut slots[slot], lock.try_write().map(Guard::Write)));
                }
                Op::TryWriteOwned { slot } => {
                    let locked = owned().try_write_owned().map(Guard::WriteOwned);
                    trace.note(keep(&mut slots[slot], locked));
                }
                Op::Poll { slot, waker } => {
                    let polled = slots[slot].poll(trace.context(waker));
                    trace.note(polled);
                }
                Op::Clear { slot } => slots[slot].clear(),
                Op::Downgrade { slot } => {
                    if let Some(guard) = slots[slot].take() {
                        slots[slot].keep(guard.downgrade());
                    }
                }
                Op::Map { slot } => {
                    if let Some(guard) = slots[slot].take() {
                        slots[slot].keep(guard.map());
                    }
                }
                Op::Change { slot } => {
                    trace.note(slots[slot].output().map(|guard| guard.change()));
                }
            }
            trace.end_step();
        }
    }
}

#[test]
fn rwlock() {
    compare("rwlock", ours::run, theirs::run);
}
