//! The way to a runtime from other threads.

use std::error::Error;
use std::fmt;
use std::panic::{self, Location};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use crate::blocking;
use crate::context;
use crate::coop;
use crate::event_loop::{EventLoop, LoopShared};
use crate::ready;
use crate::sync::{self, oneshot};
use crate::task::{self, JoinError, JoinHandle, boxed_if_large};
use crate::tasks::Origin;

use super::{Dump, DumpError, KeepAlive};

/// How long [`Handle::dump`] waits for a loop on another thread. A task that keeps its loop from
/// everything for so long is a fault, and so is a loop that is asked and never run.
const DUMP_WAIT: Duration = Duration::from_secs(5);

/// Reaches a [`Runtime`](super::Runtime) from any thread.
///
/// Handles are cheap to clone and keep nothing alive: what is spawned through one after its runtime
/// has ended is dropped, and its join handle says cancelled.
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
    shared: Arc<LoopShared>,
}

impl Handle {
    pub(super) fn new(shared: Arc<LoopShared>) -> Self {
        Handle { shared }
    }

    /// Returns the handle of the current runtime; in a blocking job that of the job's runtime.
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

    /// Returns the handle of the current runtime; in a blocking job that of the job's runtime.
    ///
    /// # Errors
    ///
    /// If no runtime is current on this thread.
    pub fn try_current() -> Result<Self, TryCurrentError> {
        let shared = context::current_shared();
        shared.map(Handle::new).ok_or(TryCurrentError(()))
    }

    /// Spawns a task from any thread.
    ///
    /// The future runs on the runtime's thread, and is dropped there. It arrives in the loop's poll
    /// phase; on the runtime's own thread it is queued at once, like
    /// [`quintet::spawn`](crate::spawn). The join handle may be awaited on any thread and by any
    /// executor.
    ///
    /// If the runtime has ended, the future is dropped here, and the join handle says cancelled.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        let origin = Origin {
            name: None,
            location: Location::caller(),
        };
        boxed_if_large!(future: F, Box::pin => task::spawn_from_elsewhere(&self.shared, future, origin))
    }

    /// Runs `f` on a worker thread; see [`quintet::spawn_blocking`](crate::spawn_blocking). The
    /// join handle may be awaited on any thread and by any executor.
    #[track_caller]
    pub fn spawn_blocking<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let origin = Origin {
            name: None,
            location: Location::caller(),
        };
        boxed_if_large!(f: F, Box::new => blocking::spawn_from_elsewhere(&self.shared, f, origin))
    }

    /// Runs `future` on the runtime's thread, as a task, and blocks this thread until it is done:
    /// the way from a blocking job, or from any other thread, to async code.
    ///
    /// The runtime must be running, in [`block_on`](super::Runtime::block_on) or
    /// [`run`](super::Runtime::run). Until it runs, this waits. A job that
    /// waits here occupies its worker.
    ///
    /// # Panics
    ///
    /// With the panic of the future, if it panics. If the runtime has ended, or ends before the
    /// future is done; the future is dropped then. On the runtime's own thread, which is to run the
    /// future, and where another runtime runs: a task cannot block its thread. Under a
    /// [seed](super::Builder::seed) jobs run on the runtime's own thread, so they cannot call this.
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
        let task = boxed_if_large!(future: F, Box::pin => task::spawn_from_elsewhere(&self.shared, future, origin));
        match sync::wait(task).map_err(JoinError::try_into_panic) {
            Ok(output) => output,
            Err(Ok(payload)) => panic::resume_unwind(payload),
            Err(Err(_cancelled)) => panic!(
                "{} has ended, so the future that `Handle::block_on` waits for never will; end such \
                 threads and jobs before their runtime",
                context::describe(self.shared.id)
            ),
        }
    }

    /// # Panics
    ///
    /// If this thread must not wait for the loop.
    #[track_caller]
    fn assert_may_block(&self) {
        let is_loop_thread = thread::current().id() == self.shared.thread;
        assert!(
            !(is_loop_thread && self.shared.is_seeded && context::with_job(|_| ()).is_some()),
            "`Handle::block_on` in a blocking job would wait for ever under a seed: such jobs run on \
             the runtime's own thread, which is to run the future; await it in a task, and give the \
             job its output"
        );
        assert!(
            !is_loop_thread,
            "`Handle::block_on` would wait for ever on the runtime's own thread, which is to run the \
             future; await it in a task, or call `Runtime::block_on` outside of one, or this inside \
             `spawn_blocking`"
        );
        assert!(
            !ready::is_any_running(),
            "`Handle::block_on` would block the quintet loop that runs on this thread; await the \
             handle of `Handle::spawn`, or call this inside `spawn_blocking`"
        );
    }

    /// Makes [`Runtime::run`](super::Runtime::run), [`turn`](super::Runtime::turn) or
    /// [`run_until_stalled`](super::Runtime::run_until_stalled) return after the tick it is in; or the
    /// next one at once, if none is running. What was left stays where it is.
    ///
    /// [`block_on`](super::Runtime::block_on) goes on until its future is done.
    pub fn stop(&self) {
        self.shared.stop();
    }

    /// Keeps [`Runtime::run`](super::Runtime::run) going while the guard lives: this thread will send
    /// something.
    pub fn keep_alive(&self) -> KeepAlive {
        KeepAlive::new(&self.shared)
    }

    /// Returns the live tasks and what they wait for.
    ///
    /// On the runtime's own thread this looks at once, whether the runtime runs or not. On any other
    /// thread it waits until the loop comes to its poll phase. A runtime that has ended has no tasks.
    ///
    /// # Panics
    ///
    /// On another thread, if the loop does not come to its poll phase within five seconds: it does not
    /// run, or a task blocks it. [`dump_timeout`](Handle::dump_timeout) returns an error instead.
    #[track_caller]
    pub fn dump(&self) -> Dump {
        match self.dump_timeout(DUMP_WAIT) {
            Ok(dump) => dump,
            Err(error) => panic!("{error}"),
        }
    }

    /// Returns the live tasks and what they wait for, as [`dump`](Handle::dump) does, but waits no
    /// longer than `timeout` where this is not the runtime's own thread.
    ///
    /// # Errors
    ///
    /// If the time is over: [`NotRunning`](DumpError::NotRunning) where nothing runs the loop,
    /// [`Busy`](DumpError::Busy) where something holds it up.
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
    /// let other_thread = std::thread::spawn(move || handle.dump_timeout(Duration::from_millis(1)));
    /// let error = other_thread.join().unwrap().unwrap_err();
    /// assert!(matches!(error, DumpError::NotRunning { .. }));
    /// # Ok(())
    /// # }
    /// ```
    pub fn dump_timeout(&self, timeout: Duration) -> Result<Dump, DumpError> {
        if let Some(event_loop) = context::resident(self.shared.id) {
            return Ok(Dump::new(&event_loop));
        }
        let (sender, receiver) = mpsc::channel();
        self.call_on_loop(move |event_loop| {
            let _receiver_gone = sender.send(Dump::new(event_loop));
        });
        match receiver.recv_timeout(timeout) {
            Ok(dump) => Ok(dump),
            // A loop that is gone drops the question, and with it the sender.
            Err(RecvTimeoutError::Disconnected) => Ok(Dump::empty()),
            Err(RecvTimeoutError::Timeout) if self.shared.is_running() => {
                Err(DumpError::busy(&self.shared, timeout))
            }
            Err(RecvTimeoutError::Timeout) => Err(DumpError::not_running(&self.shared, timeout)),
        }
    }

    /// Returns the live tasks and what they wait for, as [`dump`](Handle::dump) does, without blocking
    /// the thread: for async code on any thread and any executor. It waits until the loop runs.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
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
        if context::resident(self.shared.id).is_some() {
            coop::operate().await;
        }
        // Looked up again: it may have ended while the task waited for its turn.
        if let Some(event_loop) = context::resident(self.shared.id) {
            return Dump::new(&event_loop);
        }
        let (sender, receiver) = oneshot::channel();
        self.call_on_loop(move |event_loop| {
            let _receiver_gone = sender.send(Dump::new(event_loop));
        });
        receiver.await.unwrap_or_else(|_| Dump::empty())
    }

    /// Calls `f` on the loop's thread, which is another one; never, if the loop has ended.
    fn call_on_loop(&self, f: impl FnOnce(&EventLoop) + Send + 'static) {
        let (id, inbox) = (self.shared.id, &self.shared.inbox);
        context::at_home(id, inbox, f);
    }

    /// Returns a hash of everything that has happened on the loop, in its order, if the runtime has a
    /// [seed](super::Builder::seed): which task was polled in which phase of a tick, and how many bytes
    /// each of its operations moved. Two runs with the same hash went the same way.
    pub fn order_hash(&self) -> Option<u64> {
        self.shared.order_hash()
    }

    /// Returns the name given by [`Builder::name`](super::Builder::name).
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

/// No runtime is current on this thread; see [`Handle::try_current`].
#[derive(Debug)]
pub struct TryCurrentError(());

impl fmt::Display for TryCurrentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(context::no_loop())
    }
}

impl Error for TryCurrentError {}
