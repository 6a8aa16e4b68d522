//! A value that is set once, and that tasks can wait for.

use std::error::Error;
use std::fmt;
use std::sync::OnceLock;

use super::watchers::Watchers;

/// A value that is set once, and that tasks can wait for.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use quintet::sync::SetOnce;
///
/// # quintet::block_on(async {
/// let value = Arc::new(SetOnce::new());
/// let reader = quintet::spawn({
///     let value = Arc::clone(&value);
///     async move { *value.wait().await }
/// });
/// value.set(42).unwrap();
/// assert_eq!(reader.await.unwrap(), 42);
/// # });
/// ```
pub struct SetOnce<T> {
    value: OnceLock<T>,
    watchers: Watchers<()>,
}

impl<T> SetOnce<T> {
    /// Creates a `SetOnce` without a value.
    pub fn new() -> Self {
        SetOnce::const_new()
    }

    /// Creates a `SetOnce` without a value, for a `static`.
    pub const fn const_new() -> Self {
        SetOnce {
            value: OnceLock::new(),
            watchers: Watchers::new(()),
        }
    }

    /// Creates a `SetOnce` that is set if `value` is `Some`.
    pub fn new_with(value: Option<T>) -> Self {
        SetOnce {
            value: value.map_or_else(OnceLock::new, OnceLock::from),
            watchers: Watchers::new(()),
        }
    }

    /// Returns whether the value is set.
    pub fn initialized(&self) -> bool {
        self.get().is_some()
    }

    /// Returns the value if it is set.
    pub fn get(&self) -> Option<&T> {
        self.value.get()
    }

    /// Sets the value and wakes all tasks that wait for it.
    ///
    /// # Errors
    ///
    /// Returns [`SetOnceError`] with the new value if a value is already set.
    pub fn set(&self, value: T) -> Result<(), SetOnceError<T>> {
        self.value.set(value).map_err(SetOnceError)?;
        self.watchers.wake();
        Ok(())
    }

    /// Waits until the value is set.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe.
    pub async fn wait(&self) -> &T {
        let set = self.watchers.until(&"a value (SetOnce)", |()| self.get());
        set.await
    }

    /// Returns the value if it is set.
    pub fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }
}

impl<T> Default for SetOnce<T> {
    fn default() -> Self {
        SetOnce::new()
    }
}

impl<T> From<T> for SetOnce<T> {
    fn from(value: T) -> Self {
        SetOnce::new_with(Some(value))
    }
}

impl<T: Clone> Clone for SetOnce<T> {
    fn clone(&self) -> Self {
        SetOnce::new_with(self.get().cloned())
    }
}

impl<T: PartialEq> PartialEq for SetOnce<T> {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl<T: Eq> Eq for SetOnce<T> {}

impl<T: fmt::Debug> fmt::Debug for SetOnce<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetOnce")
            .field("value", &self.get())
            .finish()
    }
}

/// The error of [`SetOnce::set`]: a value is already set. Contains the new value.
#[derive(Debug, PartialEq, Eq)]
pub struct SetOnceError<T>(pub T);

impl<T> fmt::Display for SetOnceError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value is already set")
    }
}

impl<T: fmt::Debug> Error for SetOnceError<T> {}

assert_impl!(SetOnce<()>: Send + Sync);
