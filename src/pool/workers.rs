//! The shared state of a group of workers: which are idle, and which is woken for a job.
//!
//! The owner of the pool pushes jobs and shuts the pool down; worker threads start, wait for jobs
//! and end. The whole wake-up protocol is in this file.
//!
//! # The wake-up protocol
//!
//! Waking a thread costs more than most jobs take, and a thread that is woken for nothing costs as
//! much. So there is at most one pending notification of an idle worker (`notified`), and at most
//! one thread that starts (`starting`). A worker that wakes up or starts wakes the next one before
//! it runs its own job, if there are more jobs.
//!
//! **Invariant.** Whenever the lock is free, more jobs are queued than workers are searching, and a
//! worker is idle, then a notification is pending. The same holds with "a slot is vacant" for "a
//! worker is idle" and "a thread starts" for "a notification is pending", unless the OS cannot
//! start a thread. It holds because:
//!
//! - A push queues its job and requests a worker in one critical section. Or it finds that more
//!   workers are searching than there are other jobs, and leaves the job to one of those. A worker
//!   counts as searching before it wakes the task that waits for its job, so a task that pushes one
//!   job after another causes no wake-ups of threads.
//! - A worker takes a job, stops counting as searching, and requests another worker if too many
//!   jobs are left, all in one critical section. So does a worker that clears `notified`, and a new
//!   thread. So if a job blocks its worker, another one was requested for those behind it.
//! - A worker becomes idle in a critical section in which it sees the queue empty.
//!
//! A thread ends only in the critical section in which it stops being idle, and not while a
//! notification is pending. So no push relies on a worker that is about to end.

use std::io;
use std::mem;
use std::time::Instant;

use super::class_limit::ClassLimit;
use super::job::{Class, JobTicket, QueuedJob};
use super::queue::JobQueue;
use super::worker_slot::WorkerSlot;
use super::{Config, worker};
use crate::primitive::{
    self, Arc, AtomicBool, Condvar, Mutex, MutexGuard, Ordering, ignore_poison, thread,
};

/// After so many notifications of idle workers one more thread is started, if there can be one.
///
/// So a pool that is used often has all its threads. They take turns, since the one that has waited
/// longest is woken. The OS wakes a thread that has just run on the processor where it ran, which
/// may sleep while the loop runs on another one. A thread that has waited longer is moved to the
/// loop's more often, which takes half the time: one job after the other took 36 us on a machine of
/// two processors with one worker, and 18 with four. The number is large enough for a program that
/// seldom has a job to keep its only thread.
const WAKE_UPS_PER_THREAD: u32 = 64;

/// The state that the workers of a pool share.
pub(super) struct Workers {
    /// Not locked while user code runs.
    state: Mutex<PoolState>,
    /// Idle workers wait here.
    wake_up: Condvar,
    /// A shutdown waits here until threads end.
    thread_ended: Condvar,
    /// Set when a job is pushed and no worker is free for it; cleared when a worker finds no job. A
    /// hint: it changes under the lock and is read without it.
    pub(super) has_backlog: AtomicBool,
    /// Whether lookups are held back. A hint, as `has_backlog` is.
    pub(super) lookups_wait: AtomicBool,
}

/// As what others have relied on a worker, until it takes a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LookingAs {
    /// As the thread that starts.
    Starting,
    /// As one that is searching.
    Searching,
}

/// A job that a worker has taken.
pub(super) struct TakenJob {
    pub(super) job: QueuedJob,
    /// The ticket of a job that was claimed. `None` if the job was cancelled and must be dropped.
    pub(super) ticket: Option<Arc<dyn JobTicket>>,
}

/// The part of the shared state that the lock protects.
pub(super) struct PoolState {
    pub(super) config: Config,
    pub(super) queue: JobQueue,
    /// One slot for each possible worker.
    pub(super) slots: Box<[WorkerSlot]>,
    /// The number of jobs that workers have taken.
    pub(super) begun: u64,
    /// How many of them are name lookups.
    pub(super) lookups_begun: u64,
    /// The number of workers that wait on `wake_up`, including one that has been notified and has
    /// not woken up yet.
    pub(super) idle: usize,
    /// How many times an idle worker was notified.
    wake_ups: u32,
    /// Set when an idle worker is notified; cleared by the first idle worker that wakes up.
    notified: bool,
    /// The number of workers that will take a job next and run no user code before.
    searching: usize,
    /// Set while a thread starts.
    pub(super) starting: bool,
    /// The slots without a thread. The last one is assigned next.
    vacant_slots: Vec<usize>,
    /// The number of workers whose job shuts the pool down and waits for the other workers.
    workers_in_shutdown: usize,
    pub(super) dns: ClassLimit,
    /// Set once: no job is accepted, and none begins.
    pub(super) shut_down: bool,
}

impl Workers {
    pub(super) fn new(config: Config) -> Workers {
        let workers = config.workers;
        let state = PoolState {
            config,
            queue: JobQueue::default(),
            slots: (0..workers).map(|_| WorkerSlot::default()).collect(),
            begun: 0,
            lookups_begun: 0,
            idle: 0,
            wake_ups: 0,
            notified: false,
            searching: 0,
            starting: false,
            vacant_slots: (0..workers).rev().collect(),
            workers_in_shutdown: 0,
            dns: ClassLimit::of_dns(workers),
            shut_down: false,
        };
        Workers {
            state: Mutex::new(state),
            wake_up: Condvar::new(),
            thread_ended: Condvar::new(),
            has_backlog: AtomicBool::new(false),
            lookups_wait: AtomicBool::new(false),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, PoolState> {
        primitive::lock(&self.state)
    }
}

/// Pushing jobs.
impl Workers {
    /// Queues a job and wakes or starts a worker for it if needed. Drops the job on an error.
    pub(super) fn push(self: &Arc<Self>, job: QueuedJob) -> io::Result<()> {
        let mut state = self.lock();
        if state.shut_down {
            // Unlock first: `job` is dropped on return, and dropping its closure runs user code.
            drop(state);
            return Err(super::shut_down_error());
        }
        if let Some(class_limit) = state.class_limit(job.class())
            && class_limit.is_full()
        {
            class_limit.hold_back(job);
            self.lookups_wait.store(true, Ordering::Relaxed);
            return Ok(());
        }
        let notify = match self.request_worker_for_push(&mut state) {
            Ok(notify) => notify,
            // No further thread can start. A busy worker takes the job once it is free.
            Err(_) if state.threads() > 0 => false,
            Err(error) => {
                drop(state);
                return Err(error);
            }
        };
        if let Some(class_limit) = state.class_limit(job.class()) {
            class_limit.admit();
        }
        state.queue.push(job);
        drop(state);
        // After the unlock, so that the worker does not wake up only to wait for the lock.
        self.notify_if(notify);
        Ok(())
    }

    /// As [`request_worker`](Workers::request_worker), for a job that is about to be pushed.
    ///
    /// Each worker that is searching takes one job, and may run it for a long time.
    fn request_worker_for_push(self: &Arc<Self>, state: &mut PoolState) -> io::Result<bool> {
        if state.queue.len() < state.searching {
            return Ok(false);
        }
        self.request_worker(state)
    }

    /// Ensures that a worker will search the queue, if one is idle or can be started.
    ///
    /// Returns whether the caller must notify an idle worker after it has released the lock; see
    /// [`notify_if`](Workers::notify_if). The lock is held while a thread starts, so that no other
    /// thread relies on a start that then fails.
    ///
    /// # Errors
    ///
    /// Returns an error if no worker is idle and the OS cannot start a thread.
    #[inline]
    fn request_worker(self: &Arc<Self>, state: &mut PoolState) -> io::Result<bool> {
        debug_assert!(!state.shut_down, "no worker is needed then");
        if state.idle > 0 && !state.notified {
            state.notified = true;
            if state.is_growth_due() {
                // On an error the threads that there are do the work.
                let _not_needed = self.start_thread(state);
            }
            return Ok(true);
        }
        if state.idle == 0 && state.can_start() {
            let started = self.start_thread(state);
            if started.is_err() {
                self.has_backlog.store(true, Ordering::Relaxed);
            }
            return started.map(|()| false);
        }
        // All workers are busy. Or the one that was notified before, or is starting, wakes the next
        // one; but there may be more jobs than idle workers.
        self.has_backlog.store(true, Ordering::Relaxed);
        Ok(false)
    }

    #[cold]
    fn start_thread(self: &Arc<Self>, state: &mut PoolState) -> io::Result<()> {
        let slot = *state.vacant_slots.last().expect("the caller has looked");
        let config = &state.config;
        let mut builder = thread::Builder::new().name(config.thread_name(slot));
        if let Some(bytes) = config.stack_size {
            builder = builder.stack_size(bytes);
        }
        let workers = Arc::clone(self);
        let main = config.thread_main(move || worker::run(&workers, slot));
        match builder.spawn(main) {
            Ok(_detached) => {
                state.vacant_slots.pop();
                state.starting = true;
                Ok(())
            }
            Err(error) => {
                let message = format!("cannot start a worker thread: {error}");
                Err(io::Error::new(error.kind(), message))
            }
        }
    }

    /// Notifies an idle worker, if [`request_worker`](Workers::request_worker) returned true.
    ///
    /// The request itself is in the state. So it does no harm if this comes late, when another idle
    /// worker has seen the request because its keep-alive time ended just then.
    fn notify_if(&self, notify: bool) {
        if notify {
            self.wake_up.notify_one();
        }
    }
}

/// The calls of worker threads.
impl Workers {
    /// Called by a worker after a job of this class has run or was dropped. It will take the next
    /// one without running user code before, and pushes rely on it until then.
    pub(super) fn job_ended(&self, slot: usize, class: Class) -> LookingAs {
        let mut state = self.lock();
        let ended = state.slots[slot].end();
        state.searching += 1;
        if let Some(class_limit) = state.class_limit(class) {
            let next = class_limit.release();
            let is_waiting = class_limit.waiting() > 0;
            self.lookups_wait.store(is_waiting, Ordering::Relaxed);
            if let Some(next) = next {
                // Needs no request: this worker searches.
                state.queue.push(next);
            }
        }
        drop(state);
        drop(ended);
        LookingAs::Searching
    }

    /// Takes a job for the worker on `slot`. If there is none, waits until the worker is notified.
    ///
    /// Returns `None` if the thread must end, because it has been idle for the keep-alive time or
    /// the pool has been shut down. The slot is free then.
    pub(super) fn take_job(
        self: &Arc<Self>,
        slot: usize,
        looking_as: LookingAs,
    ) -> Option<TakenJob> {
        let mut state = self.lock();
        state.stop_looking(slot, looking_as);
        loop {
            if let Some(taken) = state.take_job(slot) {
                let notify = self.request_worker_for_rest(&mut state);
                drop(state);
                self.notify_if(notify);
                return Some(taken);
            }
            self.has_backlog.store(false, Ordering::Relaxed);
            let is_needed;
            (state, is_needed) = self.wait_for_notification(state);
            if !is_needed {
                self.leave(state, slot);
                return None;
            }
        }
    }

    /// Requests another worker if more jobs are left than workers are searching: the one that the
    /// calling worker has taken may block.
    fn request_worker_for_rest(self: &Arc<Self>, state: &mut PoolState) -> bool {
        if state.queue.len() <= state.searching {
            return false;
        }
        // On an error the jobs wait for the workers that there are.
        self.request_worker(state).unwrap_or(false)
    }

    /// Waits for a notification, which must be followed by a look at the queue. Returns false if
    /// the worker has been idle for the keep-alive time, or the pool has been shut down.
    fn wait_for_notification<'a>(
        &'a self,
        mut state: MutexGuard<'a, PoolState>,
    ) -> (MutexGuard<'a, PoolState>, bool) {
        let keep_alive = state.config.keep_alive;
        state.idle += 1;
        let is_needed = loop {
            if state.shut_down {
                break false;
            }
            // After a spurious wake-up the keep-alive time begins anew, which saves reading the
            // clock.
            let waited = self.wake_up.wait_timeout(state, keep_alive);
            let timeout;
            (state, timeout) = ignore_poison(waited);
            // Looked at before the timeout: a pending notification means that a push relies on an
            // idle worker, and this may be the only one.
            if mem::take(&mut state.notified) {
                break true;
            }
            if timeout.timed_out() {
                break false;
            }
        };
        state.idle -= 1;
        (state, is_needed)
    }

    /// Frees the slot of a thread that ends.
    fn leave(&self, mut state: MutexGuard<'_, PoolState>, slot: usize) {
        state.slots[slot].thread = None;
        state.vacant_slots.push(slot);
        self.thread_ended.notify_all();
    }
}

/// Shutting down.
impl Workers {
    /// Refuses new jobs, prevents queued ones from beginning, asks the running ones to end, and
    /// wakes the idle workers, which end.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.shut_down = true;
        let running = state.slots.iter().filter_map(WorkerSlot::running);
        running.for_each(|running| running.ticket.cancel());
        drop(state);
        self.wake_up.notify_all();
    }

    /// Drops the queued jobs, after [`close`](Workers::close).
    pub(super) fn stop(&self) {
        let mut state = self.lock();
        let dropped = (state.queue.take_all(), state.dns.take_waiting());
        drop(state);
        drop(dropped);
    }

    /// Waits until all threads have ended, except those that run unreferenced jobs. If the calling
    /// thread is a worker, it does not wait for itself, nor for other workers that wait here.
    pub(super) fn wait_for_threads(&self, deadline: Option<Instant>) {
        let this_thread = thread::current().id();
        let mut state = self.lock();
        let mut slots = state.slots.iter();
        let is_worker = slots.any(|slot| slot.thread == Some(this_thread));
        if is_worker {
            state.workers_in_shutdown += 1;
        }
        loop {
            let waiting = if is_worker {
                state.workers_in_shutdown
            } else {
                0
            };
            let exempt = waiting + state.unreferenced();
            if state.threads() <= exempt || is_past(deadline) {
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
    /// Called when a worker takes a job.
    pub(super) fn stop_looking(&mut self, slot: usize, looking_as: LookingAs) {
        match looking_as {
            LookingAs::Starting => {
                self.starting = false;
                self.slots[slot].thread = Some(thread::current().id());
            }
            LookingAs::Searching => self.searching -= 1,
        }
    }

    /// Whether a thread may be started.
    fn can_start(&self) -> bool {
        !self.starting && !self.vacant_slots.is_empty()
    }

    /// Counts that an idle worker is woken, and returns whether one more is to be started.
    fn is_growth_due(&mut self) -> bool {
        self.wake_ups = self.wake_ups.wrapping_add(1);
        self.wake_ups.is_multiple_of(WAKE_UPS_PER_THREAD) && self.can_start()
    }

    /// Takes the oldest job, and claims it for the worker on `slot`, unless the pool has been shut
    /// down.
    fn take_job(&mut self, slot: usize) -> Option<TakenJob> {
        if self.shut_down {
            return None;
        }
        let mut job = self.queue.pop()?;
        let ticket = self.slots[slot].begin(&mut job);
        self.begun += 1;
        if job.class() == Class::Dns {
            self.lookups_begun += 1;
        }
        Some(TakenJob { job, ticket })
    }

    pub(super) fn threads(&self) -> usize {
        self.slots.len() - self.vacant_slots.len()
    }

    /// Returns the number of workers that run unreferenced jobs.
    fn unreferenced(&self) -> usize {
        let running = self.slots.iter().filter_map(WorkerSlot::running);
        running.filter(|running| !running.ticket.is_ref()).count()
    }

    /// Returns the limit for jobs of this class, if there is one.
    fn class_limit(&mut self, class: Class) -> Option<&mut ClassLimit> {
        match class {
            Class::Plain | Class::Cpu => None,
            Class::Dns => Some(&mut self.dns),
        }
    }
}

/// Waits on `condvar` until it is notified or until `deadline`, if there is one. Spurious wake-ups
/// are possible.
fn wait_until<'a>(
    condvar: &Condvar,
    state: MutexGuard<'a, PoolState>,
    deadline: Option<Instant>,
) -> MutexGuard<'a, PoolState> {
    let Some(deadline) = deadline else {
        return ignore_poison(condvar.wait(state));
    };
    let remaining = deadline.saturating_duration_since(Instant::now());
    let (state, _) = ignore_poison(condvar.wait_timeout(state, remaining));
    state
}

/// Returns whether `deadline`, if there is one, has passed.
fn is_past(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| deadline <= Instant::now())
}
