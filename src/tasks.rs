//! What a task is: this module knows, and nothing else does.
//!
//! A task is a slot of its loop's slab. The slot holds the boxed future, later its output, and the
//! task's one waker; a join handle holds just a key. So the future and the output live and die on
//! the loop's thread, wherever handles and wakers travel.
//!
//! The event loop spawns into [`Tasks`] and calls [`Tasks::run`] for each task whose turn it is.
//! No borrow of the slab is held while a future is polled or dropped or a waker is called: those run
//! users' code, which may come back here. Take out, release, then call.

mod ending;
pub(crate) mod header;
mod identity;
mod snapshot;
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
use std::task::{Wake, Waker};

pub(crate) use crate::identity::{Identity, Name, Origin};
use crate::inbox::Inbox;
use crate::panics::Payload;
use crate::ready::LoopId;
use crate::report::Reporter;
use crate::slots::{Key, Slots};
use crate::vars::{self, Vars};

use ending::vacate;
pub(crate) use header::{Header, Message};
pub(crate) use identity::{Failure, Outcome, PanicPolicy};
pub(crate) use snapshot::{Note, ReferencedAgain, TaskInfo};
use task::{Joiner, Task, TaskBody};
pub(crate) use waiter::{Caller, Owner, Waiter};
pub(crate) use wake::{wake_contained, wake_contained_for};
pub(crate) use work::{AnyWork, BoxedWork, FutureWork, Work};

/// The door through which other threads reach a loop's tasks.
pub(crate) type TaskInbox = Inbox<Message>;

/// A spawned task, for whoever makes its handle.
#[derive(Debug)]
pub(crate) struct Spawned {
    /// The handle's own reference; it comes back by [`Tasks::take_outcome`] or [`Tasks::detach`].
    pub(crate) header: Arc<Header>,
    pub(crate) id: u64,
}

/// All tasks of one loop.
pub(crate) struct Tasks {
    home: LoopId,
    inbox: Arc<TaskInbox>,
    slots: RefCell<Slots<Task>>,
    /// Outcomes that are to be dropped, and whether somebody does that.
    released: RefCell<VecDeque<Released>>,
    is_releasing: Cell<bool>,
    /// The next task id, and the first one behind the block it is taken from.
    ids: Cell<(u64, u64)>,
    /// How many tasks have been spawned, ever.
    spawned: Cell<u64>,
    jobs: Cell<Jobs>,
    /// The tasks that were referenced again since this was last asked for.
    referenced_again: RefCell<ReferencedAgain>,
    spare_boxes: work::SpareBoxes,
    unhandled_panic: PanicPolicy,
    reporter: Reporter,
    /// Under the policy that such a panic ends the loop: the first one.
    fatal_panic: RefCell<Option<Payload>>,
    has_fatal_panic: Cell<bool>,
}

/// An outcome that is to be dropped, and the id of its task.
type Released = (u64, Pin<Box<dyn work::Erased>>);

/// How many unfinished tasks are the pool's jobs.
#[derive(Clone, Copy, Debug, Default)]
struct Jobs {
    all: u32,
    /// Those that keep the loop alive.
    referenced: u32,
}

/// Where the outcome of a task goes that is awaited on any thread.
pub(crate) trait OutcomeSink {
    /// The task has ended, and its future is gone. `take` moves the outcome to an
    /// `Option<Outcome<T>>`.
    fn fill(&self, take: &mut dyn FnMut(&mut dyn Any));
}

/// Why a task's turn has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PollCause {
    /// It stood in the ready queue or in pending.
    Queued,
    /// An event of a phase names it. It is left alone if it stands in a queue: it will come.
    Event,
}

impl Tasks {
    pub(crate) fn new(
        home: LoopId,
        inbox: Arc<TaskInbox>,
        unhandled_panic: PanicPolicy,
        reporter: Reporter,
    ) -> Self {
        Tasks {
            home,
            inbox,
            slots: RefCell::new(Slots::new()),
            released: RefCell::new(VecDeque::new()),
            is_releasing: Cell::new(false),
            ids: Cell::new((0, 0)),
            spawned: Cell::new(0),
            jobs: Cell::default(),
            referenced_again: RefCell::default(),
            spare_boxes: work::SpareBoxes::default(),
            unhandled_panic,
            reporter,
            fatal_panic: RefCell::new(None),
            has_fatal_panic: Cell::new(false),
        }
    }

    /// Adds a task, at the time `now`. It is in no queue yet.
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
        task.work = Some(work.erased);
        task.is_job = work.is_job;
        task.header.assign(key);
        task.occupy(identity, vars, self.next_sequence(), now)
    }

    /// Adds a task from another thread, at the time `now`. `header` is what is known of it there, and
    /// its outcome goes to `sink`. It inherits nothing from what runs here just now.
    pub(crate) fn admit(
        &self,
        work: AnyWork,
        identity: Identity,
        now: u64,
        header: &Arc<Header>,
        sink: Arc<dyn OutcomeSink>,
    ) {
        let mut slots = self.slots.borrow_mut();
        let (key, task) = slots.occupy(|| Task::vacant(Arc::clone(header)));
        task.header = Arc::clone(header);
        task.waker = Some(Waker::from(Arc::clone(header)));
        task.joiner = Joiner::Returned(Arc::clone(header));
        task.work = Some(work.erased);
        task.is_job = work.is_job;
        header.arrive(key);
        let spawned = task.occupy(identity, Vars::default(), self.next_sequence(), now);
        task.joiner = Joiner::Returned(spawned.header);
        task.extras.get_or_insert_default().sink = Some(sink);
    }

    /// Boxes what a task is to do. Runs nothing of users.
    #[inline]
    pub(crate) fn box_work<W: Work>(&self, work: W) -> AnyWork {
        self.spare_boxes.fill(work)
    }

    /// Adds the task that stands for a future which lives on the stack of `block_on`, and returns
    /// its waker beside it. Its context variables are its owner's business.
    pub(crate) fn insert_root(&self, identity: Identity, now: u64) -> (Spawned, Waker) {
        let mut slots = self.slots.borrow_mut();
        let (key, task) = slots.occupy(|| Task::vacant(self.new_header()));
        let waker = task.waker.take().expect("a vacant slot has a waker");
        task.is_job = false;
        task.header.assign(key);
        let root = task.occupy(identity, Vars::default(), self.next_sequence(), now);
        (root, waker)
    }

    /// Removes the root's slot.
    pub(crate) fn remove_root(&self, root: Spawned, waker: Waker) {
        let mut slots = self.slots.borrow_mut();
        let key = root.header.key();
        if let Some(task) = slots.get_mut(key) {
            task.waker = Some(waker);
            task.vacate(root.header);
            vacate(&mut slots, key);
        }
    }

    #[cold]
    fn new_header(&self) -> Arc<Header> {
        Arc::new(Header::new(self.home, Arc::clone(&self.inbox)))
    }

    #[inline]
    fn next_sequence(&self) -> u64 {
        self.spawned.replace(self.spawned.get() + 1)
    }

    /// Gives the task its turn: polls it, or drops its future if it was aborted. Returns whether
    /// it was there to be run.
    #[inline(always)]
    pub(crate) fn run(&self, key: Key, cause: PollCause) -> bool {
        let Some((mut body, aborted)) = self.begin(key, cause) else {
            return false;
        };
        let finished = if aborted || vars::are_used() {
            self.run_specially(key, &mut body, aborted)
        } else {
            let finished = body.poll(key);
            if vars::are_used() {
                self.keep_vars(key, Vars::take_current());
            }
            finished
        };
        self.end_poll(key, body, finished);
        true
    }

    /// The turn of a task that was aborted, or one in a program that uses context variables.
    #[cold]
    fn run_specially(&self, key: Key, body: &mut TaskBody, aborted: bool) -> bool {
        if aborted {
            self.end_body(key, body);
            return true;
        }
        let mut vars = self.take_vars(key);
        let finished = vars.with(|| body.poll(key));
        self.keep_vars(key, vars);
        finished
    }

    /// Takes the body out of its slot for a poll, and says whether the task was aborted.
    #[inline(always)]
    fn begin(&self, key: Key, cause: PollCause) -> Option<(TaskBody, bool)> {
        let mut slots = self.slots.borrow_mut();
        let task = slots.get_mut(key)?;
        if task.header.is_queued() != (cause == PollCause::Queued) {
            return None;
        }
        if !task.header.begin_poll() {
            return None;
        }
        let body = task.take_body()?;
        task.begin_poll();
        Some((body, task.header.is_aborted()))
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

    /// Wakes one who waits.
    pub(crate) fn wake(&self, waiter: Waiter) {
        match waiter {
            Waiter::Task(key) => {
                if let Some(task) = self.slots.borrow().get(key) {
                    task.header.wake_by_ref();
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
