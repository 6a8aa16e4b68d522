//! The limit on name lookups.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};

use super::{
    HeldJob, config, dns, here, hold, hold_as, is_cancelled, job, load, pool_of, submit, submit_as,
    until, wait, wait_at,
};
use crate::pool::{Class, Config, Label, Load, Pool};

#[test]
fn lookups_that_hang_leave_half_of_the_workers_free() {
    for (workers, lookups_max) in [(2, 1), (3, 2), (4, 2), (5, 3)] {
        let pool = pool_of(workers);
        let lookups: Vec<_> = (0..100).map(|_| hold_as(&pool, dns())).collect();
        for lookup in &lookups[..lookups_max] {
            lookup.wait_for_start();
        }

        let plain: Vec<_> = (0..100).map(|_| submit(&pool, || ())).collect();
        plain.into_iter().for_each(|job| wait(job).unwrap());

        assert!(!lookups[lookups_max..].iter().any(HeldJob::has_started));
        assert_eq!(load(&pool).queued, 100 - lookups_max);
        lookups.into_iter().for_each(HeldJob::release);
        until(|| load(&pool).queued == 0);
    }
}

#[test]
fn lookups_stay_within_their_limit() {
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
fn a_lookup_that_ends_admits_a_later_one() {
    let pool = pool_of(4);

    for _ in 0..10 {
        wait(submit_as(&pool, dns(), || ())).unwrap();
    }

    // All admissions were released: two lookups run concurrently.
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
    // Many more plain jobs behind them: they do not delay the first lookup, and the last lookup
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
fn lookups_that_are_cancelled_or_panic_admit_later_ones() {
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

fn cpu() -> Label {
    Label {
        class: Class::Cpu,
        ..here()
    }
}

#[test]
fn computations_have_workers_of_their_own() {
    let pool = Pool::new(Config {
        cpu_threads: Some(1),
        ..config(1)
    });
    assert_eq!(pool.load(Class::Cpu), Load::default());
    let (plain, computation) = (hold(&pool), hold_as(&pool, cpu()));
    plain.wait_for_start();
    computation.wait_for_start();
    let next = submit_as(&pool, cpu(), || ());

    assert_eq!((load(&pool).threads, load(&pool).queued), (1, 0));
    let load = pool.load(Class::Cpu);
    assert_eq!((load.threads, load.idle, load.queued), (1, 0, 1));
    computation.release();
    wait(next).unwrap();
    plain.release();
}

#[test]
fn a_closed_pool_makes_no_workers_for_computations() {
    let pool = pool_of(1);
    pool.close();

    let (queued, job) = job(cpu(), || ());
    assert!(pool.push(queued).is_err());

    assert!(is_cancelled(wait(job)));
    assert_eq!(pool.load(Class::Cpu), Load::default());
}

#[test]
fn each_class_is_starved_by_itself() {
    let pool = Pool::new(Config {
        cpu_threads: Some(1),
        ..config(2)
    });
    for (label, workers) in [(cpu(), 1), (dns(), 1), (here(), 1)] {
        let class = label.class;
        let held = hold_as(&pool, label.clone());
        held.wait_for_start();
        assert!(pool.starved(class).is_none());
        // For lookups one worker of two is enough. For plain jobs the other one must be held, too.
        let other = (class == Class::Plain).then(|| hold(&pool));
        other.iter().for_each(HeldJob::wait_for_start);
        let waiting = submit_as(&pool, label, || ());

        assert!(pool.has_backlog() && pool.has_backlog_of(class));
        let starved = pool.starved(class).unwrap();
        assert_eq!(starved.queued, 1);
        assert_eq!(
            starved.running.len(),
            workers + usize::from(other.is_some())
        );
        let others = Class::ALL.into_iter().filter(|other| *other != class);
        others.for_each(|other| assert!(pool.starved(other).is_none(), "{other:?}"));

        other.into_iter().for_each(HeldJob::release);
        held.release();
        wait(waiting).unwrap();
        until(|| pool.load(class).idle > 0);
        assert!(pool.starved(class).is_none());
        assert!(!pool.has_backlog_of(class));
    }
}
