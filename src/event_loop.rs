//! The event loop: five phases, the tasks, and the tick.
//!
//! This file has the parts of a loop, its construction and its shutdown. [`Turn::tick`] is one
//! tick, and `drive` has the ways to run ticks. A runtime drives the loop; futures reach it through
//! `context`.
//!
//! The `#[inline]`s of this file, `turn`, `root` and `context` save `echo-loop` 686 of 4682
//! instructions, `yield-1` 202 of 932 and `spawn-join` 145 of 1642.

mod alive;
mod blocked;
mod drive;
mod embedded;
mod guest;
mod idle_report;
mod root;
mod shutdown;
mod starvation;
mod turn;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, ThreadId};
use std::time::Duration;

use crate::clock::{Clock, RemoteClock};
use crate::counts::LoopCounts;
use crate::page_cache::PageCache;
use crate::panics::Payload;
use crate::phase::check::Check;
use crate::phase::close::Close;
use crate::phase::pending::Pending;
use crate::phase::poll::{self, Poller};
use crate::phase::timers::Timers;
use crate::pool::{Pool, SpareCells, ThreadHook};
use crate::ready::{self, LoopId};
use crate::report::Reporter;
use crate::resolver::SharedResolver;
use crate::rng::{self, Rng};
use crate::slots::Key;
use crate::tasks::{
    AnyWork, Header, Identity, Message, OutcomeSink, PanicPolicy, Spawned, TaskInbox, Tasks, Waiter,
};
use crate::trace::{SpanPolicy, TaskSpan};
use crate::waits::WaitRegistry;
use alive::LivenessProbes;
use blocked::Observation;
use embedded::Embedding;
use starvation::Starvation;

pub(crate) use alive::{AliveGuard, LoopLiveness};
pub(crate) use blocked::BlockedCheck;
pub(crate) use drive::{IdleReport, StopReason};
pub(crate) use guest::{GuestRun, GuestState};

/// The part of a loop that other threads may hold.
pub(crate) struct LoopShared {
    pub(crate) id: LoopId,
    pub(crate) name: Option<String>,
    pub(crate) inbox: Arc<TaskInbox>,
    pub(crate) registry: Arc<mio::Registry>,
    /// The thread that the loop runs on.
    pub(crate) thread: ThreadId,
    /// The loop's clock.
    pub(crate) remote_clock: Arc<RemoteClock>,
    pub(crate) pool: Pool,
    /// Set once, when the loop shuts down: nothing can be spawned then.
    closed: AtomicBool,
    /// Whether the loop runs or shuts down. A hint for messages.
    is_running: AtomicBool,
    /// Set when the run is to end; cleared when it has ended.
    stopping: AtomicBool,
    /// Under a seed: a hash of all events, in their order.
    order: AtomicU64,
    pub(crate) counts: Arc<LoopCounts>,
    pub(crate) is_seeded: bool,
    pub(crate) unhandled_panic: PanicPolicy,
    pub(crate) reporter: Reporter,
    pub(crate) span_policy: SpanPolicy,
}

impl LoopShared {
    fn new(id: LoopId, settings: &Settings, poller: &Poller, clock: &Clock, pool: Pool) -> Self {
        LoopShared {
            id,
            name: settings.name.clone(),
            inbox: Arc::clone(&poller.inbox),
            registry: Arc::clone(&poller.registry),
            thread: thread::current().id(),
            remote_clock: Arc::clone(clock.remote_clock()),
            pool,
            closed: AtomicBool::new(false),
            is_running: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            order: AtomicU64::new(0),
            counts: Arc::new(LoopCounts::new(settings.is_measuring)),
            is_seeded: settings.seed.is_some(),
            unhandled_panic: settings.unhandled_panic,
            reporter: settings.reporter.clone(),
            span_policy: settings.span_policy,
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Returns whether the loop runs on its thread. It may begin or stop at any time.
    pub(crate) fn is_running(&self) -> bool {
        self.is_running.load(Ordering::Relaxed)
    }

    /// Sets whether the loop runs, and returns what was set before. Only the loop's thread calls
    /// this.
    pub(crate) fn set_running(&self, is_running: bool) -> bool {
        let was_running = self.is_running();
        self.is_running.store(is_running, Ordering::Relaxed);
        was_running
    }

    /// Ends the run after the present tick.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.unpark();
    }

    /// Ends the sleep of the loop.
    pub(crate) fn unpark(&self) {
        let _ended = self.inbox.push(Message::Call(Box::new(|| {})));
    }

    /// Handles the panic of a task that was spawned from another thread and has no join handle.
    pub(crate) fn panic_unhandled(&self, identity: &Identity, payload: Payload) {
        if let Some(fatal) = self
            .unhandled_panic
            .handle(&self.reporter, identity, payload)
        {
            let fatal = Message::Panic(fatal);
            if let Err(refused) = self.inbox.push(fatal) {
                refused.discard();
            }
        }
    }

    /// Returns the hash of all events, if there is a seed.
    pub(crate) fn order_hash(&self) -> Option<u64> {
        self.is_seeded.then(|| self.order.load(Ordering::Relaxed))
    }

    fn fold_order(&self, fold: impl FnOnce(u64) -> u64) {
        let hash = self.order.load(Ordering::Relaxed);
        self.order.store(fold(hash), Ordering::Relaxed);
    }
}

/// The settings of a loop.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) name: Option<String>,
    /// How many polls of tasks a phase may make.
    pub(crate) phase_budget: u32,
    pub(crate) seed: Option<u64>,
    pub(crate) start_paused: bool,
    pub(crate) auto_advance: bool,
    /// Whether the duration of each poll is measured.
    pub(crate) is_measuring: bool,
    /// How a blocked loop is noticed.
    pub(crate) blocked: BlockedCheck,
    /// How much CPU time a poll may take before it is noted.
    pub(crate) poll_limit: Option<Duration>,
    /// Whether files are read on the loop if the kernel has them in its cache.
    pub(crate) cached_reads: bool,
    /// How many events the OS reports at once.
    pub(crate) events_max: usize,
    /// Called before poll waits, and after that.
    pub(crate) on_park: Option<ThreadHook>,
    pub(crate) on_unpark: Option<ThreadHook>,
    pub(crate) unhandled_panic: PanicPolicy,
    /// What looks up names, if not the system.
    pub(crate) resolver: Option<SharedResolver>,
    /// Where reports go.
    pub(crate) reporter: Reporter,
    /// Whether tasks carry the spans in which they are spawned.
    pub(crate) span_policy: SpanPolicy,
}

/// The state of one loop, which stays on its thread.
pub(crate) struct EventLoop {
    id: LoopId,
    pub(crate) shared: Arc<LoopShared>,
    /// A reference to `shared` that has been restored, and can be taken without counting.
    cached_shared: Cell<Option<Arc<LoopShared>>>,
    pub(crate) clock: Clock,
    pub(crate) tasks: Tasks,
    pub(crate) spare_cells: SpareCells,
    /// The primitives that tasks have waited for.
    pub(crate) waits: WaitRegistry,
    pub(crate) timers: Timers,
    pub(crate) pending: Pending,
    pub(crate) poll: poll::Poll,
    pub(crate) check: Check,
    pub(crate) close: Close,
    pub(crate) page_cache: RefCell<PageCache>,
    pub(crate) resolver: Option<SharedResolver>,
    /// The ready queue, while the loop does not run.
    stored_queue: RefCell<VecDeque<Key>>,
    phase_budget: u32,
    observation: Observation,
    rng: Option<Rc<Rng>>,
    /// Chooses where a poll of `select!` begins, without a seed.
    branches: Rng,
    /// Whether a paused clock advances to the next deadline when there is nothing else to do.
    pub(crate) auto_advance: Cell<bool>,
    /// Set when the process is to end.
    exit_code: Cell<Option<i32>>,
    probes: LivenessProbes,
    embedding: Embedding,
    starvation: Starvation,
    on_park: Option<ThreadHook>,
    on_unpark: Option<ThreadHook>,
    pub(crate) hooks: RefCell<Hooks>,
}

/// The callbacks of users for the end of the loop.
#[derive(Default)]
pub(crate) struct Hooks {
    pub(crate) before_exit: Vec<Box<dyn FnMut()>>,
    pub(crate) on_exit: Vec<Box<dyn FnOnce(i32)>>,
}

impl EventLoop {
    /// # Errors
    ///
    /// Returns the error of the system calls that make a poller.
    pub(crate) fn new(settings: Settings, pool: Pool) -> io::Result<Self> {
        let id = LoopId::next();
        let poller = Poller::open()?;
        let rng = settings.seed.map(|seed| Rc::new(Rng::new(seed)));
        let clock = Clock::new();
        if settings.start_paused {
            clock.pause();
        }
        let shared = LoopShared::new(id, &settings, &poller, &clock, pool);
        let counts = Arc::clone(&shared.counts);
        let observation = Observation::new(&settings, Arc::clone(&counts));
        Ok(EventLoop {
            id,
            shared: Arc::new(shared),
            cached_shared: Cell::new(None),
            clock,
            tasks: Tasks::new(
                id,
                Arc::clone(&poller.inbox),
                Arc::clone(&counts),
                settings.unhandled_panic,
                settings.reporter,
                observation.watch.as_ref().map(|watch| watch.recorder()),
            ),
            spare_cells: SpareCells::default(),
            waits: WaitRegistry::default(),
            timers: Timers::new(),
            pending: Pending::new(),
            poll: poll::Poll::new(poller, counts, settings.events_max, rng.clone()),
            check: Check::new(),
            close: Close::new(),
            // A seed cannot repeat what the kernel has in its cache.
            page_cache: RefCell::new(PageCache::new(settings.cached_reads && rng.is_none())),
            resolver: settings.resolver,
            stored_queue: RefCell::new(VecDeque::with_capacity(ready::ROOM)),
            phase_budget: settings.phase_budget,
            observation,
            rng,
            branches: Rng::new(0),
            auto_advance: Cell::new(settings.auto_advance),
            exit_code: Cell::new(None),
            probes: LivenessProbes::default(),
            embedding: Embedding::default(),
            starvation: Starvation::default(),
            on_park: settings.on_park,
            on_unpark: settings.on_unpark,
            hooks: RefCell::default(),
        })
    }

    #[inline]
    pub(crate) fn id(&self) -> LoopId {
        self.id
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }

    /// Returns a reference to `shared`. If the last owner has [restored](EventLoop::restore_shared)
    /// one, the count of references is not touched.
    #[inline]
    pub(crate) fn take_shared(&self) -> Arc<LoopShared> {
        let cached_shared = self.cached_shared.take();
        cached_shared.unwrap_or_else(|| Arc::clone(&self.shared))
    }

    #[inline]
    pub(crate) fn restore_shared(&self, shared: Arc<LoopShared>) {
        debug_assert_eq!(shared.id, self.id());
        self.cached_shared.set(Some(shared));
    }

    /// Takes the ready queue, when the loop begins to run.
    pub(crate) fn take_queue(&self) -> VecDeque<Key> {
        self.stored_queue.take()
    }

    /// Stores the ready queue, when the loop stops running.
    pub(crate) fn store_queue(&self, queue: VecDeque<Key>) {
        self.stored_queue.replace(queue);
    }

    /// Adds a task, also to the end of the ready queue.
    #[inline]
    pub(crate) fn spawn(&self, work: AnyWork, identity: Identity) -> Spawned {
        let spawned = self.insert(work, identity);
        self.enqueue(&spawned.header);
        spawned
    }

    /// Adds a task that is in no queue yet.
    #[inline]
    pub(crate) fn insert(&self, work: AnyWork, identity: Identity) -> Spawned {
        self.tasks.insert(work, identity, self.clock.recent())
    }

    /// Adds a task from another thread, also to the end of the ready queue.
    pub(crate) fn admit(
        &self,
        work: AnyWork,
        identity: Identity,
        header: &Arc<Header>,
        sink: Arc<dyn OutcomeSink>,
        span: TaskSpan,
    ) {
        let now = self.clock.recent();
        self.tasks.admit(work, identity, now, header, sink, span);
        self.enqueue(header);
    }

    /// Adds a task that is first polled in the check phase.
    pub(crate) fn spawn_immediate(&self, work: AnyWork, identity: Identity) -> Spawned {
        let spawned = self.insert(work, identity);
        self.check.push(Waiter::Task(spawned.header.key()));
        self.notify_host();
        spawned
    }

    #[inline]
    fn enqueue(&self, header: &Header) {
        let is_running = ready::push(self.id(), || header.enqueue());
        if !is_running && let Some(key) = header.enqueue() {
            self.stored_queue.borrow_mut().push_back(key);
            self.notify_host();
        }
    }

    /// Chooses one of `count` branches.
    pub(crate) fn any_branch(&self, count: usize) -> usize {
        self.rng.as_deref().unwrap_or(&self.branches).below(count)
    }

    /// Under a seed: runs some of the queued jobs on this thread, in random order. Their results
    /// arrive like those of workers.
    fn run_inline_jobs(&self, rng: &Rng) {
        let mut jobs = self.shared.pool.take_inline_jobs();
        if jobs.is_empty() {
            return;
        }
        rng.shuffle(&mut jobs);
        let later = jobs.split_off(1 + rng.below(jobs.len()));
        self.shared.pool.put_back_inline_jobs(later);
        for job in jobs {
            ready::absent(|| job.run());
        }
    }

    /// Under a seed: adds the number of bytes that an operation has moved to the hash.
    #[inline]
    pub(crate) fn note_moved(&self, bytes: usize) {
        if self.rng.is_some() && bytes > 0 {
            self.fold_moved(bytes);
        }
    }

    #[cold]
    fn fold_moved(&self, bytes: usize) {
        self.shared.fold_order(|hash| rng::fold(hash, bytes as u64));
    }

    #[inline]
    fn has_park_hooks(&self) -> bool {
        self.on_park.is_some() || self.on_unpark.is_some()
    }

    pub(crate) fn is_measuring(&self) -> bool {
        self.observation.is_measuring
    }

    /// How many ticks have been run.
    #[inline]
    pub(crate) fn ticks(&self) -> u64 {
        self.shared.counts.ticks.get()
    }

    /// Updates those counts that are not made when something happens, because that would cost each
    /// wake and each timer.
    #[cold]
    pub(crate) fn update_counts(&self) {
        self.update_timer_counts();
        let ready = if ready::is_running(self.id()) {
            ready::len()
        } else {
            self.stored_queue.borrow().len()
        };
        self.shared.counts.ready.set(ready as u64);
    }

    #[inline]
    fn update_timer_counts(&self) {
        let (waiting, armed) = self.timers.counts();
        let counts = &self.shared.counts;
        counts.timers.set(waiting);
        counts.armed.set(armed);
    }

    /// Ends the process after the present poll.
    pub(crate) fn exit(&self, code: i32) {
        if self.exit_code.get().is_none() {
            self.exit_code.set(Some(code));
            self.notify_host();
        }
    }

    /// Returns whether the loop has to run nothing more.
    #[inline]
    fn is_ending(&self) -> bool {
        let is_asked = self.exit_code.get().is_some() || self.tasks.has_fatal_panic();
        // A loop that shuts down still runs its close phase.
        is_asked && !self.is_closed()
    }

    fn is_stopping(&self) -> bool {
        self.shared.stopping.load(Ordering::Relaxed) || self.is_ending()
    }
}

impl fmt::Debug for EventLoop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventLoop")
            .field("id", &self.id())
            .field("name", &self.shared.name)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for LoopShared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoopShared")
            .field("id", &self.id)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
