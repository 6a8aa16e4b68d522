//! Which worker of the pool is woken, and when, in every interleaving.
//!
//! The files that decide it, `src/pool/{workers,class_limit,worker_slot,worker}.rs`, are compiled
//! here against the model checker's locks and threads. The queue and the jobs are stand-ins: a
//! queue that can be made to hide its jobs, and jobs that wait for each other. A job that is lost
//! is a test that waits for ever, and the checker calls that a deadlock.
//!
//! Beside it stand two pools that are broken, each in a process of its own, for the checker ends
//! the process where it finds something: a model that finds no fault with those proves nothing.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use check::{check, check_with, find_fault};
use job::{Class, Event, QueuedJob};
use primitive::thread;
use workers::Workers;

mod check;

/// A pool's settings, as in `pool.rs`.
struct Config {
    workers: usize,
    stack_size: Option<usize>,
    keep_alive: Duration,
}

impl Config {
    fn thread_name(&self, slot: usize) -> String {
        slot.to_string()
    }

    fn thread_main<F: FnOnce()>(&self, run: F) -> F {
        run
    }
}

fn shut_down_error() -> io::Error {
    io::Error::other("shut down")
}

mod primitive {
    use std::ops::{Deref, DerefMut};
    use std::sync::LockResult;
    use std::time::Duration;

    // The checker's own cannot stand before `self`, nor be unsized. That of the standard library
    // serves: what it counts is not what is modelled.
    pub(crate) use std::sync::Arc;
    // These are hints for others than workers.
    pub(crate) use std::sync::atomic::{AtomicBool, Ordering};

    pub(crate) mod thread {
        pub(crate) use loom::thread::{Builder, ThreadId, current, spawn};
    }

    pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        ignore_poison(mutex.lock())
    }

    /// The checker stops at a panic, so no lock is poisoned.
    pub(crate) fn ignore_poison<G>(result: LockResult<G>) -> G {
        result.unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    /// Knows its lock, for a wait that is over at once.
    pub(crate) struct MutexGuard<'a, T> {
        mutex: &'a Mutex<T>,
        guard: loom::sync::MutexGuard<'a, T>,
    }

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Mutex(loom::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
            let guard = self.0.lock().expect("the checker stops at a panic");
            Ok(MutexGuard { mutex: self, guard })
        }
    }

    impl<T> Deref for MutexGuard<'_, T> {
        type Target = T;

        fn deref(&self) -> &T {
            &self.guard
        }
    }

    impl<T> DerefMut for MutexGuard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            &mut self.guard
        }
    }

    pub(crate) struct Condvar(loom::sync::Condvar);

    pub(crate) struct WaitTimeoutResult(bool);

    impl WaitTimeoutResult {
        pub(crate) fn timed_out(&self) -> bool {
            self.0
        }
    }

    impl Condvar {
        pub(crate) fn new() -> Self {
            Condvar(loom::sync::Condvar::new())
        }

        pub(crate) fn wait<'a, T>(
            &self,
            guard: MutexGuard<'a, T>,
        ) -> LockResult<MutexGuard<'a, T>> {
            let MutexGuard { mutex, guard } = guard;
            let guard = self.0.wait(guard).expect("the checker stops at a panic");
            Ok(MutexGuard { mutex, guard })
        }

        /// No time is over at once. Any other lasts for ever.
        pub(crate) fn wait_timeout<'a, T>(
            &self,
            guard: MutexGuard<'a, T>,
            time: Duration,
        ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
            if time.is_zero() {
                let mutex = guard.mutex;
                drop(guard);
                let guard = mutex.lock().unwrap();
                return Ok((guard, WaitTimeoutResult(true)));
            }
            let guard = self.wait(guard).unwrap();
            Ok((guard, WaitTimeoutResult(false)))
        }

        pub(crate) fn notify_one(&self) {
            self.0.notify_one();
        }

        pub(crate) fn notify_all(&self) {
            self.0.notify_all();
        }
    }
}

mod job {
    use super::Arc;
    use super::primitive::{Condvar, Mutex};

    #[derive(Clone, Copy, PartialEq, Eq)]
    pub(crate) enum Class {
        Plain,
        Dns,
        #[allow(dead_code, reason = "to a group of workers it is as `Plain`")]
        Cpu,
    }

    #[derive(Clone)]
    pub(crate) struct Label;

    pub(crate) trait JobTicket: Send + Sync {
        fn is_ref(&self) -> bool;
        fn cancel(&self);
        fn wake(self: Arc<Self>);
    }

    /// Happens once, and can be waited for.
    pub(crate) struct Event {
        has_happened: Mutex<bool>,
        happens: Condvar,
    }

    impl Event {
        pub(crate) fn new() -> Arc<Self> {
            Arc::new(Event {
                has_happened: Mutex::new(false),
                happens: Condvar::new(),
            })
        }

        pub(crate) fn happen(&self) {
            *self.has_happened.lock().unwrap() = true;
            self.happens.notify_all();
        }

        pub(crate) fn wait(&self) {
            let mut has_happened = self.has_happened.lock().unwrap();
            while !*has_happened {
                has_happened = self.happens.wait(has_happened).unwrap();
            }
        }
    }

    impl JobTicket for Event {
        fn is_ref(&self) -> bool {
            true
        }

        fn cancel(&self) {}

        fn wake(self: Arc<Self>) {
            self.happen();
        }
    }

    /// Runs its closure, and then its end happens.
    pub(crate) struct QueuedJob {
        class: Class,
        run: Option<Box<dyn FnOnce() + Send>>,
        end: Option<Arc<Event>>,
    }

    impl QueuedJob {
        pub(crate) fn new(class: Class, run: impl FnOnce() + Send + 'static) -> (Self, Arc<Event>) {
            let end = Event::new();
            let job = QueuedJob {
                class,
                run: Some(Box::new(run)),
                end: Some(Arc::clone(&end)),
            };
            (job, end)
        }

        pub(crate) fn claim(&mut self) -> Option<Arc<dyn JobTicket>> {
            let end = self.end.take()?;
            Some(end)
        }

        pub(crate) fn run_claimed(mut self, ticket: Arc<dyn JobTicket>) -> Arc<dyn JobTicket> {
            let run = self.run.take().expect("a job runs once");
            run();
            ticket
        }

        #[allow(clippy::unused_self, reason = "it is that of a real job")]
        pub(crate) fn label(&self) -> &Label {
            &Label
        }

        pub(crate) fn class(&self) -> Class {
            self.class
        }
    }

    impl std::fmt::Debug for QueuedJob {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("QueuedJob")
        }
    }
}

/// As `src/pool/queue.rs`.
mod queue {
    use std::collections::VecDeque;
    use std::mem;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::job::QueuedJob;

    /// A broken queue says once that it is empty, whatever there is. The process has no others
    /// then.
    pub(crate) static IS_BLIND: AtomicBool = AtomicBool::new(false);

    #[derive(Default)]
    pub(crate) struct JobQueue {
        jobs: VecDeque<QueuedJob>,
    }

    impl JobQueue {
        pub(crate) fn push(&mut self, job: QueuedJob) {
            self.jobs.push_back(job);
        }

        pub(crate) fn pop(&mut self) -> Option<QueuedJob> {
            if IS_BLIND.swap(false, Ordering::Relaxed) {
                return None;
            }
            self.jobs.pop_front()
        }

        pub(crate) fn len(&self) -> usize {
            self.jobs.len()
        }

        pub(crate) fn take_all(&mut self) -> VecDeque<QueuedJob> {
            mem::take(&mut self.jobs)
        }
    }
}

#[allow(dead_code, reason = "only what wakes workers is modelled")]
#[path = "../../src/pool/workers.rs"]
mod workers;

#[allow(dead_code, reason = "only what wakes workers is modelled")]
#[path = "../../src/pool/class_limit.rs"]
mod class_limit;

#[allow(dead_code, reason = "only what wakes workers is modelled")]
#[path = "../../src/pool/worker_slot.rs"]
mod worker_slot;

#[path = "../../src/pool/worker.rs"]
mod worker;

/// Idle workers stay.
const FOR_EVER: Duration = Duration::MAX;

#[test]
fn no_job_of_a_chain_is_lost() {
    check(chain);
}

#[test]
fn no_job_of_a_chain_is_lost_where_threads_end_at_once() {
    check(|| {
        with_workers(2, Duration::ZERO, |workers| {
            (0..2).for_each(|_| push(workers, || ()).wait());
        });
    });
}

#[test]
fn no_job_of_two_pushers_is_lost() {
    check(|| {
        with_workers(1, FOR_EVER, |workers| {
            let theirs = Arc::clone(workers);
            let pusher = thread::spawn(move || push(&theirs, || ()).wait());
            let end = push(workers, || ());
            end.wait();
            pusher.join().unwrap();
        });
    });
}

#[test]
fn a_job_that_waits_for_one_behind_it_does_not_wait_for_ever() {
    check_two_workers(|| {
        with_workers(2, FOR_EVER, |workers| {
            let begins = Event::new();
            let has_begun = Arc::clone(&begins);
            let first = push(workers, move || has_begun.wait());
            let second = push(workers, move || begins.happen());
            second.wait();
            first.wait();
        });
    });
}

#[test]
fn two_jobs_that_are_pushed_at_the_end_of_a_third_run_at_once() {
    // Two preemptions: with one, a worker that has looked may wake no other, and no model notices.
    check(|| {
        with_workers(2, FOR_EVER, |workers| {
            push(workers, || ()).wait();
            let begins = Event::new();
            let has_begun = Arc::clone(&begins);
            let first = push(workers, move || has_begun.wait());
            let second = push(workers, move || begins.happen());
            second.wait();
            first.wait();
        });
    });
}

#[test]
fn a_job_with_another_before_it_in_its_batch_may_wait_for_a_later_one() {
    check_two_workers(|| {
        with_workers(2, FOR_EVER, |workers| {
            let begins = Event::new();
            let has_begun = Arc::clone(&begins);
            let first = push(workers, || ());
            let second = push(workers, move || has_begun.wait());
            first.wait();
            push(workers, move || begins.happen()).wait();
            second.wait();
        });
    });
}

#[test]
fn a_look_up_that_is_held_back_runs_when_another_has_ended() {
    check(|| {
        with_workers(2, FOR_EVER, |workers| {
            let ends = [(); 2].map(|()| push_as(workers, Class::Dns, || ()));
            ends.iter().for_each(|end| end.wait());
        });
    });
}

#[test]
fn the_model_finds_a_worker_that_rests_without_a_look_at_the_queue() {
    find_fault(
        "the_model_finds_a_worker_that_rests_without_a_look_at_the_queue",
        || {
            queue::IS_BLIND.store(true, Ordering::Relaxed);
            chain();
        },
    );
}

/// Pushes jobs one after the other's end.
fn chain() {
    with_workers(1, FOR_EVER, |workers| {
        (0..3).for_each(|_| push(workers, || ()).wait());
    });
}

/// Calls `test`, and shuts the pool down, which waits for all of its threads.
fn with_workers(workers: usize, keep_alive: Duration, test: impl FnOnce(&Arc<Workers>)) {
    let workers = Arc::new(Workers::new(config(workers, keep_alive)));
    test(&workers);
    workers.close();
    workers.stop();
    workers.wait_for_threads(None);
}

fn config(workers: usize, keep_alive: Duration) -> Config {
    Config {
        workers,
        stack_size: None,
        keep_alive,
    }
}

/// Pushes a job, and returns its end.
fn push(workers: &Arc<Workers>, run: impl FnOnce() + Send + 'static) -> Arc<Event> {
    push_as(workers, Class::Plain, run)
}

fn push_as(
    workers: &Arc<Workers>,
    class: Class,
    run: impl FnOnce() + Send + 'static,
) -> Arc<Event> {
    let (job, end) = QueuedJob::new(class, run);
    workers.push(job).unwrap();
    end
}

/// The same with one preemption, for two workers, which have many more interleavings: a thread that
/// waits gives way to any other all the same.
fn check_two_workers(model: impl Fn() + Send + Sync + 'static) {
    check_with(1, model);
}
