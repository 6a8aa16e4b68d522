//! A single message, or none.

use std::sync::Arc;
use std::task::Waker;
use std::thread;

use quintet::sync::oneshot::{channel, error::TryRecvError};

use super::{Bell, Polled, now, panic_in_loop, watched};

#[test]
fn the_message_arrives() {
    let (sender, mut receiver) = channel();
    assert!(receiver.is_empty());
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    let mut waiting = Polled::waiting(&mut receiver);
    let other = Arc::new(Bell::default());
    let waker = Waker::from(Arc::clone(&other));
    assert!(waiting.poll_with(&waker).is_pending());

    sender.send(1).unwrap();

    assert_eq!((waiting.bell.rings(), other.rings()), (0, 1));
    drop(waiting);
    assert!(!receiver.is_empty());
    assert_eq!(now(&mut receiver), Ok(1));
    assert!(receiver.is_terminated());
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
}

#[test]
fn a_sender_that_goes_away_is_missed() {
    let (sender, receiver) = channel::<()>();
    let mut waiting = Polled::waiting(receiver);
    drop(sender);
    assert!(waiting.is_woken());
    assert!(waiting.output().is_err());

    let (sender, mut receiver) = channel::<()>();
    drop(sender);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
}

#[test]
fn a_receiver_that_goes_away_is_noticed() {
    let (mut sender, receiver) = channel();
    let mut closed = Polled::waiting(sender.closed());
    drop(receiver);
    assert!(closed.is_woken());
    closed.output();
    drop(closed);
    assert!(sender.is_closed());
    assert_eq!(sender.send(1), Err(1));
}

#[test]
fn a_closed_receiver_still_has_what_was_sent() {
    let (sender, mut receiver) = channel();
    sender.send(1).unwrap();
    receiver.close();
    assert_eq!(receiver.try_recv(), Ok(1));

    let (sender, mut receiver) = channel();
    receiver.close();
    assert_eq!(sender.send(1), Err(1));
    assert!(now(receiver).is_err());
}

#[test]
fn a_message_that_is_not_received_is_dropped_with_the_receiver() {
    let message = Arc::new(());
    let (sender, receiver) = channel();
    sender.send(Arc::clone(&message)).unwrap();
    drop(receiver);
    assert_eq!(Arc::strong_count(&message), 1);
}

#[test]
fn an_end_that_goes_away_leaves_no_waker_behind() {
    let (sender, receiver) = channel::<()>();
    let waiting = Polled::waiting(receiver);
    let bell = Arc::clone(&waiting.bell);
    drop(waiting);
    assert_eq!(Arc::strong_count(&bell), 1);
    drop(sender);
    assert_eq!(bell.rings(), 0);

    let (mut sender, receiver) = channel::<()>();
    let waiting = Polled::waiting(sender.closed());
    let bell = Arc::clone(&waiting.bell);
    drop(waiting);
    drop(sender);
    assert_eq!(Arc::strong_count(&bell), 1);
    drop(receiver);
    assert_eq!(bell.rings(), 0);
}

#[test]
fn a_receiver_that_has_ended_is_not_woken_again() {
    let (sender, mut receiver) = channel::<()>();
    let bell = Arc::clone(&Polled::waiting(&mut receiver).bell);
    receiver.close();
    assert!(now(&mut receiver).is_err());
    assert_eq!(Arc::strong_count(&bell), 1);
    drop(sender);

    let (sender, mut receiver) = channel::<()>();
    let other = Arc::clone(&Polled::waiting(&mut receiver).bell);
    receiver.close();
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    assert_eq!(Arc::strong_count(&other), 1);
    drop(sender);
    assert_eq!((bell.rings(), other.rings()), (0, 0));
}

#[test]
#[should_panic(expected = "polled after it had completed")]
fn it_completes_once() {
    let (sender, mut receiver) = channel();
    sender.send(1).unwrap();
    assert_eq!(now(&mut receiver), Ok(1));
    drop(now(receiver));
}

#[test]
fn it_goes_from_thread_to_thread() {
    watched(|| {
        for _ in 0..500 {
            let (sender, receiver) = channel();
            let thread = thread::spawn(move || receiver.blocking_recv());
            sender.send(1).unwrap();
            assert_eq!(thread.join().unwrap(), Ok(1));
        }
        let (_sender, receiver) = channel::<()>();
        let message = panic_in_loop(|| drop(receiver.blocking_recv()));
        assert!(message.contains("`oneshot::Receiver::blocking_recv` would block"));
    });
}
