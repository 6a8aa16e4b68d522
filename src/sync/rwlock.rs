//! A reader-writer lock that may be held across an await.
//!
//! A reader holds one permit of a semaphore and a writer all of them. The semaphore is fair, so
//! neither starves the other. The value is in an `Arc`: readers share it, and the only writer
//! changes it in place. So guards can be sent to other threads without `unsafe`.

mod guards;
mod part;

use std::fmt;
use std::mem;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::{Arc, Mutex, OnceLock};

pub use self::guards::{
    OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLockReadGuard, RwLockWriteGuard,
};
pub use self::part::RwLockMappedWriteGuard;

use self::part::View;
use super::blocking::block_on;
use super::lock;
use super::mutex::TryLockError;
use super::raw_semaphore::{HeldPermits, PermitSource, RawSemaphore};
use super::reentry::{HeldHere, assert_not_held_here};
use crate::waits::{HoldKind, PermitKind};

/// The maximum number of readers. It is tokio's.
const READERS_MAX: u32 = u32::MAX >> 3;

/// A reader-writer lock that may be held across an await.
///
/// It is fair: the lock is given out in the order of the requests, and a reader that comes after a
/// waiting writer waits for that writer. So a task that holds a read guard and requests another may
/// deadlock, if a writer comes in between. There is no poisoning.
///
/// # Examples
///
/// ```
/// use quintet::sync::RwLock;
///
/// # quintet::block_on(async {
/// let lock = RwLock::new(5);
/// {
///     let (one, other) = (lock.read().await, lock.read().await);
///     assert_eq!(*one + *other, 10);
/// }
/// *lock.write().await += 1;
/// assert_eq!(lock.into_inner(), 6);
/// # });
/// ```
///
/// The value is in an `Arc`, so that guards can be sent to other threads. So it must be `Sized`,
/// and the lock is `Send` only if the value is `Send` and `Sync`. Box a trait object:
///
/// ```
/// use quintet::sync::RwLock;
///
/// trait Shape: Send + Sync {
///     fn area(&self) -> f64;
/// }
/// # struct Square;
/// # impl Shape for Square {
/// #     fn area(&self) -> f64 {
/// #         1.0
/// #     }
/// # }
///
/// # quintet::block_on(async {
/// let shape: RwLock<Box<dyn Shape>> = RwLock::new(Box::new(Square));
/// assert_eq!(shape.read().await.area(), 1.0);
/// # });
/// ```
pub struct RwLock<T> {
    semaphore: RawSemaphore,
    readers_max: u32,
    value: Mutex<ValueSlot<T>>,
    /// Contains the value while a mapped guard writes it.
    mapped: OnceLock<Box<MappedSlot<T>>>,
}

/// A mutex of the `futures` crate, for its guards, which can be mapped. Only the one writer locks
/// it.
type MappedSlot<T> = futures::lock::Mutex<Option<Arc<T>>>;

/// Where the value is.
enum ValueSlot<T> {
    /// Not read yet: a `static` cannot allocate.
    Fresh(T),
    Shared(Arc<T>),
    /// A writer has it.
    Taken,
}

impl<T> ValueSlot<T> {
    /// Takes the value out.
    fn take(&mut self) -> Arc<T> {
        match mem::replace(self, ValueSlot::Taken) {
            ValueSlot::Fresh(value) => Arc::new(value),
            ValueSlot::Shared(value) => value,
            ValueSlot::Taken => unreachable!("{ALONE}"),
        }
    }
}

/// What the permits of the semaphore guarantee.
const ALONE: &str = "a writer has all permits and is alone";

/// Why a value is missing while no guard exists.
const LEAKED: &str =
    "a guard of this `RwLock` was leaked (by `mem::forget`?), and the value with it";

impl<T> RwLock<T> {
    /// Creates an unlocked lock.
    #[track_caller]
    pub fn new(value: T) -> Self {
        RwLock::const_new(value)
    }

    /// Creates an unlocked lock, for a `static`.
    #[track_caller]
    pub const fn const_new(value: T) -> Self {
        RwLock::const_with_max_readers(value, READERS_MAX)
    }

    /// Creates an unlocked lock for at most `readers_max` concurrent readers.
    ///
    /// # Panics
    ///
    /// Panics if `readers_max` is zero or more than `u32::MAX >> 3`.
    #[track_caller]
    pub fn with_max_readers(value: T, readers_max: u32) -> Self {
        RwLock::const_with_max_readers(value, readers_max)
    }

    /// Creates an unlocked lock for at most `readers_max` concurrent readers, for a `static`.
    ///
    /// # Panics
    ///
    /// Panics if `readers_max` is zero or more than `u32::MAX >> 3`.
    #[track_caller]
    pub const fn const_with_max_readers(value: T, readers_max: u32) -> Self {
        assert!(
            0 < readers_max && readers_max <= READERS_MAX,
            "a `RwLock` allows at least one and at most `u32::MAX >> 3` concurrent readers"
        );
        RwLock {
            semaphore: RawSemaphore::new(
                readers_max as usize,
                PermitKind::Lock,
                &"a lock (RwLock)",
            ),
            readers_max,
            value: Mutex::new(ValueSlot::Fresh(value)),
            mapped: OnceLock::new(),
        }
    }

    /// Locks for reading, and waits until that is possible.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: a dropped future loses its place in the queue.
    pub async fn read(&self) -> RwLockReadGuard<'_, T> {
        self.wait(1).await;
        self.acquired(1, HoldKind::Borrowed);
        self.read_guard(self.share())
    }

    /// Locks for reading, and blocks the thread until that is possible.
    ///
    /// # Panics
    ///
    /// Panics if a quintet loop runs on this thread.
    #[track_caller]
    pub fn blocking_read(&self) -> RwLockReadGuard<'_, T> {
        assert_not_held_here("RwLock::blocking_read", &self.semaphore);
        block_on("RwLock::blocking_read", self.read())
    }

    /// Locks for reading, if no writer holds the lock or waits for it.
    ///
    /// # Errors
    ///
    /// Returns [`TryLockError`] otherwise.
    pub fn try_read(&self) -> Result<RwLockReadGuard<'_, T>, TryLockError> {
        self.try_take(1, HoldKind::Borrowed)?;
        Ok(self.read_guard(self.share()))
    }

    /// Locks for reading with a guard that owns a reference to the lock, and waits until that is
    /// possible.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: a dropped future loses its place in the queue.
    pub async fn read_owned(self: Arc<Self>) -> OwnedRwLockReadGuard<T> {
        self.wait(1).await;
        self.acquired(1, HoldKind::Owned);
        let value = self.share();
        OwnedRwLockReadGuard::new(value, self)
    }

    /// Locks for reading with a guard that owns a reference to the lock, if no writer holds the
    /// lock or waits for it.
    ///
    /// # Errors
    ///
    /// Returns [`TryLockError`] otherwise.
    pub fn try_read_owned(self: Arc<Self>) -> Result<OwnedRwLockReadGuard<T>, TryLockError> {
        self.try_take(1, HoldKind::Owned)?;
        let value = self.share();
        Ok(OwnedRwLockReadGuard::new(value, self))
    }

    /// Locks for writing, and waits until that is possible.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: a dropped future loses its place in the queue.
    pub async fn write(&self) -> RwLockWriteGuard<'_, T> {
        self.wait(self.readers_max).await;
        self.acquired(self.readers_max, HoldKind::Borrowed);
        self.write_guard()
    }

    /// Locks for writing, and blocks the thread until that is possible.
    ///
    /// # Panics
    ///
    /// Panics if a quintet loop runs on this thread.
    #[track_caller]
    pub fn blocking_write(&self) -> RwLockWriteGuard<'_, T> {
        assert_not_held_here("RwLock::blocking_write", &self.semaphore);
        block_on("RwLock::blocking_write", self.write())
    }

    /// Locks for writing, if no task holds the lock or waits for it.
    ///
    /// # Errors
    ///
    /// Returns [`TryLockError`] otherwise.
    pub fn try_write(&self) -> Result<RwLockWriteGuard<'_, T>, TryLockError> {
        self.try_take(self.readers_max, HoldKind::Borrowed)?;
        Ok(self.write_guard())
    }

    /// Locks for writing with a guard that owns a reference to the lock, and waits until that is
    /// possible.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: a dropped future loses its place in the queue.
    pub async fn write_owned(self: Arc<Self>) -> OwnedRwLockWriteGuard<T> {
        self.wait(self.readers_max).await;
        self.acquired(self.readers_max, HoldKind::Owned);
        self.owned_write_guard()
    }

    /// Locks for writing with a guard that owns a reference to the lock, if no task holds the lock
    /// or waits for it.
    ///
    /// # Errors
    ///
    /// Returns [`TryLockError`] otherwise.
    pub fn try_write_owned(self: Arc<Self>) -> Result<OwnedRwLockWriteGuard<T>, TryLockError> {
        self.try_take(self.readers_max, HoldKind::Owned)?;
        Ok(self.owned_write_guard())
    }

    /// Returns a mutable reference to the value. No lock is needed, because `self` is borrowed
    /// mutably.
    ///
    /// # Panics
    ///
    /// Panics if a guard that has the value was leaked.
    #[track_caller]
    pub fn get_mut(&mut self) -> &mut T {
        match self.value.get_mut().unwrap_or_else(|e| e.into_inner()) {
            ValueSlot::Fresh(value) => value,
            ValueSlot::Shared(value) => Arc::get_mut(value).expect(LEAKED),
            ValueSlot::Taken => panic!("{LEAKED}"),
        }
    }

    /// Consumes the lock and returns the value.
    ///
    /// # Panics
    ///
    /// Panics if a guard that has the value was leaked.
    #[track_caller]
    pub fn into_inner(self) -> T {
        let slot = self.value.into_inner();
        match slot.unwrap_or_else(|e| e.into_inner()) {
            ValueSlot::Fresh(value) => value,
            ValueSlot::Shared(value) => Arc::into_inner(value).expect(LEAKED),
            ValueSlot::Taken => panic!("{LEAKED}"),
        }
    }

    async fn wait(&self, permits: u32) {
        let taken = self.semaphore.acquire(permits as usize).await;
        taken.expect("the semaphore of a lock is never closed");
    }

    #[inline]
    fn acquired(&self, permits: u32, kind: HoldKind) {
        self.semaphore.acquired(permits as usize, kind);
    }

    fn try_take(&self, permits: u32, kind: HoldKind) -> Result<(), TryLockError> {
        let taken = self.semaphore.try_acquire(permits as usize);
        taken.map_err(|_| TryLockError::new())?;
        self.acquired(permits, kind);
        Ok(())
    }

    fn held(&self, permits: u32) -> HeldPermits<'_> {
        HeldPermits {
            semaphore: &self.semaphore,
            count: permits as usize,
        }
    }

    /// Releases permits of a guard that owns a reference to the lock.
    fn release_owned(&self, permits: u32) {
        let kind = Some(HoldKind::Owned);
        self.semaphore.release(permits as usize, kind);
    }

    /// Shares the value. The caller has a permit.
    fn share(&self) -> Arc<T> {
        let mut slot = lock(&self.value);
        if let ValueSlot::Shared(value) = &*slot {
            return Arc::clone(value);
        }
        let value = slot.take();
        *slot = ValueSlot::Shared(Arc::clone(&value));
        value
    }

    /// Takes the value. The caller has all permits.
    fn take_value(&self) -> Arc<T> {
        lock(&self.value).take()
    }

    /// Locks the slot for the value of a mapped guard. The caller has all permits.
    fn mapped_slot(&self) -> futures::lock::MutexGuard<'_, Option<Arc<T>>> {
        let slot = self.mapped.get_or_init(Box::default).try_lock();
        slot.expect(ALONE)
    }

    /// Restores the value after a write.
    fn restore(&self, value: Arc<T>) {
        *lock(&self.value) = ValueSlot::Shared(value);
    }

    fn read_guard(&self, value: Arc<T>) -> RwLockReadGuard<'_, T> {
        RwLockReadGuard {
            value: View::Whole(value),
            held: self.held(1),
        }
    }

    fn write_guard(&self) -> RwLockWriteGuard<'_, T> {
        RwLockWriteGuard {
            value: Some(self.take_value()),
            lock: self,
        }
    }

    fn owned_write_guard(self: Arc<Self>) -> OwnedRwLockWriteGuard<T> {
        OwnedRwLockWriteGuard {
            value: Some(self.take_value()),
            lock: self,
        }
    }
}

// A guard that is dropped by a panic unlocks.
impl<T> UnwindSafe for RwLock<T> {}
impl<T> RefUnwindSafe for RwLock<T> {}

impl<T> From<T> for RwLock<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        RwLock::new(value)
    }
}

impl<T: Default> Default for RwLock<T> {
    #[track_caller]
    fn default() -> Self {
        RwLock::new(T::default())
    }
}

impl<T: fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("RwLock");
        match self.try_read() {
            Ok(value) => {
                let _held = HeldHere::new(&self.semaphore);
                shown.field("data", &&*value).finish()
            }
            Err(_) => shown.field("data", &format_args!("<locked>")).finish(),
        }
    }
}

assert_impl!(RwLock<()>: Send + Sync);
assert_impl!(RwLockReadGuard<'_, ()>: Send + Sync);
assert_impl!(RwLockWriteGuard<'_, ()>: Send + Sync);
assert_impl!(RwLockReadGuard<'_, str>: Send + Sync);
assert_impl!(RwLockMappedWriteGuard<'_, str>: Send + Sync);
assert_impl!(OwnedRwLockReadGuard<()>: Send + Sync);
assert_impl!(OwnedRwLockWriteGuard<()>: Send + Sync);
