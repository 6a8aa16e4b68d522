//! Every message goes to every receiver; receivers that lag.

use std::sync::Arc;
use std::thread;

use quintet::sync::broadcast::error::{RecvError, SendError, TryRecvError};
use quintet::sync::broadcast::{Sender, channel};

use super::{Polled, now, panic_in_loop, watched};

#[test]
fn everybody_receives_what_is_sent_after_their_coming() {
    let (sender, mut one) = channel(4);
    assert_eq!(sender.send('a'), Ok(1));
    let mut other = one.resubscribe();
    let mut waiting = Polled::waiting(other.recv());
    assert_eq!(sender.send('b'), Ok(2));
    assert!(waiting.is_woken());
    assert_eq!(waiting.output(), Ok('b'));
    drop(waiting);
    assert_eq!((one.len(), other.len(), sender.len()), (2, 0, 2));
    assert_eq!(now(one.recv()), Ok('a'));
    assert_eq!(now(one.recv()), Ok('b'));
    assert_eq!(one.try_recv(), Err(TryRecvError::Empty));
    assert!(sender.is_empty());
}

#[test]
fn a_receiver_that_lags_gets_an_error_and_goes_on_with_the_oldest() {
    let (sender, mut slow) = channel(3);
    let mut fast = sender.subscribe();
    for i in 0..6 {
        sender.send(i).unwrap();
        assert_eq!(fast.try_recv(), Ok(i));
    }

    // Three are rounded up to four.
    assert_eq!((slow.len(), sender.len()), (6, 4));
    assert_eq!(now(slow.recv()), Err(RecvError::Lagged(2)));
    assert_eq!(now(slow.recv()), Ok(2));
    sender.send(6).unwrap();
    sender.send(7).unwrap();
    assert_eq!(slow.try_recv(), Err(TryRecvError::Lagged(1)));
    assert_eq!(slow.try_recv(), Ok(4));
}

#[test]
fn the_last_sender_ends_it_when_all_is_received() {
    let (sender, mut receiver) = channel(2);
    let weak = sender.downgrade();
    let second = weak.upgrade().unwrap();
    assert_eq!((sender.strong_count(), weak.weak_count()), (2, 1));
    sender.send(1).unwrap();
    drop((sender, second));
    assert!(weak.upgrade().is_none() && receiver.is_closed());
    assert_eq!(now(receiver.recv()), Ok(1));
    assert_eq!(now(receiver.recv()), Err(RecvError::Closed));

    let (sender, mut receiver) = channel::<()>(2);
    let mut waiting = Polled::waiting(receiver.recv());
    drop(sender);
    assert!(waiting.is_woken());
    assert_eq!(waiting.output(), Err(RecvError::Closed));
}

#[test]
fn messages_are_dropped_with_the_last_receiver_that_needs_them() {
    let message = Arc::new(());
    let (sender, one) = channel(4);
    let mut other = sender.subscribe();
    sender.send(Arc::clone(&message)).unwrap();
    sender.send(Arc::clone(&message)).unwrap();
    drop(other.try_recv());
    assert_eq!(Arc::strong_count(&message), 3);
    let mut closed = Polled::waiting(sender.closed());
    drop(one);
    assert_eq!(Arc::strong_count(&message), 2);
    assert!(!closed.is_woken());
    drop(other);
    assert_eq!(Arc::strong_count(&message), 1);
    assert!(closed.is_woken());
    closed.output();
    let refused = sender.send(Arc::clone(&message));
    assert_eq!(refused, Err(SendError(message)));
}

#[test]
fn a_receiver_that_is_dropped_takes_nothing_from_others() {
    let (sender, mut one) = channel(4);
    let mut other = sender.subscribe();
    sender.send(1).unwrap();
    sender.send(2).unwrap();
    assert_eq!(one.try_recv(), Ok(1));

    drop(one);

    assert_eq!(other.try_recv(), Ok(1));
    assert_eq!(other.try_recv(), Ok(2));
    assert_eq!(other.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn a_receiver_that_gives_up_loses_nothing() {
    let (sender, mut receiver) = channel(2);
    let waiting = Polled::waiting(receiver.recv());
    let bell = Arc::clone(&waiting.bell);
    drop(waiting);
    assert_eq!(Arc::strong_count(&bell), 1, "no waker is left behind");
    let waiting = Polled::waiting(receiver.recv());
    sender.send(1).unwrap();
    drop(waiting);
    assert_eq!(receiver.try_recv(), Ok(1));
    let late = sender.subscribe();
    assert!(late.same_channel(&receiver) && late.is_empty());
    assert_eq!(sender.receiver_count(), 2);
}

#[test]
#[should_panic(expected = "room for at least one message")]
fn it_has_room() {
    drop(Sender::<()>::new(0));
}

#[test]
fn threads_receive_all_or_are_told_what_they_missed() {
    const COUNT: u64 = 3_000;
    watched(|| {
        let (sender, receiver) = channel(64);
        let receivers = [(); 3].map(|()| {
            let mut receiver = receiver.resubscribe();
            thread::spawn(move || {
                let mut next = 0;
                loop {
                    match receiver.blocking_recv() {
                        Ok(i) => {
                            assert_eq!(i, next);
                            next += 1;
                        }
                        Err(RecvError::Lagged(missed)) => next += missed,
                        Err(RecvError::Closed) => return next,
                    }
                }
            })
        });
        (0..COUNT).for_each(|i| drop(sender.send(i)));
        drop(sender);
        for receiver in receivers {
            assert_eq!(receiver.join().unwrap(), COUNT);
        }
        let mut receiver = receiver;
        let message = panic_in_loop(|| drop(receiver.blocking_recv()));
        assert!(message.contains("`broadcast::Receiver::blocking_recv` would block"));
    });
}
