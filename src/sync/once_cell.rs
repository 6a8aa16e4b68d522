//! A cell that is initialized once, possibly by a future.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::sync::OnceLock;

use super::raw_semaphore::{HeldPermits, PermitSource, RawSemaphore};
use super::semaphore::TryAcquireError;
use crate::coop;
use crate::waits::{HoldKind, PermitKind};

/// A cell that is initialized once, possibly by a future.
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
    value: CellValue<T>,
    /// Its one permit allows to fill the cell. It is closed when the cell is filled.
    semaphore: RawSemaphore,
}

/// Where the value is.
enum CellValue<T> {
    /// It was there from the start: a `OnceLock` with a value cannot be made in a constant.
    Given(T),
    Made(OnceLock<T>),
}

impl<T> OnceCell<T> {
    /// Creates an empty cell.
    pub fn new() -> Self {
        OnceCell::const_new()
    }

    /// Creates an empty cell, for a `static`.
    #[track_caller]
    pub const fn const_new() -> Self {
        OnceCell {
            value: CellValue::Made(OnceLock::new()),
            semaphore: RawSemaphore::new(1, PermitKind::Lock, &"a value (OnceCell)"),
        }
    }

    /// Creates a cell that is initialized, for a `static`.
    ///
    /// # Examples
    ///
    /// ```
    /// use quintet::sync::OnceCell;
    ///
    /// static LIMIT: OnceCell<u32> = OnceCell::const_new_with(7);
    ///
    /// assert_eq!(LIMIT.get(), Some(&7));
    /// ```
    #[track_caller]
    pub const fn const_new_with(value: T) -> Self {
        OnceCell {
            value: CellValue::Given(value),
            semaphore: RawSemaphore::new_closed(),
        }
    }

    /// Creates a cell that is initialized if `value` is `Some`.
    pub fn new_with(value: Option<T>) -> Self {
        value.map_or_else(OnceCell::new, OnceCell::from)
    }

    /// Returns whether the cell is initialized.
    pub fn initialized(&self) -> bool {
        self.get().is_some()
    }

    /// Returns the value if the cell is initialized.
    pub fn get(&self) -> Option<&T> {
        match &self.value {
            CellValue::Given(value) => Some(value),
            CellValue::Made(cell) => cell.get(),
        }
    }

    /// Returns the value if the cell is initialized.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        match &mut self.value {
            CellValue::Given(value) => Some(value),
            CellValue::Made(cell) => cell.get_mut(),
        }
    }

    /// Initializes the cell.
    ///
    /// # Errors
    ///
    /// Returns the value in an error: [`SetError::AlreadyInitializedError`] if the cell is
    /// initialized, [`SetError::InitializingError`] if a task is initializing it.
    pub fn set(&self, value: T) -> Result<(), SetError<T>> {
        match self.semaphore.try_acquire(1) {
            Ok(()) => {
                self.semaphore.acquired(1, HoldKind::Borrowed);
                self.fill(value, self.held());
                Ok(())
            }
            Err(TryAcquireError::Closed) => Err(SetError::AlreadyInitializedError(value)),
            Err(TryAcquireError::NoPermits) => Err(SetError::InitializingError(value)),
        }
    }

    /// Returns the value. If the cell is empty, initializes it with the output of the future that
    /// `make` returns.
    ///
    /// Concurrent calls wait. If the future is dropped or panics, the next waiting call uses its
    /// own `make`. The future must not await the same cell: it would wait for itself.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: a dropped call drops its future and loses its place in the
    /// queue, and the cell stays empty.
    pub async fn get_or_init<F, Fut>(&self, make: F) -> &T
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = T>,
    {
        let made = self.get_or_try_init(async || Ok::<T, Infallible>(make().await));
        let Ok(value) = made.await;
        value
    }

    /// Returns the value. If the cell is empty, initializes it with the output of the future that
    /// `make` returns, unless that is an error.
    ///
    /// # Errors
    ///
    /// Returns the error of the future. The cell then stays empty, and the next waiting call uses
    /// its own `make`.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: a dropped call drops its future and loses its place in the
    /// queue, and the cell stays empty.
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
                self.semaphore.acquired(1, HoldKind::Borrowed);
                let held = self.held();
                let value = make().await?;
                Ok(self.fill(value, held))
            }
            Err(_closed) => Ok(self.filled()),
        }
    }

    /// Returns the value if the cell is initialized.
    pub fn into_inner(self) -> Option<T> {
        match self.value {
            CellValue::Given(value) => Some(value),
            CellValue::Made(cell) => cell.into_inner(),
        }
    }

    /// Takes the value out of the cell, which is then empty.
    pub fn take(&mut self) -> Option<T> {
        std::mem::take(self).into_inner()
    }

    /// Returns the permit that was just acquired.
    fn held(&self) -> HeldPermits<'_> {
        HeldPermits {
            semaphore: &self.semaphore,
            count: 1,
        }
    }

    /// Returns the value after the semaphore was closed.
    fn filled(&self) -> &T {
        self.get()
            .expect("the semaphore of a cell is closed only after the cell is filled")
    }

    /// Fills the cell and wakes the waiting tasks. The caller has the permit.
    fn fill(&self, value: T, held: HeldPermits<'_>) -> &T {
        let value = match &self.value {
            CellValue::Given(given) => given,
            CellValue::Made(cell) => cell.get_or_init(|| value),
        };
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
        OnceCell::const_new_with(value)
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

/// The error of [`OnceCell::set`]. Contains the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetError<T> {
    /// The cell is already initialized.
    AlreadyInitializedError(T),
    /// A task is initializing the cell.
    InitializingError(T),
}

impl<T> SetError<T> {
    /// Returns whether the cell is initialized.
    pub fn is_already_init_err(&self) -> bool {
        matches!(self, SetError::AlreadyInitializedError(_))
    }

    /// Returns whether a task is initializing the cell.
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
