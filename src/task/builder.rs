//! Tasks with a name.

use std::panic::Location;

use super::{JoinHandle, boxed_if_large, spawn_with};
use crate::tasks::{Name, Origin};

/// Spawns a task with more than the default settings.
///
/// # Examples
///
/// ```
/// # quintet::block_on(async {
/// let task = quintet::task::Builder::new()
///     .name("sum")
///     .spawn(async { 42 });
/// assert_eq!(task.await.unwrap(), 42);
/// # });
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing until it spawns"]
pub struct Builder {
    name: Option<Name>,
}

impl Builder {
    /// Starts with the default settings.
    pub fn new() -> Self {
        Builder::default()
    }

    /// Sets the name of the task, which dumps and reports show.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(Name::new(name.into()));
        self
    }

    /// The name that was set.
    pub(crate) fn into_name(self) -> Option<Name> {
        self.name
    }

    /// Spawns the task; see [`spawn`](super::spawn).
    ///
    /// # Panics
    ///
    /// If no runtime is current on this thread.
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: 'static> + 'static,
    {
        let origin = Origin {
            name: self.name,
            location: Location::caller(),
        };
        boxed_if_large!(future: F => spawn_with(future, origin))
    }
}
