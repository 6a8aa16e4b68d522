//! Tests of the pool.
//!
//! They do not sleep. A job that blocks its worker prevents what must not happen yet, and a test
//! waits for what must happen. `TIMEOUT` only turns a hang into a failure.

use std::any::Any;
use std::future::Future;
use std::mem;
use std::panic::{self, Location};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread, ThreadId};
use std::time::{Duration, Instant};

use super::Backend;
use super::workers::Workers;
use super::{Class, Config, JobResult, JobTicket, Label, Pool, QueuedJob};
use crate::panics::Payload;

/// A test that waits for longer than this fails. Far longer than any test takes on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How long a test repeats an attempt to hit a race. Only a busy machine does not reach the number
/// of attempts before.
const ATTEMPTS_TIME_MAX: Duration = Duration::from_secs(2);

/// A stack size larger than the address space, so that no thread can be started.
const STACK_IMPOSSIBLE: usize = 1 << 46;

// ---- results

fn workers(pool: &Pool) -> &Arc<Workers> {
    match &pool.backend {
        Backend::Workers(workers) => workers,
        Backend::Inline(_) => unreachable!("these pools have threads"),
    }
}

#[test]
fn a_job_resolves_to_what_its_closure_returns() {
    let pool = pool_of(4);

    let job = submit(&pool, || 6 * 7);

    assert_eq!(wait(job).unwrap(), 42);
}

#[test]
fn the_worker_wakes_the_ticket_once_when_the_result_is_ready() {
    let pool = pool_of(1);
    let wake_log = Arc::new(WakeLog::default());
    let (job, mut result) = Pool::job(here(), || thread::current().id());

    pool.push(job.with_ticket(WakerTicket::of(&wake_log)))
        .unwrap();
    until(|| !wake_log.woken_by.lock().unwrap().is_empty());

    let Poll::Ready(Ok(worker)) = result.poll() else {
        panic!("the ticket was woken before the result was ready");
    };
    assert_eq!(*wake_log.woken_by.lock().unwrap(), [worker]);
}

#[test]
fn dropping_a_job_wakes_its_ticket_unless_it_was_cancelled() {
    for (cancels, wakes) in [(false, 1), (true, 0)] {
        let wake_log = Arc::new(WakeLog::default());
        let ticket = WakerTicket::of(&wake_log);
        let captured = Arc::clone(&wake_log);
        let (job, mut result) = Pool::job(here(), move || drop(captured));
        let queued = job.with_ticket(Arc::clone(&ticket) as Arc<dyn JobTicket>);

        ticket.is_cancelled.store(cancels, Ordering::Relaxed);
        drop(queued);

        assert_eq!(wake_log.woken_by.lock().unwrap().len(), wakes);
        assert_eq!(Arc::strong_count(&ticket), 1);
        // The side that cancelled the job drops its closure.
        assert_eq!(result.take_closure().is_some(), cancels);
        assert!(matches!(result.poll(), Poll::Ready(Err(None))));
        assert_eq!(Arc::strong_count(&wake_log), 1 + usize::from(wakes == 0));
    }
}

#[test]
fn a_cancelled_job_does_not_run_and_wakes_no_ticket() {
    let wake_log = Arc::new(WakeLog::default());
    let ticket = WakerTicket::of(&wake_log);
    let (job, result) = Pool::job::<(), _>(here(), || panic!("a cancelled job runs"));
    let queued = job.with_ticket(Arc::clone(&ticket) as Arc<dyn JobTicket>);

    ticket.is_cancelled.store(true, Ordering::Relaxed);
    queued.run();

    assert!(wake_log.woken_by.lock().unwrap().is_empty());
    assert!(result.take_closure().is_some());
    assert_eq!(Arc::strong_count(&ticket), 1);
}

#[test]
fn a_worker_holds_no_reference_to_the_ticket_it_wakes() {
    struct Counting(mpsc::Sender<usize>);
    impl JobTicket for Counting {
        fn start(&self) -> bool {
            true
        }
        fn discard(&self) -> bool {
            true
        }
        fn is_ref(&self) -> bool {
            true
        }
        fn wake(self: Arc<Self>) {
            self.0.send(Arc::strong_count(&self)).unwrap();
        }
    }
    let pool = pool_of(1);
    let (count, counted) = mpsc::channel();
    let (job, _result) = Pool::job(here(), || ());

    pool.push(job.with_ticket(Arc::new(Counting(count))))
        .unwrap();

    assert_eq!(counted.recv_timeout(TIMEOUT).unwrap(), 1);
    assert!(pool.shut_down(Duration::ZERO).is_empty());
}

#[test]
fn a_queued_job_runs_without_a_pool() {
    let (queued, job) = job(here(), || "inline");

    queued.run();

    assert_eq!(wait(job).unwrap(), "inline");
}

#[test]
fn large_closures_and_results_work() {
    let pool = pool_of(2);
    let big = [7_u8; 10_000];

    let job = submit(&pool, move || big);

    assert_eq!(wait(job).unwrap(), big);
}

#[test]
fn both_ends_and_the_pool_are_send_and_sync() {
    fn check<T: Send + Sync>() {}

    check::<Pool>();
    check::<QueuedJob>();
    check::<TestJob<std::cell::Cell<u8>>>();
}

// ---- threads

#[test]
fn no_thread_starts_before_the_first_push() {
    let pool = pool_of(4);
    let (queued, job) = job(here(), || ());

    assert_eq!(pool.load().threads, 0);
    pool.push(queued).unwrap();

    assert_eq!(pool.load().threads, 1);
    wait(job).unwrap();
}

#[test]
fn threads_are_named_after_their_slot() {
    let pool = Pool::new(Config {
        thread_name: "reader".to_owned(),
        ..config(1)
    });

    let job = submit(&pool, || thread::current().name().map(str::to_owned));

    assert_eq!(wait(job).unwrap().as_deref(), Some("reader-0"));
}

#[test]
#[should_panic(expected = "NUL")]
fn a_thread_name_with_a_nul_byte_panics() {
    Pool::new(Config {
        thread_name: "a\0b".to_owned(),
        ..config(1)
    });
}

#[test]
#[should_panic(expected = "at least one worker")]
fn a_pool_without_workers_panics() {
    pool_of(0);
}

#[test]
fn a_fifth_job_waits_while_four_workers_are_busy() {
    let pool = pool_of(4);
    let mut held: Vec<HeldJob> = (0..4).map(|_| hold(&pool)).collect();
    held.iter().for_each(HeldJob::wait_for_start);

    let fifth = submit(&pool, || ());
    assert!(!fifth.has_started());
    assert_eq!((pool.load().threads, pool.load().queued), (4, 1));
    held.pop().unwrap().release();

    wait(fifth).unwrap();
    assert_eq!(pool.load().threads, 4);
}

#[test]
fn no_more_threads_run_than_there_are_workers() {
    let pool = pool_of(3);
    let jobs: Vec<_> = (0..2_000)
        .map(|_| submit(&pool, || thread::current().id()))
        .collect();

    let mut threads: Vec<ThreadId> = Vec::new();
    for job in jobs {
        let thread = wait(job).unwrap();
        if !threads.contains(&thread) {
            threads.push(thread);
        }
    }

    assert!(threads.len() <= 3);
}

#[test]
fn an_idle_thread_ends_and_the_next_job_starts_another() {
    let pool = Pool::new(Config {
        keep_alive: Duration::from_millis(1),
        ..config(2)
    });
    let first = wait(submit(&pool, || thread::current().id())).unwrap();
    until(|| pool.load().threads == 0);

    let second = wait(submit(&pool, || thread::current().id())).unwrap();

    assert_ne!(first, second);
}

#[test]
fn the_longest_keep_alive_does_not_overflow() {
    let pool = Pool::new(Config {
        keep_alive: Duration::MAX,
        ..config(1)
    });

    wait(submit(&pool, || ())).unwrap();
    until(|| pool.load().idle == 1);

    wait(submit(&pool, || ())).unwrap();
}

#[test]
fn a_push_fails_and_drops_the_job_if_no_thread_can_start() {
    let pool = Pool::new(Config {
        stack_size: Some(STACK_IMPOSSIBLE),
        ..config(2)
    });
    let held = Arc::new(());
    let captured = Arc::clone(&held);
    let (queued, job) = job(dns(), move || drop(captured));

    let error = pool.push(queued).unwrap_err();

    assert!(error.to_string().contains("cannot start a worker thread"));
    assert_eq!(Arc::strong_count(&held), 1);
    assert!(is_cancelled(wait(job)));
    assert_eq!((pool.load().threads, pool.load().queued), (0, 0));
    workers(&pool).lock().config.stack_size = None;
    assert_eq!(wait(submit_as(&pool, dns(), || 1)).unwrap(), 1);
}

#[test]
fn jobs_wait_for_a_busy_worker_if_no_other_can_start() {
    let pool = pool_of(2);
    let held = hold(&pool);
    held.wait_for_start();
    workers(&pool).lock().config.stack_size = Some(STACK_IMPOSSIBLE);

    let job = submit(&pool, || ());
    assert_eq!((pool.load().threads, pool.load().queued), (1, 1));
    held.release();

    wait(job).unwrap();
}

// ---- which worker runs a job that is pushed by a wake

#[test]
fn a_push_relies_on_a_worker_that_is_about_to_search() {
    let pool = Arc::new(pool_of(2));

    wait_for_last(&pool, 50);

    assert_eq!(pool.load().threads, 1);
}

#[test]
fn a_worker_that_searched_before_a_push_requests_another() {
    let pool = pool_of(1);
    // In place of a worker, which finds no job.
    workers(&pool).begin_search();
    let job = submit(&pool, || ());
    assert_eq!(pool.load().threads, 0);

    workers(&pool).end_search();

    assert_eq!(pool.load().threads, 1);
    wait(job).unwrap();
}

#[test]
fn a_second_job_does_not_rely_on_the_searching_worker() {
    let pool = pool_of(1);
    workers(&pool).begin_search();

    let jobs = [(); 2].map(|()| submit(&pool, || ()));

    assert_eq!(pool.load().threads, 1);
    jobs.into_iter().for_each(|job| wait(job).unwrap());
    workers(&pool).end_search();
}

#[test]
fn two_jobs_pushed_at_the_end_of_a_third_run_concurrently() {
    for _ in 0..50 {
        let pool = Arc::new(pool_of(2));
        let barrier = Arc::new(Barrier::new(2));
        let (jobs_sender, jobs) = mpsc::channel();
        let shared = Arc::clone(&pool);
        push_then(&pool, move || {
            for _ in 0..2 {
                jobs_sender
                    .send(wait_at(&shared, here(), &barrier))
                    .unwrap();
            }
        });

        jobs.iter().for_each(|job| wait(job).unwrap());
    }
}

#[test]
fn a_job_pushed_at_the_end_of_a_search_is_not_lost() {
    let pool = pool_of(2);
    let begin = Instant::now();
    for number in 0..100_000 {
        let barrier = Arc::new(Barrier::new(2));
        let ended = Arc::new(AtomicBool::new(false));
        let shared = Arc::clone(&ended);
        push_then(&pool, move || shared.store(true, Ordering::Relaxed));
        until(|| ended.load(Ordering::Relaxed));

        // One may be taken before the other is pushed, and then blocks its worker until then.
        let first = wait_at(&pool, here(), &barrier);
        for _ in 0..number % 64 {
            std::hint::spin_loop();
        }
        let second = wait_at(&pool, here(), &barrier);

        wait(first).unwrap();
        wait(second).unwrap();
        if begin.elapsed() > ATTEMPTS_TIME_MAX {
            break;
        }
    }
}

#[test]
fn a_push_does_not_rely_on_a_worker_with_a_queued_job() {
    let pool = pool_of(2);
    let (first, second) = (hold(&pool), hold(&pool));
    first.wait_for_start();
    second.wait_for_start();
    // The first free worker takes half of them.
    let short = submit(&pool, || ());
    let long = hold(&pool);
    let others = [(); 2].map(|()| submit(&pool, || ()));
    first.release();
    wait(short).unwrap();
    long.wait_for_start();
    second.release();
    others.into_iter().for_each(|job| wait(job).unwrap());
    until(|| pool.load().idle == 1);

    wait(submit(&pool, || ())).unwrap();

    long.release();
}

/// Pushes a job and calls `then` on its worker, after the job has run and before the next search.
fn push_then(pool: &Pool, then: impl FnOnce() + Send + 'static) {
    struct Then(Mutex<Option<Box<dyn FnOnce() + Send>>>);
    impl Wake for Then {
        fn wake(self: Arc<Self>) {
            let then = self.0.lock().unwrap().take();
            then.expect("it is woken once")();
        }
    }
    let (queued, result) = Pool::job(here(), || ());
    let then = move || {
        // If it were dropped earlier, the job would not run.
        drop(result);
        then();
    };
    let then = Then(Mutex::new(Some(Box::new(then))));
    pool.push(queued.with_ticket(WakerTicket::of(&Arc::new(then))))
        .unwrap();
}

/// Waits for the last of a chain of jobs, each of which is pushed at the end of the previous one.
fn wait_for_last(pool: &Arc<Pool>, jobs: usize) {
    fn push(pool: &Arc<Pool>, left: usize, end: mpsc::Sender<()>) {
        let shared = Arc::clone(pool);
        push_then(pool, move || match left {
            0 => end.send(()).unwrap(),
            _ => push(&shared, left - 1, end),
        });
    }
    let (end, ended) = mpsc::channel();
    push(pool, jobs, end);
    ended.recv_timeout(TIMEOUT).unwrap();
}

// ---- order

#[test]
fn one_worker_runs_jobs_in_the_order_of_their_pushes() {
    let pool = pool_of(1);
    let held = hold(&pool);
    let order = Arc::new(Mutex::new(Vec::new()));
    let jobs: Vec<_> = (0..500)
        .map(|number| {
            let order = Arc::clone(&order);
            let label = if number % 3 == 0 { dns() } else { here() };
            submit_as(&pool, label, move || order.lock().unwrap().push(number))
        })
        .collect();

    held.release();
    jobs.into_iter().for_each(|job| wait(job).unwrap());

    assert!(order.lock().unwrap().iter().copied().eq(0..500));
}

#[test]
fn a_job_behind_a_blocked_one_in_a_batch_is_stolen() {
    let pool = pool_of(2);
    let (class_limit, other) = (hold(&pool), hold(&pool));
    class_limit.wait_for_start();
    other.wait_for_start();
    // Both are pushed while all workers are busy, so the next free worker takes them as one batch.
    let long = hold(&pool);
    let jobs: Vec<_> = (0..16).map(|_| submit(&pool, || ())).collect();

    class_limit.release();
    long.wait_for_start();
    other.release();

    jobs.into_iter().for_each(|job| wait(job).unwrap());
    long.release();
}

#[test]
fn all_workers_run_jobs_concurrently() {
    for workers in [2, 4] {
        let pool = pool_of(workers);
        for _ in 0..1_000 {
            let barrier = Arc::new(Barrier::new(workers));
            let jobs: Vec<_> = (0..workers)
                .map(|_| wait_at(&pool, here(), &barrier))
                .collect();
            jobs.into_iter().for_each(|job| wait(job).unwrap());
        }
    }
}

#[test]
fn a_burst_wakes_all_workers_even_while_each_is_blocked() {
    // A worker must wake the next one even if its own job never ends: there are no further pushes.
    for _ in 0..200 {
        let pool = pool_of(4);
        let warm_up: Vec<_> = (0..4).map(|_| hold(&pool)).collect();
        warm_up.iter().for_each(HeldJob::wait_for_start);
        drop(warm_up);
        until(|| pool.load().idle == 4);

        let held: Vec<_> = (0..4).map(|_| hold(&pool)).collect();

        held.iter().for_each(HeldJob::wait_for_start);
    }
}

// ---- classes

#[test]
fn look_ups_that_hang_leave_half_of_the_workers_free() {
    for (workers, look_ups_max) in [(2, 1), (3, 2), (4, 2), (5, 3)] {
        let pool = pool_of(workers);
        let look_ups: Vec<_> = (0..100).map(|_| hold_as(&pool, dns())).collect();
        for look_up in &look_ups[..look_ups_max] {
            look_up.wait_for_start();
        }

        let plain: Vec<_> = (0..100).map(|_| submit(&pool, || ())).collect();
        plain.into_iter().for_each(|job| wait(job).unwrap());

        assert!(!look_ups[look_ups_max..].iter().any(HeldJob::has_started));
        assert_eq!(pool.load().queued, 100 - look_ups_max);
        look_ups.into_iter().for_each(HeldJob::release);
        until(|| pool.load().queued == 0);
    }
}

#[test]
fn look_ups_stay_within_their_limit() {
    let pool = pool_of(4);
    let running = Arc::new(AtomicUsize::new(0));
    let jobs: Vec<_> = (0..300)
        .map(|_| {
            let running = Arc::clone(&running);
            submit_as(&pool, dns(), move || {
                let with_me = running.fetch_add(1, Ordering::Relaxed) + 1;
                running.fetch_sub(1, Ordering::Relaxed);
                with_me
            })
        })
        .collect();

    for job in jobs {
        assert!(wait(job).unwrap() <= 2);
    }
}

#[test]
fn a_look_up_that_ends_admits_a_later_one() {
    let pool = pool_of(4);

    for _ in 0..10 {
        wait(submit_as(&pool, dns(), || ())).unwrap();
    }

    // All admissions were released: two look-ups run concurrently.
    let barrier = Arc::new(Barrier::new(2));
    let jobs = [(); 2].map(|()| wait_at(&pool, dns(), &barrier));
    jobs.into_iter().for_each(|job| wait(job).unwrap());
}

#[test]
fn neither_class_starves_the_other() {
    let pool = pool_of(2);
    let (held, other) = (hold(&pool), hold(&pool));
    held.wait_for_start();
    other.wait_for_start();
    let mut jobs = Vec::new();
    let order = Arc::new(Mutex::new(Vec::new()));
    for number in 0..40 {
        let class = if number < 20 {
            Class::Plain
        } else {
            Class::Dns
        };
        let order = Arc::clone(&order);
        let label = Label { class, ..here() };
        jobs.push(submit_as(&pool, label, move || {
            order.lock().unwrap().push(class);
        }));
    }
    // Many more plain jobs behind them: they do not delay the first look-up, and the last look-up
    // does not delay them.
    for _ in 0..1_000 {
        let order = Arc::clone(&order);
        jobs.push(submit(&pool, move || {
            order.lock().unwrap().push(Class::Plain);
        }));
    }

    held.release();
    jobs.into_iter().for_each(|job| wait(job).unwrap());

    let order = order.lock().unwrap();
    assert_eq!(
        order.iter().position(|class| *class == Class::Dns),
        Some(20)
    );
    assert_eq!(order.last(), Some(&Class::Dns));
    other.release();
}

#[test]
fn look_ups_that_are_cancelled_or_panic_admit_later_ones() {
    let pool = pool_of(2);
    let held = hold_as(&pool, dns());
    held.wait_for_start();
    let cancelled: Vec<_> = (0..50).map(|_| hold_as(&pool, dns())).collect();
    drop(cancelled);
    let panics = submit_as(&pool, dns(), || panic!("no such host"));
    let last = submit_as(&pool, dns(), || ());

    held.release();

    assert!(wait(panics).is_err());
    wait(last).unwrap();
}

// ---- panics

#[test]
fn a_panic_of_the_closure_is_the_result_of_the_job() {
    let pool = pool_of(1);
    let worker = wait(submit(&pool, || thread::current().id())).unwrap();

    let job = submit(&pool, || panic!("out of cheese"));

    let payload = panic_of(wait::<()>(job));
    assert_eq!(payload.downcast_ref(), Some(&"out of cheese"));
    assert_alive(&pool, worker);
}

#[test]
fn a_result_that_panics_when_the_worker_drops_it_is_contained() {
    let pool = pool_of(1);
    let worker = wait(submit(&pool, || thread::current().id())).unwrap();
    let (panics_on_drop, on_drop) = PanicsOnDrop::new();
    let barrier = Arc::new(Barrier::new(2));
    let shared = Arc::clone(&barrier);
    let job = submit(&pool, move || {
        shared.wait();
        shared.wait();
        panics_on_drop
    });

    barrier.wait();
    drop(job);
    barrier.wait();

    assert_eq!(on_drop.recv_timeout(TIMEOUT), Ok(worker));
    assert_alive(&pool, worker);
}

#[test]
fn a_result_that_panics_when_its_job_is_dropped_is_contained() {
    let pool = pool_of(1);
    let (panics_on_drop, on_drop) = PanicsOnDrop::new();
    let job = submit(&pool, move || panics_on_drop);
    wait(submit(&pool, || ())).unwrap();

    drop(job);

    assert_eq!(on_drop.try_recv(), Ok(thread::current().id()));
}

#[test]
fn a_capture_that_panics_at_the_end_of_the_closure_is_its_panic() {
    let pool = pool_of(1);
    let worker = wait(submit(&pool, || thread::current().id())).unwrap();
    let (panics_on_drop, on_drop) = PanicsOnDrop::new();

    let job = submit(&pool, move || {
        let _bomb = &panics_on_drop;
    });

    panic_of(wait(job));
    assert_eq!(on_drop.try_recv(), Ok(worker));
    assert_alive(&pool, worker);
}

#[test]
fn a_panicking_capture_of_a_cancelled_job_is_contained() {
    let pool = pool_of(1);
    let worker = wait(submit(&pool, || thread::current().id())).unwrap();
    let held = hold(&pool);
    let (panics_on_drop, on_drop) = PanicsOnDrop::new();
    let job = submit(&pool, move || drop(panics_on_drop));

    drop(job);
    assert_eq!(on_drop.try_recv(), Ok(thread::current().id()));
    held.release();

    assert_alive(&pool, worker);
}

#[test]
fn a_panicking_capture_does_not_prevent_shutdown() {
    let pool = pool_of(1);
    let held = hold(&pool);
    held.wait_for_start();
    let (panicking, drops): (Vec<_>, Vec<_>) = (0..3).map(|_| PanicsOnDrop::new()).unzip();
    let jobs: Vec<_> = panicking
        .into_iter()
        .map(|panics_on_drop| submit(&pool, move || drop(panics_on_drop)))
        .collect();

    assert_eq!(pool.shut_down(Duration::ZERO).len(), 1);

    for dropped in drops {
        assert_eq!(dropped.try_recv(), Ok(thread::current().id()));
    }
    assert!(jobs.into_iter().all(|job| is_cancelled(wait(job))));
}

#[test]
fn a_payload_that_panics_when_dropped_is_contained() {
    let pool = pool_of(1);
    let worker = wait(submit(&pool, || thread::current().id())).unwrap();
    let (dropped, on_drop) = mpsc::channel();
    let own = Arc::new(Mutex::new(None));
    let shared = Arc::clone(&own);
    let (queued, job) = job(here(), move || {
        // This drops the job's own `TestJob`, so nothing takes the payload.
        drop(shared.lock().unwrap().take());
        panic::panic_any(PanicsInPayload(dropped));
    });
    *own.lock().unwrap() = Some::<TestJob<()>>(job);

    pool.push(queued).unwrap();

    assert_eq!(on_drop.recv_timeout(TIMEOUT), Ok(worker));
    assert_alive(&pool, worker);
}

#[test]
fn payloads_that_panic_endlessly_are_contained() {
    /// Zero-sized, so the leaked payload costs no memory.
    struct Endless;
    impl Drop for Endless {
        fn drop(&mut self) {
            panic::panic_any(Endless);
        }
    }
    let pool = pool_of(1);
    let held = hold(&pool);
    let endless = Endless;
    let job = submit(&pool, move || drop(endless));

    drop(job);
    held.release();

    wait(submit(&pool, || ())).unwrap();
}

// ---- cancelling

#[test]
fn a_job_cancelled_in_the_queue_never_runs() {
    let pool = pool_of(1);
    let held = hold(&pool);
    let runs = Arc::new(AtomicUsize::new(0));
    let shared = Arc::clone(&runs);
    let mut job = submit(&pool, move || shared.fetch_add(1, Ordering::Relaxed));

    assert!(job.cancel());
    assert!(job.cancel());
    assert!(!job.has_started());

    // It resolves at once, even while the worker is busy.
    let Poll::Ready(result) = poll_with(&mut job, Waker::noop()) else {
        panic!("a cancelled job resolves at once");
    };
    assert!(is_cancelled(result));
    // Dropping the job drops its closure.
    drop(job);
    assert_eq!(Arc::strong_count(&runs), 1);
    held.release();
    wait(submit(&pool, || ())).unwrap();
    assert_eq!(runs.load(Ordering::Relaxed), 0);
}

#[test]
fn a_job_that_runs_or_has_run_cannot_be_cancelled() {
    let pool = pool_of(1);
    let mut held = hold(&pool);
    held.wait_for_start();

    assert!(!held.job.cancel());
    assert!(held.job.has_started());
    held.unblock();
    until(|| pool.load().idle == 1);

    assert!(!held.job.cancel());
    assert!(held.job.has_started());
    wait(held.job).unwrap();
}

#[test]
fn a_job_dropped_in_the_queue_drops_its_closure_and_never_runs() {
    let pool = pool_of(1);
    let held = hold(&pool);
    let captured = Arc::new(());
    let shared = Arc::clone(&captured);
    let job: TestJob<()> = submit(&pool, move || panic!("a dropped job runs: {shared:?}"));

    drop(job);

    assert_eq!(Arc::strong_count(&captured), 1);
    held.release();
    wait(submit(&pool, || ())).unwrap();
}

#[test]
fn a_job_dropped_while_it_runs_runs_to_its_end() {
    let (finished, on_finish) = mpsc::channel();
    let own = Arc::new(Mutex::new(None));
    let shared = Arc::clone(&own);
    let (queued, job) = job(here(), move || {
        drop(shared.lock().unwrap().take());
        finished.send(()).unwrap();
    });
    *own.lock().unwrap() = Some(job);
    let pool = pool_of(1);

    pool.push(queued).unwrap();

    on_finish.recv_timeout(TIMEOUT).unwrap();
}

#[test]
fn dropping_a_queued_job_cancels_it() {
    let (queued, job) = job(here(), || ());

    drop(queued);

    assert!(job.cancel());
    assert!(is_cancelled(wait(job)));
}

#[test]
fn a_job_is_either_cancelled_or_started() {
    let pool = pool_of(2);
    for _ in 0..5_000 {
        let runs = Arc::new(AtomicUsize::new(0));
        let shared = Arc::clone(&runs);
        let job = submit(&pool, move || shared.fetch_add(1, Ordering::Relaxed));

        let cancelled = job.cancel();

        assert_eq!(is_cancelled(wait(job)), cancelled);
        assert_eq!(runs.load(Ordering::Relaxed), usize::from(!cancelled));
    }
}

// ---- shutdown

#[test]
fn shutdown_drops_queued_jobs_and_waits_for_running_ones() {
    let pool = pool_of(2);
    let (first, second) = (hold(&pool), hold_as(&pool, dns()));
    first.wait_for_start();
    second.wait_for_start();
    let queued: Vec<_> = (0..20).map(|_| submit(&pool, || ())).collect();
    let held_back: Vec<_> = (0..20).map(|_| hold_as(&pool, dns())).collect();

    thread::scope(|scope| {
        let shutdown = scope.spawn(|| pool.shut_down(TIMEOUT));
        assert!(queued.into_iter().all(|job| is_cancelled(wait(job))));
        assert!(
            held_back
                .into_iter()
                .all(|held| is_cancelled(wait(held.job)))
        );
        assert!(!shutdown.is_finished());
        first.release();
        second.release();
        assert!(shutdown.join().unwrap().is_empty());
    });

    assert_eq!((pool.load().threads, pool.load().queued), (0, 0));
}

#[test]
fn shutdown_without_grace_returns_the_running_jobs() {
    let pool = pool_of(2);
    let mut label = here();
    let line = label.location.line();
    label.name = Some("parse".into());
    let held = hold_as(&pool, label);
    held.wait_for_start();
    let finished = submit(&pool, || ());
    wait(finished).unwrap();

    for _ in 0..2 {
        let running = pool.shut_down(Duration::ZERO);

        assert_eq!(running.len(), 1);
        assert_eq!(running[0].name.as_deref(), Some("parse"));
        assert_eq!(running[0].location.line(), line);
        assert_eq!(running[0].location.file(), file!());
    }
    held.release();
    assert!(pool.shut_down(TIMEOUT).is_empty());
}

#[test]
fn shutdown_never_returns_a_finished_job() {
    for _ in 0..500 {
        let pool = pool_of(1);
        wait(submit(&pool, || ())).unwrap();
        assert!(pool.shut_down(Duration::ZERO).is_empty());
    }
}

#[test]
fn a_job_that_shutdown_does_not_return_never_begins() {
    for _ in 0..300 {
        let pool = pool_of(2);
        let jobs: Vec<_> = (0..4).map(|_| hold(&pool)).collect();

        let running = pool.shut_down(Duration::ZERO);

        let (named, rest): (Vec<_>, Vec<_>) =
            jobs.into_iter().partition(|held| held.job.has_started());
        assert_eq!(named.len(), running.len());
        named.into_iter().for_each(HeldJob::release);
        assert!(pool.shut_down(TIMEOUT).is_empty());
        assert!(!rest.iter().any(HeldJob::has_started));
    }
}

#[test]
fn a_job_does_not_begin_on_a_closed_slot() {
    let pool = pool_of(1);
    workers(&pool).slot(0).close();

    let job = submit(&pool, || ());

    assert!(is_cancelled(wait(job)));
}

#[test]
fn a_slot_shows_its_job_from_the_claim_to_the_end() {
    let pool = pool_of(1);
    let slot = workers(&pool).slot(0);
    let (mut queued, job) = job(here(), || ());

    assert!(slot.begin(&mut queued));
    assert!(job.has_started() && !job.cancel());
    assert!(slot.running().is_some());
    queued.run_claimed();

    let ticket = slot.end().unwrap();
    assert!(slot.running().is_none() && slot.end().is_none());
    ticket.wake();
    wait(job).unwrap();
}

#[test]
fn a_closed_slot_claims_no_job() {
    let pool = pool_of(1);
    let slot = workers(&pool).slot(0);
    let (mut queued, job) = job(here(), || ());

    slot.close();
    assert!(!slot.begin(&mut queued));

    assert!(!job.has_started() && slot.running().is_none());
    assert!(job.cancel());
}

#[test]
fn a_push_after_shutdown_is_refused() {
    let pool = pool_of(2);
    wait(submit(&pool, || ())).unwrap();
    pool.shut_down(TIMEOUT);

    for label in [here(), dns()] {
        let (queued, job) = job(label, || ());
        let error = pool.push(queued).unwrap_err();

        assert!(error.to_string().contains("shut down"));
        assert!(is_cancelled(wait(job)));
    }
    assert_eq!(pool.load().threads, 0);
}

#[test]
fn shutdown_of_an_unused_pool_does_not_wait() {
    assert!(pool_of(4).shut_down(TIMEOUT).is_empty());
}

#[test]
fn shutdown_ends_idle_workers() {
    let pool = Pool::new(Config {
        keep_alive: Duration::MAX,
        ..config(4)
    });
    let barrier = Arc::new(Barrier::new(4));
    let jobs = [(); 4].map(|()| wait_at(&pool, here(), &barrier));
    jobs.into_iter().for_each(|job| wait(job).unwrap());

    assert!(pool.shut_down(TIMEOUT).is_empty());

    assert_eq!(pool.load().threads, 0);
}

#[test]
fn a_job_that_shuts_down_does_not_wait_for_itself() {
    let pool = Arc::new(pool_of(2));
    let shared = Arc::clone(&pool);

    let job = submit(&pool, move || shared.shut_down(Duration::MAX));

    assert_eq!(wait(job).unwrap().len(), 1);
    assert!(pool.shut_down(TIMEOUT).is_empty());
}

#[test]
fn jobs_that_shut_down_do_not_wait_for_each_other() {
    let pool = Arc::new(pool_of(4));
    let barrier = Arc::new(Barrier::new(4 + 1));
    let jobs: Vec<_> = (0..4)
        .map(|_| {
            let (pool_too, barrier) = (Arc::clone(&pool), Arc::clone(&barrier));
            submit(&pool, move || {
                barrier.wait();
                pool_too.shut_down(Duration::MAX).len()
            })
        })
        .collect();

    barrier.wait();
    assert!(pool.shut_down(TIMEOUT).is_empty());
    for job in jobs {
        assert!((1..=4).contains(&wait(job).unwrap()));
    }
}

#[test]
fn a_job_may_be_the_last_owner_of_the_pool() {
    let pool = Arc::new(pool_of(1));
    let barrier = Arc::new(Barrier::new(2));
    let (shared, barrier_too) = (Arc::clone(&pool), Arc::clone(&barrier));
    let job = submit(&pool, move || {
        barrier_too.wait();
        drop(shared);
    });
    let queued = submit(&pool, || ());

    drop(pool);
    barrier.wait();

    wait(job).unwrap();
    assert!(is_cancelled(wait(queued)));
}

#[test]
fn a_closure_that_pushes_when_it_is_dropped_is_refused() {
    struct Pusher(Arc<Pool>, mpsc::Sender<bool>);
    impl Drop for Pusher {
        fn drop(&mut self) {
            let (queued, _job) = job(here(), || ());
            self.1.send(self.0.push(queued).is_err()).unwrap();
        }
    }
    let pool = Arc::new(pool_of(1));
    let held = hold(&pool);
    held.wait_for_start();
    let (refused, on_refusal) = mpsc::channel();
    let pusher = Pusher(Arc::clone(&pool), refused);
    let job = submit(&pool, move || drop(pusher));

    pool.shut_down(Duration::ZERO);

    assert_eq!(on_refusal.try_recv(), Ok(true));
    assert!(is_cancelled(wait(job)));
}

// ---- stress

#[test]
fn each_job_of_many_pushers_runs_once() {
    const PUSHERS: usize = 4;
    const JOBS: usize = 20_000;
    for workers in [1, 2, 4] {
        let pool = pool_of(workers);
        let runs: Arc<[AtomicUsize]> = (0..PUSHERS * JOBS).map(|_| AtomicUsize::new(0)).collect();

        thread::scope(|scope| {
            for pusher in 0..PUSHERS {
                let (pool, runs) = (&pool, &runs);
                scope.spawn(move || {
                    let push = |number: usize| {
                        let runs: Arc<[AtomicUsize]> = Arc::clone(runs);
                        submit(pool, move || runs[number].fetch_add(1, Ordering::Relaxed))
                    };
                    let jobs: Vec<_> = (pusher * JOBS..(pusher + 1) * JOBS).map(push).collect();
                    for job in jobs {
                        assert_eq!(wait(job).unwrap(), 0);
                    }
                });
            }
        });

        assert!(runs.iter().all(|runs| runs.load(Ordering::Relaxed) == 1));
    }
}

#[test]
fn a_job_pushed_when_a_worker_becomes_idle_is_not_lost() {
    one_after_the_other(&pool_of(1), 20_000);
    one_after_the_other(&pool_of(2), 20_000);
}

#[test]
fn a_job_pushed_when_a_thread_ends_is_not_lost() {
    for workers in [1, 2] {
        let pool = Pool::new(Config {
            keep_alive: Duration::ZERO,
            ..config(workers)
        });
        one_after_the_other(&pool, 2_000);
    }
}

/// Runs jobs one by one. Each is pushed when the previous one ends, so the pushes hit the worker in
/// all steps between two jobs.
fn one_after_the_other(pool: &Pool, jobs: usize) {
    let done = Arc::new(AtomicUsize::new(0));
    let begin = Instant::now();
    for number in 0..jobs {
        if begin.elapsed() > ATTEMPTS_TIME_MAX {
            break;
        }
        let shared = Arc::clone(&done);
        let job = submit(pool, move || {
            shared.fetch_add(1, Ordering::Relaxed);
        });
        until(|| done.load(Ordering::Relaxed) > number);
        // Varies the step that the worker has reached at the next push.
        for _ in 0..number % 64 {
            std::hint::spin_loop();
        }
        drop(job);
    }
}

// ---- helpers

fn config(workers: usize) -> Config {
    Config {
        workers,
        ..Config::default()
    }
}

fn pool_of(workers: usize) -> Pool {
    Pool::new(config(workers))
}

#[track_caller]
fn here() -> Label {
    Label {
        class: Class::Plain,
        name: None,
        location: Location::caller(),
    }
}

#[track_caller]
fn dns() -> Label {
    Label {
        class: Class::Dns,
        ..here()
    }
}

fn submit<T: Send + 'static>(pool: &Pool, f: impl FnOnce() -> T + Send + 'static) -> TestJob<T> {
    submit_as(pool, here(), f)
}

fn submit_as<T: Send + 'static>(
    pool: &Pool,
    label: Label,
    f: impl FnOnce() -> T + Send + 'static,
) -> TestJob<T> {
    let (queued, job) = job(label, f);
    pool.push(queued).unwrap();
    job
}

/// Parks the thread until the job ends, and returns its result.
fn wait<T>(job: impl Future<Output = Result<T, JobError>>) -> Result<T, JobError> {
    struct Unparker(Thread);
    impl Wake for Unparker {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unparker(thread::current())));
    let mut job = pin!(job);
    let begin = Instant::now();
    loop {
        if let Poll::Ready(result) = job.as_mut().poll(&mut Context::from_waker(&waker)) {
            return result;
        }
        assert!(begin.elapsed() < TIMEOUT, "the job does not end");
        thread::park_timeout(TIMEOUT);
    }
}

fn poll_with<J: Future + Unpin>(job: &mut J, waker: &Waker) -> Poll<J::Output> {
    Pin::new(job).poll(&mut Context::from_waker(waker))
}

/// Polls `condition` until it is true.
fn until(condition: impl Fn() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < TIMEOUT, "the condition stays false");
        thread::yield_now();
    }
}

fn is_cancelled<T>(result: Result<T, JobError>) -> bool {
    matches!(result, Err(JobError::Cancelled))
}

fn panic_of<T>(result: Result<T, JobError>) -> Box<dyn Any + Send> {
    match result {
        Err(JobError::Panicked(payload)) => payload,
        _ => panic!("the job should have panicked"),
    }
}

/// Checks that the only worker of `pool` still runs on the thread `worker`.
fn assert_alive(pool: &Pool, worker: ThreadId) {
    assert_eq!(
        wait(submit(pool, || thread::current().id())).unwrap(),
        worker
    );
}

/// Pushes a job that waits at `barrier`.
fn wait_at(pool: &Pool, label: Label, barrier: &Arc<Barrier>) -> TestJob<()> {
    let barrier = Arc::clone(barrier);
    submit_as(pool, label, move || {
        barrier.wait();
    })
}

/// A job that blocks its worker until it is released, or its `HeldJob` is dropped.
struct HeldJob {
    job: TestJob<()>,
    started: mpsc::Receiver<()>,
    release: Option<mpsc::Sender<()>>,
}

fn hold(pool: &Pool) -> HeldJob {
    hold_as(pool, here())
}

fn hold_as(pool: &Pool, label: Label) -> HeldJob {
    let (start, started) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let job = submit_as(pool, label, move || {
        // An error means that the test has dropped its end, which releases the job too.
        let _ = start.send(());
        let _ = released.recv();
    });
    HeldJob {
        job,
        started,
        release: Some(release),
    }
}

impl HeldJob {
    fn wait_for_start(&self) {
        self.started.recv_timeout(TIMEOUT).expect("the job begins");
    }

    fn has_started(&self) -> bool {
        self.job.has_started()
    }

    fn unblock(&mut self) {
        self.release = None;
    }

    /// Unblocks the job and waits for its end.
    fn release(mut self) {
        self.unblock();
        wait(self.job).unwrap();
    }
}

/// Panics when it is dropped, and sends the id of the thread that dropped it.
struct PanicsOnDrop(mpsc::Sender<ThreadId>);

impl PanicsOnDrop {
    fn new() -> (PanicsOnDrop, mpsc::Receiver<ThreadId>) {
        let (sender, receiver) = mpsc::channel();
        (PanicsOnDrop(sender), receiver)
    }
}

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        // The test may have dropped the receiver.
        let _ = self.0.send(thread::current().id());
        panic!("a destructor panics");
    }
}

/// Panics when it is dropped, with a payload that panics when it is dropped.
struct PanicsInPayload(mpsc::Sender<ThreadId>);

impl Drop for PanicsInPayload {
    fn drop(&mut self) {
        panic::panic_any(PanicsOnDrop(self.0.clone()));
    }
}

/// Makes both ends of a job that can be awaited with any waker, and can be cancelled.
fn job<T: Send + 'static>(
    label: Label,
    f: impl FnOnce() -> T + Send + 'static,
) -> (QueuedJob, TestJob<T>) {
    let (job, result) = Pool::job(label, f);
    let ticket = Arc::new(Mutex::new(JobProgress::Queued(None)));
    let own = Arc::clone(&ticket) as Arc<dyn JobTicket>;
    (job.with_ticket(own), TestJob { result, ticket })
}

struct TestJob<T> {
    result: JobResult<T>,
    ticket: Arc<Mutex<JobProgress>>,
}

/// The progress of a job, and the waker of the task that waits for its end.
enum JobProgress {
    Queued(Option<Waker>),
    Started(Option<Waker>),
    Ended { has_started: bool },
    Cancelled,
}

#[derive(Debug)]
enum JobError {
    Panicked(Payload),
    Cancelled,
}

impl<T> TestJob<T> {
    /// Prevents the job from beginning. Returns false if it has begun.
    fn cancel(&self) -> bool {
        let mut progress = self.ticket.lock().unwrap();
        match &*progress {
            JobProgress::Queued(_) => *progress = JobProgress::Cancelled,
            JobProgress::Started(_) | JobProgress::Ended { has_started: true } => return false,
            JobProgress::Cancelled | JobProgress::Ended { .. } => {}
        }
        true
    }

    fn has_started(&self) -> bool {
        let progress = self.ticket.lock().unwrap();
        matches!(
            *progress,
            JobProgress::Started(_) | JobProgress::Ended { has_started: true }
        )
    }
}

impl<T> Future for TestJob<T> {
    type Output = Result<T, JobError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self.ticket.lock().unwrap() {
            JobProgress::Queued(waker) | JobProgress::Started(waker) => {
                *waker = Some(cx.waker().clone());
                return Poll::Pending;
            }
            JobProgress::Cancelled => return Poll::Ready(Err(JobError::Cancelled)),
            JobProgress::Ended { .. } => {}
        }
        let result = self.result.poll();
        assert!(
            result.is_ready(),
            "the ticket was woken before the result was ready"
        );
        result.map_err(|panic| panic.map_or(JobError::Cancelled, JobError::Panicked))
    }
}

impl JobTicket for Mutex<JobProgress> {
    fn start(&self) -> bool {
        let mut progress = self.lock().unwrap();
        if let JobProgress::Queued(waker) = &mut *progress {
            *progress = JobProgress::Started(waker.take());
        }
        matches!(*progress, JobProgress::Started(_))
    }

    fn discard(&self) -> bool {
        !matches!(*self.lock().unwrap(), JobProgress::Cancelled)
    }

    fn is_ref(&self) -> bool {
        true
    }

    fn wake(self: Arc<Self>) {
        let mut progress = self.lock().unwrap();
        let has_started = matches!(*progress, JobProgress::Started(_));
        let old = mem::replace(&mut *progress, JobProgress::Ended { has_started });
        drop(progress);
        if let JobProgress::Queued(Some(waker)) | JobProgress::Started(Some(waker)) = old {
            waker.wake();
        }
    }
}

/// A ticket that wakes a waker .
struct WakerTicket {
    is_cancelled: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl WakerTicket {
    fn of<W: Wake + Send + Sync + 'static>(wake: &Arc<W>) -> Arc<Self> {
        Arc::new(WakerTicket {
            is_cancelled: AtomicBool::new(false),
            waker: Mutex::new(Some(Waker::from(Arc::clone(wake)))),
        })
    }
}

impl JobTicket for WakerTicket {
    fn start(&self) -> bool {
        !self.is_cancelled.load(Ordering::Relaxed)
    }

    fn discard(&self) -> bool {
        !self.is_cancelled.load(Ordering::Relaxed)
    }

    fn is_ref(&self) -> bool {
        true
    }

    fn wake(self: Arc<Self>) {
        let waker = self.waker.lock().unwrap().take();
        waker.expect("it is woken once").wake();
    }
}

/// A waker that records which threads wake it.
#[derive(Default)]
struct WakeLog {
    woken_by: Mutex<Vec<ThreadId>>,
}

impl Wake for WakeLog {
    fn wake(self: Arc<Self>) {
        self.woken_by.lock().unwrap().push(thread::current().id());
    }
}
