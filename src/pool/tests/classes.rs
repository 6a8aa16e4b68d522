//! The limit on name lookups.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};

use super::{HeldJob, dns, here, hold, hold_as, pool_of, submit, submit_as, until, wait, wait_at};
use crate::pool::{Class, Label};

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
        assert_eq!(pool.load().queued, 100 - lookups_max);
        lookups.into_iter().for_each(HeldJob::release);
        until(|| pool.load().queued == 0);
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
