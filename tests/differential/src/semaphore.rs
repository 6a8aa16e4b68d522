//! `Semaphore`: permits, lent and owned, that are acquired, split, merged, given back and forgotten
//! in any order, with a close in between.

use crate::driver::{SLOTS, WAKERS, compare, on_both_sides};
use crate::programs::operations;

/// Permits that are asked for at a time.
const MANY: usize = 5;

operations! {
    4 Acquire { slot: SLOTS, count: MANY };
    4 AcquireOwned { slot: SLOTS, count: MANY };
    2 TryAcquire { slot: SLOTS, count: MANY };
    2 TryAcquireOwned { slot: SLOTS, count: MANY };
    12 Poll { slot: SLOTS, waker: WAKERS };
    4 Clear { slot: SLOTS };
    1 Forget { slot: SLOTS };
    1 Split { slot: SLOTS, to: SLOTS, count: MANY };
    1 Merge { slot: SLOTS, from: SLOTS };
    3 AddPermits { count: MANY };
    1 ForgetPermits { count: MANY };
    1 Close;
}

on_both_sides! {
    use super::Op;
    use crate::driver::{AnySlot, SLOTS, Trace};
    use side::sync::{AcquireError, OwnedSemaphorePermit, Semaphore, SemaphorePermit, TryAcquireError};
    use std::fmt;
    use std::sync::Arc;

    /// A permit of either kind.
    enum Permit<'a> {
        Lent(SemaphorePermit<'a>),
        Owned(OwnedSemaphorePermit),
    }

    impl Permit<'_> {
        fn count(&self) -> usize {
            match self {
                Permit::Lent(permit) => permit.num_permits(),
                Permit::Owned(permit) => permit.num_permits(),
            }
        }

        fn forget(self) {
            match self {
                Permit::Lent(permit) => permit.forget(),
                Permit::Owned(permit) => permit.forget(),
            }
        }

        fn split(&mut self, count: usize) -> Option<Self> {
            match self {
                Permit::Lent(permit) => permit.split(count).map(Permit::Lent),
                Permit::Owned(permit) => permit.split(count).map(Permit::Owned),
            }
        }

        /// Merges permits of one kind. Gives the other back if they are of two.
        fn merge(&mut self, other: Self) -> Result<(), Self> {
            match (self, other) {
                (Permit::Lent(permit), Permit::Lent(other)) => permit.merge(other),
                (Permit::Owned(permit), Permit::Owned(other)) => permit.merge(other),
                (_, other) => return Err(other),
            }
            Ok(())
        }
    }

    impl fmt::Debug for Permit<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{} permits", self.count())
        }
    }

    type Acquired<'a> = Result<Permit<'a>, AcquireError>;
    type Slots<'a> = [AnySlot<'a, Acquired<'a>>; SLOTS];

    /// Keeps a permit that was acquired at once. Returns how many it is.
    fn keep<'a>(
        slot: &mut AnySlot<'a, Acquired<'a>>,
        acquired: Result<Permit<'a>, TryAcquireError>,
    ) -> Result<usize, TryAcquireError> {
        let permit = acquired?;
        let count = permit.count();
        slot.keep(Ok(permit));
        Ok(count)
    }

    /// Moves a part of a permit to another slot. Returns how many are left.
    fn split(slots: &mut Slots<'_>, slot: usize, to: usize, count: usize) -> Option<usize> {
        let permit = slots[slot].output()?.as_mut().ok()?;
        let part = permit.split(count)?;
        let left = permit.count();
        slots[to].keep(Ok(part));
        Some(left)
    }

    /// Moves a permit into another. Returns how many they are, if they are of one kind.
    fn merge(slots: &mut Slots<'_>, slot: usize, from: usize) -> Option<usize> {
        let other = slots[from].take()?.ok()?;
        let permit = slots[slot].output()?.as_mut().ok()?;
        permit.merge(other).ok()?;
        Some(permit.count())
    }

    pub(super) fn run(program: &[Op], trace: &mut Trace) {
        let shared = Arc::new(Semaphore::new(3));
        let semaphore = &*shared;
        let mut slots = Slots::default();
        for op in program {
            match *op {
                Op::Acquire { slot, count } => slots[slot].put(Box::pin(async move {
                    let acquired = semaphore.acquire_many(count as u32).await;
                    acquired.map(Permit::Lent)
                })),
                Op::AcquireOwned { slot, count } => {
                    let acquire = Arc::clone(&shared).acquire_many_owned(count as u32);
                    slots[slot].put(Box::pin(async { acquire.await.map(Permit::Owned) }));
                }
                Op::TryAcquire { slot, count } => {
                    let acquired = semaphore.try_acquire_many(count as u32);
                    trace.note(keep(&mut slots[slot], acquired.map(Permit::Lent)));
                }
                Op::TryAcquireOwned { slot, count } => {
                    let acquired = Arc::clone(&shared).try_acquire_many_owned(count as u32);
                    trace.note(keep(&mut slots[slot], acquired.map(Permit::Owned)));
                }
                Op::Poll { slot, waker } => {
                    let polled = slots[slot].poll(trace.context(waker));
                    trace.note(polled);
                }
                Op::Clear { slot } => slots[slot].clear(),
                Op::Forget { slot } => {
                    let permit = slots[slot].take();
                    trace.note(permit.map(|permit| permit.map(Permit::forget)));
                }
                Op::Split { slot, to, count } => trace.note(split(&mut slots, slot, to, count)),
                Op::Merge { slot, from } => trace.note(merge(&mut slots, slot, from)),
                Op::AddPermits { count } => semaphore.add_permits(count),
                Op::ForgetPermits { count } => trace.note(semaphore.forget_permits(count)),
                Op::Close => semaphore.close(),
            }
            trace.note((semaphore.available_permits(), semaphore.is_closed()));
            trace.end_step();
        }
    }
}

#[test]
fn semaphore() {
    compare("semaphore", ours::run, theirs::run);
}
