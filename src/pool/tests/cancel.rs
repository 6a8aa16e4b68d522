//! Cancelling and dropping jobs.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Poll, Waker};

use super::{
    TIMEOUT, TestJob, here, hold, is_cancelled, job, load, poll_with, pool_of, submit, until, wait,
};

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
    until(|| load(&pool).idle == 1);

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
