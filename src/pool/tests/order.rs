//! In which order jobs run, and that all workers take part.

use std::sync::{Arc, Barrier, Mutex};

use super::{HeldJob, dns, here, hold, load, pool_of, submit, submit_as, until, wait, wait_at};

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
fn jobs_behind_a_blocked_one_run_on_another_worker() {
    let pool = pool_of(2);
    let (class_limit, other) = (hold(&pool), hold(&pool));
    class_limit.wait_for_start();
    other.wait_for_start();
    // All are pushed while all workers are busy, so the next free worker takes the long one.
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
        until(|| load(&pool).idle == 4);

        let held: Vec<_> = (0..4).map(|_| hold(&pool)).collect();

        held.iter().for_each(HeldJob::wait_for_start);
    }
}
