//! Permits in order: what semaphores, locks and bounded channels are made of.
//!
//! Whoever wants permits that are not there takes what there is and stands in line for the rest.
//! Permits that come back go to the first in line until it has all that it wants: so a wish for many
//! is not starved by wishes for few, and while anybody waits, no permit is free.

use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use super::lock;
use super::semaphore::{AcquireError, TryAcquireError};
use super::wait_list::{Attempt, Departed, Guest, Ticket, WaitList, Wakes, poll_leaf};
use crate::coop;
use crate::tasks::Note;

/// As tokio has it, where some bits of the count are flags.
pub(super) const PERMITS_MAX: usize = usize::MAX >> 3;

/// The permits and who waits for them, under somebody's lock.
pub(super) struct Permits {
    free: usize,
    is_closed: bool,
    /// Their notes say how many they still want.
    waiters: WaitList<usize>,
}

impl Permits {
    pub(super) const fn new(count: usize) -> Self {
        assert!(
            count <= PERMITS_MAX,
            "a semaphore has at most `Semaphore::MAX_PERMITS` permits"
        );
        Permits {
            free: count,
            is_closed: false,
            waiters: WaitList::new(),
        }
    }

    pub(super) fn free(&self) -> usize {
        self.free
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Takes permits, if so many are free.
    pub(super) fn try_take(&mut self, count: usize) -> Result<(), TryAcquireError> {
        if self.is_closed {
            return Err(TryAcquireError::Closed);
        }
        self.free = self
            .free
            .checked_sub(count)
            .ok_or(TryAcquireError::NoPermits)?;
        Ok(())
    }

    /// Takes permits, or stands in line for them.
    fn take_or_wait(
        &mut self,
        count: usize,
        ticket: &mut Option<Ticket>,
        guest: &mut Guest<'_>,
    ) -> Attempt<Result<(), AcquireError>> {
        match *ticket {
            _ if self.is_closed => Attempt::Done(Err(AcquireError::new())),
            Some(waiting) if self.waiters.is_called(waiting) => {
                // Its waker is with those that were woken.
                self.waiters.remove(waiting);
                *ticket = None;
                Attempt::Done(Ok(()))
            }
            Some(waiting) => Attempt::waiting(self.waiters.renew(waiting, guest)),
            None if self.try_take(count).is_ok() => Attempt::Done(Ok(())),
            None => {
                let Some(waker) = guest.spare() else {
                    return Attempt::NeedsWaker;
                };
                let missing = count - self.free;
                self.free = 0;
                *ticket = Some(self.waiters.push(missing, Some(waker)));
                Attempt::Waits
            }
        }
    }

    /// Sets permits aside, or takes a place in line for them, for a future whose task has spent its
    /// budget. The future comes for them like any that is called.
    #[cold]
    fn take_place(&mut self, count: usize, ticket: &mut Option<Ticket>) {
        if ticket.is_some() || self.is_closed {
            return;
        }
        let taken = count.min(self.free);
        self.free -= taken;
        *ticket = Some(if taken == count {
            self.waiters.push_called(0)
        } else {
            self.waiters.push(count - taken, None)
        });
    }

    /// Hands permits to those in line, and keeps the rest.
    ///
    /// # Panics
    ///
    /// If there would be too many.
    #[track_caller]
    pub(super) fn put_back(&mut self, mut count: usize, wakes: &mut Wakes) {
        assert!(
            count <= PERMITS_MAX - self.free,
            "a semaphore has at most `Semaphore::MAX_PERMITS` permits"
        );
        while count > 0 {
            let Some(missing) = self.waiters.first() else {
                self.free += count;
                return;
            };
            let given = count.min(*missing);
            *missing -= given;
            count -= given;
            if *missing == 0 {
                self.waiters.call_first(wakes);
            }
        }
    }

    /// Takes out a waiter that wanted `count`. What it has goes to the next.
    /// Its waker is to be dropped when the lock is released.
    fn leave(&mut self, ticket: Ticket, count: usize, wakes: &mut Wakes) -> Option<Waker> {
        let Departed { note, waker } = self.waiters.remove(ticket)?;
        self.put_back(count - note, wakes);
        waker
    }

    /// Takes up to `count` free permits away for good, and returns how many.
    pub(super) fn forget(&mut self, count: usize) -> usize {
        let forgotten = count.min(self.free);
        self.free -= forgotten;
        forgotten
    }

    /// Lets nobody have permits any more, and tells those in line.
    pub(super) fn close(&mut self, wakes: &mut Wakes) {
        self.is_closed = true;
        self.waiters.call_all(wakes);
    }
}

/// Something that has permits under its lock.
pub(super) trait Keeper {
    /// What is waited for, for [`poll_leaf`].
    fn what(&self) -> Note;

    /// Calls `f` with the lock taken.
    fn with_permits<R>(&self, f: impl FnOnce(&mut Permits) -> R) -> R;

    /// Takes permits, in order.
    fn take(&self, count: usize) -> Take<'_, Self>
    where
        Self: Sized,
    {
        Take {
            keeper: self,
            count,
            ticket: None,
        }
    }

    /// Gives permits back.
    #[track_caller]
    fn give(&self, count: usize) {
        let mut wakes = Wakes::default();
        self.with_permits(|permits| permits.put_back(count, &mut wakes));
        wakes.wake();
    }
}

/// Takes permits, in order. Dropped before its time, it passes on what it has.
pub(super) struct Take<'a, K: Keeper> {
    keeper: &'a K,
    count: usize,
    /// Its place in line, once it has one.
    ticket: Option<Ticket>,
}

impl<K: Keeper> Future for Take<'_, K> {
    type Output = Result<(), AcquireError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Take {
            keeper,
            count,
            ticket,
        } = &mut *self;
        if !coop::has_budget() {
            keeper.with_permits(|permits| permits.take_place(*count, ticket));
        }
        poll_leaf(cx, keeper.what(), |guest| {
            keeper.with_permits(|permits| permits.take_or_wait(*count, ticket, guest))
        })
    }
}

impl<K: Keeper> Drop for Take<'_, K> {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket.take() else {
            return;
        };
        let mut wakes = Wakes::default();
        let keeper = self.keeper;
        let waker = keeper.with_permits(|permits| permits.leave(ticket, self.count, &mut wakes));
        wakes.wake();
        drop(waker);
    }
}

/// Permits with a lock of their own.
pub(super) struct Gate {
    permits: Mutex<Permits>,
    what: Note,
}

impl Gate {
    pub(super) const fn new(permits: usize, what: Note) -> Self {
        Gate {
            permits: Mutex::new(Permits::new(permits)),
            what,
        }
    }

    pub(super) fn try_take(&self, count: usize) -> Result<(), TryAcquireError> {
        self.with_permits(|permits| permits.try_take(count))
    }

    pub(super) fn close(&self) {
        let mut wakes = Wakes::default();
        self.with_permits(|permits| permits.close(&mut wakes));
        wakes.wake();
    }
}

impl Keeper for Gate {
    fn what(&self) -> Note {
        self.what
    }

    #[inline]
    fn with_permits<R>(&self, f: impl FnOnce(&mut Permits) -> R) -> R {
        f(&mut lock(&self.permits))
    }
}

/// Permits of a gate that are given back when this is dropped.
pub(super) struct Held<'a> {
    pub(super) gate: &'a Gate,
    pub(super) count: usize,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if self.count > 0 {
            self.gate.give(self.count);
        }
    }
}
