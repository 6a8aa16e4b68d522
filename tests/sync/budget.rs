//! Each operation counts towards the task's budget.

use std::cell::Cell;
use std::rc::Rc;

use quintet::sync::{Mutex, Notify, RwLock, Semaphore, broadcast, mpsc, watch};
use quintet::{block_on, spawn};

use super::watched;

const UNITS: u32 = 128;

/// Runs a task that makes `operation` again and again, which need never wait, and asserts that
/// another has its turn when the budget is spent.
fn yields_when_spent(mut operation: impl AsyncFnMut(u32) + 'static) {
    watched(|| {
        block_on(async {
            let done = Rc::new(Cell::new(0));
            let busy = spawn({
                let done = Rc::clone(&done);
                async move {
                    for i in 0..3 * UNITS {
                        operation(i).await;
                        done.set(i + 1);
                    }
                }
            });
            let seen = spawn(async move { done.get() });
            assert_eq!(seen.await.unwrap(), UNITS);
            busy.await.unwrap();
        });
    });
}

#[test]
fn receiving_from_a_full_channel_lets_others_have_their_turn() {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    (0..3 * UNITS).for_each(|i| sender.send(i).unwrap());
    yields_when_spent(async move |i| assert_eq!(receiver.recv().await, Some(i)));
}

#[test]
fn sending_to_a_channel_with_room_does() {
    let (sender, receiver) = mpsc::channel(1000);
    yields_when_spent(async move |i| {
        let _alive = &receiver;
        sender.send(i).await.unwrap();
    });
}

#[test]
fn broadcasts_and_watches_do() {
    let (sender, mut receiver) = broadcast::channel(512);
    (0..3 * UNITS).for_each(|i| assert_eq!(sender.send(i), Ok(1)));
    yields_when_spent(async move |i| assert_eq!(receiver.recv().await, Ok(i)));

    let (sender, mut receiver) = watch::channel(0);
    yields_when_spent(async move |i| {
        sender.send(i).unwrap();
        receiver.changed().await.unwrap();
    });
}

#[test]
fn free_locks_and_permits_do() {
    let mutex = Mutex::new(());
    yields_when_spent(async move |_| drop(mutex.lock().await));
    let lock = RwLock::new(());
    yields_when_spent(async move |_| drop(lock.read().await));
    let semaphore = Semaphore::new(1);
    yields_when_spent(async move |_| drop(semaphore.acquire().await));
    let notify = Notify::new();
    yields_when_spent(async move |_| {
        notify.notify_one();
        notify.notified().await;
    });
}
