//! The latest value, and which receivers have seen it.

use std::thread;

use quintet::sync::watch::{Sender, channel};

use super::{Polled, now, watched};

#[test]
fn receivers_are_told_once_of_many_values() {
    let (sender, mut receiver) = channel(0);
    assert!(!receiver.has_changed().unwrap());
    let mut waiting = Polled::waiting(receiver.changed());
    sender.send(1).unwrap();
    assert_eq!(sender.send_replace(2), 1);
    assert_eq!(waiting.bell.rings(), 1);
    waiting.output().unwrap();
    drop(waiting);

    assert_eq!(*receiver.borrow(), 2);
    assert!(!receiver.borrow().has_changed());
    drop(Polled::waiting(receiver.changed()));
}

#[test]
fn a_waiter_that_is_dropped_has_seen_nothing() {
    let (sender, mut receiver) = channel(0);
    let waiting = Polled::waiting(receiver.changed());
    sender.send(1).unwrap();
    drop(waiting);

    assert!(receiver.has_changed().unwrap());
    assert!(receiver.borrow().has_changed());
    let copy = receiver.clone();
    assert!(receiver.borrow_and_update().has_changed());
    assert!(!receiver.has_changed().unwrap());
    assert!(copy.has_changed().unwrap());
}

#[test]
fn only_a_modified_value_is_told() {
    let (sender, mut receiver) = channel(0);
    let waiting = Polled::waiting(receiver.changed());
    assert!(!sender.send_if_modified(|_| false));
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        sender.send_modify(|value| {
            *value = 5;
            panic!("while it modifies");
        });
    }));
    assert!(panicked.is_err() && !waiting.is_woken());
    sender.send_modify(|value| *value += 1);
    assert!(waiting.is_woken());
    drop(waiting);
    assert_eq!(*receiver.borrow(), 6);
    receiver.mark_unchanged();
    assert!(!receiver.has_changed().unwrap());
    receiver.mark_changed();
    now(receiver.changed()).unwrap();
}

#[test]
fn it_waits_for_a_value_that_is_wanted() {
    let (sender, mut receiver) = channel(0);
    assert_eq!(*now(receiver.wait_for(|value| *value == 0)).unwrap(), 0);
    let mut waiting = Polled::waiting(receiver.wait_for(|value| *value > 1));
    sender.send(1).unwrap();
    assert!(waiting.poll().is_pending());
    sender.send(2).unwrap();
    let found = waiting.output().unwrap();
    assert!(found.has_changed() && *found == 2);
    drop(found);
    drop(waiting);

    let mut last = Polled::waiting(receiver.wait_for(|value| *value == 4));
    sender.send(4).unwrap();
    drop(sender);
    assert_eq!(*last.output().unwrap(), 4);
    drop(last);
    assert!(now(receiver.wait_for(|_| false)).is_err());
}

#[test]
fn the_last_sender_ends_it() {
    let (sender, mut receiver) = channel(0);
    let second = sender.clone();
    assert!(sender.same_channel(&second) && sender.sender_count() == 2);
    drop(sender);
    second.send(1).unwrap();
    assert!(now(receiver.changed()).is_ok());
    let mut waiting = Polled::waiting(receiver.changed());
    drop(second);
    assert!(waiting.is_woken());
    assert!(waiting.output().is_err());
    drop(waiting);
    assert!(receiver.has_changed().is_err() && receiver.is_closed());
    assert_eq!(*receiver.borrow(), 1);
}

#[test]
fn the_last_receiver_is_missed() {
    let sender = Sender::new(0);
    assert!(sender.is_closed());
    assert!(sender.send(1).is_err());
    assert_eq!(sender.send_replace(2), 0);
    let receiver = sender.subscribe();
    assert!(receiver.same_channel(&receiver.clone()));
    let mut closed = Polled::waiting(sender.closed());
    drop(receiver);
    assert!(closed.is_woken());
    // There is another before anybody looks.
    let receiver = sender.subscribe();
    assert!(closed.poll().is_pending());
    drop(receiver);
    closed.output();
    assert_eq!((*sender.borrow(), sender.receiver_count()), (2, 0));
}

#[test]
fn a_thread_does_not_wait_for_itself() {
    watched(|| {
        let (sender, receiver) = channel(0);
        let (other, _alive) = channel(0);
        let look = receiver.borrow();
        let second = receiver.borrow();
        drop(second);
        other.send(1).unwrap();
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| sender.send(1)));
        let message = *panicked.unwrap_err().downcast::<&str>().unwrap();
        assert!(message.contains("this thread would wait for itself"));
        assert_eq!(*look, 0);

        // Another thread waits until the look is over.
        let thread = thread::spawn(move || sender.send(2));
        drop(look);
        thread.join().unwrap().unwrap();
        assert_eq!(*receiver.borrow(), 2);
    });
}

#[test]
fn threads_see_values_in_order_and_the_last() {
    const COUNT: u32 = 2_000;
    watched(|| {
        let (sender, receiver) = channel(0);
        let watchers = [(); 3].map(|()| {
            let mut receiver = receiver.clone();
            thread::spawn(move || {
                crate::support::strict::block_on(async {
                    let mut seen = 0;
                    while receiver.changed().await.is_ok() {
                        let value = *receiver.borrow_and_update();
                        assert!(value >= seen);
                        seen = value;
                    }
                    seen
                })
            })
        });
        (1..=COUNT).for_each(|i| sender.send(i).unwrap());
        drop(sender);
        for watcher in watchers {
            assert_eq!(watcher.join().unwrap(), COUNT);
        }
    });
}
