//! Guards of a part of the value of a lock, without `unsafe`.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use futures::lock::{MappedMutexGuard, MutexGuard};

use super::{ALONE, RwLock};
use crate::sync::reentry::HeldHere;

/// What a read guard dereferences to: the value, or a part of a value whose type is erased.
pub(super) enum View<'a, U: ?Sized> {
    Whole(Arc<U>),
    Part(Box<dyn Deref<Target = U> + Send + Sync + 'a>),
}

impl<'a, U: ?Sized> View<'a, U> {
    pub(super) fn get(&self) -> &U {
        match self {
            View::Whole(value) => value,
            View::Part(part) => part,
        }
    }

    pub(super) fn map<V, F>(self, part: F) -> View<'a, V>
    where
        U: Send + Sync + 'a,
        V: ?Sized + 'a,
        F: Fn(&U) -> &V + Send + Sync + 'a,
    {
        View::Part(Box::new(Projection {
            whole: self,
            part,
            shown: PhantomData,
        }))
    }
}

/// A value, and the function that returns its part.
struct Projection<'a, U: ?Sized, V: ?Sized, F> {
    whole: View<'a, U>,
    part: F,
    shown: PhantomData<fn() -> *const V>,
}

impl<U: ?Sized, V: ?Sized, F: Fn(&U) -> &V> Deref for Projection<'_, U, V, F> {
    type Target = V;

    fn deref(&self) -> &V {
        (self.part)(self.whole.get())
    }
}

/// A write guard of a part of the value of a [`RwLock`], which it unlocks on drop.
#[must_use = "a guard that is not kept unlocks at once"]
pub struct RwLockMappedWriteGuard<'a, U: ?Sized> {
    value: Box<dyn DerefMut<Target = U> + Send + Sync + 'a>,
}

impl<'a, U: ?Sized + Send + Sync + 'a> RwLockMappedWriteGuard<'a, U> {
    /// Creates a guard. The caller has all permits and the value.
    pub(super) fn new<T: Send + Sync>(
        lock: &'a RwLock<T>,
        value: Arc<T>,
        part: impl FnOnce(&mut T) -> &mut U,
    ) -> Self {
        let mut slot = lock.mapped_slot();
        *slot = Some(value);
        // Restores the value even if `part` panics.
        let writer = MappedWriter { lock };
        let _held = HeldHere::new(&lock.semaphore);
        let part = MutexGuard::map(slot, |value| {
            let value = value.as_mut().and_then(Arc::get_mut);
            part(value.expect(ALONE))
        });
        RwLockMappedWriteGuard {
            value: Box::new(MappedValue {
                part,
                _writer: writer,
            }),
        }
    }
}

impl<U: ?Sized> Deref for RwLockMappedWriteGuard<'_, U> {
    type Target = U;

    fn deref(&self) -> &U {
        &self.value
    }
}

impl<U: ?Sized> DerefMut for RwLockMappedWriteGuard<'_, U> {
    fn deref_mut(&mut self) -> &mut U {
        &mut self.value
    }
}

/// The part, and what unlocks the lock.
struct MappedValue<'a, T, U: ?Sized> {
    // Dropped before the value is restored.
    part: MappedMutexGuard<'a, Option<Arc<T>>, U>,
    _writer: MappedWriter<'a, T>,
}

impl<T, U: ?Sized> Deref for MappedValue<'_, T, U> {
    type Target = U;

    fn deref(&self) -> &U {
        &self.part
    }
}

impl<T, U: ?Sized> DerefMut for MappedValue<'_, T, U> {
    fn deref_mut(&mut self) -> &mut U {
        &mut self.part
    }
}

/// Restores the value of a mapped guard and unlocks on drop.
struct MappedWriter<'a, T> {
    lock: &'a RwLock<T>,
}

impl<T> Drop for MappedWriter<'_, T> {
    fn drop(&mut self) {
        let value = self.lock.mapped_slot().take();
        self.lock.restore(value.expect(ALONE));
        drop(self.lock.held(self.lock.readers_max));
    }
}

show_as_value! {
    [T: ?Sized] RwLockMappedWriteGuard<'_, T>;
}
