//! A value that is set once and awaited by many.

use std::error::Error;
use std::fmt;
use std::sync::OnceLock;

use super::watchers::Watchers;

/// A value that is set once and awaited by many.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use quintet::sync::SetOnce;
///
/// # quintet::block_on(async {
/// let answer = Arc::new(SetOnce::new());
/// let reader = quintet::spawn({
///     let answer = Arc::clone(&answer);
///     async move { *answer.wait().await }
/// });
/// answer.set(42).unwrap();
/// assert_eq!(reader.await.unwrap(), 42);
/// # });
/// ```
pub struct SetOnce<T> {
    value: OnceLock<T>,
    watchers: Watchers<()>,
}

impl<T> SetOnce<T> {
    /// Returns one without a value.
    pub fn new() -> Self {
        SetOnce::const_new()
    }

    /// Returns one without a value, for a `static`.
    pub const fn const_new() -> Self {
        SetOnce {
            value: OnceLock::new(),
            watchers: Watchers::new(()),
        }
    }

    /// Returns one with this value, if there is one.
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

    /// Returns the value, if it is set.
    pub fn get(&self) -> Option<&T> {
        self.value.get()
    }

    /// Sets the value and wakes all who wait for it.
    ///
    /// # Errors
    ///
    /// If it is set; the new value is in the error.
    pub fn set(&self, value: T) -> Result<(), SetOnceError<T>> {
        self.value.set(value).map_err(SetOnceError)?;
        self.watchers.wake();
        Ok(())
    }

    /// Waits until the value is set.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing but the wait.
    pub async fn wait(&self) -> &T {
        let set = self.watchers.until(&"a value (SetOnce)", |()| self.get());
        set.await
    }

    /// Returns the value, if it is set.
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

/// The value is set; here is the one that came too late.
#[derive(Debug, PartialEq, Eq)]
pub struct SetOnceError<T>(pub T);

impl<T> fmt::Display for SetOnceError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value is already set")
    }
}

impl<T: fmt::Debug> Error for SetOnceError<T> {}

assert_impl!(SetOnce<()>: Send + Sync);
