//! The guards of a [`RwLock`].

use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use super::part::{RwLockMappedWriteGuard, View};
use super::{ALONE, RwLock};
use crate::sync::mutex::THERE;
use crate::sync::raw_semaphore::HeldPermits;
use crate::sync::reentry::HeldHere;

/// A read guard of a [`RwLock`], which it unlocks on drop.
#[must_use = "a guard that is not kept unlocks at once"]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    // Dropped before the permit is released.
    pub(super) value: View<'a, T>,
    pub(super) held: HeldPermits<'a>,
}

impl<'a, T: ?Sized> RwLockReadGuard<'a, T> {
    /// Turns it into a guard of a part of the value.
    ///
    /// `part` is called at each dereference: without `unsafe` the guard cannot store a reference
    /// into the value that it owns. The new guard does not name the type of the whole value, so it
    /// is boxed; therefore the types must be `Send` and `Sync`.
    ///
    /// # Examples
    ///
    /// ```
    /// use quintet::sync::{RwLock, RwLockReadGuard};
    ///
    /// # quintet::block_on(async {
    /// let pair = RwLock::new((1, 'a'));
    /// let letter: RwLockReadGuard<'_, char> =
    ///     RwLockReadGuard::map(pair.read().await, |pair| &pair.1);
    /// assert_eq!(*letter, 'a');
    /// # });
    /// ```
    pub fn map<U, F>(this: Self, part: F) -> RwLockReadGuard<'a, U>
    where
        T: Send + Sync + 'a,
        U: ?Sized + 'a,
        F: Fn(&T) -> &U + Send + Sync + 'a,
    {
        let RwLockReadGuard { value, held } = this;
        RwLockReadGuard {
            value: value.map(part),
            held,
        }
    }
}

impl<'a, T: ?Sized> RwLockReadGuard<'a, T> {
    /// Turns it into a guard of a part of the value, if `part` returns one.
    ///
    /// `part` is called at each dereference; see [`map`](RwLockReadGuard::map).
    ///
    /// # Errors
    ///
    /// Returns the guard if `part` returns `None`.
    ///
    /// # Panics
    ///
    /// A dereference panics if `part` then returns `None`.
    ///
    /// # Examples
    ///
    /// ```
    /// use quintet::sync::{RwLock, RwLockReadGuard};
    ///
    /// # quintet::block_on(async {
    /// let list = RwLock::new(vec![1, 2]);
    /// let guard = list.read().await;
    /// let guard = RwLockReadGuard::try_map(guard, |list| list.get(7)).unwrap_err();
    /// let first = RwLockReadGuard::try_map(guard, |list| list.get(0)).unwrap();
    /// assert_eq!(*first, 1);
    /// # });
    /// ```
    pub fn try_map<U, F>(this: Self, part: F) -> Result<RwLockReadGuard<'a, U>, Self>
    where
        T: Send + Sync + 'a,
        U: ?Sized + 'a,
        F: Fn(&T) -> Option<&U> + Send + Sync + 'a,
    {
        if part(&this).is_none() {
            return Err(this);
        }
        Ok(RwLockReadGuard::map(this, move |value| {
            part(value).expect(THERE)
        }))
    }
}

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.get()
    }
}

/// A read guard that owns a reference to its [`RwLock`], which it unlocks on drop.
///
/// It dereferences to `U`, which is a part of the value; see [`map`](OwnedRwLockReadGuard::map).
#[must_use = "a guard that is not kept unlocks at once"]
pub struct OwnedRwLockReadGuard<T, U: ?Sized = T> {
    /// `Some` until the guard is dropped.
    value: Option<View<'static, U>>,
    lock: Arc<RwLock<T>>,
}

impl<T> OwnedRwLockReadGuard<T> {
    pub(super) fn new(value: Arc<T>, lock: Arc<RwLock<T>>) -> Self {
        OwnedRwLockReadGuard {
            value: Some(View::Whole(value)),
            lock,
        }
    }
}

impl<T, U: ?Sized> OwnedRwLockReadGuard<T, U> {
    /// Turns it into a guard of a part of the value.
    ///
    /// `part` is called at each dereference; see [`RwLockReadGuard::map`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use quintet::sync::{OwnedRwLockReadGuard, RwLock};
    ///
    /// # quintet::block_on(async {
    /// let pair = Arc::new(RwLock::new((1, 'a')));
    /// let letter = OwnedRwLockReadGuard::map(pair.read_owned().await, |pair| &pair.1);
    /// assert_eq!(*letter, 'a');
    /// # });
    /// ```
    pub fn map<V, F>(mut this: Self, part: F) -> OwnedRwLockReadGuard<T, V>
    where
        U: Send + Sync + 'static,
        V: ?Sized + 'static,
        F: Fn(&U) -> &V + Send + Sync + 'static,
    {
        let value = guarded(this.value.take());
        OwnedRwLockReadGuard {
            value: Some(value.map(part)),
            lock: Arc::clone(&this.lock),
        }
    }
}

impl<T, U: ?Sized> OwnedRwLockReadGuard<T, U> {
    /// Turns it into a guard of a part of the value, if `part` returns one; see
    /// [`RwLockReadGuard::try_map`].
    ///
    /// # Errors
    ///
    /// Returns the guard if `part` returns `None`.
    ///
    /// # Panics
    ///
    /// A dereference panics if `part` then returns `None`.
    pub fn try_map<V, F>(this: Self, part: F) -> Result<OwnedRwLockReadGuard<T, V>, Self>
    where
        U: Send + Sync + 'static,
        V: ?Sized + 'static,
        F: Fn(&U) -> Option<&V> + Send + Sync + 'static,
    {
        if part(&this).is_none() {
            return Err(this);
        }
        Ok(OwnedRwLockReadGuard::map(this, move |value| {
            part(value).expect(THERE)
        }))
    }
}

impl<T, U: ?Sized> Deref for OwnedRwLockReadGuard<T, U> {
    type Target = U;

    fn deref(&self) -> &U {
        guarded(self.value.as_ref()).get()
    }
}

fn guarded<V>(value: Option<V>) -> V {
    value.expect("a guard has its value until it is dropped")
}

impl<T, U: ?Sized> Drop for OwnedRwLockReadGuard<T, U> {
    fn drop(&mut self) {
        if let Some(value) = self.value.take() {
            drop(value);
            self.lock.release_owned(1);
        }
    }
}

/// A write guard of a [`RwLock`], which it unlocks on drop.
#[must_use = "a guard that is not kept unlocks at once"]
pub struct RwLockWriteGuard<'a, T> {
    /// `Some` until the guard is dropped.
    pub(super) value: Option<Arc<T>>,
    pub(super) lock: &'a RwLock<T>,
}

impl<'a, T> RwLockWriteGuard<'a, T> {
    /// Downgrades to a read guard. No writer gets the lock in between.
    ///
    /// # Examples
    ///
    /// ```
    /// # quintet::block_on(async {
    /// let lock = quintet::sync::RwLock::new(1);
    /// let mut writer = lock.write().await;
    /// *writer += 1;
    /// let reader = writer.downgrade();
    /// assert_eq!((*reader, *lock.read().await), (2, 2));
    /// # });
    /// ```
    pub fn downgrade(mut self) -> RwLockReadGuard<'a, T> {
        let value = guarded(self.value.take());
        self.lock.restore(Arc::clone(&value));
        drop(self.lock.held(self.lock.readers_max - 1));
        self.lock.read_guard(value)
    }

    /// Downgrades to a read guard of a part of the value; see [`RwLockReadGuard::map`]. No writer
    /// gets the lock in between.
    ///
    /// # Examples
    ///
    /// ```
    /// use quintet::sync::{RwLock, RwLockWriteGuard};
    ///
    /// # quintet::block_on(async {
    /// let pair = RwLock::new((1, 'a'));
    /// let letter = RwLockWriteGuard::downgrade_map(pair.write().await, |pair| &pair.1);
    /// assert_eq!((*letter, pair.read().await.0), ('a', 1));
    /// # });
    /// ```
    pub fn downgrade_map<U, F>(this: Self, part: F) -> RwLockReadGuard<'a, U>
    where
        T: Send + Sync + 'a,
        U: ?Sized + 'a,
        F: Fn(&T) -> &U + Send + Sync + 'a,
    {
        RwLockReadGuard::map(this.downgrade(), part)
    }

    /// Downgrades to a read guard of a part of the value, if `part` returns one; see
    /// [`RwLockReadGuard::try_map`]. No writer gets the lock in between.
    ///
    /// # Errors
    ///
    /// Returns the write guard if `part` returns `None`.
    ///
    /// # Panics
    ///
    /// A dereference panics if `part` then returns `None`.
    pub fn try_downgrade_map<U, F>(this: Self, part: F) -> Result<RwLockReadGuard<'a, U>, Self>
    where
        T: Send + Sync + 'a,
        U: ?Sized + 'a,
        F: Fn(&T) -> Option<&U> + Send + Sync + 'a,
    {
        if part(&this).is_none() {
            return Err(this);
        }
        Ok(RwLockWriteGuard::downgrade_map(this, move |value| {
            part(value).expect(THERE)
        }))
    }

    /// Turns it into a guard of a part of the value, if `part` returns one; see
    /// [`map`](RwLockWriteGuard::map). `part` is called twice, as by
    /// [`MutexGuard::try_map`](crate::sync::MutexGuard::try_map).
    ///
    /// # Errors
    ///
    /// Returns the guard if `part` returns `None`.
    ///
    /// # Panics
    ///
    /// Panics if `part` returns a part first and then none.
    pub fn try_map<U, F>(mut this: Self, mut part: F) -> Result<RwLockMappedWriteGuard<'a, U>, Self>
    where
        T: Send + Sync,
        U: ?Sized + Send + Sync + 'a,
        F: FnMut(&mut T) -> Option<&mut U>,
    {
        let is_there = {
            let _held = HeldHere::new(&this.lock.semaphore);
            part(&mut this).is_some()
        };
        if is_there {
            Ok(RwLockWriteGuard::map(this, |value| {
                part(value).expect(THERE)
            }))
        } else {
            Err(this)
        }
    }

    /// Turns it into a guard of a part of the value.
    ///
    /// The new guard does not name the type of the whole value, so it is boxed; therefore the types
    /// must be `Send` and `Sync`.
    ///
    /// [`OwnedRwLockWriteGuard`] has no `map`: a part and the `Arc` that it borrows from cannot be
    /// stored together without `unsafe`. Keep the guard, and borrow the part where you use it.
    ///
    /// # Examples
    ///
    /// ```
    /// use quintet::sync::{RwLock, RwLockWriteGuard};
    ///
    /// # quintet::block_on(async {
    /// let pair = RwLock::new((1, 'a'));
    /// *RwLockWriteGuard::map(pair.write().await, |pair| &mut pair.1) = 'b';
    /// assert_eq!(*pair.read().await, (1, 'b'));
    /// # });
    /// ```
    pub fn map<U, F>(mut this: Self, part: F) -> RwLockMappedWriteGuard<'a, U>
    where
        T: Send + Sync,
        U: ?Sized + Send + Sync + 'a,
        F: FnOnce(&mut T) -> &mut U,
    {
        let value = guarded(this.value.take());
        RwLockMappedWriteGuard::new(this.lock, value, part)
    }
}

impl<T> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        guarded(self.value.as_deref())
    }
}

impl<T> DerefMut for RwLockWriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        let value = guarded(self.value.as_mut());
        Arc::get_mut(value).expect(ALONE)
    }
}

impl<T> Drop for RwLockWriteGuard<'_, T> {
    fn drop(&mut self) {
        if let Some(value) = self.value.take() {
            self.lock.restore(value);
            drop(self.lock.held(self.lock.readers_max));
        }
    }
}

/// A write guard that owns a reference to its [`RwLock`], which it unlocks on drop.
#[must_use = "a guard that is not kept unlocks at once"]
pub struct OwnedRwLockWriteGuard<T> {
    /// `Some` until the guard is dropped.
    pub(super) value: Option<Arc<T>>,
    pub(super) lock: Arc<RwLock<T>>,
}

impl<T> OwnedRwLockWriteGuard<T> {
    /// Downgrades to a read guard. No writer gets the lock in between.
    pub fn downgrade(mut self) -> OwnedRwLockReadGuard<T> {
        let value = guarded(self.value.take());
        self.lock.restore(Arc::clone(&value));
        self.lock.release_owned(self.lock.readers_max - 1);
        OwnedRwLockReadGuard::new(value, Arc::clone(&self.lock))
    }

    /// Downgrades to a read guard of a part of the value; see [`OwnedRwLockReadGuard::map`]. No
    /// writer gets the lock in between.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use quintet::sync::{OwnedRwLockWriteGuard, RwLock};
    ///
    /// # quintet::block_on(async {
    /// let pair = Arc::new(RwLock::new((1, 'a')));
    /// let mut writer = Arc::clone(&pair).write_owned().await;
    /// writer.1 = 'b';
    /// let letter = OwnedRwLockWriteGuard::downgrade_map(writer, |pair| &pair.1);
    /// assert_eq!((*letter, pair.read().await.0), ('b', 1));
    /// # });
    /// ```
    pub fn downgrade_map<U, F>(this: Self, part: F) -> OwnedRwLockReadGuard<T, U>
    where
        T: Send + Sync + 'static,
        U: ?Sized + 'static,
        F: Fn(&T) -> &U + Send + Sync + 'static,
    {
        OwnedRwLockReadGuard::map(this.downgrade(), part)
    }

    /// Downgrades to a read guard of a part of the value, if `part` returns one; see
    /// [`OwnedRwLockReadGuard::try_map`]. No writer gets the lock in between.
    ///
    /// # Errors
    ///
    /// Returns the write guard if `part` returns `None`.
    ///
    /// # Panics
    ///
    /// A dereference panics if `part` then returns `None`.
    pub fn try_downgrade_map<U, F>(this: Self, part: F) -> Result<OwnedRwLockReadGuard<T, U>, Self>
    where
        T: Send + Sync + 'static,
        U: ?Sized + 'static,
        F: Fn(&T) -> Option<&U> + Send + Sync + 'static,
    {
        if part(&this).is_none() {
            return Err(this);
        }
        Ok(OwnedRwLockWriteGuard::downgrade_map(this, move |value| {
            part(value).expect(THERE)
        }))
    }
}

impl<T> Deref for OwnedRwLockWriteGuard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        guarded(self.value.as_deref())
    }
}

impl<T> DerefMut for OwnedRwLockWriteGuard<T> {
    fn deref_mut(&mut self) -> &mut T {
        let value = guarded(self.value.as_mut());
        Arc::get_mut(value).expect(ALONE)
    }
}

impl<T> Drop for OwnedRwLockWriteGuard<T> {
    fn drop(&mut self) {
        if let Some(value) = self.value.take() {
            self.lock.restore(value);
            self.lock.release_owned(self.lock.readers_max);
        }
    }
}

show_as_value! {
    [T: ?Sized] RwLockReadGuard<'_, T>;
    [U, T: ?Sized] OwnedRwLockReadGuard<U, T>;
    [T] RwLockWriteGuard<'_, T>;
    [T] OwnedRwLockWriteGuard<T>;
}

// A read guard cannot leave a broken invariant behind in a panic.
impl<T: ?Sized + RefUnwindSafe> UnwindSafe for RwLockReadGuard<'_, T> {}
impl<T: ?Sized + RefUnwindSafe> RefUnwindSafe for RwLockReadGuard<'_, T> {}
impl<T, U: ?Sized + RefUnwindSafe> UnwindSafe for OwnedRwLockReadGuard<T, U> {}
impl<T, U: ?Sized + RefUnwindSafe> RefUnwindSafe for OwnedRwLockReadGuard<T, U> {}
