//! Jobs with more than the default settings, and with room in the queue.

use std::error::Error;
use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::spawn::{Admission, JobOrder, UserClosure, spawn_onto, spawn_with};
use crate::context;
use crate::coop;
use crate::event_loop::LoopShared;
use crate::pool::{Class, RoomKey, RoomOffer};
use crate::task::{self, JoinHandle};
use crate::tasks::{Name, Origin, wake_contained_for};

/// Spawns a blocking job with more than the default settings.
///
/// # A queue with a limit
///
/// [`spawn`](Builder::spawn) queues a job in any case, as
/// [`spawn_blocking`](crate::spawn_blocking) does. A program whose jobs come from outside should
/// not let them pile up: [`spawn_when_room`](Builder::spawn_when_room) waits, and
/// [`try_spawn`](Builder::try_spawn) fails, while
/// [`max_queued_jobs`](crate::runtime::Builder::max_queued_jobs) jobs of the same [`Class`] are
/// queued, by whichever function they were spawned. Jobs that run do not count.
///
/// # Examples
///
/// ```
/// use quintet::blocking::{Builder, Class};
///
/// # quintet::block_on(async {
/// let job = Builder::new()
///     .name("checksum")
///     .class(Class::Cpu)
///     .spawn(|| [1u8, 2, 3].iter().map(|&byte| u32::from(byte)).sum::<u32>());
/// assert_eq!(job.await.unwrap(), 6);
/// # });
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing until it spawns"]
pub struct Builder {
    class: Class,
    name: Option<Name>,
}

impl Builder {
    /// Starts with the default settings: the class [`Plain`](Class::Plain), and no name.
    pub fn new() -> Self {
        Builder::default()
    }

    /// Sets the class of the job, which decides on which threads it runs.
    pub fn class(mut self, class: Class) -> Self {
        self.class = class;
        self
    }

    /// Sets the name of the job, which dumps and reports show.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(Name::new(name.into()));
        self
    }

    /// Runs `f` on a thread for its class; see [`spawn_blocking`](crate::spawn_blocking).
    ///
    /// # Panics
    ///
    /// If no runtime is current on this thread.
    #[track_caller]
    pub fn spawn<F, T>(self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let order = self.into_order(Admission::Any);
        spawn_with(UserClosure::new(f), order)
    }

    /// Runs `f` on a thread for its class, unless [many jobs](Builder#a-queue-with-a-limit) are
    /// queued.
    ///
    /// # Errors
    ///
    /// Returns `f` in the error if the queue is full, or if tasks wait for room in it.
    ///
    /// # Panics
    ///
    /// If no runtime is current on this thread.
    ///
    /// # Examples
    ///
    /// ```
    /// use quintet::blocking::Builder;
    ///
    /// # quintet::block_on(async {
    /// match Builder::new().try_spawn(|| 6 * 7) {
    ///     Ok(job) => assert_eq!(job.await.unwrap(), 42),
    ///     Err(full) => eprintln!("overloaded: {full}"),
    /// }
    /// # });
    /// ```
    #[track_caller]
    pub fn try_spawn<F, T>(self, f: F) -> Result<JoinHandle<T>, QueueFull<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let Some(shared) = context::current_shared() else {
            panic!("{}", context::no_loop());
        };
        let order = self.into_order(Admission::Entered);
        if !shared.pool.counts(order.class).room.try_enter() {
            return Err(QueueFull(f));
        }
        Ok(spawn_onto(&shared, UserClosure::new(f), order))
    }

    /// Waits until fewer than [so many jobs](Builder#a-queue-with-a-limit) are queued, and then
    /// runs `f` on a thread for its class.
    ///
    /// The future resolves to the handle of the job, when the job has been queued. Tasks that wait
    /// get room in the order in which they began to wait. So a task that spawns one job after the
    /// other is as fast as the threads are, and no faster.
    ///
    /// The runtime is the one that is current when the future is first polled. If it ends, the
    /// future resolves to a handle that is cancelled.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it completes drops `f` and leaves nothing behind: another
    /// task gets its room.
    ///
    /// # Panics
    ///
    /// The future panics if no runtime is current when it is first polled.
    ///
    /// # Examples
    ///
    /// ```
    /// use quintet::blocking::{Builder, Class};
    ///
    /// # quintet::block_on(async {
    /// let mut squares = Vec::new();
    /// for n in 1..=10_000u64 {
    ///     let job = Builder::new().class(Class::Cpu).spawn_when_room(move || n * n);
    ///     squares.push(job.await);
    /// }
    /// let mut sum = 0;
    /// for square in squares {
    ///     sum += square.await.unwrap();
    /// }
    /// assert_eq!(sum, 333_383_335_000);
    /// # });
    /// ```
    #[expect(clippy::async_yields_async, reason = "the handle is the output")]
    #[track_caller]
    pub fn spawn_when_room<F, T>(
        self,
        f: F,
    ) -> impl Future<Output = JoinHandle<T>> + Send + use<F, T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let order = self.into_order(Admission::Entered);
        async move {
            let shared = EnterQueue::new(order.class).await;
            spawn_onto(&shared, UserClosure::new(f), order)
        }
    }

    fn of_task(builder: task::Builder) -> Self {
        Builder {
            name: builder.into_name(),
            ..Builder::default()
        }
    }

    #[track_caller]
    fn into_order(self, admission: Admission) -> JobOrder {
        JobOrder {
            class: self.class,
            origin: Origin {
                name: self.name,
                location: Location::caller(),
            },
            admission,
        }
    }
}

/// Jobs with the name of a task.
impl task::Builder {
    /// Runs the closure `f` on a worker thread; see [`spawn_blocking`](crate::spawn_blocking).
    ///
    /// # Panics
    ///
    /// Panics if no runtime is current on this thread.
    #[track_caller]
    pub fn spawn_blocking<F, T>(self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        Builder::of_task(self).spawn(f)
    }

    /// Runs the closure `f`, which computes for long, on a thread for computations; see
    /// [`spawn_cpu`](crate::spawn_cpu).
    ///
    /// # Panics
    ///
    /// Panics if no runtime is current on this thread.
    #[track_caller]
    pub fn spawn_cpu<F, T>(self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        Builder::of_task(self).class(Class::Cpu).spawn(f)
    }
}

/// Waits for room in the queue of the current runtime, and returns that runtime. The caller has
/// entered the queue then, and must spawn a job.
struct EnterQueue {
    class: Class,
    /// Set by the first poll.
    shared: Option<Arc<LoopShared>>,
    key: Option<RoomKey>,
}

impl EnterQueue {
    fn new(class: Class) -> Self {
        EnterQueue {
            class,
            shared: None,
            key: None,
        }
    }
}

impl Future for EnterQueue {
    type Output = Arc<LoopShared>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let shared = this.shared.get_or_insert_with(|| {
            context::current_shared().unwrap_or_else(|| panic!("{}", context::no_loop()))
        });
        ready!(coop::poll_proceed(cx));
        let room = &shared.pool.counts(this.class).room;
        match room.poll_enter(&mut this.key, cx.waker()) {
            Poll::Ready(RoomOffer::Entered) => {}
            // It counts only until it is refused.
            Poll::Ready(RoomOffer::Closed) => room.enter(),
            Poll::Pending => {
                context::waits_for(&"room in the queue of blocking jobs");
                return Poll::Pending;
            }
        }
        coop::charge(0);
        Poll::Ready(Arc::clone(shared))
    }
}

impl Drop for EnterQueue {
    fn drop(&mut self) {
        if let (Some(shared), Some(key)) = (&self.shared, self.key.take())
            && let Some(waker) = shared.pool.counts(self.class).room.forget(key)
        {
            wake_contained_for(&shared.reporter, waker);
        }
    }
}

/// The error of [`Builder::try_spawn`]: too many jobs are queued. It contains the closure.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct QueueFull<F>(pub F);

impl<F> QueueFull<F> {
    /// Returns the closure.
    pub fn into_inner(self) -> F {
        self.0
    }
}

impl<F> fmt::Debug for QueueFull<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueFull").finish_non_exhaustive()
    }
}

impl<F> fmt::Display for QueueFull<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the queue of blocking jobs is full")
    }
}

impl<F> Error for QueueFull<F> {}
