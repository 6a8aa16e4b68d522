//! Messages in order, room in order, and the ends of channels.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::thread;

use futures::StreamExt;
use quintet::sync::mpsc::error::{SendError, SendTimeoutError, TryRecvError, TrySendError};
use quintet::sync::mpsc::{channel, unbounded_channel};
use quintet::time::Duration;

use crate::programs::{check_some, operations};

use super::{Bell, Polled, now, panic_in_loop, watched};

#[test]
fn messages_come_in_the_order_in_which_they_were_sent() {
    let (sender, mut receiver) = unbounded_channel();
    for i in 0..100 {
        sender.send(i).unwrap();
    }
    drop(sender);

    assert_eq!(receiver.len(), 100);
    let received: Vec<i32> = now(receiver.by_ref().collect());
    assert_eq!(received, (0..100).collect::<Vec<_>>());
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
}

#[test]
fn senders_get_room_in_the_order_in_which_they_came() {
    let (sender, mut receiver) = channel(1);
    sender.try_send(0).unwrap();
    assert_eq!(sender.try_send(9), Err(TrySendError::Full(9)));
    let mut waiting: Vec<_> = (1..4).map(|i| Polled::waiting(sender.send(i))).collect();

    for i in 0..4 {
        assert_eq!(receiver.try_recv(), Ok(i));
        // The room is the next sender's, not a passer-by's.
        assert_eq!(
            sender.try_send(9).is_err(),
            i < 3,
            "after {i} a sender waits"
        );
        if let Some(sender) = waiting.get_mut(i) {
            assert!(sender.is_woken());
            sender.output().unwrap();
        }
    }
}

#[test]
fn a_sender_that_gives_up_passes_its_room_on() {
    let (sender, mut receiver) = channel(1);
    sender.try_send(0).unwrap();
    let in_line = Polled::waiting(sender.send(1));
    let with_room = Polled::waiting(sender.send(2));
    let mut last = Polled::waiting(sender.send(3));
    drop(in_line);
    assert_eq!(receiver.try_recv(), Ok(0));
    assert!(with_room.is_woken() && !last.is_woken());

    drop(with_room);

    last.output().unwrap();
    assert_eq!(receiver.try_recv(), Ok(3));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(sender.capacity(), 1);
}

#[test]
fn a_receiver_that_gives_up_loses_nothing() {
    let (sender, mut receiver) = channel(2);
    let waiting = Polled::waiting(receiver.recv());
    now(sender.send(1)).unwrap();
    assert!(waiting.is_woken());
    drop(waiting);

    assert_eq!(now(receiver.recv()), Some(1));
}

#[test]
fn the_receivers_last_waker_is_woken() {
    let (sender, mut receiver) = unbounded_channel();
    let mut waiting = Polled::waiting(receiver.recv());
    let other = Arc::new(Bell::default());
    assert!(
        waiting
            .poll_with(&Waker::from(Arc::clone(&other)))
            .is_pending()
    );

    sender.send(()).unwrap();

    assert_eq!((waiting.bell.rings(), other.rings()), (0, 1));
}

#[test]
fn a_dropped_receiver_wakes_the_waiting_senders_and_drops_what_was_sent() {
    let (sender, receiver) = channel(1);
    let message = Arc::new(());
    sender.try_send(Arc::clone(&message)).unwrap();
    let mut waiting = Polled::waiting(sender.send(Arc::clone(&message)));
    let mut closed = Polled::waiting(sender.closed());

    drop(receiver);

    assert!(waiting.is_woken() && closed.is_woken());
    assert_eq!(waiting.output(), Err(SendError(Arc::clone(&message))));
    closed.output();
    assert!(sender.is_closed());
    drop((waiting, closed));
    assert_eq!(Arc::strong_count(&message), 1);
}

#[test]
fn a_closed_channel_waits_for_the_permits_that_are_out() {
    let (sender, mut receiver) = channel(3);
    let used = sender.try_reserve().unwrap();
    let unused = now(sender.clone().reserve_owned()).unwrap();
    let mut many = sender.try_reserve_many(1).unwrap();
    assert_eq!(sender.capacity(), 0);

    receiver.close();

    assert_eq!(sender.try_send(9), Err(TrySendError::Closed(9)));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    used.send(1);
    many.next().unwrap().send(2);
    assert_eq!(now(receiver.recv()), Some(1));
    assert_eq!(now(receiver.recv()), Some(2));
    let mut end = Polled::waiting(receiver.recv());
    drop(many);
    assert!(!end.is_woken());
    drop(unused);
    assert!(end.is_woken());
    assert_eq!(end.output(), None);
}

#[test]
fn a_waiting_sender_of_a_closed_channel_keeps_it_from_no_end() {
    let (sender, mut receiver) = channel(1);
    sender.try_send(0).unwrap();
    let with_room = Polled::waiting(sender.send(1));
    assert_eq!(receiver.try_recv(), Ok(0));
    receiver.close();
    let mut end = Polled::waiting(receiver.recv());

    drop(with_room);

    assert!(end.is_woken());
    assert_eq!(end.output(), None);
}

#[test]
fn the_last_sender_ends_the_channel() {
    let (sender, mut receiver) = channel::<()>(1);
    let weak = sender.downgrade();
    let second = weak.upgrade().unwrap();
    assert_eq!((weak.strong_count(), weak.clone().weak_count()), (2, 2));
    assert!(sender.same_channel(&second));
    let mut end = Polled::waiting(receiver.recv());
    drop(sender);
    assert!(!end.is_woken());

    drop(second);

    assert!(end.is_woken());
    assert_eq!(end.output(), None);
    drop(end);
    assert!(weak.upgrade().is_none());
    assert!(receiver.is_closed());
}

#[test]
fn an_unbounded_channel_has_the_same_ends() {
    let (sender, mut receiver) = unbounded_channel();
    let weak = sender.downgrade();
    let mut closed = Polled::waiting(sender.closed());
    sender.send(1).unwrap();
    receiver.close();
    assert!(closed.is_woken());
    closed.output();
    assert_eq!(sender.send(2), Err(SendError(2)));
    assert_eq!(now(receiver.recv()), Some(1));
    assert_eq!(now(receiver.recv()), None);
    drop(closed);
    drop(sender);
    assert!(weak.upgrade().is_none());
}

#[test]
fn the_room_of_messages_that_go_with_the_receiver_comes_back() {
    let (sender, receiver) = channel(3);
    sender.try_send(1).unwrap();
    sender.try_send(2).unwrap();
    let permit = sender.try_reserve().unwrap();
    assert_eq!(sender.capacity(), 0);

    drop(receiver);

    assert_eq!(sender.capacity(), 2);
    drop(permit);
    assert_eq!(sender.capacity(), 3);
}

#[test]
fn permits_are_room() {
    let (sender, mut receiver) = channel(4);
    assert!(now(sender.reserve_many(5)).is_err());
    let permits = now(sender.reserve_many(3)).unwrap();
    assert_eq!((permits.len(), sender.capacity()), (3, 1));
    assert!(matches!(
        sender.try_reserve_many(2),
        Err(TrySendError::Full(()))
    ));
    for (i, permit) in permits.take(2).enumerate() {
        permit.send(i);
    }
    assert_eq!(sender.capacity(), 2);

    let owned = sender.clone().try_reserve_owned().unwrap();
    assert!(owned.same_channel_as_sender(&sender));
    let sender = owned.release();
    let sender = sender.try_reserve_owned().unwrap().send(2);
    assert_eq!((sender.capacity(), sender.max_capacity()), (1, 4));

    let mut all = Vec::new();
    assert_eq!(now(receiver.recv_many(&mut all, 0)), 0);
    assert_eq!(now(receiver.recv_many(&mut all, 2)), 2);
    assert_eq!(now(receiver.recv_many(&mut all, 9)), 1);
    assert_eq!((all, receiver.capacity()), (vec![0, 1, 2], 4));
}

#[test]
fn many_received_messages_make_room_for_many_senders() {
    let (sender, mut receiver) = channel(3);
    for i in 0..3 {
        sender.try_send(i).unwrap();
    }
    let many = Polled::waiting(sender.reserve_many(2));
    let one = Polled::waiting(sender.send(9));
    let mut buffer = Vec::new();

    assert_eq!(now(receiver.recv_many(&mut buffer, 3)), 3);

    assert!(many.is_woken() && one.is_woken());
}

#[test]
fn a_message_that_finds_no_room_in_time_comes_back() {
    watched(|| {
        crate::support::strict::block_on(async {
            let (sender, mut receiver) = channel(1);
            sender
                .send_timeout(1, Duration::from_secs(3600))
                .await
                .unwrap();
            let late = sender.send_timeout(2, Duration::ZERO).await;
            assert_eq!(late, Err(SendTimeoutError::Timeout(2)));
            receiver.close();
            let closed = sender.send_timeout(3, Duration::from_secs(3600)).await;
            assert_eq!(closed, Err(SendTimeoutError::Closed(3)));
            assert_eq!(receiver.recv().await, Some(1));
            assert_eq!(receiver.recv().await, None);
        });
    });
}

#[test]
#[should_panic(expected = "room for at least one message")]
fn a_channel_has_room() {
    drop(channel::<()>(0));
}

#[test]
fn threads_block_where_no_loop_runs() {
    watched(|| {
        let (sender, mut receiver) = channel(1);
        let producer = thread::spawn({
            let sender = sender.clone();
            move || (0..100).for_each(|i| sender.blocking_send(i).unwrap())
        });
        let mut received = Vec::new();
        while received.len() < 50 {
            received.push(receiver.blocking_recv().unwrap());
        }
        while received.len() < 100 {
            assert!(receiver.blocking_recv_many(&mut received, 9) > 0);
        }
        producer.join().unwrap();
        assert_eq!(received, (0..100).collect::<Vec<_>>());

        let message = panic_in_loop(|| sender.blocking_send(1).unwrap());
        assert!(message.contains("`mpsc::Sender::blocking_send` would block"));
        let message = panic_in_loop(|| assert_eq!(receiver.blocking_recv(), None));
        assert!(message.contains("`mpsc::Receiver::blocking_recv` would block"));
    });
}

#[test]
fn threads_send_to_a_loop() {
    const COUNT: usize = 2_000;
    watched(|| {
        let (sender, mut receiver) = channel(4);
        let threads: Vec<_> = (0..3)
            .map(|name| {
                let sender = sender.clone();
                thread::spawn(move || {
                    for i in 0..COUNT {
                        sender.blocking_send((name, i)).unwrap();
                    }
                })
            })
            .collect();
        drop(sender);
        let received = crate::support::strict::block_on(async {
            let mut received = vec![Vec::new(); 3];
            while let Some((name, i)) = receiver.recv().await {
                let name: usize = name;
                received[name].push(i);
            }
            received
        });
        for thread in threads {
            thread.join().unwrap();
        }
        for of_one in received {
            assert_eq!(of_one, (0..COUNT).collect::<Vec<_>>());
        }
    });
}

#[test]
fn a_long_queue_is_dropped() {
    let (sender, receiver) = unbounded_channel();
    for i in 0..1_000_000 {
        sender.send(Box::new(i)).unwrap();
    }
    drop(receiver);
    assert!(sender.is_closed());
}

/// Operations of the longest program.
const LENGTH: usize = 80;

operations! {
    8 Send;
    4 TrySend;
    6 TryRecv;
    2 RecvMany { count: 3 };
    // Drops one of the senders that wait.
    3 GiveUp { which: LENGTH };
    1 Close;
}

/// A sender that waits for room.
type Waiting<'a> = Polled<'a, Result<(), SendError<usize>>>;

#[test]
fn it_does_what_its_model_does() {
    check_some(300, "cargo test --test sync mpsc", LENGTH, |program| {
        (1..4).for_each(|room| run_with_model(room, program));
        Ok(())
    });
}

/// The model: what is queued and which senders wait. Waiting senders that were woken are polled at
/// once, so room is never set aside between two steps.
fn run_with_model(room: usize, program: &[Op]) {
    let (sender, mut receiver) = channel(room);
    let mut queued: VecDeque<usize> = VecDeque::new();
    let mut line: VecDeque<(usize, Waiting<'_>)> = VecDeque::new();
    let mut is_closed = false;
    for (message, op) in program.iter().enumerate() {
        match *op {
            Op::Send => {
                let mut future = Polled::new(sender.send(message));
                match future.poll() {
                    Poll::Ready(Ok(())) => queued.push_back(message),
                    Poll::Ready(Err(_)) => assert!(is_closed),
                    Poll::Pending => line.push_back((message, future)),
                }
            }
            Op::TrySend => match sender.try_send(message) {
                Ok(()) => queued.push_back(message),
                Err(TrySendError::Closed(_)) => assert!(is_closed),
                Err(TrySendError::Full(_)) => assert_eq!(queued.len(), room),
            },
            Op::TryRecv => match receiver.try_recv() {
                Ok(message) => assert_eq!(Some(message), queued.pop_front()),
                Err(_) => assert!(queued.is_empty()),
            },
            Op::RecvMany { count } => {
                let count = 1 + count;
                let mut received = Vec::new();
                let polled = Polled::new(receiver.recv_many(&mut received, count)).poll();
                assert_eq!(polled.is_ready(), is_closed || !queued.is_empty());
                let expected: Vec<_> = queued.drain(..count.min(queued.len())).collect();
                assert_eq!(received, expected);
            }
            Op::GiveUp { which } => drop(line.remove(which % line.len().max(1))),
            Op::Close => {
                receiver.close();
                is_closed = true;
            }
        }
        while line.front().is_some_and(|(_, future)| future.is_woken()) {
            let (message, mut future) = line.pop_front().unwrap();
            match future.output() {
                Ok(()) => queued.push_back(message),
                Err(SendError(back)) => assert!(is_closed && back == message),
            }
        }
        assert!(line.iter().all(|(_, future)| !future.is_woken()));
        assert!(line.is_empty() || queued.len() == room);
        assert_eq!(receiver.len(), queued.len());
        assert!(queued.len() <= room);
    }
}

#[test]
fn a_receiver_that_has_found_the_end_is_not_woken_again() {
    let (sender, mut receiver) = channel::<()>(1);
    let bell = Arc::clone(&Polled::waiting(receiver.recv()).bell);
    receiver.close();
    assert_eq!(now(receiver.recv()), None);
    assert_eq!(Arc::strong_count(&bell), 1);
    drop(sender);
    assert_eq!(bell.rings(), 0);
}
