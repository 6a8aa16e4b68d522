//! The event loop: five phases, the tasks, and the tick that goes round.
//!
//! [`Turn::tick`] is the whole of it: each phase in its file does its part and hands its callbacks
//! back here, where they become wakes and polls of tasks, each followed by a checkpoint. The
//! runtime drives the tick; futures reach the loop through `context`.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::clock::Clock;
use crate::coop;
use crate::panics::{self, Payload};
use crate::phase::check::Check;
use crate::phase::close::Close;
use crate::phase::pending::Pending;
use crate::phase::poll::{self, Door, Wait};
use crate::phase::timers::Timers;
use crate::phase::{Callback, Deliver};
use crate::pool::Pool;
use crate::ready::{self, LoopId};
use crate::slots::Key;
use crate::tasks::{
    Cause, Header, Identity, Message, Origin, Spawned, TaskInbox, Tasks, Waiter, Work,
};

/// Poll looks for due timers after this many callbacks; reading the clock costs about as much as
/// one of them.
const CALLBACKS_PER_CLOCK_READ: u32 = 64;

/// And after a callback that did this much work, counted in units of the task budget.
const UNITS_PER_CLOCK_READ: u32 = 32;

/// How many rounds of the close phase shutdown makes: destructors may close more, but not for ever.
const CLOSE_ROUNDS_MAX: usize = 100;

/// What other threads may hold of a loop.
pub(crate) struct Shared {
    pub(crate) id: LoopId,
    pub(crate) name: Option<String>,
    pub(crate) inbox: Arc<TaskInbox>,
    pub(crate) registry: Arc<mio::Registry>,
    pub(crate) pool: Pool,
    /// Set once, when the loop shuts down: nothing is spawned any more.
    closed: AtomicBool,
}

impl Shared {
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }
}

/// What belongs to one loop. Stays on its thread.
pub(crate) struct EventLoop {
    pub(crate) shared: Arc<Shared>,
    pub(crate) clock: Clock,
    pub(crate) tasks: Tasks,
    pub(crate) timers: Timers,
    pub(crate) pending: Pending,
    pub(crate) poll: poll::Poll,
    pub(crate) check: Check,
    pub(crate) close: Close,
    /// The ready queue while the loop does not run.
    parked: RefCell<VecDeque<Key>>,
    /// How many polls of tasks a phase may make.
    phase_budget: u32,
}

impl EventLoop {
    /// # Errors
    ///
    /// The OS's, of making a poller.
    pub(crate) fn new(name: Option<String>, pool: Pool, phase_budget: u32) -> io::Result<Self> {
        let id = LoopId::next();
        let door = Door::open()?;
        let shared = Shared {
            id,
            name,
            inbox: Arc::clone(&door.inbox),
            registry: Arc::clone(&door.registry),
            pool,
            closed: AtomicBool::new(false),
        };
        Ok(EventLoop {
            shared: Arc::new(shared),
            clock: Clock::new(),
            tasks: Tasks::new(id, Arc::clone(&door.inbox)),
            timers: Timers::new(),
            pending: Pending::new(),
            poll: poll::Poll::new(door),
            check: Check::new(),
            close: Close::new(),
            parked: RefCell::new(VecDeque::with_capacity(ready::ROOM)),
            phase_budget,
        })
    }

    pub(crate) fn id(&self) -> LoopId {
        self.shared.id
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }

    /// The ready queue, to be put in place while the loop runs.
    pub(crate) fn unpark_queue(&self) -> VecDeque<Key> {
        self.parked.take()
    }

    /// The ready queue, as it stands when the loop stops running.
    pub(crate) fn park_queue(&self, queue: VecDeque<Key>) {
        self.parked.replace(queue);
    }

    /// Adds a task to the tasks and to the end of the ready queue.
    pub(crate) fn spawn<W: Work>(&self, work: W, identity: Identity) -> Spawned {
        let spawned = self.tasks.insert(work, identity);
        self.enqueue(&spawned.header);
        spawned
    }

    /// Adds a task whose first turn is in the check phase.
    pub(crate) fn spawn_immediate<W: Work>(&self, work: W, identity: Identity) -> Spawned {
        let spawned = self.tasks.insert(work, identity);
        self.check.push(Waiter::Task(spawned.header.key()));
        spawned
    }

    fn enqueue(&self, header: &Header) {
        let is_running = ready::push(self.id(), || header.enqueue());
        if !is_running && let Some(key) = header.enqueue() {
            self.parked.borrow_mut().push_back(key);
        }
    }

    /// Runs until `root` is done. The loop must be the running one of this thread.
    ///
    /// # Errors
    ///
    /// The payload, if the root panicked.
    pub(crate) fn run_root(
        &self,
        root: Pin<&mut dyn Future<Output = ()>>,
        origin: Origin,
    ) -> Result<(), Payload> {
        let identity = self.tasks.identify(origin);
        let (spawned, waker) = self.tasks.insert_root(identity);
        if let Some(key) = spawned.header.enqueue() {
            ready::push_front(key);
        }
        let mut turn = Turn::new(
            self,
            Some(Root {
                spawned,
                waker,
                future: root,
                result: None,
            }),
        );
        turn.grant_budget().checkpoint();
        while !turn.has_stopped() {
            if let Err(error) = turn.tick() {
                panic!("quintet: waiting for events failed: {error}");
            }
        }
        turn.finish()
    }

    /// Ends everything, in order. The loop must be the running one of this thread.
    pub(crate) fn shut_down(&self, grace: Duration) {
        self.shared.closed.store(true, Ordering::Relaxed);
        // The end of a task may release a worker, which must not begin another job then.
        self.shared.pool.close();
        self.tasks.cancel_all();
        let mut turn = Turn::new(self, None);
        for _ in 0..CLOSE_ROUNDS_MAX {
            if self.close.is_empty() {
                break;
            }
            turn.begin_phase();
            self.close
                .run(&mut turn, |source| self.poll.release(source));
        }
        for message in self.shared.inbox.close() {
            message.discard();
        }
        for callback in self.pending.take_all() {
            panics::drop_contained(callback, "the destructor of an undelivered event");
        }
        self.tasks.release_all();
        self.drop_waiters();
        for job in self.shared.pool.shut_down(grace) {
            let name = job.name.as_deref().unwrap_or("unnamed");
            panics::report(format_args!(
                "shutdown leaves a blocking job behind that did not end within {grace:?}: {name}, \
                 spawned at {}",
                job.location
            ));
        }
    }
}

impl EventLoop {
    /// Drops those of other executors who wait here, while they can still use the loop.
    fn drop_waiters(&self) {
        let mut waiters = self.timers.take_waiters();
        self.poll.take_waiters(&mut waiters);
        self.check.take_waiters(&mut waiters);
        for waiter in waiters {
            panics::drop_contained(waiter, "the destructor of a waker");
        }
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

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("id", &self.id)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// The future of `block_on`: a task whose body stands on the stack.
struct Root<'a> {
    spawned: Spawned,
    waker: Waker,
    future: Pin<&'a mut dyn Future<Output = ()>>,
    result: Option<Result<(), Payload>>,
}

impl Root<'_> {
    /// Polls the root, if it is its turn; like `Tasks::run`.
    fn run(&mut self, cause: Cause) -> bool {
        let header = &self.spawned.header;
        if header.is_queued() != (cause == Cause::Queued) || self.result.is_some() {
            return false;
        }
        header.begin_poll();
        let mut cx = Context::from_waker(&self.waker);
        let polled = ready::polling(header.key(), self.waker.data(), || {
            panics::contain(|| self.future.as_mut().poll(&mut cx))
        });
        self.result = match polled {
            Ok(Poll::Pending) => None,
            Ok(Poll::Ready(())) => Some(Ok(())),
            Err(payload) => Some(Err(payload)),
        };
        true
    }
}

/// The loop while it goes round.
pub(crate) struct Turn<'a> {
    event_loop: &'a EventLoop,
    root: Option<Root<'a>>,
    /// Polls that are left to the present phase.
    budget: u32,
    /// Callbacks since the clock was last looked at for due timers.
    callbacks: u32,
    /// What the present callback and its checkpoint have charged.
    charged: u32,
    /// Room for those who wait for one event.
    waiters: Vec<Waiter>,
}

impl<'a> Turn<'a> {
    fn new(event_loop: &'a EventLoop, root: Option<Root<'a>>) -> Self {
        Turn {
            event_loop,
            root,
            budget: 0,
            callbacks: 0,
            charged: 0,
            waiters: Vec::new(),
        }
    }

    /// Goes round once.
    fn tick(&mut self) -> io::Result<()> {
        let l = self.event_loop;
        let now = || l.clock.now();
        l.timers.run(self.begin_phase(), now);
        l.pending.run(self.begin_phase());
        let wait = self.begin_phase().wait();
        l.poll.run(self, wait, now)?;
        l.check.run(self.begin_phase());
        l.close
            .run(self.begin_phase(), |source| l.poll.release(source));
        self.begin_phase();
        Ok(())
    }

    /// How long poll may wait. The deadline is compared with the clock only when poll waits: time
    /// spent in tasks is not added to anybody's sleep.
    fn wait(&self) -> Wait {
        let l = self.event_loop;
        let has_work = !ready::is_empty()
            || !l.pending.is_empty()
            || !l.check.is_empty()
            || !l.close.is_empty();
        match l.timers.next_deadline() {
            _ if has_work => Wait::Not,
            Some(deadline) => Wait::Until(deadline),
            None => Wait::ForEver,
        }
    }

    /// Leaves to the pending phase what the phase before did not reach, and grants a new budget.
    fn begin_phase(&mut self) -> &mut Self {
        if !self.has_stopped() {
            while let Some(key) = ready::pop() {
                self.event_loop.pending.push(Callback::LeftOver(key));
            }
        }
        self.grant_budget()
    }

    fn grant_budget(&mut self) -> &mut Self {
        self.budget = self.event_loop.phase_budget;
        self.callbacks = 0;
        self.charged = 0;
        self
    }

    fn has_stopped(&self) -> bool {
        matches!(&self.root, Some(root) if root.result.is_some())
    }

    /// Gives a task its turn.
    fn run(&mut self, key: Key, cause: Cause) {
        coop::begin_poll();
        let was_run = match &mut self.root {
            Some(root) if root.spawned.header.key() == key => root.run(cause),
            _ => self.event_loop.tasks.run(key, cause),
        };
        self.charged += coop::end_poll();
        if was_run {
            self.budget -= 1;
            let pending = &self.event_loop.pending;
            ready::drain_deferred(|key| pending.push(Callback::LeftOver(key)));
        }
    }

    /// Carries a callback out, up to the wakes and polls that it stands for itself.
    fn carry_out(&mut self, callback: Callback) {
        match callback {
            Callback::Tell(Waiter::Task(key)) => self.run(key, Cause::Event),
            Callback::Tell(waiter) => self.event_loop.tasks.tell(waiter),
            Callback::LeftOver(key) => self.run(key, Cause::Queued),
            Callback::Message(Message::Wake(header)) => self.run(header.key(), Cause::Event),
            Callback::Message(Message::Call(call)) => {
                if let Err(payload) = panics::contain(call) {
                    panics::discard(payload);
                }
            }
            Callback::Source(source) => {
                let l = self.event_loop;
                l.poll.take_ready_waiters(source, &mut self.waiters);
                self.waiters
                    .drain(..)
                    .for_each(|waiter| l.tasks.tell(waiter));
            }
        }
    }

    /// Ends the run of a root.
    fn finish(self) -> Result<(), Payload> {
        let Some(root) = self.root else {
            return Ok(());
        };
        self.event_loop.tasks.remove_root(root.spawned, root.waker);
        root.result.unwrap_or(Ok(()))
    }
}

impl Deliver for Turn<'_> {
    fn may_go_on(&self) -> bool {
        self.budget > 0 && !self.has_stopped()
    }

    fn deliver(&mut self, callback: Callback) {
        self.charged = 0;
        self.carry_out(callback);
        self.checkpoint();
        self.callbacks += 1;
    }

    fn deliver_alone(&mut self, callback: Callback) {
        let wakes_others = matches!(
            callback,
            Callback::Tell(Waiter::Foreign(_)) | Callback::Source(_)
        );
        let mark = ready::len();
        self.carry_out(callback);
        if !wakes_others {
            return;
        }
        let mut woken = ready::split_off(mark);
        while self.may_go_on()
            && let Some(key) = woken.pop_front()
        {
            self.run(key, Cause::Queued);
        }
        for key in woken.into_iter().rev() {
            self.event_loop.pending.push_front(Callback::LeftOver(key));
        }
    }

    fn checkpoint(&mut self) {
        while self.may_go_on()
            && let Some(key) = ready::pop()
        {
            self.run(key, Cause::Queued);
        }
    }

    fn has_pending(&self) -> bool {
        !self.event_loop.pending.is_empty()
    }

    fn is_timer_due(&mut self) -> bool {
        if self.callbacks < CALLBACKS_PER_CLOCK_READ && self.charged < UNITS_PER_CLOCK_READ {
            return false;
        }
        self.callbacks = 0;
        self.charged = 0;
        let deadline = self.event_loop.timers.next_deadline();
        deadline.is_some_and(|deadline| deadline <= self.event_loop.clock.now())
    }

    fn defer(&mut self, callback: Callback) {
        self.event_loop.pending.push(callback);
    }
}
