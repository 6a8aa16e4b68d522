//! The semaphore that locks, semaphores and bounded channels are built on.
//!
//! A waiter takes the permits that are free and queues for the rest. Permits that are released go
//! to the first waiter until it has all that it wants. So requests for few permits do not starve a
//! request for many, and while a waiter is queued, no permit is free.
//!
//! Without contention an operation is one atomic instruction on the state. To lock and unlock a
//! `Mutex` so takes 226 instructions and not 325.
//!
//! While [waits](crate::waits) are tracked, the queue has a record of the tasks that hold permits,
//! and of those that wait; `record` keeps it.

mod record;

use std::panic::Location;
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use super::lock;
use super::semaphore::{AcquireError, TryAcquireError};
use super::wait_list::{Cancelled, LeafPoll, PollWaker, WaitKey, WakeList, poll_leaf};
use crate::tasks::Note;
use crate::waits::{HoldKind, PermitKind};
use record::Queue;

/// The maximum number of permits. It is tokio's.
pub(super) const PERMITS_MAX: usize = usize::MAX >> 3;

/// Set in the state when the semaphore is closed.
const CLOSED: usize = 1;
/// Set in the state, under the lock of the queue, while the queue is not empty. Then no permit is
/// free, and released permits go to the queue.
const QUEUED: usize = 2;
/// Set in the state, under the lock of the queue, once the holders of permits are recorded.
const RECORDED: usize = 4;
/// The number of free permits in the state.
const FREE_SHIFT: u32 = 3;

/// See the [module](self).
pub(super) struct RawSemaphore {
    /// `CLOSED`, `QUEUED`, `RECORDED`, and the number of free permits.
    state: AtomicUsize,
    /// How many permits there are, free or not.
    total: AtomicUsize,
    queue: Mutex<Queue>,
    what: Note,
    kind: PermitKind,
    made_at: &'static Location<'static>,
}

impl RawSemaphore {
    /// Returns a semaphore whose waiters wait for `what`.
    #[track_caller]
    pub(super) const fn new(permits: usize, kind: PermitKind, what: Note) -> Self {
        assert!(
            permits <= PERMITS_MAX,
            "a semaphore has at most `Semaphore::MAX_PERMITS` permits"
        );
        RawSemaphore {
            state: AtomicUsize::new(permits << FREE_SHIFT),
            total: AtomicUsize::new(permits),
            queue: Mutex::new(Queue::new()),
            what,
            kind,
            made_at: Location::caller(),
        }
    }

    /// Returns a semaphore that is closed from the start, for which no task waits.
    #[track_caller]
    pub(super) const fn new_closed() -> Self {
        RawSemaphore {
            state: AtomicUsize::new(CLOSED),
            total: AtomicUsize::new(0),
            queue: Mutex::new(Queue::new()),
            what: &"a closed semaphore",
            kind: PermitKind::Lock,
            made_at: Location::caller(),
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
                (free < count && state & CLOSED == 0).then_some(QUEUED | state & RECORDED)
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
        let mut queue = lock(&self.queue);
        if self.is_closed() {
            return LeafPoll::Ready(Err(AcquireError::new()));
        }
        if let Some(queued) = key.take_if(|queued| queue.waiters.is_notified(queued)) {
            queue.end_wait(&queued);
            queue.waiters.remove_notified(queued);
            return LeafPoll::Ready(Ok(()));
        }
        if let Some(queued) = key {
            queue.poll_wait(queued, waker);
            return LeafPoll::waiting(queue.waiters.update_waker(queued, waker));
        }
        let Some(clone) = waker.take_clone() else {
            return LeafPoll::NeedsWaker;
        };
        match self.take_rest(count) {
            Ok(taken) => {
                let queued = queue.waiters.push(count - taken, Some(clone));
                self.begin_wait(&mut queue, &queued, Some(waker), (taken, count - taken));
                *key = Some(queued);
                LeafPoll::Pending
            }
            Err(()) => {
                waker.put_back(clone);
                drop(queue);
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
        let mut queue = lock(&self.queue);
        loop {
            if let Ok(taken) = self.take_rest(count) {
                let queued = queue.waiters.push(count - taken, None);
                self.begin_wait(&mut queue, &queued, None, (taken, count - taken));
                *key = Some(queued);
                return;
            }
            match self.try_acquire(count) {
                Ok(()) => {
                    let queued = queue.waiters.push_notified(0);
                    self.begin_wait(&mut queue, &queued, None, (count, 0));
                    *key = Some(queued);
                    return;
                }
                Err(TryAcquireError::Closed) => return,
                Err(TryAcquireError::NoPermits) => {}
            }
        }
    }

    /// Releases permits; those of a guard of the kind `held`, if they are not new.
    ///
    /// # Panics
    ///
    /// If there would be more than [`PERMITS_MAX`].
    #[track_caller]
    #[inline]
    pub(super) fn release(&self, count: usize, held: Option<HoldKind>) {
        let mut state = self.state.load(Ordering::Relaxed);
        while state & (QUEUED | RECORDED) == 0 {
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
        let mut queue = lock(&self.queue);
        if let Some(kind) = held {
            queue.forget_held(count, kind);
        }
        self.distribute(&mut queue, count, &mut wakes);
        drop(queue);
        wakes.wake();
    }

    /// Adds permits.
    ///
    /// # Panics
    ///
    /// If there would be more than [`PERMITS_MAX`].
    #[track_caller]
    pub(super) fn add(&self, count: usize) {
        // Before they are there: until then, they count as held by something unknown.
        self.total.fetch_add(count, Ordering::Relaxed);
        self.release(count, None);
    }

    /// Gives permits to the queue, and frees the rest.
    #[track_caller]
    fn distribute(&self, queue: &mut Queue, mut count: usize, wakes: &mut WakeList) {
        assert_room(self.state.load(Ordering::Relaxed), count);
        while count > 0
            && let Some(missing) = queue.waiters.first()
        {
            let given = count.min(*missing);
            *missing -= given;
            count -= given;
            let is_served = *missing == 0;
            queue.grant(given);
            if is_served {
                queue.waiters.notify_first(wakes);
            }
        }
        if queue.waiters.is_empty() {
            let freed = |state| Some((state & !QUEUED) + (count << FREE_SHIFT));
            let _always = self
                .state
                .fetch_update(Ordering::Release, Ordering::Relaxed, freed);
        }
    }

    /// Removes a waiter that wanted `count`. Its permits go to the next. The waker is to be dropped
    /// after the lock is released.
    fn cancel(&self, key: WaitKey, count: usize, wakes: &mut WakeList) -> Option<Waker> {
        let mut queue = lock(&self.queue);
        queue.end_wait(&key);
        let Cancelled { note, waker } = queue.waiters.remove(key);
        self.distribute(&mut queue, count - note, wakes);
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
        self.total.fetch_sub(forgotten, Ordering::Relaxed);
        forgotten
    }

    /// Closes the semaphore, and notifies all waiters, which the caller wakes.
    pub(super) fn close(&self) -> WakeList {
        let mut wakes = WakeList::default();
        let mut queue = lock(&self.queue);
        self.state.fetch_or(CLOSED, Ordering::Release);
        queue.waiters.notify_all(&mut wakes);
        queue.close();
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
        self.semaphore().release(count, None);
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
            self.semaphore.release(self.count, Some(HoldKind::Borrowed));
        }
    }
}
