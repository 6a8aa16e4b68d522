//! Which tasks are notified, and what becomes of a notification without a waiter.

use std::cell::RefCell;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;

use quintet::sync::Notify;

use super::{Bell, Polled, now, watched};

#[test]
fn one_notification_is_kept() {
    let notify = Notify::new();
    notify.notify_one();
    notify.notify_one();

    now(notify.notified());

    drop(Polled::waiting(notify.notified()));
}

#[test]
fn the_first_in_line_is_notified_or_the_last() {
    let notify = Notify::new();
    let mut waiters: Vec<_> = (0..4).map(|_| Polled::waiting(notify.notified())).collect();

    notify.notify_one();
    notify.notify_last();

    let woken: Vec<bool> = waiters.iter().map(Polled::is_woken).collect();
    assert_eq!(woken, [true, false, false, true]);
    waiters[0].output();
    waiters[3].output();
    assert!(waiters[1].poll().is_pending());
}

#[test]
fn all_present_waiters_are_notified_and_no_later_one() {
    let notify = Arc::new(Notify::new());
    let mut in_line = Polled::waiting(notify.notified());
    let mut made = Polled::new(notify.notified());
    let mut owned = Polled::new(Arc::clone(&notify).notified_owned());

    notify.notify_waiters();

    assert!(in_line.is_woken());
    in_line.output();
    made.output();
    owned.output();
    drop(Polled::waiting(notify.notified()));
}

#[test]
fn a_wait_that_all_were_notified_in_leaves_the_kept_notification() {
    let notify = Arc::new(Notify::new());
    for step in [Notify::notify_one, Notify::notify_last] {
        for is_kept_first in [false, true] {
            let mut polled = Polled::new(notify.notified());
            let mut owned = Polled::new(Arc::clone(&notify).notified_owned());
            let mut enabled = pin!(notify.notified());
            let dropped = notify.notified();
            if is_kept_first {
                step(&notify);
            }
            notify.notify_waiters();
            if !is_kept_first {
                step(&notify);
            }

            drop(dropped);
            assert!(enabled.as_mut().enable());
            polled.output();
            owned.output();

            now(notify.notified());
            drop(Polled::waiting(notify.notified()));
        }
    }
}

#[test]
fn a_waiter_that_is_dropped_passes_the_notification_on() {
    let notify = Notify::new();
    let first = Polled::waiting(notify.notified());
    let second = Polled::waiting(notify.notified());
    let third = Polled::waiting(notify.notified());
    notify.notify_one();
    drop(first);
    assert!(second.is_woken() && !third.is_woken());
    drop(third);
    drop(second);

    now(notify.notified());

    let first = Polled::waiting(notify.notified());
    let last = Polled::waiting(notify.notified());
    notify.notify_last();
    let middle = Polled::waiting(notify.notified());
    drop(last);
    assert!(middle.is_woken() && !first.is_woken());
}

#[test]
fn a_notification_for_all_is_not_passed_on() {
    let notify = Notify::new();
    let first = Polled::waiting(notify.notified());
    notify.notify_waiters();
    drop(first);

    drop(Polled::waiting(notify.notified()));
}

#[test]
fn a_waiter_that_is_enabled_is_queued_unpolled() {
    let notify = Notify::new();
    let mut first = pin!(notify.notified());
    assert!(!first.as_mut().enable());
    let second = Polled::waiting(notify.notified());

    notify.notify_one();

    assert!(!second.is_woken());
    assert!(first.as_mut().enable());
    now(first);
}

#[test]
fn tasks_run_in_the_order_in_which_they_stood_in_line() {
    watched(|| {
        crate::support::strict::block_on(async {
            let notify = Rc::new(Notify::new());
            let order = Rc::new(RefCell::new(Vec::new()));
            let tasks: Vec<_> = (0..10)
                .map(|name| {
                    let (notify, order) = (Rc::clone(&notify), Rc::clone(&order));
                    quintet::spawn(async move {
                        notify.notified().await;
                        order.borrow_mut().push(name);
                    })
                })
                .collect();
            quintet::task::yield_now().await;

            notify.notify_waiters();

            for task in tasks {
                task.await.unwrap();
            }
            assert_eq!(*order.borrow(), (0..10).collect::<Vec<_>>());
        });
    });
}

#[test]
fn the_last_waker_is_woken() {
    let notify = Notify::new();
    let mut waiting = Polled::waiting(notify.notified());
    let other = Arc::new(Bell::default());
    let waker = Waker::from(Arc::clone(&other));
    assert!(waiting.poll_with(&waker).is_pending());

    notify.notify_one();

    assert_eq!((waiting.bell.rings(), other.rings()), (0, 1));
}
