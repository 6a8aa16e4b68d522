//! The runtime: an event loop and its worker pool, and the ways to run them.

mod builder;
mod collections;
mod dump;
mod dump_error;
mod enter_guard;
mod exit;
mod guest;
mod handle;
mod keep_alive;
pub(crate) mod leaks;
#[cfg(feature = "metrics")]
mod metrics;
mod ported;
mod run;
mod stalled;

use std::any::Any;
use std::fmt;
use std::io;
use std::panic::{self, Location};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::blocking;
use crate::context;
use crate::event_loop::{EventLoop, IdleReport, StopReason};
use crate::panics;
use crate::panics::Payload;
use crate::task::{self, JoinHandle, boxed_if_large};
use crate::tasks::{Name, Origin};

pub use crate::counts::histogram::Histogram;
pub use crate::report::{
    ChannelWait, Cycle, Dump, Holder, JobMeta, PermitWait, Report, TaskDump, TaskMeta,
    ThreadActivity, WaitReason,
};
pub use builder::{Builder, UnhandledPanic};
pub use dump_error::DumpError;
pub use enter_guard::EnterGuard;
pub use exit::{before_exit, exit, on_exit};
#[cfg_attr(
    not(feature = "tokio"),
    expect(unused_imports, reason = "there is no host")
)]
pub(crate) use guest::{DriveByHost, Host, NextTurn};
pub use handle::{Handle, TryCurrentError};
pub use keep_alive::KeepAlive;
#[cfg(feature = "metrics-facade")]
pub use metrics::MetricsFeed;
#[cfg(feature = "metrics")]
pub use metrics::{
    CachedReadMetrics, DeferredMetrics, JobTimeMetrics, Metrics, Phase, PhaseMetrics, QueueMetrics,
    SourceMetrics, TaskMetrics, TimerMetrics, Utilization, WakeMetrics, metrics,
};
pub use ported::{Id, LocalOptions, LocalRuntime, RuntimeFlavor, is_rt_shutdown_err, worker_index};
pub use stalled::Stalled;

/// A single-threaded runtime: one event loop, and a pool of worker threads for blocking jobs.
///
/// A runtime stays on the thread that made it. Other threads reach it through its [`Handle`]. A
/// process and a thread may have any number of runtimes, but only one runs at a time on a thread.
///
/// # Shutdown
///
/// Dropping the runtime shuts it down:
///
/// 1. The [`on_exit`] hooks run.
/// 2. New tasks are refused.
/// 3. The futures of all tasks are dropped on this thread, in the order in which the tasks were
///    spawned. The close phase releases what they closed.
/// 4. Queued blocking jobs are dropped.
/// 5. The drop waits for running jobs, up to the [grace period](Builder::shutdown_grace). Jobs that
///    are still running after that are [reported](Report::JobLeftBehind).
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let runtime = quintet::runtime::Runtime::new()?;
/// let sum = runtime.block_on(async {
///     let a = quintet::spawn(async { 1 });
///     let b = quintet::spawn_blocking(|| 2);
///     a.await.unwrap() + b.await.unwrap()
/// });
/// assert_eq!(sum, 3);
/// # Ok(())
/// # }
/// ```
pub struct Runtime {
    event_loop: Rc<EventLoop>,
    handle: Handle,
    /// The time for which shutdown waits for running jobs.
    grace: Duration,
    /// The runtime within whose loop it runs.
    host: Option<Box<dyn DriveByHost>>,
    /// The subscriptions to the signals on which it sends its dump.
    _dump_signals: Option<Box<dyn Any>>,
}

/// How the future of `block_on` has ended.
struct RootEnd {
    result: Result<StopReason, Payload>,
    /// If it can never complete.
    stuck: Option<Dump>,
}

impl Runtime {
    /// Creates a runtime with the default settings of [`Builder`].
    ///
    /// # Errors
    ///
    /// Returns the same errors as [`Builder::build`].
    pub fn new() -> io::Result<Self> {
        Builder::new().build()
    }

    /// Returns a [`Builder`] for a runtime with other settings.
    pub fn builder() -> Builder {
        Builder::new()
    }

    fn from_event_loop(
        event_loop: EventLoop,
        grace: Duration,
        host: Option<Box<dyn DriveByHost>>,
        dump_signals: Option<Box<dyn Any>>,
    ) -> Self {
        let handle = Handle::new(Arc::clone(&event_loop.shared));
        let event_loop = Rc::new(event_loop);
        context::add_to_thread(&event_loop);
        Runtime {
            event_loop,
            handle,
            grace,
            host,
            _dump_signals: dump_signals,
        }
    }

    /// Runs the loop until `future` completes, and returns its output.
    ///
    /// The future is an ordinary task, and the first in the queue. It need be neither `Send` nor
    /// `'static`. When it completes, this method returns at once. Other tasks keep their state, and
    /// continue in the next `block_on`.
    ///
    /// While there is nothing to do, the thread sleeps and uses no CPU. It may sleep for ever,
    /// because another thread may hold a waker. If only another thread can end the sleep, the
    /// runtime sends one [`Report::Stalled`], which lists the tasks and what they wait for.
    ///
    /// # Panics
    ///
    /// - If the future panics, with the same payload. The runtime remains usable.
    /// - If a runtime is already running on this thread.
    /// - If time is [paused](crate::time::pause) and nothing can ever happen.
    /// - If a task panics and the runtime is set to
    ///   [`ShutdownRuntime`](UnhandledPanic::ShutdownRuntime), with the payload of that task.
    /// - If the OS returns an error when the loop waits for events.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let origin = Origin {
            name: Some(Name::new("root".to_owned())),
            location: Location::caller(),
        };
        boxed_if_large!(future: F => self.block_on_root(future, origin))
    }

    #[track_caller]
    pub(crate) fn block_on_root<F: Future>(&self, future: F, origin: Origin) -> F::Output {
        let mut output = None;
        let end = {
            let root = pin!(async { output = Some(future.await) });
            self.run_root(root, origin)
        };
        // After the future was dropped: this may end the process.
        self.handle_end(end);
        output.expect("the root stores its output before it completes")
    }

    #[track_caller]
    fn run_root(&self, root: Pin<&mut dyn Future<Output = ()>>, origin: Origin) -> RootEnd {
        let mut stuck = None;
        let result = match &self.host {
            Some(host) => {
                self.assert_can_run("block_on");
                host.run_root(self, root, origin)
            }
            None => self.drive("block_on", || {
                self.event_loop
                    .run_root(root, origin, |reason| match reason {
                        IdleReport::Idle => self.report_stalled(),
                        IdleReport::Stuck => stuck = Some(Dump::new(&self.event_loop)),
                    })
            }),
        };
        RootEnd { result, stuck }
    }

    #[track_caller]
    fn handle_end(&self, RootEnd { result, stuck }: RootEnd) {
        match result {
            Ok(stop) => self.handle_stop(stop),
            Err(payload) => panic::resume_unwind(payload),
        }
        if let Some(dump) = stuck {
            panic!(
                "time is paused and nothing can ever happen: no timer is armed, no job is running, \
                 and no other thread holds a `KeepAlive` guard; {dump}"
            );
        }
    }

    /// Reports that only another thread can end the sleep that has begun.
    fn report_stalled(&self) {
        let report = Report::Stalled { dump: self.dump() };
        self.event_loop.shared.reporter.report(&report);
    }

    /// Spawns a task onto this runtime.
    ///
    /// The task is first polled when the runtime runs, for example in the next
    /// [`block_on`](Runtime::block_on). See [`quintet::spawn`](crate::spawn).
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: 'static> + 'static,
    {
        let _entered = context::enter(&self.event_loop);
        boxed_if_large!(future: F => task::spawn(future))
    }

    /// The same as [`spawn`](Runtime::spawn), which does not require `Send` either. For programs
    /// ported from tokio.
    #[track_caller]
    pub fn spawn_local<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: 'static> + 'static,
    {
        boxed_if_large!(future: F => self.spawn(future))
    }

    /// Runs `f` on a worker thread.
    ///
    /// See [`quintet::spawn_blocking`](crate::spawn_blocking).
    #[track_caller]
    pub fn spawn_blocking<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let _entered = context::enter(&self.event_loop);
        blocking::spawn_blocking(f)
    }

    /// Runs `f`, which computes for long, on a thread for computations.
    ///
    /// See [`quintet::spawn_cpu`](crate::spawn_cpu).
    #[track_caller]
    pub fn spawn_cpu<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let _entered = context::enter(&self.event_loop);
        blocking::spawn_cpu(f)
    }

    /// Makes this runtime the current one of this thread until the guard is dropped.
    ///
    /// Functions that need a current runtime, such as [`spawn`](crate::spawn), can then be called
    /// outside of a task.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = quintet::runtime::Runtime::new()?;
    /// let guard = runtime.enter();
    /// let task = quintet::spawn(async { 7 });
    /// drop(guard);
    /// assert_eq!(runtime.block_on(task).unwrap(), 7);
    /// # Ok(())
    /// # }
    /// ```
    pub fn enter(&self) -> EnterGuard<'_> {
        EnterGuard::new(&self.event_loop)
    }

    /// Returns the handle through which other threads reach this runtime.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Returns the task and the CPU time of the longest poll, if it has taken more than
    /// `Builder::limit_polls` allows.
    pub(crate) fn longest_poll(&self) -> Option<(TaskMeta, Duration)> {
        self.event_loop.longest_poll()
    }

    /// Shuts the runtime down. `code` is the exit code of the process for the hooks.
    fn shut_down(&self, code: i32) {
        let running = context::run(&self.event_loop);
        let hooks = std::mem::take(&mut self.event_loop.hooks.borrow_mut().on_exit);
        for hook in hooks {
            if let Err(payload) = panics::contain(|| hook(code)) {
                self.event_loop
                    .shared
                    .reporter
                    .report(&Report::HookPanicked {
                        message: panics::message(&*payload).to_owned(),
                    });
                panics::discard(payload);
            }
        }
        let hooks = std::mem::take(&mut *self.event_loop.hooks.borrow_mut());
        self.event_loop.shut_down(self.grace);
        panics::drop_contained(hooks, "the destructor of a hook");
        drop(running);
    }

    /// Shuts the runtime down like dropping it, but waits at most `grace` for running blocking
    /// jobs.
    ///
    /// Jobs that are still running after that are [reported](Report::JobLeftBehind). Their threads
    /// end when they return.
    pub fn shutdown_timeout(mut self, grace: Duration) {
        self.grace = grace;
    }

    /// Shuts the runtime down without waiting for running blocking jobs.
    pub fn shutdown_background(self) {
        self.shutdown_timeout(Duration::ZERO);
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        match self.host.take() {
            Some(host) => host.enter(&mut || self.shut_down(0)),
            None => self.shut_down(0),
        }
        context::remove_from_thread(&self.event_loop);
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime")
            .field("loop", &self.event_loop)
            .finish_non_exhaustive()
    }
}

/// Runs `future` on a new runtime, and returns its output.
///
/// # Panics
///
/// If the runtime cannot be built, and in the same cases as [`Runtime::block_on`].
///
/// # Examples
///
/// ```
/// assert_eq!(quintet::block_on(async { 6 * 7 }), 42);
/// ```
#[track_caller]
pub fn block_on<F: Future>(future: F) -> F::Output {
    match Runtime::new() {
        Ok(runtime) => boxed_if_large!(future: F => runtime.block_on(future)),
        Err(error) => panic!("the quintet runtime could not be built: {error}"),
    }
}

#[cfg(test)]
mod tests;
