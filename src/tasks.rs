//! The tasks of one loop. Only this module knows how a task is represented.
//!
//! A task is a slot of its loop's slab. The slot holds the boxed future, later its outcome, and the
//! task's waker; a join handle holds only a key. So the future and the output stay on the loop's
//! thread, wherever handles and wakers are moved to.
//!
//! The event loop spawns into [`Tasks`] and calls [`Tasks::run`] for each task that it polls. No
//! borrow of the slab is held while a future is polled or dropped or a waker is called: those run
//! user code, which may call this module. The body is taken out of the slot first, and put back
//! afterwards.
//!
//! # States of a task
//!
//! ```text
//!            1             3
//!     vacant ───> working ───> polled
//!    ▲  │  ▲        │  ▲   4     │ │
//!    │  │  │        │  └─────────┘ │
//!    │  │  │ 7    6 ▼              │ 5
//!  8 │  │  └────── done <──────────┘
//!    │  ▼ 2
//!    root
//! ```
//!
//! 1. `insert`, `admit`: the slot gets the work, and the event loop queues the task.
//! 2. `insert_root`: the slot gets no work; the future stays with `block_on`.
//! 3. `run`: takes the body, the work and the waker, out of the slot.
//! 4. `end_poll`: puts the body back.
//! 5. `end_poll`, `finish`: the work has become the outcome, or an abort has dropped the future.
//! 6. `cancel_all`: shutdown has dropped the future.
//! 7. `take_outcome`, or `discard` if there is no handle. If the header is shared, the slot is
//!    emptied instead of vacant.
//! 8. `remove_root`.
//!
//! # Inlining
//!
//! The `#[inline]`s of `tasks`, `ready`, `slots`, `coop` and the timers together save `spawn-join`
//! 255 of 1522 instructions, `ring` 54 of 393 and `sleep-0` 46 of 1547; those of this file alone
//! save `spawn-join` 96. Each `#[cold]` keeps a rare path out of them: all together they save
//! `ring` 3.

mod ending;
pub(crate) mod header;
mod identity;
mod snapshot;
#[cfg(feature = "tracing")]
mod spans;
mod task;
mod waiter;
mod wake;
mod work;

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Waker;

pub(crate) use crate::blocked::PollCause;
use crate::blocked::{OriginRecorder, PollObserver};
use crate::counts::{LoopCounts, TaskEnd};
pub(crate) use crate::identity::{Identity, Name, Origin};
use crate::inbox::Inbox;
use crate::panics::Payload;
use crate::ready::LoopId;
use crate::report::Reporter;
use crate::slots::{Key, Slots};
use crate::trace::TaskSpan;
use crate::vars::{self, Vars};

use ending::vacate;
pub(crate) use header::{Header, Message};
pub(crate) use identity::{Failure, Outcome, PanicPolicy};
pub(crate) use snapshot::{Note, ReferencedAgain, TaskInfo};
use task::{Joiner, Task, TaskBody};
pub(crate) use waiter::{Caller, Owner, Waiter};
pub(crate) use wake::{wake_contained, wake_contained_for};
pub(crate) use work::{AnyWork, BoxedWork, FutureWork, SpareBox, Work, boxed_size};

/// The inbox through which other threads reach a loop's tasks.
pub(crate) type TaskInbox = Inbox<Message>;

/// A spawned task, of which the caller makes a handle.
#[derive(Debug)]
pub(crate) struct Spawned {
    /// The reference of the handle, which [`Tasks::take_outcome`] and [`Tasks::detach`] take back.
    pub(crate) header: Arc<Header>,
    pub(crate) id: u64,
}

/// All tasks of one loop.
pub(crate) struct Tasks {
    home: LoopId,
    inbox: Arc<TaskInbox>,
    slots: RefCell<Slots<Task>>,
    /// Outcomes to drop, and whether [`release`](Tasks::release) is dropping them.
    released: RefCell<VecDeque<Released>>,
    is_releasing: Cell<bool>,
    /// The next task id, and the end of the block of ids that it is taken from.
    ids: Cell<(u64, u64)>,
    counts: Arc<LoopCounts>,
    jobs: Cell<Jobs>,
    /// The tasks that were referenced again since the last call of `take_referenced_again`.
    referenced_again: RefCell<ReferencedAgain>,
    spare_boxes: work::SpareBoxes,
    /// What the root waits for, as set in its last poll.
    root_note: Cell<Option<Note>>,
    unhandled_panic: PanicPolicy,
    reporter: Reporter,
    /// If the loop is watched.
    recorder: Option<Box<OriginRecorder>>,
    /// The panic that ends the loop, if the policy says so: the first one.
    fatal_panic: RefCell<Option<Payload>>,
    has_fatal_panic: Cell<bool>,
}

/// The id of a task, and its outcome, which is to be dropped.
type Released = (u64, Pin<Box<dyn work::Erased>>);

/// How many unfinished tasks are jobs of the pool.
#[derive(Clone, Copy, Debug, Default)]
struct Jobs {
    all: u32,
    /// Jobs that keep the loop alive.
    referenced: u32,
}

/// Receives the outcome of a task whose handle may be awaited on any thread.
pub(crate) trait OutcomeSink {
    /// Called when the task has ended and its future was dropped. `take` moves the outcome to an
    /// `Option<Outcome<T>>`.
    fn fill(&self, take: &mut dyn FnMut(&mut dyn Any));
}

impl Tasks {
    pub(crate) fn new(
        home: LoopId,
        inbox: Arc<TaskInbox>,
        counts: Arc<LoopCounts>,
        unhandled_panic: PanicPolicy,
        reporter: Reporter,
        recorder: Option<OriginRecorder>,
    ) -> Self {
        Tasks {
            home,
            inbox,
            slots: RefCell::new(Slots::new()),
            released: RefCell::new(VecDeque::new()),
            is_releasing: Cell::new(false),
            ids: Cell::new((0, 0)),
            counts,
            jobs: Cell::default(),
            referenced_again: RefCell::default(),
            spare_boxes: work::SpareBoxes::default(),
            root_note: Cell::new(None),
            unhandled_panic,
            reporter,
            recorder: recorder.map(Box::new),
            fatal_panic: RefCell::new(None),
            has_fatal_panic: Cell::new(false),
        }
    }

    /// Adds a task at the time `now`. The caller queues it.
    #[inline]
    pub(crate) fn insert(&self, work: AnyWork, identity: Identity, now: u64) -> Spawned {
        if work.is_job {
            self.count_jobs(|jobs| {
                jobs.all += 1;
                jobs.referenced += 1;
            });
        }
        let vars = Vars::inherit();
        let mut slots = self.slots.borrow_mut();
        let (key, task) = slots.occupy(|| Task::vacant(self.new_header()));
        task.set_work(work);
        task.header.assign(key);
        task.occupy(identity, vars, self.next_sequence(), now, self.recorder())
    }

    /// Adds a task from another thread at the time `now`. Its handle there refers to `header`, and
    /// its outcome goes to `sink`. It inherits no context variables of the code that runs here.
    pub(crate) fn admit(
        &self,
        work: AnyWork,
        identity: Identity,
        now: u64,
        header: &Arc<Header>,
        sink: Arc<dyn OutcomeSink>,
        span: TaskSpan,
    ) {
        header.span().set(span.id());
        let mut slots = self.slots.borrow_mut();
        let (key, task) = slots.occupy(|| Task::vacant(Arc::clone(header)));
        task.header = Arc::clone(header);
        task.body = Some(TaskBody {
            work: None,
            waker: wake::waker(header),
            span,
        });
        task.joiner = Joiner::Returned(Arc::clone(header));
        task.set_work(work);
        header.arrive(key);
        let spawned = task.occupy(
            identity,
            Vars::default(),
            self.next_sequence(),
            now,
            self.recorder(),
        );
        task.joiner = Joiner::Returned(spawned.header);
        task.extras.get_or_insert_default().sink = Some(sink);
    }

    /// Boxes the work of a task. Runs no user code.
    #[inline]
    pub(crate) fn box_work<W: Work>(&self, work: W) -> AnyWork {
        AnyWork::fill(self.take_spare_box(boxed_size::<W>()), work)
    }

    /// Takes a box for work of this [size](boxed_size), for [`AnyWork::fill`].
    #[inline]
    pub(crate) fn take_spare_box(&self, size: usize) -> SpareBox {
        self.spare_boxes.take(size)
    }

    /// Adds the task of a future that is on the stack of `block_on`, and returns it with its waker.
    /// The caller handles its context variables.
    pub(crate) fn insert_root(&self, identity: Identity, now: u64) -> (Spawned, Waker) {
        let mut slots = self.slots.borrow_mut();
        let (key, task) = slots.occupy(|| Task::vacant(self.new_header()));
        let TaskBody { waker, .. } = task.body.take().expect("a vacant slot has a waker");
        task.is_job = false;
        task.header.assign(key);
        let root = task.occupy(
            identity,
            Vars::default(),
            self.next_sequence(),
            now,
            self.recorder(),
        );
        self.root_note.set(None);
        (root, waker)
    }

    /// Removes the root's slot.
    pub(crate) fn remove_root(&self, root: Spawned, waker: Waker, end: TaskEnd) {
        let mut slots = self.slots.borrow_mut();
        let key = root.header.key();
        if let Some(task) = slots.get_mut(key) {
            task.body = Some(TaskBody {
                work: None,
                waker,
                span: TaskSpan::none(),
            });
            task.vacate(root.header);
            vacate(&mut slots, key);
            self.counts.ended(end).add(1);
        }
    }

    #[cold]
    fn new_header(&self) -> Arc<Header> {
        Arc::new(Header::new(self.home, Arc::clone(&self.inbox)))
    }

    #[inline]
    fn recorder(&self) -> Option<&OriginRecorder> {
        self.recorder.as_deref()
    }

    #[inline]
    fn next_sequence(&self) -> u64 {
        self.counts.spawned.next()
    }

    /// Polls the task, or drops its future if it was aborted. Returns false if the task was not to
    /// be run: it has ended, or it is in a queue and `cause` is an event.
    #[inline]
    pub(crate) fn run(&self, key: Key, cause: PollCause, observer: impl PollObserver) -> bool {
        let mut slots = self.slots.borrow_mut();
        let Some(task) = slots.get_mut(key) else {
            return false;
        };
        if !task.header.begin_poll(cause == PollCause::Queued) {
            return false;
        }
        // It stays in the option, so that it is moved only once.
        let mut taken = task.body.take();
        let Some(body) = &mut taken else {
            return false;
        };
        task.begin_poll(observer);
        let aborted = task.header.is_aborted();
        drop(slots);
        if aborted || vars::are_used() {
            self.run_specially(key, &mut taken, cause, aborted);
            return true;
        }
        let (end, note) = body.poll(key, cause);
        if vars::are_used() {
            self.keep_vars(key, Vars::take_current());
        }
        self.end_poll(key, &mut taken, end, note);
        true
    }

    /// Runs a task that was aborted, or any task in a program that uses context variables.
    #[cold]
    fn run_specially(
        &self,
        key: Key,
        body: &mut Option<TaskBody>,
        cause: PollCause,
        aborted: bool,
    ) {
        let Some(present) = body else {
            return;
        };
        if aborted {
            self.end_body(key, present);
            self.end_poll(key, body, Some(TaskEnd::Cancelled), None);
            return;
        }
        let mut vars = self.take_vars(key);
        let (end, note) = vars.with(|| present.poll(key, cause));
        self.keep_vars(key, vars);
        self.end_poll(key, body, end, note);
    }

    fn take_vars(&self, key: Key) -> Vars {
        let mut slots = self.slots.borrow_mut();
        slots
            .get_mut(key)
            .map_or_else(Vars::default, Task::take_vars)
    }

    fn keep_vars(&self, key: Key, vars: Vars) {
        if !vars.is_empty()
            && let Some(task) = self.slots.borrow_mut().get_mut(key)
        {
            task.extras.get_or_insert_default().vars = vars;
        }
    }

    /// Wakes a waiter.
    pub(crate) fn wake(&self, waiter: Waiter) {
        match waiter {
            Waiter::Task(key) => {
                let span = self.slots.borrow().get(key).map(|task| {
                    Header::wake_untraced(&task.header);
                    task.header.span().get()
                });
                // Not under the borrow.
                if let Some(span) = span {
                    span.is_woken();
                }
            }
            Waiter::Foreign(foreign) => wake_contained(foreign.waker),
        }
    }
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tasks")
            .field("home", &self.home)
            .field("slots", &self.slots.borrow().len())
            .finish_non_exhaustive()
    }
}
