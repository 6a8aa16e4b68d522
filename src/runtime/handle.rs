//! The handle through which other threads reach a runtime.

use std::error::Error;
use std::fmt;
use std::panic::{self, Location};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::blocking::{self, Admission, Class, JobOrder, PoolStats, UserClosure};
use crate::context;
use crate::coop;
use crate::event_loop::{EventLoop, LoopShared};
use crate::ready;
use crate::sync::{self, oneshot};
use crate::task::{self, JoinError, JoinHandle, boxed_if_large};
use crate::tasks::Origin;

use super::{Dump, DumpError, EnterGuard, Id, KeepAlive, RuntimeFlavor};

/// How long [`Handle::dump`] waits for a loop on another thread. It is an error if a task blocks
/// the loop for longer, or if nothing runs the loop.
const DUMP_WAIT: Duration = Duration::from_secs(5);

/// A handle to a [`Runtime`](super::Runtime), for any thread.
///
/// Handles are cheap to clone, and do not keep the runtime alive. If the runtime has ended, a
/// future that is spawned through a handle is dropped, and its join handle resolves to a cancelled
/// [`JoinError`].
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let runtime = quintet::runtime::Runtime::new()?;
/// let handle = runtime.handle().clone();
/// let thread = std::thread::spawn(move || handle.spawn(async { 1 + 1 }));
/// let two = runtime.block_on(thread.join().unwrap());
/// assert_eq!(two.unwrap(), 2);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Handle {
    pub(super) shared: Arc<LoopShared>,
}

impl Handle {
    pub(super) fn new(shared: Arc<LoopShared>) -> Self {
        Handle { shared }
    }

    /// Returns the handle of the current runtime.
    ///
    /// In a blocking job, this is the runtime that the job belongs to.
    ///
    /// # Panics
    ///
    /// If no runtime is current on this thread.
    #[track_caller]
    pub fn current() -> Self {
        match Handle::try_current() {
            Ok(handle) => handle,
            Err(error) => panic!("{error}"),
        }
    }

    /// Returns the handle of the current runtime.
    ///
    /// In a blocking job, this is the runtime that the job belongs to.
    ///
    /// # Errors
    ///
    /// Returns an error if no runtime is current on this thread.
    pub fn try_current() -> Result<Self, TryCurrentError> {
        let shared = context::current_shared();
        shared.map(Handle::new).ok_or(TryCurrentError(()))
    }

    /// Makes this runtime the current one of this thread until the guard is dropped.
    ///
    /// On the runtime's own thread, functions that need a current runtime, such as
    /// [`spawn`](crate::spawn), can then be called outside of a task, as with
    /// [`Runtime::enter`](super::Runtime::enter).
    ///
    /// A task cannot move to another thread. So on other threads only that works which works in a
    /// blocking job: [`Handle::current`] is this handle,
    /// [`spawn_blocking`](crate::spawn_blocking) uses its workers, and the time is that of its
    /// clock. [`Handle::spawn`] spawns a future that is `Send`.
    ///
    /// # Examples
    ///
    /// ```
    /// use quintet::runtime::{Handle, Runtime};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = Runtime::new()?;
    /// let handle = runtime.handle().clone();
    /// let other_thread = std::thread::spawn(move || {
    ///     let _guard = handle.enter();
    ///     Handle::current().spawn(async { 7 })
    /// });
    /// let task = other_thread.join().unwrap();
    /// assert_eq!(runtime.block_on(task).unwrap(), 7);
    /// # Ok(())
    /// # }
    /// ```
    pub fn enter(&self) -> EnterGuard<'_> {
        match context::loop_of_thread(self.shared.id) {
            Some(event_loop) => EnterGuard::new(&event_loop),
            None => EnterGuard::elsewhere(&self.shared),
        }
    }

    /// Returns the id of the runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// use quintet::runtime::{Handle, Runtime};
    ///
    /// let (one, other) = (Runtime::new()?, Runtime::new()?);
    /// assert_ne!(one.handle().id(), other.handle().id());
    /// let id = one.block_on(async { Handle::current().id() });
    /// assert_eq!(id, one.handle().id());
    /// # Ok(())
    /// # }
    /// ```
    pub fn id(&self) -> Id {
        Id::new(self.shared.id)
    }

    /// Returns [`RuntimeFlavor::CurrentThread`]. For programs ported from tokio.
    pub fn runtime_flavor(&self) -> RuntimeFlavor {
        RuntimeFlavor::CurrentThread
    }

    /// Spawns a task onto the runtime, from any thread.
    ///
    /// The future runs on the runtime's thread, and is dropped there. It arrives in the poll phase.
    /// If this is the runtime's own thread, the task is queued at once, as by
    /// [`quintet::spawn`](crate::spawn). The join handle can be awaited on any thread and by any
    /// executor.
    ///
    /// If the runtime has ended, the future is dropped on this thread, and the join handle resolves
    /// to a cancelled [`JoinError`].
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        let builder = task::Builder::new();
        boxed_if_large!(future: F => self.spawn_built(builder, future))
    }

    /// Spawns a task that `builder` describes.
    #[track_caller]
    pub(super) fn spawn_built<F>(&self, builder: task::Builder, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        let origin = Origin {
            name: builder.into_name(),
            location: Location::caller(),
        };
        task::spawn_from_elsewhere(&self.shared, future, origin)
    }

    /// Runs `f` on a worker thread of the runtime.
    ///
    /// The join handle can be awaited on any thread and by any executor. See
    /// [`quintet::spawn_blocking`](crate::spawn_blocking).
    #[track_caller]
    pub fn spawn_blocking<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let builder = task::Builder::new();
        self.spawn_job(builder, Class::Plain, UserClosure::new(f))
    }

    /// Runs `f`, which computes for long, on a thread for computations of the runtime.
    ///
    /// The join handle can be awaited on any thread and by any executor. See
    /// [`quintet::spawn_cpu`](crate::spawn_cpu).
    #[track_caller]
    pub fn spawn_cpu<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let builder = task::Builder::new();
        self.spawn_job(builder, Class::Cpu, UserClosure::new(f))
    }

    /// Runs `f` as a job that `builder` describes.
    #[track_caller]
    pub(super) fn spawn_job<T>(
        &self,
        builder: task::Builder,
        class: Class,
        f: UserClosure<T>,
    ) -> JoinHandle<T>
    where
        T: Send + 'static,
    {
        let order = JobOrder {
            class,
            origin: Origin {
                name: builder.into_name(),
                location: Location::caller(),
            },
            admission: Admission::Any,
        };
        blocking::spawn_from_elsewhere(&self.shared, f, order)
    }

    /// Returns how busy the threads of the runtime are, and how many jobs they have run.
    ///
    /// It takes a lock of the pool for a moment, and may be called often.
    pub fn pool_stats(&self) -> PoolStats {
        self.shared.pool.stats()
    }

    /// Runs `future` as a task on the runtime's thread, and blocks this thread until it completes.
    ///
    /// This is how blocking jobs and other threads call async code. It waits until the runtime
    /// runs, by [`block_on`](super::Runtime::block_on) or [`run`](super::Runtime::run). A job that
    /// calls this occupies its worker until the future completes.
    ///
    /// # Panics
    ///
    /// - If the future panics, with the same payload.
    /// - If the runtime has ended, or ends before the future completes. The future is dropped.
    /// - If this is the runtime's own thread, or if another runtime is running on this thread. With
    ///   a [seed](super::Builder::seed), blocking jobs run on the runtime's own thread.
    ///
    /// # Examples
    ///
    /// ```
    /// use quintet::runtime::Handle;
    /// use quintet::time::{Duration, sleep};
    ///
    /// # quintet::block_on(async {
    /// let job = quintet::spawn_blocking(|| {
    ///     Handle::current().block_on(async {
    ///         sleep(Duration::from_millis(1)).await;
    ///         42
    ///     })
    /// });
    /// assert_eq!(job.await.unwrap(), 42);
    /// # });
    /// ```
    #[track_caller]
    pub fn block_on<F>(&self, future: F) -> F::Output
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        self.assert_may_block();
        let origin = Origin {
            name: None,
            location: Location::caller(),
        };
        let task = boxed_if_large!(future: F => {
            task::spawn_from_elsewhere(&self.shared, future, origin)
        });
        match sync::wait(task).map_err(JoinError::try_into_panic) {
            Ok(output) => output,
            Err(Ok(payload)) => panic::resume_unwind(payload),
            Err(Err(_cancelled)) => panic!(
                "{} has ended before the future that `Handle::block_on` waits for; end such \
                 threads and jobs before their runtime",
                context::describe(self.shared.id)
            ),
        }
    }

    /// Checks that this thread may wait for the loop.
    ///
    /// # Panics
    ///
    /// If it may not.
    #[track_caller]
    fn assert_may_block(&self) {
        let is_loop_thread = thread::current().id() == self.shared.thread;
        assert!(
            !(is_loop_thread && self.shared.is_seeded && context::with_job(|_| ()).is_some()),
            "`Handle::block_on` in a blocking job would wait for ever under a seed, because the \
             job runs on the runtime's own thread; await the future in a task, and pass its output \
             to the job"
        );
        assert!(
            !is_loop_thread,
            "`Handle::block_on` would wait for ever on the runtime's own thread; await the future \
             in a task, or call `Runtime::block_on` outside of tasks, or call this inside \
             `spawn_blocking`"
        );
        assert!(
            !ready::is_any_running(),
            "`Handle::block_on` would block the quintet loop that is running on this thread; await \
             the handle of `Handle::spawn`, or call this inside `spawn_blocking`"
        );
    }

    /// Makes [`Runtime::run`](super::Runtime::run), [`turn`](super::Runtime::turn) or
    /// [`run_until_stalled`](super::Runtime::run_until_stalled) return after the current tick.
    ///
    /// If none of these is running, the next call returns at once. Tasks keep their state.
    /// [`block_on`](super::Runtime::block_on) continues until its future completes.
    pub fn stop(&self) {
        self.shared.stop();
    }

    /// Keeps [`Runtime::run`](super::Runtime::run) from returning until the guard is dropped.
    ///
    /// Use it on a thread that will send something to the runtime.
    pub fn keep_alive(&self) -> KeepAlive {
        KeepAlive::new(&self.shared)
    }

    /// Returns the live tasks and what they wait for.
    ///
    /// On the runtime's own thread this returns at once, whether or not the runtime is running. On
    /// any other thread it waits until the loop reaches its poll phase. If the runtime has ended,
    /// the dump is empty.
    ///
    /// # Panics
    ///
    /// On another thread, if the loop does not reach its poll phase within five seconds, because
    /// nothing runs it or because a task blocks it. [`dump_timeout`](Handle::dump_timeout) returns
    /// an error instead.
    #[track_caller]
    pub fn dump(&self) -> Dump {
        match self.dump_timeout(DUMP_WAIT) {
            Ok(dump) => dump,
            Err(error) => panic!("{error}"),
        }
    }

    /// Returns the live tasks and what they wait for, like [`dump`](Handle::dump), but waits at
    /// most `timeout`.
    ///
    /// # Errors
    ///
    /// If the timeout expires, returns [`NotRunning`](DumpError::NotRunning) if nothing runs the
    /// loop, and [`Busy`](DumpError::Busy) if a task blocks it.
    ///
    /// # Examples
    ///
    /// ```
    /// use quintet::runtime::{DumpError, Runtime};
    /// use std::time::Duration;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = Runtime::new()?;
    /// let handle = runtime.handle().clone();
    /// let timeout = Duration::from_millis(1);
    /// let other_thread = std::thread::spawn(move || handle.dump_timeout(timeout));
    /// let error = other_thread.join().unwrap().unwrap_err();
    /// assert!(matches!(error, DumpError::NotRunning { .. }));
    /// # Ok(())
    /// # }
    /// ```
    pub fn dump_timeout(&self, timeout: Duration) -> Result<Dump, DumpError> {
        if let Some(event_loop) = context::loop_of_thread(self.shared.id) {
            return Ok(Dump::new(&event_loop));
        }
        let (sender, receiver) = oneshot::channel();
        self.call_on_loop(move |event_loop| {
            let _receiver_gone = sender.send(Dump::new(event_loop));
        });
        match sync::wait_timeout(timeout, receiver) {
            // A loop that has ended drops the closure, and with it the sender.
            Some(dump) => Ok(dump.unwrap_or_else(|_| Dump::empty())),
            None if self.shared.is_running() => Err(DumpError::busy(&self.shared, timeout)),
            None => Err(DumpError::not_running(&self.shared, timeout)),
        }
    }

    /// Returns the live tasks and what they wait for, like [`dump`](Handle::dump), without blocking
    /// the thread.
    ///
    /// It can be awaited on any thread and by any executor, and completes when the loop has reached
    /// its poll phase.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// use quintet::runtime::Runtime;
    ///
    /// let runtime = Runtime::new()?;
    /// let handle = runtime.handle().clone();
    /// let other_thread = std::thread::spawn(move || quintet::block_on(handle.dump_async()));
    /// runtime.block_on(async {
    ///     while !other_thread.is_finished() {
    ///         quintet::task::yield_now().await;
    ///     }
    /// });
    /// assert_eq!(other_thread.join().unwrap().tasks().len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn dump_async(&self) -> Dump {
        if context::loop_of_thread(self.shared.id).is_some() {
            coop::operate().await;
        }
        // The runtime may have ended while the task waited for its budget.
        if let Some(event_loop) = context::loop_of_thread(self.shared.id) {
            return Dump::new(&event_loop);
        }
        let (sender, receiver) = oneshot::channel();
        self.call_on_loop(move |event_loop| {
            let _receiver_gone = sender.send(Dump::new(event_loop));
        });
        receiver.await.unwrap_or_else(|_| Dump::empty())
    }

    /// Sends `f` to the loop, which is on another thread. If the loop has ended, `f` is dropped.
    fn call_on_loop(&self, f: impl FnOnce(&EventLoop) + Send + 'static) {
        let (id, inbox) = (self.shared.id, &self.shared.inbox);
        context::call_on_loop(id, inbox, f);
    }

    /// Returns a hash of the events on the loop in their order, if the runtime has a
    /// [seed](super::Builder::seed).
    ///
    /// The hash includes which task was polled in which phase of a tick, and how many bytes each
    /// operation moved. Two runs with the same hash were equal.
    pub fn order_hash(&self) -> Option<u64> {
        self.shared.order_hash()
    }

    /// Returns the name that was set by [`Builder::name`](super::Builder::name).
    pub fn name(&self) -> Option<&str> {
        self.shared.name.as_deref()
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("loop", &self.shared.id)
            .field("name", &self.shared.name)
            .finish()
    }
}

/// The error of [`Handle::try_current`]: no runtime is current on this thread.
#[derive(Debug)]
pub struct TryCurrentError(());

impl fmt::Display for TryCurrentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(context::no_loop())
    }
}

impl Error for TryCurrentError {}
