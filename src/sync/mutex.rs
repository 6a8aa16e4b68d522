//! A mutex that may be held across an await.
//!
//! A semaphore with one permit queues the tasks. The value is in a mutex of the `futures` crate,
//! which only the owner of the permit locks. It is used for its guards: they can be sent to other
//! threads and mapped, which cannot be implemented here without `unsafe`.

use std::error::Error;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use futures::lock;

use super::blocking::block_on;
use super::raw_semaphore::{HeldPermits, PermitSource, RawSemaphore};
use super::reentry::{HeldHere, assert_not_held_here};
use crate::waits::{HoldKind, PermitKind};

/// A mutex that may be held across an await.
///
/// It is fair: the lock is given out in the order of the requests. There is no poisoning: a panic
/// of a task that holds the lock unlocks it.
///
/// If nothing is awaited while it is held, `std::sync::Mutex` or a `RefCell` is cheaper.
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
/// The value must be `Sized`, because an [`OwnedMutexGuard`] moves it. Box a trait object:
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
    /// `None` while an [`OwnedMutexGuard`] has the value.
    value: lock::Mutex<Option<T>>,
}

impl<T> Mutex<T> {
    /// Creates an unlocked mutex.
    #[track_caller]
    pub fn new(value: T) -> Self {
        Mutex::const_new(value)
    }

    /// Creates an unlocked mutex, for a `static`.
    #[track_caller]
    pub const fn const_new(value: T) -> Self {
        Mutex {
            semaphore: RawSemaphore::new(1, PermitKind::Lock, &"a lock (Mutex)"),
            value: lock::Mutex::new(Some(value)),
        }
    }

    /// Locks the mutex, and waits until it is free.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: a dropped future loses its place in the queue.
    pub async fn lock(&self) -> MutexGuard<'_, T> {
        self.wait().await;
        self.semaphore.acquired(1, HoldKind::Borrowed);
        self.guard()
    }

    /// Locks the mutex, and blocks the thread until it is free.
    ///
    /// # Panics
    ///
    /// Panics if a quintet loop runs on this thread.
    #[track_caller]
    pub fn blocking_lock(&self) -> MutexGuard<'_, T> {
        assert_not_held_here("Mutex::blocking_lock", &self.semaphore);
        block_on("Mutex::blocking_lock", self.lock())
    }

    /// Locks the mutex if it is free.
    ///
    /// # Errors
    ///
    /// Returns [`TryLockError`] if the mutex is locked.
    pub fn try_lock(&self) -> Result<MutexGuard<'_, T>, TryLockError> {
        self.try_wait(HoldKind::Borrowed)?;
        Ok(self.guard())
    }

    /// Locks the mutex with a guard that owns a reference to it, and waits until it is free.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: a dropped future loses its place in the queue.
    pub async fn lock_owned(self: Arc<Self>) -> OwnedMutexGuard<T> {
        self.wait().await;
        self.semaphore.acquired(1, HoldKind::Owned);
        self.owned_guard()
    }

    /// Locks the mutex with a guard that owns a reference to it, and blocks the thread until it is
    /// free.
    ///
    /// # Panics
    ///
    /// Panics if a quintet loop runs on this thread.
    #[track_caller]
    pub fn blocking_lock_owned(self: Arc<Self>) -> OwnedMutexGuard<T> {
        assert_not_held_here("Mutex::blocking_lock_owned", &self.semaphore);
        block_on("Mutex::blocking_lock_owned", self.lock_owned())
    }

    /// Locks the mutex with a guard that owns a reference to it, if it is free.
    ///
    /// # Errors
    ///
    /// Returns [`TryLockError`] if the mutex is locked.
    pub fn try_lock_owned(self: Arc<Self>) -> Result<OwnedMutexGuard<T>, TryLockError> {
        self.try_wait(HoldKind::Owned)?;
        Ok(self.owned_guard())
    }

    /// Returns a mutable reference to the value. No lock is needed, because `self` is borrowed
    /// mutably.
    pub fn get_mut(&mut self) -> &mut T {
        expect_value(self.value.get_mut().as_mut())
    }

    /// Consumes the mutex and returns the value.
    pub fn into_inner(self) -> T {
        expect_value(self.value.into_inner())
    }

    async fn wait(&self) {
        let taken = self.semaphore.acquire(1).await;
        taken.expect("the semaphore of a lock is never closed");
    }

    fn try_wait(&self, kind: HoldKind) -> Result<(), TryLockError> {
        let taken = self.semaphore.try_acquire(1);
        taken.map_err(|_| TryLockError(()))?;
        self.semaphore.acquired(1, kind);
        Ok(())
    }

    /// Locks the value. The caller has the permit.
    fn lock_value(&self) -> lock::MutexGuard<'_, Option<T>> {
        let value = self.value.try_lock();
        value.expect("only the owner of the permit locks the value")
    }

    fn guard(&self) -> MutexGuard<'_, T> {
        MutexGuard {
            value: self.lock_value(),
            held: HeldPermits {
                semaphore: &self.semaphore,
                count: 1,
            },
            mutex: self,
        }
    }

    fn owned_guard(self: Arc<Self>) -> OwnedMutexGuard<T> {
        let value = expect_value(self.lock_value().take());
        OwnedMutexGuard {
            value: Some(value),
            mutex: self,
        }
    }
}

fn expect_value<V>(value: Option<V>) -> V {
    value.expect("the value is in the mutex unless an owned guard has it")
}

impl<T> From<T> for Mutex<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Mutex::new(value)
    }
}

impl<T: Default> Default for Mutex<T> {
    #[track_caller]
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

/// A guard of a [`Mutex`], which it unlocks on drop.
#[must_use = "a guard that is not kept unlocks at once"]
pub struct MutexGuard<'a, T> {
    // Dropped before the permit is released.
    value: lock::MutexGuard<'a, Option<T>>,
    held: HeldPermits<'a>,
    mutex: &'a Mutex<T>,
}

impl<'a, T> MutexGuard<'a, T> {
    /// Turns it into a guard of a part of the value.
    ///
    /// The new guard does not name the type of the whole value, so it is boxed. A boxed trait
    /// object is `Send` only if it is declared so; therefore `T` and `U` must be `Send`, and the
    /// guard is not `Sync`.
    ///
    /// [`OwnedMutexGuard`] has no `map`: a part and the `Arc` that it borrows from cannot be stored
    /// together without `unsafe`. Keep the guard, and borrow the part where you use it.
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
        let value = lock::MutexGuard::map(value, |value| part(expect_value(value.as_mut())));
        MappedMutexGuard {
            value: Box::new(value),
            _held: held,
        }
    }

    /// Turns it into a guard of a part of the value, if `part` returns one; see
    /// [`map`](MutexGuard::map).
    ///
    /// `part` is called twice: without `unsafe` it cannot be known whether there is a part before
    /// the guard is given up.
    ///
    /// # Errors
    ///
    /// Returns the guard if `part` returns `None`.
    ///
    /// # Panics
    ///
    /// Panics if `part` returns a part first and then none.
    ///
    /// # Examples
    ///
    /// ```
    /// use quintet::sync::{Mutex, MutexGuard};
    ///
    /// # quintet::block_on(async {
    /// let list = Mutex::new(vec![1, 2]);
    /// let guard = list.lock().await;
    /// let guard = MutexGuard::try_map(guard, |list| list.get_mut(7)).unwrap_err();
    /// *MutexGuard::try_map(guard, |list| list.get_mut(0)).unwrap() = 5;
    /// assert_eq!(*list.lock().await, [5, 2]);
    /// # });
    /// ```
    pub fn try_map<U, F>(mut this: Self, mut part: F) -> Result<MappedMutexGuard<'a, U>, Self>
    where
        T: Send,
        U: ?Sized + Send + 'a,
        F: FnMut(&mut T) -> Option<&mut U>,
    {
        let is_there = {
            let _held = HeldHere::new(&this.mutex.semaphore);
            part(&mut this).is_some()
        };
        if is_there {
            Ok(MutexGuard::map(this, |value| part(value).expect(THERE)))
        } else {
            Err(this)
        }
    }

    /// Returns the mutex.
    pub fn mutex(this: &Self) -> &'a Mutex<T> {
        this.mutex
    }
}

/// Why `part` returns a part.
pub(super) const THERE: &str = "the function must return a part each time, or never";

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        expect_value(self.value.as_ref())
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        expect_value(self.value.as_mut())
    }
}

/// A guard of a [`Mutex`] that owns a reference to it. It unlocks the mutex on drop.
///
/// The value is moved into the guard, and back on drop.
#[must_use = "a guard that is not kept unlocks at once"]
pub struct OwnedMutexGuard<T> {
    /// `Some` until the guard is dropped.
    value: Option<T>,
    mutex: Arc<Mutex<T>>,
}

impl<T> OwnedMutexGuard<T> {
    /// Returns the mutex.
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

/// Why an owned guard has its value.
const OWNED: &str = "a guard has its value until it is dropped";

impl<T> Drop for OwnedMutexGuard<T> {
    fn drop(&mut self) {
        *self.mutex.lock_value() = self.value.take();
        self.mutex.semaphore.release(1, Some(HoldKind::Owned));
    }
}

/// A guard of a part of the value of a [`Mutex`], which it unlocks on drop.
#[must_use = "a guard that is not kept unlocks at once"]
pub struct MappedMutexGuard<'a, U: ?Sized> {
    // Dropped before the permit is released.
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

/// The error of [`Mutex::try_lock`] and the like: the lock is not free.
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
