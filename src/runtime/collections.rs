//! How sets and trackers of tasks spawn by a handle, and blocking jobs.
//!
//! These methods stand here and not with their types because `task` knows neither runtimes nor the
//! worker pool.

use super::Handle;
use crate::blocking::spawn_blocking;
use crate::task::{
    AbortHandle, JoinHandle, JoinSet, TaskTracker, TaskTrackerToken, boxed_if_large,
};

impl<T: 'static> JoinSet<T> {
    /// Spawns a task onto the runtime of `handle`, adds it to the set, and returns what can abort
    /// it; see [`Handle::spawn`].
    ///
    /// It can be joined on any thread.
    #[track_caller]
    pub fn spawn_on<F>(&mut self, future: F, handle: &Handle) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        self.insert(boxed_if_large!(future: F, Box::pin => handle.spawn(future)))
    }

    /// Runs `f` on a worker thread of the current runtime, adds this as a task to the set, and
    /// returns what can abort it; see [`quintet::spawn_blocking`](crate::spawn_blocking).
    ///
    /// # Panics
    ///
    /// If no runtime is current on this thread.
    ///
    /// # Examples
    ///
    /// ```
    /// # quintet::block_on(async {
    /// let mut set = quintet::task::JoinSet::new();
    /// set.spawn_blocking(|| (1..=1000u64).sum::<u64>());
    /// assert_eq!(set.join_next().await.unwrap().unwrap(), 500_500);
    /// # });
    /// ```
    #[track_caller]
    pub fn spawn_blocking<F>(&mut self, f: F) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        self.insert(spawn_blocking(f))
    }

    /// Runs `f` on a worker thread of the runtime of `handle`, adds this as a task to the set, and
    /// returns what can abort it; see [`Handle::spawn_blocking`].
    ///
    /// It can be joined on any thread.
    #[track_caller]
    pub fn spawn_blocking_on<F>(&mut self, f: F, handle: &Handle) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        self.insert(handle.spawn_blocking(f))
    }
}

impl TaskTracker {
    /// Spawns a task onto the runtime of `handle` and tracks it; see [`Handle::spawn`].
    #[track_caller]
    pub fn spawn_on<F>(&self, future: F, handle: &Handle) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        boxed_if_large!(future: F, Box::pin => handle.spawn(self.track_future(future)))
    }

    /// Runs `f` on a worker thread of the current runtime and tracks it; see
    /// [`quintet::spawn_blocking`](crate::spawn_blocking).
    ///
    /// # Panics
    ///
    /// If no runtime is current on this thread.
    #[track_caller]
    pub fn spawn_blocking<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        spawn_blocking(self.track_job(f))
    }

    /// Runs `f` on a worker thread of the runtime of `handle` and tracks it; see
    /// [`Handle::spawn_blocking`].
    #[track_caller]
    pub fn spawn_blocking_on<F, T>(&self, f: F, handle: &Handle) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        handle.spawn_blocking(self.track_job(f))
    }

    /// Tracks `f` until it has returned or is dropped.
    fn track_job<F, T>(&self, f: F) -> impl FnOnce() -> T + Send + 'static
    where
        F: FnOnce() -> T + Send + 'static,
        T: 'static,
    {
        let job = TrackedJob {
            f,
            token: self.token(),
        };
        move || job.run()
    }
}

struct TrackedJob<F> {
    // Dropped first: whoever waits for the tracker waits for this.
    f: F,
    token: TaskTrackerToken,
}

impl<F> TrackedJob<F> {
    fn run<T>(self) -> T
    where
        F: FnOnce() -> T,
    {
        let _token = self.token;
        (self.f)()
    }
}
