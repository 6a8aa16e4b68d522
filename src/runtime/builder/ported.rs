//! The names of tokio's builder that are another name of a setting, or need no setting here.

use std::io;

use super::Builder;
use crate::runtime::{LocalOptions, LocalRuntime};

impl Builder {
    /// Creates a builder with the default settings; the same as [`new`](Builder::new).
    ///
    /// This is tokio's name for it. A Quintet runtime always runs its tasks on one thread.
    pub fn new_current_thread() -> Self {
        Builder::new()
    }

    /// Does nothing, because I/O and time are always enabled. It exists for code that was written
    /// for tokio.
    pub fn enable_all(&mut self) -> &mut Self {
        self
    }

    /// Does nothing: I/O is always enabled. It exists for code that is ported from tokio.
    pub fn enable_io(&mut self) -> &mut Self {
        self
    }

    /// Does nothing: time is always enabled. It exists for code that is ported from tokio.
    pub fn enable_time(&mut self) -> &mut Self {
        self
    }

    /// Sets the maximum number of worker threads; the same as
    /// [`worker_threads`](Builder::worker_threads), under tokio's name.
    ///
    /// # Panics
    ///
    /// If `count` is not between 1 and 1024.
    #[track_caller]
    pub fn max_blocking_threads(&mut self, count: usize) -> &mut Self {
        self.worker_threads(count)
    }

    /// Sets the maximum number of tasks that one phase of a tick polls; the same as
    /// [`phase_budget`](Builder::phase_budget), under tokio's name.
    ///
    /// After so many polls the loop asks the OS for events.
    ///
    /// # Panics
    ///
    /// If `polls` is zero.
    #[track_caller]
    pub fn event_interval(&mut self, polls: u32) -> &mut Self {
        self.phase_budget(polls)
    }

    /// Does nothing: tasks that other threads spawn or wake arrive in each poll phase. It exists
    /// for code that is ported from tokio.
    ///
    /// # Panics
    ///
    /// If `interval` is zero, as in tokio.
    #[track_caller]
    pub fn global_queue_interval(&mut self, interval: u32) -> &mut Self {
        assert!(interval > 0, "the interval must be greater than 0");
        self
    }

    /// Builds the runtime; the same as [`build`](Builder::build), under tokio's name for a runtime
    /// whose tasks need not be `Send`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`build`](Builder::build).
    ///
    /// # Examples
    ///
    /// ```
    /// use quintet::runtime::{Builder, LocalOptions};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = Builder::new_current_thread().build_local(LocalOptions::default())?;
    /// assert_eq!(runtime.block_on(async { 7 }), 7);
    /// # Ok(())
    /// # }
    /// ```
    pub fn build_local(&mut self, _options: LocalOptions) -> io::Result<LocalRuntime> {
        self.build()
    }
}
