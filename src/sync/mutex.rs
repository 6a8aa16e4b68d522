//! A lock that may be held across an await.
//!
//! The order is the semaphore's. The value lies in a lock of the `futures` crate, which nobody ever waits
//! for: the semaphore's one permit goes with it. It is there for its guards, which may be sent to other
//! threads and be mapped; without `unsafe` they cannot be made here.

use std::error::Error;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use futures::lock;

use super::blocking::block_on;
use super::raw_semaphore::{HeldPermits, PermitSource, RawSemaphore};
use super::reentry::{HeldHere, assert_not_held_here};

/// A lock that may be held across an await.
///
/// It is given to those who wait in the order in which they came. There is no poisoning: a panic of
/// who holds it unlocks it.
///
/// Where nothing is awaited while it is held, `std::sync::Mutex` or a `RefCell` is cheaper.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use quintet::sync::Mutex;
///
/// # quintet::block_on(async {
/// let count = Arc::new(Mutex::new(0));
/// let tasks: Vec<_> = (0..10)
///     .map(|_| {
///         let count = Arc::clone(&count);
///         quintet::spawn(async move {
///             let mut count = count.lock().await;
///             let old = *count;
///             quintet::task::yield_now().await;
///             *count = old + 1;
///         })
///     })
///     .collect();
/// for task in tasks {
///     task.await.unwrap();
/// }
/// assert_eq!(*count.lock().await, 10);
/// # });
/// ```
///
/// The value is `Sized`, because an [`OwnedMutexGuard`] moves it. A trait object is boxed:
///
/// ```
/// use std::fmt::Write;
/// use std::sync::Arc;
/// use quintet::sync::Mutex;
///
/// # quintet::block_on(async {
/// let log: Arc<Mutex<Box<dyn Write + Send>>> = Arc::new(Mutex::new(Box::new(String::new())));
/// log.lock().await.write_str("a line").unwrap();
/// # });
/// ```
pub struct Mutex<T> {
    semaphore: RawSemaphore,
    /// Empty while an [`OwnedMutexGuard`] has the value.
    value: lock::Mutex<Option<T>>,
}

impl<T> Mutex<T> {
    /// Returns an unlocked lock around `value`.
    pub fn new(value: T) -> Self {
        Mutex::const_new(value)
    }

    /// Returns an unlocked lock around `value`, for a `static`.
    pub const fn const_new(value: T) -> Self {
        Mutex {
            semaphore: RawSemaphore::new(1, &"a lock (Mutex)"),
            value: lock::Mutex::new(Some(value)),
        }
    }

    /// Waits for the lock.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the place in line.
    pub async fn lock(&self) -> MutexGuard<'_, T> {
        self.wait().await;
        self.guard()
    }

    /// Waits for the lock by blocking the thread.
    ///
    /// # Panics
    ///
    /// Where a quintet loop runs on this thread.
    #[track_caller]
    pub fn blocking_lock(&self) -> MutexGuard<'_, T> {
        assert_not_held_here("Mutex::blocking_lock", &self.semaphore);
        block_on("Mutex::blocking_lock", self.lock())
    }

    /// Takes the lock if it is free.
    ///
    /// # Errors
    ///
    /// If it is not.
    pub fn try_lock(&self) -> Result<MutexGuard<'_, T>, TryLockError> {
        self.semaphore
            .try_acquire(1)
            .map_err(|_| TryLockError(()))?;
        Ok(self.guard())
    }

    /// Waits for the lock, with a guard that keeps it alive.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the place in line.
    pub async fn lock_owned(self: Arc<Self>) -> OwnedMutexGuard<T> {
        self.wait().await;
        self.owned_guard()
    }

    /// Waits for the lock, with a guard that keeps it alive, by blocking the thread.
    ///
    /// # Panics
    ///
    /// Where a quintet loop runs on this thread.
    #[track_caller]
    pub fn blocking_lock_owned(self: Arc<Self>) -> OwnedMutexGuard<T> {
        assert_not_held_here("Mutex::blocking_lock_owned", &self.semaphore);
        block_on("Mutex::blocking_lock_owned", self.lock_owned())
    }

    /// Takes the lock if it is free, with a guard that keeps it alive.
    ///
    /// # Errors
    ///
    /// If it is not.
    pub fn try_lock_owned(self: Arc<Self>) -> Result<OwnedMutexGuard<T>, TryLockError> {
        self.semaphore
            .try_acquire(1)
            .map_err(|_| TryLockError(()))?;
        Ok(self.owned_guard())
    }

    /// Returns the value; nobody else can have the lock.
    pub fn get_mut(&mut self) -> &mut T {
        at_home(self.value.get_mut().as_mut())
    }

    /// Returns the value.
    pub fn into_inner(self) -> T {
        at_home(self.value.into_inner())
    }

    async fn wait(&self) {
        let taken = self.semaphore.acquire(1).await;
        taken.expect("the semaphore of a lock is never closed");
    }

    /// The value's place, for who has the permit.
    fn place(&self) -> lock::MutexGuard<'_, Option<T>> {
        let place = self.value.try_lock();
        place.expect("who has the permit is alone")
    }

    fn guard(&self) -> MutexGuard<'_, T> {
        MutexGuard {
            value: self.place(),
            held: HeldPermits {
                semaphore: &self.semaphore,
                count: 1,
            },
            mutex: self,
        }
    }

    fn owned_guard(self: Arc<Self>) -> OwnedMutexGuard<T> {
        let value = at_home(self.place().take());
        OwnedMutexGuard {
            value: Some(value),
            mutex: self,
        }
    }
}

fn at_home<V>(value: Option<V>) -> V {
    value.expect("the value is in its lock unless an owned guard has it")
}

impl<T> From<T> for Mutex<T> {
    fn from(value: T) -> Self {
        Mutex::new(value)
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Mutex::new(T::default())
    }
}

impl<T: fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Mutex");
        match self.try_lock() {
            Ok(value) => {
                let _held = HeldHere::new(&self.semaphore);
                shown.field("data", &&*value).finish()
            }
            Err(_) => shown.field("data", &format_args!("<locked>")).finish(),
        }
    }
}

/// Holds a [`Mutex`]; dropping it unlocks.
#[must_use = "it unlocks at once if it is not kept"]
pub struct MutexGuard<'a, T> {
    // Dropped before the permit goes to the next.
    value: lock::MutexGuard<'a, Option<T>>,
    held: HeldPermits<'a>,
    mutex: &'a Mutex<T>,
}

impl<'a, T> MutexGuard<'a, T> {
    /// Makes it a guard of a part of the value.
    ///
    /// The part's guard does not name the type of the whole, so it is boxed. A box of a forgotten type
    /// is `Send` only if all types that it may hold are: therefore `T` and `U` are `Send`, and the
    /// guard is not `Sync`.
    ///
    /// [`OwnedMutexGuard`] has no `map`: a part and the `Arc` that it borrows from cannot be kept
    /// together without `unsafe`. Keep the guard, and borrow the part where it is used.
    ///
    /// # Examples
    ///
    /// ```
    /// use quintet::sync::{Mutex, MutexGuard};
    ///
    /// # quintet::block_on(async {
    /// let pair = Mutex::new((1, 'a'));
    /// *MutexGuard::map(pair.lock().await, |pair| &mut pair.1) = 'b';
    /// assert_eq!(*pair.lock().await, (1, 'b'));
    /// # });
    /// ```
    pub fn map<U, F>(this: Self, part: F) -> MappedMutexGuard<'a, U>
    where
        T: Send,
        U: ?Sized + Send + 'a,
        F: FnOnce(&mut T) -> &mut U,
    {
        let MutexGuard { value, held, mutex } = this;
        let _held = HeldHere::new(&mutex.semaphore);
        let value = lock::MutexGuard::map(value, |value| part(at_home(value.as_mut())));
        MappedMutexGuard {
            value: Box::new(value),
            _held: held,
        }
    }

    /// Returns the lock.
    pub fn mutex(this: &Self) -> &'a Mutex<T> {
        this.mutex
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        at_home(self.value.as_ref())
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        at_home(self.value.as_mut())
    }
}

/// Holds a [`Mutex`] and keeps it alive; dropping it unlocks.
///
/// The value is moved into the guard and back.
#[must_use = "it unlocks at once if it is not kept"]
pub struct OwnedMutexGuard<T> {
    /// There until the guard is dropped.
    value: Option<T>,
    mutex: Arc<Mutex<T>>,
}

impl<T> OwnedMutexGuard<T> {
    /// Returns the lock.
    pub fn mutex(this: &Self) -> &Arc<Mutex<T>> {
        &this.mutex
    }
}

impl<T> Deref for OwnedMutexGuard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_ref().expect(OWNED)
    }
}

impl<T> DerefMut for OwnedMutexGuard<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.value.as_mut().expect(OWNED)
    }
}

/// Where the value of an owned guard is.
const OWNED: &str = "a guard has its value until it is dropped";

impl<T> Drop for OwnedMutexGuard<T> {
    fn drop(&mut self) {
        *self.mutex.place() = self.value.take();
        self.mutex.semaphore.release(1);
    }
}

/// Holds a [`Mutex`], but shows a part of its value; dropping it unlocks.
#[must_use = "it unlocks at once if it is not kept"]
pub struct MappedMutexGuard<'a, U: ?Sized> {
    // Dropped before the permit goes to the next.
    value: Box<dyn DerefMut<Target = U> + Send + 'a>,
    _held: HeldPermits<'a>,
}

impl<U: ?Sized> Deref for MappedMutexGuard<'_, U> {
    type Target = U;

    fn deref(&self) -> &U {
        &self.value
    }
}

impl<U: ?Sized> DerefMut for MappedMutexGuard<'_, U> {
    fn deref_mut(&mut self) -> &mut U {
        &mut self.value
    }
}

super::show_as_value! {
    [T: ?Sized] MappedMutexGuard<'_, T>;
    [T] MutexGuard<'_, T>;
    [T] OwnedMutexGuard<T>;
}

/// The lock is not free.
#[derive(Debug)]
pub struct TryLockError(());

impl TryLockError {
    pub(super) fn new() -> Self {
        TryLockError(())
    }
}

impl fmt::Display for TryLockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("operation would block")
    }
}

impl Error for TryLockError {}

assert_impl!(Mutex<std::cell::Cell<()>>: Send + Sync);
assert_impl!(MutexGuard<'_, std::cell::Cell<()>>: Send);
assert_impl!(OwnedMutexGuard<std::cell::Cell<()>>: Send);
assert_impl!(MutexGuard<'_, ()>: Send + Sync);
assert_impl!(OwnedMutexGuard<()>: Send + Sync);
assert_impl!(MappedMutexGuard<'_, std::cell::Cell<()>>: Send);
