//! Channels and locks, for any library on any runtime.

use std::cell::Cell;
use std::hint::black_box;
use std::rc::Rc;

use super::Amount;
use super::local_channel::channel;
use super::tasks::{split_among, timed, wake_self};
use crate::libraries::{Broadcasts, Primitives};
use crate::measure::Sample;
use crate::runtimes::Runtime;

/// A primitive and how it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Primitive {
    Oneshot,
    Mpsc,
    Watch,
    Broadcast,
    Mutex,
    ContendedMutex,
    RwLockRead,
    Semaphore,
    ContendedSemaphore,
    Notify,
}

/// The capacity of a channel.
const CAPACITY: usize = 16;
/// The number of receivers of each value.
const READERS: u64 = 8;
/// The number of tasks that contend for a lock.
const CONTENDERS: u64 = 8;
/// The number of permits of a semaphore, fewer than the tasks that contend.
const PERMITS: usize = 4;

/// Runs a workload. Returns `None` if the library does not have the primitive.
pub(crate) fn run<R: Runtime, L: Primitives>(
    primitive: Primitive,
    amount: Amount,
) -> Option<Sample> {
    Some(match primitive {
        Primitive::Oneshot => timed::<R, _>(amount, oneshot::<R, L>),
        Primitive::Mpsc => timed::<R, _>(amount, mpsc::<R, L>),
        Primitive::Mutex => timed::<R, _>(amount, mutex::<L>),
        Primitive::ContendedMutex => timed::<R, _>(amount, contended_mutex::<R, L>),
        Primitive::RwLockRead => timed::<R, _>(amount, rwlock_read::<L>),
        Primitive::Semaphore => timed::<R, _>(amount, semaphore::<L>),
        Primitive::ContendedSemaphore => timed::<R, _>(amount, contended_semaphore::<R, L>),
        Primitive::Notify => timed::<R, _>(amount, notify::<R, L>),
        Primitive::Watch | Primitive::Broadcast => return None,
    })
}

/// Runs a workload, including those with several receivers.
pub(crate) fn run_all<R: Runtime, L: Broadcasts>(
    primitive: Primitive,
    amount: Amount,
) -> Option<Sample> {
    match primitive {
        Primitive::Watch => Some(timed::<R, _>(amount, watch::<R, L>)),
        Primitive::Broadcast => Some(timed::<R, _>(amount, broadcast::<R, L>)),
        _ => run::<R, L>(primitive, amount),
    }
}

/// A message that contains the channel for the reply.
struct Request<L: Primitives>(L::OneshotSender<Request<L>>);

/// Two tasks send each other messages, each over a new channel. One operation is a message: a
/// channel is made, waited for, sent to and received from.
async fn oneshot<R: Runtime, L: Primitives>(count: u64) {
    let pairs = count.div_ceil(2);
    let (first, receiver) = L::oneshot::<Request<L>>();
    let other = R::spawn(async move {
        drop(reply::<L>(receiver, pairs).await);
    });
    let (sender, receiver) = L::oneshot();
    L::oneshot_send(first, Request(sender));
    let last = reply::<L>(receiver, pairs - 1).await;
    drop(L::oneshot_receive(last).await);
    other.await;
}

/// Receives a message and replies, `count` times. Returns the receiver of the next message.
async fn reply<L: Primitives>(
    mut receiver: L::OneshotReceiver<Request<L>>,
    count: u64,
) -> L::OneshotReceiver<Request<L>> {
    for _ in 0..count {
        let Request(sender) = L::oneshot_receive(receiver).await;
        let (back, next) = L::oneshot();
        L::oneshot_send(sender, Request(back));
        receiver = next;
    }
    receiver
}

/// One task sends, another receives. One operation is a message.
async fn mpsc<R: Runtime, L: Primitives>(count: u64) {
    let (sender, mut receiver) = L::mpsc(CAPACITY);
    let producer = R::spawn(async move {
        for message in 0..count {
            L::mpsc_send(&sender, message).await;
        }
    });
    let mut received = 0;
    while L::mpsc_receive(&mut receiver).await.is_some() {
        received += 1;
    }
    assert_eq!(received, count);
    producer.await;
}

/// A task sets a value and waits until eight others have seen it. One operation is a value.
async fn watch<R: Runtime, L: Broadcasts>(count: u64) {
    let sender = L::watch();
    let (seen, mut all_seen) = seen_by_all();
    let readers: Vec<_> = (0..READERS)
        .map(|_| {
            let mut receiver = L::watch_subscribe(&sender);
            let seen = seen.clone();
            R::spawn(async move {
                while let Some(value) = L::watch_changed(&mut receiver).await {
                    seen.note(value);
                }
            })
        })
        .collect();
    for value in 1..=count {
        L::watch_send(&sender, value);
        assert_eq!(all_seen.receive().await, value);
    }
    drop(sender);
    for reader in readers {
        reader.await;
    }
}

/// A task sends a message and waits until eight others have received it. One operation is a
/// message.
async fn broadcast<R: Runtime, L: Broadcasts>(count: u64) {
    let sender = L::broadcast(CAPACITY);
    let (seen, mut all_seen) = seen_by_all();
    let readers: Vec<_> = (0..READERS)
        .map(|_| {
            let mut receiver = L::broadcast_subscribe(&sender);
            let seen = seen.clone();
            R::spawn(async move {
                while let Some(message) = L::broadcast_receive(&mut receiver).await {
                    seen.note(message);
                }
            })
        })
        .collect();
    for message in 1..=count {
        L::broadcast_send(&sender, message);
        assert_eq!(all_seen.receive().await, message);
    }
    drop(sender);
    for reader in readers {
        reader.await;
    }
}

/// Counts the receivers that have seen a value, and sends a message once all have.
#[derive(Clone)]
struct SeenCounter {
    readers: Rc<Cell<u64>>,
    all: Rc<super::local_channel::Sender>,
}

fn seen_by_all() -> (SeenCounter, super::local_channel::Receiver) {
    let (all, all_seen) = channel();
    let seen = SeenCounter {
        readers: Rc::default(),
        all: Rc::new(all),
    };
    (seen, all_seen)
}

impl SeenCounter {
    fn note(&self, value: u64) {
        self.readers.set(self.readers.get() + 1);
        if self.readers.get() == READERS {
            self.readers.set(0);
            self.all.send(value);
        }
    }
}

/// One task locks and unlocks.
async fn mutex<L: Primitives>(count: u64) {
    let mutex = L::mutex();
    for _ in 0..count {
        *L::lock(&mutex).await += 1;
    }
    assert_eq!(*L::lock(&mutex).await, count);
}

/// Eight tasks lock, and each is polled once more while it holds the lock.
async fn contended_mutex<R: Runtime, L: Primitives>(count: u64) {
    let mutex = Rc::new(L::mutex());
    split_among::<R, _>(CONTENDERS, count, |count| {
        let mutex = Rc::clone(&mutex);
        async move {
            for _ in 0..count {
                let mut guard = L::lock(&mutex).await;
                *guard += 1;
                wake_self(1).await;
            }
        }
    })
    .await;
    assert_eq!(*L::lock(&mutex).await, count);
}

/// One task locks for reading and unlocks.
async fn rwlock_read<L: Primitives>(count: u64) {
    let rwlock = L::rwlock();
    let mut sum = 0;
    for _ in 0..count {
        sum += *black_box(L::read(&rwlock).await);
    }
    assert_eq!(sum, count);
}

/// One task acquires a permit and releases it.
async fn semaphore<L: Primitives>(count: u64) {
    let semaphore = L::semaphore(PERMITS);
    for _ in 0..count {
        drop(black_box(L::acquire(&semaphore).await));
    }
}

/// Eight tasks acquire one of four permits, and each is polled once more while it holds it.
async fn contended_semaphore<R: Runtime, L: Primitives>(count: u64) {
    let semaphore = Rc::new(L::semaphore(PERMITS));
    split_among::<R, _>(CONTENDERS, count, |count| {
        let semaphore = Rc::clone(&semaphore);
        async move {
            for _ in 0..count {
                let permit = L::acquire(&semaphore).await;
                wake_self(1).await;
                drop(permit);
            }
        }
    })
    .await;
}

/// Two tasks notify each other. One operation is a notification that a task waits for.
async fn notify<R: Runtime, L: Primitives>(count: u64) {
    let pairs = count.div_ceil(2);
    let ping = Rc::new(L::notify());
    let pong = Rc::new(L::notify());
    let other = {
        let (ping, pong) = (Rc::clone(&ping), Rc::clone(&pong));
        R::spawn(async move {
            for _ in 0..pairs {
                L::notified(&ping).await;
                L::notify_one(&pong);
            }
        })
    };
    // This task is behind the other in the queue: once it has run, the other waits.
    R::spawn(async {}).await;
    for _ in 0..pairs {
        L::notify_one(&ping);
        L::notified(&pong).await;
    }
    other.await;
}
