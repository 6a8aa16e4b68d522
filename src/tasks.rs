//! What a task is: this module knows, and nothing else does.
//!
//! A task is a slot of its loop's slab. The slot holds the boxed future, later its output, and the
//! task's one waker; a join handle holds just a key. So the future and the output live and die on
//! the loop's thread, wherever handles and wakers travel.
//!
//! The event loop spawns into [`Tasks`] and calls [`Tasks::run`] for each task whose turn it is.
//! No borrow of the slab is held while a future is polled or dropped or a waker is called: those run
//! users' code, which may come back here. Take out, release, then call.

mod census;
pub(crate) mod header;
mod identity;
mod waiter;
mod work;

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{self, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use crate::inbox::Inbox;
use crate::panics::{self, Payload};
use crate::ready::{self, LoopId};
use crate::slots::{Key, Slots};
use crate::vars::Vars;

pub(crate) use census::Person;
pub(crate) use header::{Header, Message};
pub(crate) use identity::{Failure, Identity, Origin, Outcome, UnhandledPanic};
pub(crate) use waiter::{Asker, Waiter};
pub(crate) use work::{FutureWork, Work};

/// The door through which other threads reach a loop's tasks.
pub(crate) type TaskInbox = Inbox<Message>;

/// How many unused headers are kept for new tasks.
const SPARE_HEADERS_MAX: usize = 1024;

/// A spawned task, for whoever makes its handle.
#[derive(Debug)]
pub(crate) struct Spawned {
    pub(crate) header: Arc<Header>,
    pub(crate) id: u64,
}

/// All tasks of one loop.
pub(crate) struct Tasks {
    home: LoopId,
    inbox: Arc<TaskInbox>,
    slots: RefCell<Slots<Task>>,
    /// Headers and wakers of ended tasks that nobody else holds: a new task takes one of them and
    /// so costs a single allocation.
    spare: RefCell<Vec<(Arc<Header>, Waker)>>,
    /// Ended tasks whose outcomes are to be dropped, and whether somebody does that.
    released: RefCell<VecDeque<Ended>>,
    is_releasing: Cell<bool>,
    /// The next task id, and the first one behind the block it is taken from.
    ids: Cell<(u64, u64)>,
    /// How many tasks have been spawned, ever.
    spawned: Cell<u64>,
    jobs: Cell<Jobs>,
    unhandled_panic: UnhandledPanic,
    /// Under the policy that such a panic ends the loop: the first one.
    fatal_panic: RefCell<Option<Payload>>,
    has_fatal_panic: Cell<bool>,
}

/// How many unfinished tasks are the pool's jobs.
#[derive(Clone, Copy, Debug, Default)]
struct Jobs {
    all: u32,
    /// Those that keep the loop alive.
    referenced: u32,
}

/// One task.
struct Task {
    header: Arc<Header>,
    /// Absent while the task is being polled, and for the root.
    body: Option<Body>,
    /// Who awaits the outcome.
    joiner: Option<Waiter>,
    /// Whether the outcome stands in the body.
    finished: bool,
    /// Whether nobody can ask for the outcome any more.
    detached: bool,
    /// Whether the pool does it.
    is_job: bool,
    /// Whether it is counted among the referenced ones.
    is_counted: bool,
    /// How many were spawned before it.
    sequence: u64,
    identity: Identity,
    record: Record,
}

/// What is noted of a task for those who ask.
#[derive(Debug)]
struct Record {
    /// When it was spawned, by the loop's clock.
    spawned_at: u64,
    /// How long its polls took, in nanoseconds, as far as that was measured.
    busy: u64,
    polls: u32,
    /// In which poll `note` was made: a later one makes it void.
    noted_in: u32,
    /// What it waits for, where nothing else tells.
    note: &'static str,
}

/// What is known of a task when it comes.
struct Newcomer {
    is_job: bool,
    identity: Identity,
    now: u64,
}

/// A task that has ended and left its slot.
pub(crate) struct Ended {
    header: Arc<Header>,
    body: Option<Body>,
    joiner: Option<Waiter>,
    identity: Identity,
}

/// What is taken out of the slot while the task is polled.
struct Body {
    work: Pin<Box<dyn work::Erased>>,
    waker: Waker,
    /// What it sees as the values of context variables.
    vars: Vars,
}

/// Why a task's turn has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// It stood in the ready queue or in pending.
    Queued,
    /// An event of a phase names it. It is left alone if it stands in a queue: it will come.
    Event,
}

impl Tasks {
    pub(crate) fn new(
        home: LoopId,
        inbox: Arc<TaskInbox>,
        unhandled_panic: UnhandledPanic,
    ) -> Self {
        Tasks {
            home,
            inbox,
            slots: RefCell::new(Slots::new()),
            spare: RefCell::new(Vec::new()),
            released: RefCell::new(VecDeque::new()),
            is_releasing: Cell::new(false),
            ids: Cell::new((0, 0)),
            spawned: Cell::new(0),
            jobs: Cell::default(),
            unhandled_panic,
            fatal_panic: RefCell::new(None),
            has_fatal_panic: Cell::new(false),
        }
    }

    /// Adds a task, at the time `now`. It is in no queue yet.
    pub(crate) fn insert<W: Work>(&self, work: W, identity: Identity, now: u64) -> Spawned {
        let (header, waker) = self.header();
        let body = Body {
            work: work::erase(work),
            waker,
            vars: Vars::inherit(),
        };
        if W::IS_JOB {
            self.count_jobs(|jobs| {
                jobs.all += 1;
                jobs.referenced += 1;
            });
        }
        let newcomer = Newcomer {
            is_job: W::IS_JOB,
            identity,
            now,
        };
        self.occupy(header, Some(body), newcomer)
    }

    /// Adds the task that stands for a future which lives on the stack of `block_on`, and returns
    /// its waker beside it.
    pub(crate) fn insert_root(&self, identity: Identity, now: u64) -> (Spawned, Waker) {
        let (header, waker) = self.header();
        let newcomer = Newcomer {
            is_job: false,
            identity,
            now,
        };
        (self.occupy(header, None, newcomer), waker)
    }

    /// Removes the root's slot.
    pub(crate) fn remove_root(&self, root: Spawned, waker: Waker) {
        let key = root.header.key();
        drop(root);
        let task = self.slots.borrow_mut().remove(key);
        if let Some(task) = task {
            self.recycle(task.header, waker);
        }
    }

    fn occupy(&self, header: Arc<Header>, body: Option<Body>, newcomer: Newcomer) -> Spawned {
        let id = newcomer.identity.id;
        let sequence = self.spawned.get();
        self.spawned.set(sequence + 1);
        let handle = Arc::clone(&header);
        self.slots.borrow_mut().insert_with(|key| {
            header.assign(key);
            Task {
                header,
                body,
                joiner: None,
                finished: false,
                detached: false,
                is_job: newcomer.is_job,
                is_counted: true,
                sequence,
                identity: newcomer.identity,
                record: Record {
                    spawned_at: newcomer.now,
                    busy: 0,
                    polls: 0,
                    noted_in: 0,
                    note: "",
                },
            }
        });
        Spawned { header: handle, id }
    }

    fn header(&self) -> (Arc<Header>, Waker) {
        if let Some(spare) = self.spare.borrow_mut().pop() {
            return spare;
        }
        let header = Arc::new(Header::new(self.home, Arc::clone(&self.inbox)));
        let waker = Waker::from(Arc::clone(&header));
        (header, waker)
    }

    /// Keeps a header for the next task, if nobody else can wake the old one by it.
    fn recycle(&self, header: Arc<Header>, waker: Waker) {
        // Two references: `header` and `waker`. Others can only come from a clone, and there is
        // nobody left to clone from.
        if Arc::strong_count(&header) != 2 {
            return;
        }
        // Pairs with the release in the counter's decrement by whoever held the last other one.
        atomic::fence(Ordering::Acquire);
        let mut spare = self.spare.borrow_mut();
        if spare.len() < SPARE_HEADERS_MAX {
            spare.push((header, waker));
        }
    }

    /// Gives the task its turn: polls it, or drops its future if it was aborted. Returns whether
    /// it was there to be run.
    pub(crate) fn run(&self, key: Key, cause: Cause) -> bool {
        let Some((mut body, aborted)) = self.begin(key, cause) else {
            return false;
        };
        let Body { work, waker, vars } = &mut body;
        let finished = vars.with(|| {
            // What cannot be cancelled any more is polled: this turn may be that of its result.
            if aborted && self.cancel(key, work.as_mut()) {
                return true;
            }
            let mut cx = Context::from_waker(waker);
            ready::polling(key, waker.data(), || work.as_mut().poll(&mut cx).is_ready())
        });
        self.end(key, body, finished);
        true
    }

    /// Takes the body out of its slot for a poll.
    fn begin(&self, key: Key, cause: Cause) -> Option<(Body, bool)> {
        let mut slots = self.slots.borrow_mut();
        let task = slots.get_mut(key)?;
        if task.header.is_queued() != (cause == Cause::Queued) {
            return None;
        }
        task.header.begin_poll();
        if task.finished {
            return None;
        }
        let body = task.body.take()?;
        task.record.polls = task.record.polls.wrapping_add(1);
        Some((body, task.header.is_aborted()))
    }

    /// Drops an aborted task's future. A blocking job that has begun goes on.
    fn cancel(&self, key: Key, work: Pin<&mut dyn work::Erased>) -> bool {
        let cancelled = work.cancel();
        if !cancelled && let Some(task) = self.slots.borrow().get(key) {
            task.header.clear_abort();
        }
        cancelled
    }

    /// Puts the body back, or ends the task.
    fn end(&self, key: Key, body: Body, finished: bool) {
        let mut slots = self.slots.borrow_mut();
        let Some(task) = slots.get_mut(key) else {
            // The loop was shut down from within the poll; the body goes with it.
            drop(slots);
            drop(body);
            return;
        };
        task.body = Some(body);
        if !finished {
            return;
        }
        task.finished = true;
        task.header.set_finished();
        let joiner = task.joiner.take();
        let detached = task.detached;
        if task.is_job {
            let is_counted = task.is_counted;
            self.count_jobs(|jobs| {
                jobs.all -= 1;
                jobs.referenced -= u32::from(is_counted);
            });
        }
        drop(slots);
        if detached {
            self.release(key);
        }
        if let Some(joiner) = joiner {
            self.tell(joiner);
        }
    }

    /// Wakes one who waits.
    pub(crate) fn tell(&self, waiter: Waiter) {
        match waiter {
            Waiter::Task(key) => {
                if let Some(task) = self.slots.borrow().get(key) {
                    task.header.wake_by_ref();
                }
            }
            Waiter::Foreign(foreign) => wake_contained(foreign.waker),
        }
    }

    /// Takes a finished task out of its slot, for [`Tasks::settle`]; or registers `cx` to be woken.
    pub(crate) fn poll_join(&self, key: Key, cx: &Context<'_>) -> Poll<Ended> {
        let asker = Asker::new(self.home, cx.waker());
        let mut slots = self.slots.borrow_mut();
        let task = slots
            .get_mut(key)
            .expect("a slot stays until its handle has the outcome or is dropped");
        if task.finished {
            let ended = slots.remove(key).map(Task::into_ended);
            return Poll::Ready(ended.expect("found just now"));
        }
        if task.joiner.as_ref().is_some_and(|joiner| asker.is(joiner)) {
            return Poll::Pending;
        }
        // Cloning and dropping a waker runs foreign code, so not under the borrow.
        drop(slots);
        let joiner = asker.to_waiter();
        let mut slots = self.slots.borrow_mut();
        let old = slots
            .get_mut(key)
            .and_then(|task| task.joiner.replace(joiner));
        drop(slots);
        drop(old);
        Poll::Pending
    }

    /// Moves the outcome of an ended task to `out`, an `Option<Outcome<T>>`. To be called when the
    /// handle has let go of the header, which can then be used again.
    pub(crate) fn settle(&self, ended: Ended, out: &mut dyn Any) {
        if let Some(mut body) = ended.body {
            body.work.as_mut().take(out);
            drop(body.work);
            self.recycle(ended.header, body.waker);
        }
    }

    /// Frees the slot of a task whose outcome nobody will ask for.
    ///
    /// An outcome may hold the handle of another task, whose outcome holds a third one, and so on:
    /// they are dropped one after the other, not one within the other.
    fn release(&self, key: Key) {
        let ended = self.slots.borrow_mut().remove(key).map(Task::into_ended);
        let Some(ended) = ended else { return };
        self.released.borrow_mut().push_back(ended);
        if self.is_releasing.replace(true) {
            return;
        }
        while let Some(ended) = self.next_released() {
            self.dispose(ended);
        }
        self.is_releasing.set(false);
    }

    fn next_released(&self) -> Option<Ended> {
        self.released.borrow_mut().pop_front()
    }

    /// Drops an outcome. A panic in it is reported.
    fn dispose(&self, ended: Ended) {
        panics::drop_contained(ended.joiner, "the destructor of a waker");
        let Some(mut body) = ended.body else { return };
        if let Some(payload) = body.work.as_mut().take_panic() {
            self.panic_unhandled(&ended.identity, payload);
        }
        panics::drop_contained(body.work, "the destructor of a task's output");
        self.recycle(ended.header, body.waker);
    }

    /// The handle is gone: the task goes on by itself, and frees its slot when it ends.
    pub(crate) fn detach(&self, key: Key) {
        let mut slots = self.slots.borrow_mut();
        let Some(task) = slots.get_mut(key) else {
            return;
        };
        task.detached = true;
        let joiner = task.joiner.take();
        let finished = task.finished;
        drop(slots);
        drop(joiner);
        if finished {
            self.release(key);
        }
    }

    /// Polls a task that has just been spawned, outside of any queue. See `blocking`.
    pub(crate) fn poll_first(&self, key: Key) {
        self.run(key, Cause::Event);
    }

    /// Drops all futures in the order of their spawning and ends their tasks as cancelled.
    ///
    /// What the destructors spawn meanwhile is refused by the event loop.
    pub(crate) fn cancel_all(&self) {
        let mut live: Vec<(u64, Key)> = {
            let slots = self.slots.borrow();
            let live = slots.iter().filter(|(_, task)| !task.finished);
            live.map(|(key, task)| (task.sequence, key)).collect()
        };
        live.sort_unstable_by_key(|&(sequence, _)| sequence);
        for (_, key) in live {
            let body = match self.slots.borrow_mut().get_mut(key) {
                Some(task) => task.body.take(),
                None => continue,
            };
            if let Some(mut body) = body {
                let Body { work, vars, .. } = &mut body;
                vars.with(|| work.as_mut().end());
                self.end(key, body, true);
            }
        }
    }

    /// Drops what is left: outcomes that nobody has taken.
    pub(crate) fn release_all(&self) {
        let keys: Vec<Key> = self.slots.borrow().iter().map(|(key, _)| key).collect();
        for key in keys {
            self.release(key);
        }
        self.spare.take();
    }
}

impl Task {
    fn into_ended(self) -> Ended {
        Ended {
            header: self.header,
            body: self.body,
            joiner: self.joiner,
            identity: self.identity,
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

impl Wake for Header {
    fn wake(self: Arc<Self>) {
        Header::wake_by_ref(&self);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !ready::push(self.home(), || self.enqueue()) {
            Header::wake_remote(self);
        }
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Header")
            .field("home", &self.home())
            .field("key", &self.key())
            .finish_non_exhaustive()
    }
}

/// Wakes; a panic of a foreign waker is reported.
pub(crate) fn wake_contained(waker: Waker) {
    if let Err(payload) = panics::contain(|| waker.wake()) {
        panics::report(format_args!(
            "a waker panicked: {}",
            panics::message(&*payload)
        ));
        panics::discard(payload);
    }
}

impl Message {
    /// Drops what never arrived.
    pub(crate) fn discard(self) {
        panics::drop_contained(self, "the destructor of a message to a loop that has ended");
    }
}

const _: () = {
    const fn assert_send_sync<T: Send + Sync>() {}
    assert_send_sync::<Header>();
    assert!(size_of::<Task>() <= 176);
};
