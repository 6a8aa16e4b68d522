//! Shutting the pool down.

use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Duration;

use super::{
    HeldJob, TIMEOUT, config, dns, here, hold, hold_as, is_cancelled, job, load, pool_of, submit,
    wait, wait_at,
};
use crate::identity::Name;
use crate::pool::worker_slot::WorkerSlot;
use crate::pool::{Config, Pool};

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

    assert_eq!((load(&pool).threads, load(&pool).queued), (0, 0));
}

#[test]
fn shutdown_without_grace_returns_the_running_jobs() {
    let pool = pool_of(2);
    let mut label = here();
    let line = label.location.line();
    label.name = Some(Name::new("parse".to_owned()));
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
fn a_queued_job_does_not_begin_in_a_closed_pool() {
    let pool = pool_of(1);
    let held = hold(&pool);
    held.wait_for_start();
    let queued = hold(&pool);

    pool.close();
    held.release();
    assert!(pool.shut_down(TIMEOUT).is_empty());

    assert!(!queued.has_started());
    assert!(is_cancelled(wait(queued.job)));
}

#[test]
fn a_slot_shows_its_job_from_the_claim_to_the_end() {
    let mut slot = WorkerSlot::default();
    let (mut queued, job) = job(here(), || ());

    let ticket = slot.begin(&mut queued).unwrap();
    assert!(job.has_started() && !job.cancel());
    assert!(slot.running().is_some());
    let ticket = queued.run_claimed(ticket);

    drop(slot.end());
    assert!(slot.running().is_none());
    ticket.wake();
    wait(job).unwrap();
}

#[test]
fn a_slot_claims_no_cancelled_job() {
    let mut slot = WorkerSlot::default();
    let (mut queued, job) = job(here(), || ());
    assert!(job.cancel());

    assert!(slot.begin(&mut queued).is_none());

    assert!(!job.has_started() && slot.running().is_none());
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
    assert_eq!(load(&pool).threads, 0);
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

    assert_eq!(load(&pool).threads, 0);
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
