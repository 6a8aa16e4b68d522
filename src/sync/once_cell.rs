//! A cell that is filled once, by a future if need be.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::sync::OnceLock;

use super::raw_semaphore::{HeldPermits, PermitSource, RawSemaphore};
use super::semaphore::TryAcquireError;
use crate::coop;

/// A cell that is filled once, by a future if need be.
///
/// # Examples
///
/// ```
/// use quintet::sync::OnceCell;
///
/// static CONFIG: OnceCell<String> = OnceCell::const_new();
///
/// # quintet::block_on(async {
/// let config = CONFIG.get_or_init(async || "read from a file".to_owned()).await;
/// assert_eq!(config, "read from a file");
/// assert!(CONFIG.initialized());
/// # });
/// ```
pub struct OnceCell<T> {
    value: OnceLock<T>,
    /// Its one permit is for who fills the cell; it is closed when that is done.
    semaphore: RawSemaphore,
}

impl<T> OnceCell<T> {
    /// Returns an empty cell.
    pub fn new() -> Self {
        OnceCell::const_new()
    }

    /// Returns an empty cell, for a `static`.
    pub const fn const_new() -> Self {
        OnceCell {
            value: OnceLock::new(),
            semaphore: RawSemaphore::new(1, &"a value (OnceCell)"),
        }
    }

    /// Returns a cell with this value, if there is one.
    pub fn new_with(value: Option<T>) -> Self {
        value.map_or_else(OnceCell::new, OnceCell::from)
    }

    /// Returns whether the cell is filled.
    pub fn initialized(&self) -> bool {
        self.get().is_some()
    }

    /// Returns the value, if the cell is filled.
    pub fn get(&self) -> Option<&T> {
        self.value.get()
    }

    /// Returns the value, if the cell is filled.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.value.get_mut()
    }

    /// Fills the cell.
    ///
    /// # Errors
    ///
    /// If it is filled, or somebody is about to fill it. The value is in the error.
    pub fn set(&self, value: T) -> Result<(), SetError<T>> {
        match self.semaphore.try_acquire(1) {
            Ok(()) => {
                self.fill(value, self.held());
                Ok(())
            }
            Err(TryAcquireError::Closed) => Err(SetError::AlreadyInitializedError(value)),
            Err(TryAcquireError::NoPermits) => Err(SetError::InitializingError(value)),
        }
    }

    /// Returns the value; if the cell is empty, fills it with what the future of `make` answers.
    ///
    /// Others who come meanwhile wait. If the future is dropped or panics, the next of them makes
    /// its own. The future of `make` must not await the same cell, because it would wait for itself.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops that of `make` and gives up the place in line.
    pub async fn get_or_init<F, Fut>(&self, make: F) -> &T
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = T>,
    {
        let made = self.get_or_try_init(async || Ok::<T, Infallible>(make().await));
        let Ok(value) = made.await;
        value
    }

    /// Returns the value; if the cell is empty, fills it with what the future of `make` answers.
    ///
    /// # Errors
    ///
    /// Those of `make`. The cell stays empty then, and the next who waits makes a future of its own.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops that of `make` and gives up the place in line.
    pub async fn get_or_try_init<E, F, Fut>(&self, make: F) -> Result<&T, E>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        if let Some(value) = self.get() {
            coop::operate().await;
            return Ok(value);
        }
        match self.semaphore.acquire(1).await {
            Ok(()) => {
                let held = self.held();
                let value = make().await?;
                Ok(self.fill(value, held))
            }
            Err(_closed) => Ok(self.filled()),
        }
    }

    /// Returns the value, if the cell is filled.
    pub fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }

    /// Empties the cell and returns its value, if it is filled.
    pub fn take(&mut self) -> Option<T> {
        std::mem::take(self).into_inner()
    }

    /// The permit that was just taken.
    fn held(&self) -> HeldPermits<'_> {
        HeldPermits {
            semaphore: &self.semaphore,
            count: 1,
        }
    }

    /// The value of a closed cell.
    fn filled(&self) -> &T {
        self.get().expect("a cell is closed when it is filled")
    }

    /// Fills the cell, for who holds the permit, and tells those who wait.
    fn fill(&self, value: T, held: HeldPermits<'_>) -> &T {
        let value = self.value.get_or_init(|| value);
        self.semaphore.close().wake();
        drop(held);
        value
    }
}

impl<T> Default for OnceCell<T> {
    fn default() -> Self {
        OnceCell::new()
    }
}

impl<T> From<T> for OnceCell<T> {
    fn from(value: T) -> Self {
        let cell = OnceCell::new();
        cell.fill(
            value,
            HeldPermits {
                semaphore: &cell.semaphore,
                count: 0,
            },
        );
        cell
    }
}

impl<T: Clone> Clone for OnceCell<T> {
    fn clone(&self) -> Self {
        OnceCell::new_with(self.get().cloned())
    }
}

impl<T: PartialEq> PartialEq for OnceCell<T> {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl<T: Eq> Eq for OnceCell<T> {}

impl<T: fmt::Debug> fmt::Debug for OnceCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnceCell")
            .field("value", &self.get())
            .finish()
    }
}

/// Why [`OnceCell::set`] did not fill the cell. The value is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetError<T> {
    /// The cell is filled.
    AlreadyInitializedError(T),
    /// Somebody is about to fill the cell.
    InitializingError(T),
}

impl<T> SetError<T> {
    /// Returns whether the cell is filled.
    pub fn is_already_init_err(&self) -> bool {
        matches!(self, SetError::AlreadyInitializedError(_))
    }

    /// Returns whether somebody is about to fill the cell.
    pub fn is_initializing_err(&self) -> bool {
        matches!(self, SetError::InitializingError(_))
    }
}

impl<T> fmt::Display for SetError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SetError::AlreadyInitializedError(_) => "the cell is already initialized",
            SetError::InitializingError(_) => "the cell is currently being initialized",
        })
    }
}

impl<T: fmt::Debug> Error for SetError<T> {}

assert_impl!(OnceCell<()>: Send + Sync);
