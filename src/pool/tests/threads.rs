//! When threads start and end.

use std::sync::Arc;
use std::thread;
use std::thread::ThreadId;
use std::time::Duration;

use super::{
    HeldJob, STACK_IMPOSSIBLE, config, dns, here, hold, is_cancelled, job, load, pool_of, submit,
    submit_as, until, wait, workers,
};
use crate::pool::{Config, Pool, ThreadNames};

#[test]
fn no_thread_starts_before_the_first_push() {
    let pool = pool_of(4);
    let (queued, job) = job(here(), || ());

    assert_eq!(load(&pool).threads, 0);
    pool.push(queued).unwrap();

    assert_eq!(load(&pool).threads, 1);
    wait(job).unwrap();
}

#[test]
fn threads_are_named_after_their_slot() {
    let pool = Pool::new(Config {
        thread_names: ThreadNames::Prefix("reader".to_owned()),
        ..config(1)
    });

    let job = submit(&pool, || thread::current().name().map(str::to_owned));

    assert_eq!(wait(job).unwrap().as_deref(), Some("reader-0"));
}

#[test]
#[should_panic(expected = "NUL")]
fn a_thread_name_with_a_nul_byte_panics() {
    Pool::new(Config {
        thread_names: ThreadNames::Prefix("a\0b".to_owned()),
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
    assert_eq!((load(&pool).threads, load(&pool).queued), (4, 1));
    held.pop().unwrap().release();

    wait(fifth).unwrap();
    assert_eq!(load(&pool).threads, 4);
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
    until(|| load(&pool).threads == 0);

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
    until(|| load(&pool).idle == 1);

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
    assert_eq!((load(&pool).threads, load(&pool).queued), (0, 0));
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
    assert_eq!((load(&pool).threads, load(&pool).queued), (1, 1));
    held.release();

    wait(job).unwrap();
}

#[test]
fn a_pool_that_is_used_often_has_all_its_threads() {
    let pool = pool_of(3);
    let run_one = || {
        wait(submit(&pool, || ())).unwrap();
        until(|| load(&pool).idle == load(&pool).threads);
    };

    (0..64).for_each(|_| run_one());
    assert_eq!(load(&pool).threads, 1, "the first job has started it");
    run_one();
    assert_eq!(load(&pool).threads, 2);

    (0..500).for_each(|_| run_one());
    assert_eq!(load(&pool).threads, 3);
}
