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
use super::wait_list::{Cancelled, LeafPoll, PollWaker, WaitKey, WaitList, WakeList, poll_leaf};
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
    pub(super) fn try_acquire(&mut self, count: usize) -> Result<(), TryAcquireError> {
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
    fn acquire_or_wait(
        &mut self,
        count: usize,
        key: &mut Option<WaitKey>,
        waker: &mut PollWaker<'_>,
    ) -> LeafPoll<Result<(), AcquireError>> {
        match *key {
            _ if self.is_closed => LeafPoll::Ready(Err(AcquireError::new())),
            Some(waiting) if self.waiters.is_notified(waiting) => {
                // Its waker is with those that were woken.
                self.waiters.remove(waiting);
                *key = None;
                LeafPoll::Ready(Ok(()))
            }
            Some(waiting) => LeafPoll::waiting(self.waiters.update_waker(waiting, waker)),
            None if self.try_acquire(count).is_ok() => LeafPoll::Ready(Ok(())),
            None => {
                let Some(waker) = waker.spare() else {
                    return LeafPoll::NeedsWaker;
                };
                let missing = count - self.free;
                self.free = 0;
                *key = Some(self.waiters.push(missing, Some(waker)));
                LeafPoll::Pending
            }
        }
    }

    /// Sets permits aside, or takes a place in line for them, for a future whose task has spent its
    /// budget. The future comes for them like any that is called.
    #[cold]
    fn enqueue(&mut self, count: usize, key: &mut Option<WaitKey>) {
        if key.is_some() || self.is_closed {
            return;
        }
        let taken = count.min(self.free);
        self.free -= taken;
        *key = Some(if taken == count {
            self.waiters.push_notified(0)
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
    pub(super) fn release(&mut self, mut count: usize, wakes: &mut WakeList) {
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
                self.waiters.notify_first(wakes);
            }
        }
    }

    /// Takes out a waiter that wanted `count`. What it has goes to the next.
    /// Its waker is to be dropped when the lock is released.
    fn cancel(&mut self, key: WaitKey, count: usize, wakes: &mut WakeList) -> Option<Waker> {
        let Cancelled { note, waker } = self.waiters.remove(key)?;
        self.release(count - note, wakes);
        waker
    }

    /// Takes up to `count` free permits away for good, and returns how many.
    pub(super) fn forget(&mut self, count: usize) -> usize {
        let forgotten = count.min(self.free);
        self.free -= forgotten;
        forgotten
    }

    /// Lets nobody have permits any more, and tells those in line.
    pub(super) fn close(&mut self, wakes: &mut WakeList) {
        self.is_closed = true;
        self.waiters.notify_all(wakes);
    }
}

/// Something that has permits under its lock.
pub(super) trait PermitSource {
    /// What is waited for, for [`poll_leaf`].
    fn what(&self) -> Note;

    /// Calls `f` with the lock taken.
    fn with_permits<R>(&self, f: impl FnOnce(&mut Permits) -> R) -> R;

    /// Takes permits, in order.
    fn acquire(&self, count: usize) -> Acquire<'_, Self>
    where
        Self: Sized,
    {
        Acquire {
            source: self,
            count,
            key: None,
        }
    }

    /// Gives permits back.
    #[track_caller]
    fn release(&self, count: usize) {
        let mut wakes = WakeList::default();
        self.with_permits(|permits| permits.release(count, &mut wakes));
        wakes.wake();
    }
}

/// Takes permits, in order. Dropped before its time, it passes on what it has.
pub(super) struct Acquire<'a, K: PermitSource> {
    source: &'a K,
    count: usize,
    /// Its place in line, once it has one.
    key: Option<WaitKey>,
}

impl<K: PermitSource> Future for Acquire<'_, K> {
    type Output = Result<(), AcquireError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Acquire { source, count, key } = &mut *self;
        if !coop::has_budget() {
            source.with_permits(|permits| permits.enqueue(*count, key));
        }
        poll_leaf(cx, source.what(), |waker| {
            source.with_permits(|permits| permits.acquire_or_wait(*count, key, waker))
        })
    }
}

impl<K: PermitSource> Drop for Acquire<'_, K> {
    fn drop(&mut self) {
        let Some(key) = self.key.take() else {
            return;
        };
        let mut wakes = WakeList::default();
        let source = self.source;
        let waker = source.with_permits(|permits| permits.cancel(key, self.count, &mut wakes));
        wakes.wake();
        drop(waker);
    }
}

/// Permits with a lock of their own.
pub(super) struct RawSemaphore {
    permits: Mutex<Permits>,
    what: Note,
}

impl RawSemaphore {
    pub(super) const fn new(permits: usize, what: Note) -> Self {
        RawSemaphore {
            permits: Mutex::new(Permits::new(permits)),
            what,
        }
    }

    pub(super) fn try_acquire(&self, count: usize) -> Result<(), TryAcquireError> {
        self.with_permits(|permits| permits.try_acquire(count))
    }

    pub(super) fn close(&self) {
        let mut wakes = WakeList::default();
        self.with_permits(|permits| permits.close(&mut wakes));
        wakes.wake();
    }
}

impl PermitSource for RawSemaphore {
    fn what(&self) -> Note {
        self.what
    }

    #[inline]
    fn with_permits<R>(&self, f: impl FnOnce(&mut Permits) -> R) -> R {
        f(&mut lock(&self.permits))
    }
}

/// Permits of a semaphore that are given back when this is dropped.
pub(super) struct HeldPermits<'a> {
    pub(super) semaphore: &'a RawSemaphore,
    pub(super) count: usize,
}

impl Drop for HeldPermits<'_> {
    fn drop(&mut self) {
        if self.count > 0 {
            self.semaphore.release(self.count);
        }
    }
}
