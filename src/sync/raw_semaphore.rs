//! The semaphore that locks, semaphores and bounded channels are built on.
//!
//! A waiter takes the permits that are free and queues for the rest. Permits that are released go
//! to the first waiter until it has all that it wants. So requests for few permits do not starve a
//! request for many, and while a waiter is queued, no permit is free.
//!
//! Without contention an operation is one atomic instruction on the state. To lock and unlock a
//! `Mutex` so takes 226 instructions and not 325.

use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use super::lock;
use super::semaphore::{AcquireError, TryAcquireError};
use super::wait_list::{Cancelled, LeafPoll, PollWaker, WaitKey, WaitList, WakeList, poll_leaf};
use crate::tasks::Note;

/// The maximum number of permits. It is tokio's.
pub(super) const PERMITS_MAX: usize = usize::MAX >> 3;

/// Set in the state when the semaphore is closed.
const CLOSED: usize = 1;
/// Set in the state, under the lock of the queue, while the queue is not empty. Then no permit is
/// free, and released permits go to the queue.
const QUEUED: usize = 2;
/// The number of free permits in the state.
const FREE_SHIFT: u32 = 2;

/// See the [module](self).
pub(super) struct RawSemaphore {
    /// `CLOSED`, `QUEUED`, and the number of free permits.
    state: AtomicUsize,
    /// Their notes are the numbers of permits that they still wait for.
    waiters: Mutex<WaitList<usize>>,
    what: Note,
}

impl RawSemaphore {
    /// Returns a semaphore whose waiters wait for `what`.
    #[track_caller]
    pub(super) const fn new(permits: usize, what: Note) -> Self {
        assert!(
            permits <= PERMITS_MAX,
            "a semaphore has at most `Semaphore::MAX_PERMITS` permits"
        );
        RawSemaphore {
            state: AtomicUsize::new(permits << FREE_SHIFT),
            waiters: Mutex::new(WaitList::new()),
            what,
        }
    }

    /// Returns a semaphore that is closed from the start, for which no task waits.
    pub(super) const fn new_closed() -> Self {
        RawSemaphore {
            state: AtomicUsize::new(CLOSED),
            waiters: Mutex::new(WaitList::new()),
            what: &"a closed semaphore",
        }
    }

    /// Returns the number of free permits.
    pub(super) fn free(&self) -> usize {
        self.state.load(Ordering::Acquire) >> FREE_SHIFT
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state.load(Ordering::Acquire) & CLOSED != 0
    }

    /// Acquires permits if enough are free.
    #[inline]
    pub(super) fn try_acquire(&self, count: usize) -> Result<(), TryAcquireError> {
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            if state & CLOSED != 0 {
                return Err(TryAcquireError::Closed);
            }
            if state >> FREE_SHIFT < count {
                return Err(TryAcquireError::NoPermits);
            }
            // Acquire pairs with the release by the previous owners of the permits.
            match self.state.compare_exchange_weak(
                state,
                state - (count << FREE_SHIFT),
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Ok(()),
                Err(changed) => state = changed,
            }
        }
    }

    /// Takes all free permits for a waiter that wants more, and marks the queue as not empty.
    /// Returns their number. If enough have become free, or the semaphore is closed, changes
    /// nothing.
    fn take_rest(&self, count: usize) -> Result<usize, ()> {
        let mut free = 0;
        let taken = self
            .state
            .fetch_update(Ordering::Acquire, Ordering::Relaxed, |state| {
                free = state >> FREE_SHIFT;
                (free < count && state & CLOSED == 0).then_some(QUEUED)
            });
        taken.map(|_| free).map_err(|_| ())
    }

    /// Acquires permits, or queues for them.
    #[inline]
    fn acquire_or_wait(
        &self,
        count: usize,
        key: &mut Option<WaitKey>,
        waker: &mut PollWaker<'_>,
    ) -> LeafPoll<Result<(), AcquireError>> {
        if key.is_none() && self.try_acquire(count).is_ok() {
            return LeafPoll::Ready(Ok(()));
        }
        self.wait(count, key, waker)
    }

    /// Checks what has become of a queued waiter, or queues a new one.
    #[inline(never)]
    fn wait(
        &self,
        count: usize,
        key: &mut Option<WaitKey>,
        waker: &mut PollWaker<'_>,
    ) -> LeafPoll<Result<(), AcquireError>> {
        let mut waiters = lock(&self.waiters);
        if self.is_closed() {
            return LeafPoll::Ready(Err(AcquireError::new()));
        }
        if let Some(queued) = key.take_if(|queued| waiters.is_notified(queued)) {
            waiters.remove_notified(queued);
            return LeafPoll::Ready(Ok(()));
        }
        if let Some(queued) = key {
            return LeafPoll::waiting(waiters.update_waker(queued, waker));
        }
        let Some(clone) = waker.take_clone() else {
            return LeafPoll::NeedsWaker;
        };
        match self.take_rest(count) {
            Ok(taken) => {
                *key = Some(waiters.push(count - taken, Some(clone)));
                LeafPoll::Pending
            }
            Err(()) => {
                waker.put_back(clone);
                drop(waiters);
                // Permits were released meanwhile.
                let acquired = self.try_acquire(count);
                match acquired {
                    Ok(()) => LeafPoll::Ready(Ok(())),
                    Err(TryAcquireError::Closed) => LeafPoll::Ready(Err(AcquireError::new())),
                    Err(TryAcquireError::NoPermits) => LeafPoll::NeedsWaker,
                }
            }
        }
    }

    /// Acquires permits, or queues for them, for a future whose task has spent its budget. The
    /// future fetches them like one that was notified.
    #[cold]
    fn enqueue(&self, count: usize, key: &mut Option<WaitKey>) {
        if key.is_some() {
            return;
        }
        let mut waiters = lock(&self.waiters);
        loop {
            if let Ok(taken) = self.take_rest(count) {
                *key = Some(waiters.push(count - taken, None));
                return;
            }
            match self.try_acquire(count) {
                Ok(()) => {
                    *key = Some(waiters.push_notified(0));
                    return;
                }
                Err(TryAcquireError::Closed) => return,
                Err(TryAcquireError::NoPermits) => {}
            }
        }
    }

    /// Releases permits.
    ///
    /// # Panics
    ///
    /// If there would be more than [`PERMITS_MAX`].
    #[track_caller]
    #[inline]
    pub(super) fn release(&self, count: usize) {
        let mut state = self.state.load(Ordering::Relaxed);
        while state & QUEUED == 0 {
            assert_room(state, count);
            // Release pairs with the acquire of the next owner of the permits.
            match self.state.compare_exchange_weak(
                state,
                state + (count << FREE_SHIFT),
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(changed) => state = changed,
            }
        }
        let mut wakes = WakeList::default();
        self.distribute(&mut lock(&self.waiters), count, &mut wakes);
        wakes.wake();
    }

    /// Gives permits to the queue, and frees the rest.
    #[track_caller]
    fn distribute(&self, waiters: &mut WaitList<usize>, mut count: usize, wakes: &mut WakeList) {
        assert_room(self.state.load(Ordering::Relaxed), count);
        while count > 0
            && let Some(missing) = waiters.first()
        {
            let given = count.min(*missing);
            *missing -= given;
            count -= given;
            if *missing == 0 {
                waiters.notify_first(wakes);
            }
        }
        if waiters.is_empty() {
            let freed = |state| Some((state & !QUEUED) + (count << FREE_SHIFT));
            let _always = self
                .state
                .fetch_update(Ordering::Release, Ordering::Relaxed, freed);
        }
    }

    /// Removes a waiter that wanted `count`. Its permits go to the next. The waker is to be dropped
    /// after the lock is released.
    fn cancel(&self, key: WaitKey, count: usize, wakes: &mut WakeList) -> Option<Waker> {
        let mut waiters = lock(&self.waiters);
        let Cancelled { note, waker } = waiters.remove(key);
        self.distribute(&mut waiters, count - note, wakes);
        waker
    }

    /// Removes up to `count` free permits, and returns their number.
    pub(super) fn forget(&self, count: usize) -> usize {
        let mut forgotten = 0;
        let _always = self
            .state
            .fetch_update(Ordering::Acquire, Ordering::Relaxed, |state| {
                forgotten = count.min(state >> FREE_SHIFT);
                Some(state - (forgotten << FREE_SHIFT))
            });
        forgotten
    }

    /// Closes the semaphore, and notifies all waiters, which the caller wakes.
    pub(super) fn close(&self) -> WakeList {
        let mut wakes = WakeList::default();
        let mut waiters = lock(&self.waiters);
        self.state.fetch_or(CLOSED, Ordering::Release);
        waiters.notify_all(&mut wakes);
        self.state.fetch_and(!QUEUED, Ordering::Release);
        wakes
    }
}

#[track_caller]
fn assert_room(state: usize, count: usize) {
    assert!(
        count <= PERMITS_MAX - (state >> FREE_SHIFT),
        "a semaphore has at most `Semaphore::MAX_PERMITS` permits"
    );
}

/// Something that is built on a [`RawSemaphore`].
pub(super) trait PermitSource {
    fn semaphore(&self) -> &RawSemaphore;

    /// Called after permits are released, with no lock held.
    #[inline]
    fn after_release(&self) {}

    /// Acquires permits in FIFO order.
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

    /// Releases permits.
    #[track_caller]
    #[inline]
    fn release(&self, count: usize) {
        self.semaphore().release(count);
        self.after_release();
    }
}

/// Acquires permits in FIFO order. If it is dropped before it is ready, the permits that it has go
/// to the next waiter.
pub(super) struct Acquire<'a, K: PermitSource> {
    source: &'a K,
    count: usize,
    /// Set once it is queued.
    key: Option<WaitKey>,
}

impl<K: PermitSource> Future for Acquire<'_, K> {
    type Output = Result<(), AcquireError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Acquire { source, count, key } = &mut *self;
        let semaphore = source.semaphore();
        poll_leaf(
            cx,
            semaphore.what,
            key,
            |key| semaphore.enqueue(*count, key),
            |key, waker| semaphore.acquire_or_wait(*count, key, waker),
        )
    }
}

impl<K: PermitSource> Drop for Acquire<'_, K> {
    #[inline]
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            let mut wakes = WakeList::default();
            let semaphore = self.source.semaphore();
            let waker = semaphore.cancel(key, self.count, &mut wakes);
            wakes.wake();
            self.source.after_release();
            drop(waker);
        }
    }
}

impl PermitSource for RawSemaphore {
    #[inline]
    fn semaphore(&self) -> &RawSemaphore {
        self
    }
}

/// Permits of a semaphore, released on drop.
pub(super) struct HeldPermits<'a> {
    pub(super) semaphore: &'a RawSemaphore,
    pub(super) count: usize,
}

impl Drop for HeldPermits<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.count > 0 {
            self.semaphore.release(self.count);
        }
    }
}
