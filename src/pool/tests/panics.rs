//! Panics of closures, captures, results and payloads.

use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::time::Duration;
use std::{panic, thread};

use super::{
    PanicsInPayload, PanicsOnDrop, TIMEOUT, TestJob, assert_alive, here, hold, is_cancelled, job,
    panic_of, pool_of, submit, wait,
};

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
