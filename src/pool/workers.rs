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
//! **Invariant.** Whenever the lock is free, a job is visible in the queue, and a worker is idle,
//! then a notification is pending, or some worker that is awake will search the queue, or will wake
//! another worker, before it runs a job or becomes idle. The same holds with "a slot is vacant" for
//! "a worker is idle" and "a thread starts" for "a notification is pending", unless the OS cannot
//! start a thread. It holds because:
//!
//! - A push queues its job and requests a worker in one critical section. Or it finds that a
//!   worker is searching, and that there is no other job for that worker, and leaves the job to
//!   it. A worker counts as searching before it wakes the task that waits for its job, so a task
//!   that pushes one job after another causes no wake-ups of threads. Once the worker has
//!   searched the queue, it stops counting as searching, and requests another worker if it sees
//!   jobs, both in one critical section. All pushes that relied on it came before that section.
//! - A worker becomes idle in a critical section in which it sees the queue empty. A push comes
//!   either before that section, and then its job is visible, or after it, and then the push sees
//!   the idle worker.
//! - A worker that clears `notified` searches the queue next. So does a new thread.
//! - While a worker moves a batch into its local queue, no thread sees these jobs, and another
//!   worker may become idle. So after each move, when the local queue is visible and before it runs
//!   a job, the worker takes the lock and requests another worker if it sees jobs. If the other
//!   worker became idle before that, it is seen to be idle. If it becomes idle later, it sees the
//!   jobs.
//! - A job that a worker takes from its own local queue was visible all along, so no wake-up is
//!   needed.
//!
//! A thread ends only in the critical section in which it stops being idle, and not while a
//! notification is pending. So no push relies on a worker that is about to end.

use std::io;
use std::mem;
use std::time::Instant;

use super::class_limit::ClassLimit;
use super::job::{Class, QueuedJob};
use super::queue::JobQueue;
use super::worker_slot::WorkerSlot;
use super::{Config, worker};
use crate::primitive::{
    self, Arc, AtomicBool, AtomicU64, Condvar, Mutex, MutexGuard, Ordering, ignore_poison, thread,
};

/// The state that the workers of a pool share.
pub(super) struct Workers {
    pub(super) queue: JobQueue,
    /// One slot for each possible worker.
    pub(super) slots: Box<[WorkerSlot]>,
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
    /// The number of jobs that have begun.
    pub(super) begun: AtomicU64,
    /// How many of them are name lookups.
    pub(super) lookups_begun: AtomicU64,
}

/// The part of the shared state that the lock protects.
pub(super) struct PoolState {
    pub(super) config: Config,
    /// The number of workers that wait on `wake_up`, including one that has been notified and has
    /// not woken up yet.
    pub(super) idle: usize,
    /// Set when an idle worker is notified; cleared by the first idle worker that wakes up.
    notified: bool,
    /// The number of workers between `begin_search` and `end_search`.
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
            lookups_wait: AtomicBool::new(false),
            begun: AtomicU64::new(0),
            lookups_begun: AtomicU64::new(0),
        }
    }

    pub(super) fn queue(&self) -> &JobQueue {
        &self.queue
    }

    pub(super) fn slot(&self, index: usize) -> &WorkerSlot {
        &self.slots[index]
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, PoolState> {
        primitive::lock(&self.state)
    }

    pub(super) fn threads(&self, state: &PoolState) -> usize {
        self.slots.len() - state.vacant_slots.len()
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
            Err(_) if self.threads(&state) > 0 => false,
            Err(error) => {
                drop(state);
                return Err(error);
            }
        };
        if let Some(class_limit) = state.class_limit(job.class()) {
            class_limit.admit();
        }
        // Under the lock: a worker that becomes idle either sees this job, or was idle before and
        // has just been notified.
        self.queue.push(job);
        drop(state);
        // After the unlock, so that the worker does not wake up only to wait for the lock.
        self.notify_if(notify);
        Ok(())
    }

    /// As [`request_worker`](Workers::request_worker), for a job that is about to be pushed.
    ///
    /// If the injector is empty, a worker that is searching will find the job. A second job needs
    /// its own worker: the one that is searching may run the first job for a long time.
    fn request_worker_for_push(self: &Arc<Self>, state: &mut PoolState) -> io::Result<bool> {
        if state.searching > 0 && !self.queue.has_injected() {
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
    fn request_worker(self: &Arc<Self>, state: &mut PoolState) -> io::Result<bool> {
        if state.shut_down {
            return Ok(false);
        }
        if state.idle > 0 {
            let is_new = !mem::replace(&mut state.notified, true);
            if !is_new {
                // The worker that was notified before wakes the next one. But there may be more
                // jobs than idle workers.
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
        let mut builder = thread::Builder::new().name(config.thread_name(slot));
        if let Some(bytes) = config.stack_size {
            builder = builder.stack_size(bytes);
        }
        let workers = Arc::clone(self);
        let main = config.thread_main(move || worker::run(&workers, slot));
        match builder.spawn(main) {
            Ok(_detached) => Ok(()),
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
    /// Called first by a new thread, which must search the queue next.
    pub(super) fn thread_started(&self) {
        let was_starting = mem::take(&mut self.lock().starting);
        debug_assert!(was_starting);
    }

    /// Called by a worker that will search the queue next and runs no user code before. Pushes rely
    /// on it until [`end_search`](Workers::end_search).
    pub(super) fn begin_search(&self) {
        self.lock().searching += 1;
    }

    /// Called by a worker after it has searched the queue. If there are jobs left, or were pushed
    /// meanwhile, requests another worker for them: this one may have found a job that blocks.
    pub(super) fn end_search(self: &Arc<Self>) {
        let mut state = self.lock();
        // In the same critical section as the look at the queue: all pushes that relied on this
        // worker came before it, so their jobs are visible here.
        state.searching -= 1;
        if self.queue.is_empty() {
            return;
        }
        let notify = self.request_worker(&mut state).unwrap_or(false);
        drop(state);
        self.notify_if(notify);
    }

    /// Called by a worker that has taken a job from the shared queue, before it runs the job, which
    /// may block. Requests another worker if there are more jobs.
    pub(super) fn wake_next_worker(self: &Arc<Self>) {
        // A push after this look requests a worker itself.
        if self.queue.is_empty() {
            return;
        }
        let mut state = self.lock();
        // On an error the jobs wait for the workers that there are.
        let notify = self.request_worker(&mut state).unwrap_or(false);
        drop(state);
        self.notify_if(notify);
    }

    /// Counts a job that begins.
    pub(super) fn job_begins(&self, class: Class) {
        self.begun.fetch_add(1, Ordering::Relaxed);
        if class == Class::Dns {
            self.lookups_begun.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Called by a worker after a job of this class has run or was dropped.
    pub(super) fn job_ended(&self, class: Class) {
        if class != Class::Dns {
            return;
        }
        let mut state = self.lock();
        let next = state.class_limit(class).and_then(ClassLimit::release);
        self.lookups_wait
            .store(state.dns.waiting() > 0, Ordering::Relaxed);
        if let Some(next) = next {
            // Needs no request. Either this worker searches the queue next, or its local queue has
            // jobs, which are visible. Then the invariant says that a notification is pending if a
            // worker is idle.
            self.queue.push(next);
        }
    }

    /// Called by a worker that has found no job: waits until it is notified.
    ///
    /// Returns false if the thread must end, because it has been idle for the keep-alive time or
    /// the pool has been shut down. The slot is free then.
    pub(super) fn wait_for_job(&self, slot: usize) -> bool {
        let mut state = self.lock();
        // Between the search and the lock a job may have been pushed. That push saw no idle worker,
        // so this worker must look again. From here to the wait the lock is held, so a later push
        // sees `idle` and notifies.
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
        if !stays {
            state.vacant_slots.push(slot);
            self.thread_ended.notify_all();
        }
        stays
    }
}

/// Shutting down.
impl Workers {
    /// Refuses new jobs, prevents queued ones from beginning, asks the running ones to end, and
    /// wakes the idle workers, which end.
    pub(super) fn close(&self) {
        self.lock().shut_down = true;
        self.wake_up.notify_all();
        self.slots.iter().for_each(WorkerSlot::close);
    }

    /// Drops the queued jobs, after [`close`](Workers::close).
    pub(super) fn stop(&self) {
        let held_back = self.lock().dns.take_waiting();
        // A batch that a worker moves just now is not visible. That worker finds its slot closed
        // and drops the jobs itself.
        drop(self.queue.drain());
        drop(held_back);
    }

    /// Returns the number of workers that run unreferenced jobs.
    fn unreferenced(&self) -> usize {
        let running = self.slots.iter().filter_map(WorkerSlot::running);
        running.filter(|running| !running.ticket.is_ref()).count()
    }

    /// Waits until all threads have ended, except those that run unreferenced jobs. If the calling
    /// thread is a worker, it does not wait for itself, nor for other workers that wait here.
    pub(super) fn wait_for_threads(&self, deadline: Option<Instant>) {
        let this_thread = thread::current().id();
        let is_worker = self
            .slots
            .iter()
            .any(|slot| slot.is_occupied_by(this_thread));
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
