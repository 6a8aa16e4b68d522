//! Many jobs, and pushes that race with workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{ATTEMPTS_TIME_MAX, config, pool_of, submit, until, wait};
use crate::pool::{Config, Pool};

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
