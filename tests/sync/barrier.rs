//! No task goes on until all have arrived.

use std::sync::Arc;

use quintet::sync::Barrier;

use super::{Polled, now, watched};

#[test]
fn the_last_to_come_leads_and_lets_all_go() {
    let barrier = Barrier::new(3);
    for _round in 0..2 {
        let mut first = Polled::waiting(barrier.wait());
        let mut second = Polled::waiting(barrier.wait());
        assert!(first.poll().is_pending(), "a task arrives only once");

        assert!(now(barrier.wait()).is_leader());

        assert!(first.is_woken() && second.is_woken());
        assert!(!first.output().is_leader());
        assert!(!second.output().is_leader());
    }
}

#[test]
fn a_barrier_for_zero_is_one_for_one() {
    assert!(now(Barrier::new(0).wait()).is_leader());
}

#[test]
fn a_waiter_that_is_dropped_has_arrived() {
    let barrier = Barrier::new(2);
    drop(Polled::waiting(barrier.wait()));
    assert!(now(barrier.wait()).is_leader());
}

#[test]
fn threads_meet() {
    watched(|| {
        let barrier = Arc::new(Barrier::new(4));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let barrier = Arc::clone(&barrier);
                std::thread::spawn(move || {
                    crate::support::strict::block_on(async {
                        let mut led = 0;
                        for _ in 0..100 {
                            led += u32::from(barrier.wait().await.is_leader());
                        }
                        led
                    })
                })
            })
            .collect();
        let led: u32 = threads.into_iter().map(|t| t.join().unwrap()).sum();
        assert_eq!(led, 100);
    });
}
