//! Unit tests of the [waiters](super).

use std::sync::Arc;
use std::task::{Wake, Waker};

use super::*;
use crate::slots::Key;

struct NoopWake;

impl Wake for NoopWake {
    fn wake(self: Arc<Self>) {}
}

/// Returns a waker that differs from all others.
fn waker() -> Waker {
    Waker::from(Arc::new(NoopWake))
}

fn key(index: u64) -> Key {
    Key::from_bits(index)
}

fn keys(waiters: &Waiters) -> Vec<u64> {
    let owners = waiters.iter().map(|entry| entry.waiter.owner());
    owners
        .map(|owner| owner.map_or(u64::MAX, Key::to_bits))
        .collect()
}

fn operation(waiters: &mut Waiters, number: u64, task: u64) -> bool {
    let own = waker();
    let caller = Caller::task(&own, key(task));
    let id = WaiterId::operation(number);
    waiters.add_task(id, &caller, Waiter::Task(key(task)))
}

fn trait_caller(waiters: &mut Waiters, task: u64) -> bool {
    let own = waker();
    let caller = Caller::task(&own, key(task));
    waiters.add_task(WaiterId::TRAIT_CALLER, &caller, Waiter::Task(key(task)))
}

fn three() -> Waiters {
    let mut waiters = Waiters::default();
    for n in 1..=3 {
        assert!(operation(&mut waiters, n, n));
    }
    waiters
}

#[test]
fn waiters_are_taken_in_the_order_of_arrival() {
    let mut waiters = three();
    assert!(waiters.take_single().is_none(), "there are several");
    let mut out = Vec::new();
    waiters.take_all(&mut out);
    let owners = out.iter().map(|waiter| waiter.owner().unwrap().to_bits());
    assert_eq!(owners.collect::<Vec<_>>(), [1, 2, 3]);
    assert!(waiters.is_empty());
}

#[test]
fn an_operation_that_comes_back_goes_before_the_younger_ones() {
    let mut waiters = Waiters::default();
    for number in [4, 2, 3, 1] {
        assert!(operation(&mut waiters, number, number));
    }
    assert_eq!(keys(&waiters), [1, 2, 3, 4]);

    let mut waiters = Waiters::default();
    assert!(operation(&mut waiters, 5, 5));
    assert!(trait_caller(&mut waiters, 100));
    for number in [3, 4, 6, 1] {
        assert!(operation(&mut waiters, number, number));
    }
    assert_eq!(keys(&waiters), [1, 3, 4, 5, 100, 6]);

    // A trait caller has no number, so it stays ahead of those behind it.
    let mut waiters = Waiters::default();
    assert!(trait_caller(&mut waiters, 100));
    for number in [2, 1] {
        assert!(operation(&mut waiters, number, number));
    }
    assert_eq!(keys(&waiters), [100, 1, 2]);
}

#[test]
fn a_removal_keeps_the_order_of_the_others() {
    for (removed_task, left) in [(1, [2, 3]), (2, [1, 3]), (3, [1, 2])] {
        let mut waiters = three();
        let removed = waiters.remove(WaiterId::operation(removed_task));
        assert_eq!(removed.unwrap().owner(), Some(key(removed_task)));
        assert_eq!(keys(&waiters), left);
        assert!(waiters.remove(WaiterId::operation(removed_task)).is_none());
    }
}

#[test]
fn the_last_of_several_is_taken_as_a_single_one() {
    let mut waiters = three();
    waiters.remove(WaiterId::operation(1));
    waiters.remove(WaiterId::operation(3));
    assert_eq!(waiters.take_single().unwrap().owner(), Some(key(2)));
}

#[test]
fn an_operation_that_waits_by_a_waker_is_not_removed_as_a_task() {
    let mut waiters = three();
    assert!(waiters.remove_task(WaiterId::operation(2)));
    assert!(waiters.remove_task(WaiterId::operation(2)));
    assert_eq!(keys(&waiters), [1, 3]);
    let foreign = waker();
    let old = waiters.add(
        WaiterId::operation(4),
        Caller::foreign(&foreign).to_waiter(),
    );
    assert!(old.is_none());
    assert!(!waiters.remove_task(WaiterId::operation(4)));
    assert_eq!(waiters.iter().count(), 3);
}

#[test]
fn an_operation_has_one_entry_and_keeps_its_place_when_it_moves() {
    let mut waiters = three();
    assert!(operation(&mut waiters, 2, 9));
    assert_eq!(keys(&waiters), [1, 9, 3]);
    assert!(operation(&mut waiters, 1, 8));
    assert_eq!(keys(&waiters), [8, 9, 3]);

    let foreign = waker();
    let old = waiters.add(
        WaiterId::operation(2),
        Caller::foreign(&foreign).to_waiter(),
    );
    assert_eq!(old.unwrap().owner(), Some(key(9)));
    assert!(!operation(&mut waiters, 2, 9), "a waker is to be dropped");
    assert_eq!(keys(&waiters), [8, u64::MAX, 3]);
}

#[test]
fn a_task_has_one_entry_as_a_trait_caller_beside_its_operations() {
    let mut waiters = Waiters::default();
    for _ in 0..3 {
        assert!(trait_caller(&mut waiters, 1));
        assert!(trait_caller(&mut waiters, 2));
        assert!(operation(&mut waiters, 1, 1));
    }
    assert_eq!(keys(&waiters), [1, 2, 1]);
}

#[test]
fn a_few_sweeps_make_room_for_many_tasks_and_remove_none() {
    let mut waiters = Waiters::default();
    let mut sweeps = 0;
    for task in 0..1000 {
        while !trait_caller(&mut waiters, task) {
            sweeps += 1;
            let swept = waiters.sweep(1, |_| Owner::Task {
                is_ref: true,
                polls: 7,
            });
            assert!(swept.is_empty(), "all of them still wait");
        }
    }
    assert_eq!(waiters.iter().count(), 1000);
    assert!(sweeps <= 6, "{sweeps} sweeps");
}

/// Adds a waker, after a sweep if one is due. Returns the waiters that were swept.
fn add_waker(waiters: &mut Waiters, tick: u64, called_in: u32, polls: u32) -> Vec<Waiter> {
    let foreign = waker();
    let owner = |_: &Waiter| Owner::Task {
        is_ref: true,
        polls,
    };
    let swept = if waiters.is_full() {
        waiters.sweep(tick, owner)
    } else {
        Vec::new()
    };
    let id = WaiterId::trait_caller(called_in);
    assert!(
        waiters
            .add(id, Caller::foreign(&foreign).to_waiter())
            .is_none()
    );
    swept
}

#[test]
fn wakers_that_called_in_the_last_poll_of_their_task_are_not_woken() {
    let mut waiters = Waiters::default();
    for _ in 0..1000 {
        assert!(add_waker(&mut waiters, 1, 5, 5).is_empty());
    }
    assert_eq!(waiters.iter().count(), 1000);
}

#[test]
fn wakers_of_dropped_futures_do_not_pile_up() {
    let mut waiters = Waiters::default();
    let mut woken = 0;
    // Each poll of the task drops a read that has waited by its own waker.
    for poll in 0..100_000 {
        woken += add_waker(&mut waiters, 100 * u64::from(poll), poll, poll).len();
        assert!(waiters.iter().count() <= LIMIT_MIN + 1);
    }
    assert!(woken > 90_000);
}

#[test]
fn sweeps_end_although_all_wakers_come_back() {
    let mut waiters = Waiters::default();
    let mut woken = 0;
    let mut asking = 500;
    // All of them still wait, and their task is polled once for each.
    let mut polls = 0;
    while asking > 0 {
        polls += 1;
        let swept = add_waker(&mut waiters, 1, polls, polls + 1).len();
        woken += swept;
        asking = asking - 1 + swept;
        assert!(woken < 5_000, "the sweeps do not end");
    }
    assert_eq!(waiters.iter().count(), 500);
}
