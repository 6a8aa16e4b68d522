//! The workers: the workers of one pool, who of them sleeps, and who wakes whom.
//!
//! The pool's owner pushes jobs and shuts down from here; the worker threads arrive, rest and
//! leave here. The rule by which workers are woken lives in this file and in no other. What a job
//! does and how it tells its result is not known here.
//!
//! # Who wakes whom
//!
//! Waking a thread costs more than most jobs, and two that are woken for one job are worse than
//! one. So at most one call to an idle worker is out at any time (`notified`), and at most one
//! thread is being started (`starting`). Whoever comes calls the next one, if there is more to do,
//! before it runs its own job: a chain, not a stampede.
//!
//! **Invariant.** Whenever the lock is free, a job can be seen in the queue, and a worker idles:
//! then a call is out, or some worker that is awake is bound to search the queue, or to summon
//! another, before it runs a job or idles itself. The same holds with "a slot is vacant_slots" for "a
//! worker idles" and "a thread is starting" for "a call is out", unless the OS refuses a thread.
//! This is why:
//!
//! - A push queues its job and summons a worker in one critical section; or it finds that a worker
//!   is searching, with no other job before it, and leaves the job to that one. A worker says that it is
//!   searching before it tells the result of the job that it has run, so the next of a chain of jobs
//!   costs no call. Once it has searched the queue it says so, and summons another if it sees work in
//!   that critical section: the pushes that counted on it were before.
//! - A worker begins to idle in a critical section in which it sees the whole queue empty. A push
//!   is either before it, and its job is seen, or after it, and sees the idle worker.
//! - Whoever answers a call (`notified = false`) searches the queue next. So does a new thread.
//! - While a worker moves a batch from one end of the queue to its own, nobody sees these jobs, and
//!   another worker may begin to idle. So after each such move, when its own end can be seen and
//!   before it runs anything, it takes the lock and summons the next if it sees work. The idler's
//!   critical section is before that, and then it is seen idle, or after, and then it sees the work.
//! - What a worker pops from its own end was in sight all along, so that needs no call.
//!
//! A thread ends only in the critical section in which it stops idling, and not while a call is
//! out. So nobody counts on a worker that is on its way out, and no job is left without any.

use std::io;
use std::mem;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::class_limit::ClassLimit;
use super::job::{Class, Label, QueuedJob};
use super::queue::JobQueue;
use super::worker_slot::WorkerSlot;
use super::{Config, Load, Starved, worker};
use crate::primitive::{Arc, AtomicBool, AtomicU64, Condvar, Mutex, MutexGuard, Ordering, thread};

/// What the workers of a pool share.
pub(super) struct Workers {
    queue: JobQueue,
    /// One for each worker there may be.
    slots: Box<[WorkerSlot]>,
    /// Never locked while users' code runs.
    state: Mutex<PoolState>,
    /// Where idle workers wait to be notified.
    wake_up: Condvar,
    /// Where whoever shuts down waits for workers to leave.
    thread_ended: Condvar,
    /// Set when there is a job and no worker can be summoned for it alone; cleared when a worker finds
    /// nothing to do. A hint: it changes under the lock, and is read without it.
    has_backlog: AtomicBool,
    /// How many jobs have begun.
    begun: AtomicU64,
}

/// Who does what.
pub(super) struct PoolState {
    pub(super) config: Config,
    /// Workers that wait to be notified, or were notified and have not come yet.
    idle: usize,
    /// Set when an idle worker is notified; cleared by the idle worker that comes, whichever it is.
    notified: bool,
    /// Workers that are about to search the queue: they have said so, and not yet that they have
    /// done it.
    searching: usize,
    /// Set when a thread is started; cleared when it arrives.
    starting: bool,
    /// The slots without a thread; the last is given away next.
    vacant_slots: Vec<usize>,
    /// Workers whose own job is waiting for the others to leave.
    workers_in_shutdown: usize,
    dns: ClassLimit,
    /// Set once: no job comes in any more, and none begins.
    shut_down: bool,
}

impl Workers {
    pub(super) fn new(config: Config) -> Workers {
        let workers = config.workers;
        let (queue, local_queues) = JobQueue::new(workers);
        let state = PoolState {
            config,
            idle: 0,
            notified: false,
            searching: 0,
            starting: false,
            vacant_slots: (0..workers).rev().collect(),
            workers_in_shutdown: 0,
            dns: ClassLimit::of_dns(workers),
            shut_down: false,
        };
        Workers {
            queue,
            slots: local_queues.into_iter().map(WorkerSlot::new).collect(),
            state: Mutex::new(state),
            wake_up: Condvar::new(),
            thread_ended: Condvar::new(),
            has_backlog: AtomicBool::new(false),
            begun: AtomicU64::new(0),
        }
    }

    pub(super) fn queue(&self) -> &JobQueue {
        &self.queue
    }

    pub(super) fn slot(&self, index: usize) -> &WorkerSlot {
        &self.slots[index]
    }

    pub(super) fn load(&self) -> Load {
        let state = self.lock();
        Load {
            threads: self.threads(&state),
            idle: state.idle,
            queued: self.queue.len() + state.dns.waiting(),
        }
    }

    /// The state. Poison says nothing: no users' code runs under this lock.
    pub(super) fn lock(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn threads(&self, state: &PoolState) -> usize {
        self.slots.len() - state.vacant_slots.len()
    }
}

/// Work comes in.
impl Workers {
    /// Queues a job and sees to it that somebody comes for it. On an error the job is dropped.
    pub(super) fn push(self: &Arc<Self>, job: QueuedJob) -> io::Result<()> {
        let mut state = self.lock();
        if state.shut_down {
            // The lock goes first: `job` is dropped on return, and its closure is users' code.
            drop(state);
            return Err(super::shut_down_error());
        }
        if let Some(class_limit) = state.class_limit(job.class())
            && class_limit.is_full()
        {
            class_limit.hold_back(job);
            return Ok(());
        }
        let notify = match self.request_worker_for_push(&mut state) {
            Ok(notify) => notify,
            // A worker that lives comes for it when it is done with what it does.
            Err(_) if self.threads(&state) > 0 => false,
            Err(error) => {
                drop(state);
                return Err(error);
            }
        };
        if let Some(class_limit) = state.class_limit(job.class()) {
            class_limit.admit();
        }
        self.queue.push(job);
        drop(state);
        self.notify_if(notify);
        Ok(())
    }

    /// The same as `request_worker`, for a job that is about to be pushed.
    ///
    /// One that finds the queue empty can be left to a worker that is about to look there. Not so a
    /// second one: it is not to wait until it has been found behind the first.
    fn request_worker_for_push(self: &Arc<Self>, state: &mut PoolState) -> io::Result<bool> {
        if state.searching > 0 && !self.queue.has_injected() {
            return Ok(false);
        }
        self.request_worker(state)
    }

    /// Sees to it that a worker comes to search the queue. True: the caller must `notify` when it
    /// has let go of the lock. An error: all workers are busy and a further one cannot be started.
    ///
    /// The lock is held while a thread starts, so that nobody counts on one that then fails to.
    fn request_worker(self: &Arc<Self>, state: &mut PoolState) -> io::Result<bool> {
        if state.shut_down {
            return Ok(false);
        }
        if state.idle > 0 {
            let is_new = !mem::replace(&mut state.notified, true);
            if !is_new {
                // There may be more jobs than idle workers.
                self.has_backlog.store(true, Ordering::Relaxed);
            }
            return Ok(is_new);
        }
        match state.vacant_slots.last() {
            Some(&slot) if !state.starting => {
                let started = self.start_thread(&state.config, slot);
                started.inspect_err(|_| self.has_backlog.store(true, Ordering::Relaxed))?;
                state.vacant_slots.pop();
                state.starting = true;
            }
            _ => self.has_backlog.store(true, Ordering::Relaxed),
        }
        Ok(false)
    }

    fn start_thread(self: &Arc<Self>, config: &Config, slot: usize) -> io::Result<()> {
        let name = format!("{}-{slot}", config.thread_name);
        let mut builder = thread::Builder::new().name(name);
        if let Some(bytes) = config.stack_size {
            builder = builder.stack_size(bytes);
        }
        let workers = Arc::clone(self);
        match builder.spawn(move || worker::run(&workers, slot)) {
            Ok(_detached) => Ok(()),
            Err(error) => {
                let message = format!("cannot start a worker thread: {error}");
                Err(io::Error::new(error.kind(), message))
            }
        }
    }

    /// Makes an idle worker look whether it is notified, if `request_worker` said so.
    ///
    /// The call itself is in the state. So this may come late, when another idle worker, whose
    /// time was just up, has answered the call already.
    fn notify_if(&self, notify: bool) {
        if notify {
            self.wake_up.notify_one();
        }
    }
}

/// A worker's life.
impl Workers {
    /// A started thread is there. It must search the queue next.
    pub(super) fn thread_started(&self) {
        let was_starting = mem::take(&mut self.lock().starting);
        debug_assert!(was_starting);
    }

    /// A worker is through with what it had, and searches the queue next, without running anything of
    /// users' before. Until it says that it `end_search`, it is counted on.
    pub(super) fn begin_search(&self) {
        self.lock().searching += 1;
    }

    /// A worker that was counted on has searched the queue. What was pushed since, or is left, is
    /// another's: this one may have found a job that takes for ever.
    pub(super) fn end_search(self: &Arc<Self>) {
        let mut state = self.lock();
        state.searching -= 1;
        if self.queue.is_empty() {
            return;
        }
        let notify = self.request_worker(&mut state).unwrap_or(false);
        drop(state);
        self.notify_if(notify);
    }

    /// A worker has taken from the shared queue: summons the next if there is more. It must be
    /// notified before the job is run, since that may take for ever.
    pub(super) fn wake_next_worker(self: &Arc<Self>) {
        // What comes in from here on has summons of its own.
        if self.queue.is_empty() {
            return;
        }
        let mut state = self.lock();
        // Without a further thread the work waits for those there are.
        let notify = self.request_worker(&mut state).unwrap_or(false);
        drop(state);
        self.notify_if(notify);
    }

    /// A worker is done with a job of this class, whether it ran or was dropped.
    pub(super) fn job_ended(&self, class: Class) {
        if class == Class::Plain {
            return;
        }
        let mut state = self.lock();
        if let Some(next) = state.class_limit(class).and_then(ClassLimit::release) {
            // No summons. Either this worker searches the queue next; or it has jobs of its own
            // still, which are in sight, so by the invariant nobody idles without being notified.
            self.queue.push(next);
        }
    }

    /// A worker has found nothing to do: waits until it is notified. False: its thread must end
    /// now, and its slot is given up already.
    pub(super) fn wait_for_job(&self, slot: usize) -> bool {
        let mut state = self.lock();
        // What was pushed since the search would otherwise wait for a worker that waits.
        if !state.shut_down && !self.queue.is_empty() {
            return true;
        }
        self.has_backlog.store(false, Ordering::Relaxed);
        let keep_alive = state.config.keep_alive;
        state.idle += 1;
        let stays = loop {
            if state.shut_down {
                break false;
            }
            // If it returns for nothing, the time begins anew: so nobody need look at the clock.
            let waited = self.wake_up.wait_timeout(state, keep_alive);
            let timeout;
            (state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            // Before the time: one that is notified stays, even if its time is up.
            if mem::take(&mut state.notified) {
                break true;
            }
            if timeout.timed_out() {
                break false;
            }
        };
        state.idle -= 1;
        if !stays {
            state.vacant_slots.push(slot);
            self.thread_ended.notify_all();
        }
        stays
    }
}

/// Whether it is starved.
impl Workers {
    /// Whether jobs may wait for a worker that runs another. A hint.
    pub(super) fn has_backlog(&self) -> bool {
        self.has_backlog.load(Ordering::Relaxed)
    }

    /// How many jobs have begun so far.
    pub(super) fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// Notes that a worker begins with a job.
    pub(super) fn job_begins(&self) {
        self.begun.fetch_add(1, Ordering::Relaxed);
    }

    /// If jobs wait for a worker and all that there may be run others: which, and how many wait.
    pub(super) fn starved(&self) -> Option<Starved> {
        let state = self.lock();
        let queued = self.queue.len();
        if queued == 0 {
            self.has_backlog.store(false, Ordering::Relaxed);
        }
        // Where the OS has refused a thread, those that there are are all.
        let is_starved = queued > 0 && state.idle == 0 && !state.starting && !state.shut_down;
        drop(state);
        let running = || self.slots.iter().filter_map(WorkerSlot::running);
        is_starved.then(|| Starved {
            running: running().map(|running| running.label).collect(),
            queued,
        })
    }
}

/// The end.
impl Workers {
    /// Refuses and drops jobs, sends the workers home, waits for them until `grace` has passed, and
    /// answers which jobs go on.
    pub(super) fn shut_down(&self, grace: Duration) -> Vec<Label> {
        let deadline = Instant::now().checked_add(grace);
        self.stop();
        self.wait_for_threads(deadline);
        self.running()
    }

    /// Which jobs run, but for unreferenced ones.
    pub(super) fn running(&self) -> Vec<Label> {
        let running = self.slots.iter().filter_map(WorkerSlot::running);
        let referenced = running.filter(|running| running.ticket.is_ref());
        referenced.map(|running| running.label).collect()
    }

    /// Refuses jobs, lets none begin, and sends the idle workers home.
    pub(super) fn close(&self) {
        self.lock().shut_down = true;
        self.wake_up.notify_all();
        self.slots.iter().for_each(WorkerSlot::close);
    }

    fn stop(&self) {
        self.close();
        let held_back = self.lock().dns.take_waiting();
        // A batch that a worker is just moving is not in sight; it finds its slot closed, and
        // drops these jobs itself.
        drop(self.queue.drain());
        drop(held_back);
    }

    /// How many workers run jobs that nobody wants to wait for.
    fn unreferenced(&self) -> usize {
        let running = self.slots.iter().filter_map(WorkerSlot::running);
        running.filter(|running| !running.ticket.is_ref()).count()
    }

    /// Waits until all threads have left but those with unreferenced jobs. A worker, whose job shuts the pool down, does not wait
    /// for itself, nor for others that wait here like it.
    fn wait_for_threads(&self, deadline: Option<Instant>) {
        let this_thread = thread::current().id();
        let is_worker = self.slots.iter().any(|slot| slot.is_of(this_thread));
        let mut state = self.lock();
        if is_worker {
            state.workers_in_shutdown += 1;
        }
        loop {
            let waiting = if is_worker {
                state.workers_in_shutdown
            } else {
                0
            };
            let exempt = waiting + self.unreferenced();
            if self.threads(&state) <= exempt || is_past(deadline) {
                break;
            }
            state = wait_until(&self.thread_ended, state, deadline);
        }
        if is_worker {
            state.workers_in_shutdown -= 1;
        }
    }
}

impl PoolState {
    /// The class limit before jobs of this class, if there is one.
    fn class_limit(&mut self, class: Class) -> Option<&mut ClassLimit> {
        match class {
            Class::Plain => None,
            Class::Dns => Some(&mut self.dns),
        }
    }
}

/// Waits at `condvar` until notified or until `deadline`; without one, for ever. May return early.
fn wait_until<'a>(
    condvar: &Condvar,
    state: MutexGuard<'a, PoolState>,
    deadline: Option<Instant>,
) -> MutexGuard<'a, PoolState> {
    let Some(deadline) = deadline else {
        return condvar.wait(state).unwrap_or_else(PoisonError::into_inner);
    };
    let remaining = deadline.saturating_duration_since(Instant::now());
    let (state, _) = condvar
        .wait_timeout(state, remaining)
        .unwrap_or_else(PoisonError::into_inner);
    state
}

/// Whether `deadline`, if there is one, has passed.
fn is_past(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| deadline <= Instant::now())
}
