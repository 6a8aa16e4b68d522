//! A semaphore whose permits go to those who wait in the order in which they came.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use super::blocking::block_on;
use super::raw_semaphore::{HeldPermits, PERMITS_MAX, PermitSource, RawSemaphore};

/// A counted number of permits.
///
/// Whoever waits stands in line: permits are given in the order in which they were asked for, and a
/// wish for many is not overtaken by later wishes for few.
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
    /// The most permits a semaphore may have.
    pub const MAX_PERMITS: usize = PERMITS_MAX;

    /// Returns a semaphore with so many permits.
    ///
    /// # Panics
    ///
    /// If they are more than [`MAX_PERMITS`](Semaphore::MAX_PERMITS).
    #[track_caller]
    pub fn new(permits: usize) -> Self {
        Semaphore::const_new(permits)
    }

    /// Returns a semaphore with so many permits, for a `static`.
    ///
    /// # Panics
    ///
    /// If they are more than [`MAX_PERMITS`](Semaphore::MAX_PERMITS).
    #[track_caller]
    pub const fn const_new(permits: usize) -> Self {
        Semaphore {
            raw: RawSemaphore::new(permits, &"a permit (Semaphore)"),
        }
    }

    /// Returns how many permits are free now.
    pub fn available_permits(&self) -> usize {
        self.raw.free()
    }

    /// Adds permits, for those who wait first.
    ///
    /// # Panics
    ///
    /// If there would be more than [`MAX_PERMITS`](Semaphore::MAX_PERMITS).
    #[track_caller]
    pub fn add_permits(&self, count: usize) {
        self.raw.release(count);
    }

    /// Takes up to `count` free permits away for good, and returns how many it took.
    pub fn forget_permits(&self, count: usize) -> usize {
        self.raw.forget(count)
    }

    /// Closes the semaphore: no permit is given any more, and who waits is told so.
    pub fn close(&self) {
        self.raw.close().wake();
    }

    /// Returns whether the semaphore is closed.
    pub fn is_closed(&self) -> bool {
        self.raw.is_closed()
    }

    /// Waits for a permit.
    ///
    /// # Errors
    ///
    /// If the semaphore is closed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the place in line.
    pub async fn acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.acquire_many(1).await
    }

    /// Waits for several permits, which are given all at once.
    ///
    /// # Errors
    ///
    /// If the semaphore is closed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the place in line; permits that were set aside for it go to the
    /// next.
    pub async fn acquire_many(&self, count: u32) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.raw.acquire(count as usize).await?;
        Ok(self.permit(count))
    }

    /// Takes a permit if one is free.
    ///
    /// # Errors
    ///
    /// If none is free, or the semaphore is closed.
    pub fn try_acquire(&self) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    /// Takes several permits if they are free.
    ///
    /// # Errors
    ///
    /// If there are not so many, or the semaphore is closed.
    pub fn try_acquire_many(&self, count: u32) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.raw.try_acquire(count as usize)?;
        Ok(self.permit(count))
    }

    /// Waits for a permit by blocking the thread.
    ///
    /// # Errors
    ///
    /// If the semaphore is closed.
    ///
    /// # Panics
    ///
    /// Where a quintet loop runs on this thread.
    #[track_caller]
    pub fn blocking_acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        block_on("Semaphore::blocking_acquire", self.acquire())
    }

    /// Waits for several permits by blocking the thread.
    ///
    /// # Errors
    ///
    /// If the semaphore is closed.
    ///
    /// # Panics
    ///
    /// Where a quintet loop runs on this thread.
    #[track_caller]
    pub fn blocking_acquire_many(&self, count: u32) -> Result<SemaphorePermit<'_>, AcquireError> {
        block_on("Semaphore::blocking_acquire_many", self.acquire_many(count))
    }

    /// Waits for a permit that keeps the semaphore alive.
    ///
    /// # Errors
    ///
    /// If the semaphore is closed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the place in line.
    pub async fn acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, AcquireError> {
        self.acquire_many_owned(1).await
    }

    /// Waits for several permits that keep the semaphore alive.
    ///
    /// # Errors
    ///
    /// If the semaphore is closed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the place in line; permits that were set aside for it go to the
    /// next.
    pub async fn acquire_many_owned(
        self: Arc<Self>,
        count: u32,
    ) -> Result<OwnedSemaphorePermit, AcquireError> {
        self.raw.acquire(count as usize).await?;
        Ok(OwnedSemaphorePermit::new(self, count))
    }

    /// Takes a permit that keeps the semaphore alive, if one is free.
    ///
    /// # Errors
    ///
    /// If none is free, or the semaphore is closed.
    pub fn try_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.try_acquire_many_owned(1)
    }

    /// Takes several permits that keep the semaphore alive, if they are free.
    ///
    /// # Errors
    ///
    /// If there are not so many, or the semaphore is closed.
    pub fn try_acquire_many_owned(
        self: Arc<Self>,
        count: u32,
    ) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.raw.try_acquire(count as usize)?;
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

/// Permits of a [`Semaphore`], which go back when this is dropped.
#[must_use = "permits go back at once if they are not kept"]
pub struct SemaphorePermit<'a> {
    held: HeldPermits<'a>,
    semaphore: &'a Semaphore,
}

impl<'a> SemaphorePermit<'a> {
    /// Keeps the permits from going back, ever.
    pub fn forget(mut self) {
        self.held.count = 0;
    }

    /// Adds the permits of another to these.
    ///
    /// # Panics
    ///
    /// If they are those of another semaphore.
    #[track_caller]
    pub fn merge(&mut self, mut other: Self) {
        assert_same(std::ptr::eq(self.semaphore, other.semaphore));
        self.held.count += std::mem::take(&mut other.held.count);
    }

    /// Takes `count` permits out of these; `None` if there are not so many.
    pub fn split(&mut self, count: usize) -> Option<Self> {
        self.held.count = self.held.count.checked_sub(count)?;
        let semaphore = self.held.semaphore;
        Some(SemaphorePermit {
            held: HeldPermits { semaphore, count },
            semaphore: self.semaphore,
        })
    }

    /// Returns the semaphore.
    pub fn semaphore(&self) -> &'a Semaphore {
        self.semaphore
    }

    /// Returns how many permits these are.
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

/// Permits of a [`Semaphore`], which they keep alive. They go back when this is dropped.
#[derive(Debug)]
#[must_use = "permits go back at once if they are not kept"]
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

    /// Keeps the permits from going back, ever.
    pub fn forget(mut self) {
        self.num_permits = 0;
    }

    /// Adds the permits of another to these.
    ///
    /// # Panics
    ///
    /// If they are those of another semaphore.
    #[track_caller]
    pub fn merge(&mut self, mut other: Self) {
        assert_same(Arc::ptr_eq(&self.semaphore, &other.semaphore));
        self.num_permits += std::mem::take(&mut other.num_permits);
    }

    /// Takes `count` permits out of these; `None` if there are not so many.
    pub fn split(&mut self, count: usize) -> Option<Self> {
        self.num_permits = self.num_permits.checked_sub(count)?;
        Some(OwnedSemaphorePermit {
            semaphore: Arc::clone(&self.semaphore),
            num_permits: count,
        })
    }

    /// Returns the semaphore.
    pub fn semaphore(&self) -> &Arc<Semaphore> {
        &self.semaphore
    }

    /// Returns how many permits these are.
    pub fn num_permits(&self) -> usize {
        self.num_permits
    }
}

impl Drop for OwnedSemaphorePermit {
    fn drop(&mut self) {
        if self.num_permits > 0 {
            self.semaphore.raw.release(self.num_permits);
        }
    }
}

#[track_caller]
fn assert_same(is_same: bool) {
    assert!(
        is_same,
        "permits of two semaphores cannot be merged; merge those of one and the same"
    );
}

/// The semaphore is closed.
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

/// Why no permit could be had at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryAcquireError {
    /// The semaphore is closed.
    Closed,
    /// There are not so many permits.
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
