//! A counting semaphore.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use super::blocking::block_on;
use super::raw_semaphore::{HeldPermits, PERMITS_MAX, PermitSource, RawSemaphore};
use crate::waits::{HoldKind, PermitKind};

/// A counting semaphore.
///
/// It is fair: permits are given out in the order of the requests, and a request for many permits
/// is not overtaken by later requests for few.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use quintet::sync::Semaphore;
///
/// # quintet::block_on(async {
/// let connections = Arc::new(Semaphore::new(2));
/// let tasks: Vec<_> = (0..5)
///     .map(|_| {
///         let connections = Arc::clone(&connections);
///         quintet::spawn(async move {
///             let _permit = connections.acquire().await.unwrap();
///             quintet::task::yield_now().await;
///             assert!(connections.available_permits() < 2);
///         })
///     })
///     .collect();
/// for task in tasks {
///     task.await.unwrap();
/// }
/// assert_eq!(connections.available_permits(), 2);
/// # });
/// ```
pub struct Semaphore {
    raw: RawSemaphore,
}

impl Semaphore {
    /// The maximum number of permits of a semaphore.
    pub const MAX_PERMITS: usize = PERMITS_MAX;

    /// Creates a semaphore with `permits` permits.
    ///
    /// # Panics
    ///
    /// Panics if `permits` is more than [`MAX_PERMITS`](Semaphore::MAX_PERMITS).
    #[track_caller]
    pub fn new(permits: usize) -> Self {
        Semaphore::const_new(permits)
    }

    /// Creates a semaphore with `permits` permits, for a `static`.
    ///
    /// # Panics
    ///
    /// Panics if `permits` is more than [`MAX_PERMITS`](Semaphore::MAX_PERMITS).
    #[track_caller]
    pub const fn const_new(permits: usize) -> Self {
        Semaphore {
            raw: RawSemaphore::new(permits, PermitKind::Semaphore, &"a permit (Semaphore)"),
        }
    }

    /// Returns the number of permits that are available.
    pub fn available_permits(&self) -> usize {
        self.raw.free()
    }

    /// Adds `count` permits. Waiting tasks get them first.
    ///
    /// # Panics
    ///
    /// Panics if the semaphore would have more than [`MAX_PERMITS`](Semaphore::MAX_PERMITS).
    #[track_caller]
    pub fn add_permits(&self, count: usize) {
        self.raw.add(count);
    }

    /// Removes up to `count` available permits from the semaphore, and returns their number.
    pub fn forget_permits(&self, count: usize) -> usize {
        self.raw.forget(count)
    }

    /// Closes the semaphore: no more permits are given out, and tasks that wait for permits get an
    /// error.
    pub fn close(&self) {
        self.raw.close().wake();
    }

    /// Returns whether the semaphore is closed.
    pub fn is_closed(&self) -> bool {
        self.raw.is_closed()
    }

    /// Acquires a permit.
    ///
    /// # Errors
    ///
    /// Returns [`AcquireError`] if the semaphore is closed.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: a dropped future loses its place in the queue.
    pub async fn acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.acquire_many(1).await
    }

    /// Acquires `count` permits at once.
    ///
    /// # Errors
    ///
    /// Returns [`AcquireError`] if the semaphore is closed.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: a dropped future loses its place in the queue, and the permits
    /// that it has go to the next waiter.
    pub async fn acquire_many(&self, count: u32) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.raw.acquire(count as usize).await?;
        self.raw.acquired(count as usize, HoldKind::Borrowed);
        Ok(self.permit(count))
    }

    /// Acquires a permit if one is available.
    ///
    /// # Errors
    ///
    /// Returns [`TryAcquireError::NoPermits`] if no permit is available, and
    /// [`TryAcquireError::Closed`] if the semaphore is closed.
    pub fn try_acquire(&self) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    /// Acquires `count` permits if so many are available.
    ///
    /// # Errors
    ///
    /// Returns [`TryAcquireError::NoPermits`] if fewer permits are available, and
    /// [`TryAcquireError::Closed`] if the semaphore is closed.
    pub fn try_acquire_many(&self, count: u32) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.raw.try_acquire(count as usize)?;
        self.raw.acquired(count as usize, HoldKind::Borrowed);
        Ok(self.permit(count))
    }

    /// Acquires a permit, and blocks the thread while it waits.
    ///
    /// # Errors
    ///
    /// Returns [`AcquireError`] if the semaphore is closed.
    ///
    /// # Panics
    ///
    /// Panics if a quintet loop runs on this thread.
    #[track_caller]
    pub fn blocking_acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        block_on("Semaphore::blocking_acquire", self.acquire())
    }

    /// Acquires `count` permits at once, and blocks the thread while it waits.
    ///
    /// # Errors
    ///
    /// Returns [`AcquireError`] if the semaphore is closed.
    ///
    /// # Panics
    ///
    /// Panics if a quintet loop runs on this thread.
    #[track_caller]
    pub fn blocking_acquire_many(&self, count: u32) -> Result<SemaphorePermit<'_>, AcquireError> {
        block_on("Semaphore::blocking_acquire_many", self.acquire_many(count))
    }

    /// Acquires a permit that owns a reference to the semaphore.
    ///
    /// # Errors
    ///
    /// Returns [`AcquireError`] if the semaphore is closed.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: a dropped future loses its place in the queue.
    pub async fn acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, AcquireError> {
        self.acquire_many_owned(1).await
    }

    /// Acquires `count` permits that own a reference to the semaphore.
    ///
    /// # Errors
    ///
    /// Returns [`AcquireError`] if the semaphore is closed.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: a dropped future loses its place in the queue, and the permits
    /// that it has go to the next waiter.
    pub async fn acquire_many_owned(
        self: Arc<Self>,
        count: u32,
    ) -> Result<OwnedSemaphorePermit, AcquireError> {
        self.raw.acquire(count as usize).await?;
        self.raw.acquired(count as usize, HoldKind::Owned);
        Ok(OwnedSemaphorePermit::new(self, count))
    }

    /// Acquires a permit that owns a reference to the semaphore, and blocks the thread while it
    /// waits.
    ///
    /// # Errors
    ///
    /// Returns [`AcquireError`] if the semaphore is closed.
    ///
    /// # Panics
    ///
    /// Panics if a quintet loop runs on this thread.
    #[track_caller]
    pub fn blocking_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, AcquireError> {
        block_on("Semaphore::blocking_acquire_owned", self.acquire_owned())
    }

    /// Acquires `count` permits that own a reference to the semaphore, and blocks the thread while
    /// it waits.
    ///
    /// # Errors
    ///
    /// Returns [`AcquireError`] if the semaphore is closed.
    ///
    /// # Panics
    ///
    /// Panics if a quintet loop runs on this thread.
    #[track_caller]
    pub fn blocking_acquire_many_owned(
        self: Arc<Self>,
        count: u32,
    ) -> Result<OwnedSemaphorePermit, AcquireError> {
        let acquiring = self.acquire_many_owned(count);
        block_on("Semaphore::blocking_acquire_many_owned", acquiring)
    }

    /// Acquires a permit that owns a reference to the semaphore, if one is available.
    ///
    /// # Errors
    ///
    /// Returns [`TryAcquireError::NoPermits`] if no permit is available, and
    /// [`TryAcquireError::Closed`] if the semaphore is closed.
    pub fn try_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.try_acquire_many_owned(1)
    }

    /// Acquires `count` permits that own a reference to the semaphore, if so many are available.
    ///
    /// # Errors
    ///
    /// Returns [`TryAcquireError::NoPermits`] if fewer permits are available, and
    /// [`TryAcquireError::Closed`] if the semaphore is closed.
    pub fn try_acquire_many_owned(
        self: Arc<Self>,
        count: u32,
    ) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.raw.try_acquire(count as usize)?;
        self.raw.acquired(count as usize, HoldKind::Owned);
        Ok(OwnedSemaphorePermit::new(self, count))
    }

    fn permit(&self, count: u32) -> SemaphorePermit<'_> {
        SemaphorePermit {
            held: HeldPermits {
                semaphore: &self.raw,
                count: count as usize,
            },
            semaphore: self,
        }
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("available_permits", &self.available_permits())
            .field("is_closed", &self.is_closed())
            .finish()
    }
}

/// Permits of a [`Semaphore`], released on drop.
#[must_use = "permits that are not kept are released at once"]
pub struct SemaphorePermit<'a> {
    held: HeldPermits<'a>,
    semaphore: &'a Semaphore,
}

impl<'a> SemaphorePermit<'a> {
    /// Forgets the permits: they are not released, and the semaphore has fewer from now on.
    pub fn forget(mut self) {
        let count = std::mem::take(&mut self.held.count);
        self.semaphore.raw.forget_held(count, HoldKind::Borrowed);
    }

    /// Merges the permits of `other` into these.
    ///
    /// # Panics
    ///
    /// Panics if the permits belong to different semaphores.
    #[track_caller]
    pub fn merge(&mut self, mut other: Self) {
        assert_same(std::ptr::eq(self.semaphore, other.semaphore));
        self.held.count += std::mem::take(&mut other.held.count);
    }

    /// Splits off `count` of the permits. Returns `None` if these are fewer.
    pub fn split(&mut self, count: usize) -> Option<Self> {
        self.held.count = self.held.count.checked_sub(count)?;
        let semaphore = self.held.semaphore;
        Some(SemaphorePermit {
            held: HeldPermits { semaphore, count },
            semaphore: self.semaphore,
        })
    }

    /// Returns the semaphore that the permits belong to.
    pub fn semaphore(&self) -> &'a Semaphore {
        self.semaphore
    }

    /// Returns the number of permits.
    pub fn num_permits(&self) -> usize {
        self.held.count
    }
}

impl fmt::Debug for SemaphorePermit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SemaphorePermit")
            .field("semaphore", self.semaphore)
            .field("num_permits", &self.num_permits())
            .finish()
    }
}

/// Permits of a [`Semaphore`] that own a reference to it, released on drop.
#[derive(Debug)]
#[must_use = "permits that are not kept are released at once"]
pub struct OwnedSemaphorePermit {
    semaphore: Arc<Semaphore>,
    num_permits: usize,
}

impl OwnedSemaphorePermit {
    fn new(semaphore: Arc<Semaphore>, count: u32) -> Self {
        OwnedSemaphorePermit {
            semaphore,
            num_permits: count as usize,
        }
    }

    /// Forgets the permits: they are not released, and the semaphore has fewer from now on.
    pub fn forget(mut self) {
        let count = std::mem::take(&mut self.num_permits);
        self.semaphore.raw.forget_held(count, HoldKind::Owned);
    }

    /// Merges the permits of `other` into these.
    ///
    /// # Panics
    ///
    /// Panics if the permits belong to different semaphores.
    #[track_caller]
    pub fn merge(&mut self, mut other: Self) {
        assert_same(Arc::ptr_eq(&self.semaphore, &other.semaphore));
        self.num_permits += std::mem::take(&mut other.num_permits);
    }

    /// Splits off `count` of the permits. Returns `None` if these are fewer.
    pub fn split(&mut self, count: usize) -> Option<Self> {
        self.num_permits = self.num_permits.checked_sub(count)?;
        Some(OwnedSemaphorePermit {
            semaphore: Arc::clone(&self.semaphore),
            num_permits: count,
        })
    }

    /// Returns the semaphore that the permits belong to.
    pub fn semaphore(&self) -> &Arc<Semaphore> {
        &self.semaphore
    }

    /// Returns the number of permits.
    pub fn num_permits(&self) -> usize {
        self.num_permits
    }
}

impl Drop for OwnedSemaphorePermit {
    fn drop(&mut self) {
        if self.num_permits > 0 {
            let kind = Some(HoldKind::Owned);
            self.semaphore.raw.release(self.num_permits, kind);
        }
    }
}

#[track_caller]
fn assert_same(is_same: bool) {
    assert!(is_same, "permits of two semaphores cannot be merged");
}

/// The error of [`Semaphore::acquire`]: the semaphore is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcquireError(());

impl AcquireError {
    pub(super) fn new() -> Self {
        AcquireError(())
    }
}

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("semaphore closed")
    }
}

impl Error for AcquireError {}

/// The error of [`Semaphore::try_acquire`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryAcquireError {
    /// The semaphore is closed.
    Closed,
    /// Not enough permits are available.
    NoPermits,
}

impl fmt::Display for TryAcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TryAcquireError::Closed => "semaphore closed",
            TryAcquireError::NoPermits => "no permits available",
        })
    }
}

impl Error for TryAcquireError {}

assert_impl!(Semaphore: Send + Sync);
assert_impl!(SemaphorePermit<'_>: Send + Sync);
assert_impl!(OwnedSemaphorePermit: Send + Sync);
