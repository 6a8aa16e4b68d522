//! The methods of `JoinSet`, `LocalSet` and `TaskTracker` that spawn blocking jobs, spawn through a
//! handle, or run a runtime.
//!
//! They are here because `task` must not depend on runtimes or the worker pool.

use super::{Handle, Runtime};
use crate::blocking::{Class, UserClosure, spawn_blocking, spawn_cpu};
use crate::task::{
    AbortHandle, JoinHandle, JoinSet, LocalSet, TaskTracker, TaskTrackerToken, boxed_if_large,
    join_set,
};

impl<T: 'static> JoinSet<T> {
    /// Spawns a task onto the runtime of `handle`, adds it to the set, and returns its abort
    /// handle.
    ///
    /// The task can be joined on any thread. See [`Handle::spawn`].
    #[track_caller]
    pub fn spawn_on<F>(&mut self, future: F, handle: &Handle) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        self.insert(boxed_if_large!(future: F => handle.spawn(future)))
    }

    /// Runs `f` on a worker thread of the current runtime, adds the job to the set, and returns its
    /// abort handle.
    ///
    /// See [`quintet::spawn_blocking`](crate::spawn_blocking).
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

    /// Runs `f` on a thread for computations of the current runtime, adds the job to the set, and
    /// returns its abort handle.
    ///
    /// See [`quintet::spawn_cpu`](crate::spawn_cpu). [`abort_all`](JoinSet::abort_all), and the
    /// drop of the set, also ask jobs to end that have
    /// [begun](crate::blocking::is_cancelled).
    ///
    /// # Panics
    ///
    /// If no runtime is current on this thread.
    #[track_caller]
    pub fn spawn_cpu<F>(&mut self, f: F) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        self.insert(spawn_cpu(f))
    }

    /// Runs `f` on a worker thread of the runtime of `handle`, adds the job to the set, and returns
    /// its abort handle.
    ///
    /// The job can be joined on any thread. See [`Handle::spawn_blocking`].
    #[track_caller]
    pub fn spawn_blocking_on<F>(&mut self, f: F, handle: &Handle) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        self.insert(handle.spawn_blocking(f))
    }
}

impl<T: 'static> join_set::Builder<'_, T> {
    /// Spawns the task onto the runtime of `handle`; see [`JoinSet::spawn_on`].
    #[track_caller]
    pub fn spawn_on<F>(self, future: F, handle: &Handle) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        let (set, task) = self.into_parts();
        set.insert(boxed_if_large!(future: F => handle.spawn_built(task, future)))
    }

    /// Runs `f` on a worker thread of the current runtime; see [`JoinSet::spawn_blocking`].
    ///
    /// # Panics
    ///
    /// If no runtime is current on this thread.
    #[track_caller]
    pub fn spawn_blocking<F>(self, f: F) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        let (set, task) = self.into_parts();
        set.insert(task.spawn_blocking(f))
    }

    /// Runs `f` on a worker thread of the runtime of `handle`; see [`JoinSet::spawn_blocking_on`].
    #[track_caller]
    pub fn spawn_blocking_on<F>(self, f: F, handle: &Handle) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        let (set, task) = self.into_parts();
        set.insert(handle.spawn_job(task, Class::Plain, UserClosure::new(f)))
    }
}

impl LocalSet {
    /// Runs `runtime` until `future` completes, in which the set is current, and returns its
    /// output; see [`Runtime::block_on`] and [`run_until`](LocalSet::run_until).
    ///
    /// # Panics
    ///
    /// If the future panics, and in the other cases of [`Runtime::block_on`].
    ///
    /// # Examples
    ///
    /// ```
    /// use quintet::task::{LocalSet, spawn_local};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = quintet::runtime::Runtime::new()?;
    /// let task = async { spawn_local(async { 7 }).await };
    /// assert_eq!(LocalSet::new().block_on(&runtime, task).unwrap(), 7);
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn block_on<F: Future>(&self, runtime: &Runtime, future: F) -> F::Output {
        boxed_if_large!(future: F => runtime.block_on(self.run_until(future)))
    }
}

impl TaskTracker {
    /// Spawns a task onto the runtime of `handle`, and tracks it.
    ///
    /// See [`Handle::spawn`].
    #[track_caller]
    pub fn spawn_on<F>(&self, future: F, handle: &Handle) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        boxed_if_large!(future: F => handle.spawn(self.track_future(future)))
    }

    /// Runs `f` on a worker thread of the current runtime, and tracks the job.
    ///
    /// See [`quintet::spawn_blocking`](crate::spawn_blocking).
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

    /// Runs `f` on a thread for computations of the current runtime, and tracks the job.
    ///
    /// See [`quintet::spawn_cpu`](crate::spawn_cpu).
    ///
    /// # Panics
    ///
    /// If no runtime is current on this thread.
    #[track_caller]
    pub fn spawn_cpu<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        spawn_cpu(self.track_job(f))
    }

    /// Runs `f` on a worker thread of the runtime of `handle`, and tracks the job.
    ///
    /// See [`Handle::spawn_blocking`].
    #[track_caller]
    pub fn spawn_blocking_on<F, T>(&self, f: F, handle: &Handle) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        handle.spawn_blocking(self.track_job(f))
    }

    /// Tracks `f` until it has returned or has been dropped.
    #[track_caller]
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
    // Dropped before the token, so that a task that waits for the tracker waits for this drop.
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
