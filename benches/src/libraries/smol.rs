//! The crates that users of smol take: async-channel and async-lock, which smol re-exports, and
//! event-listener.

use std::ops::{Deref, DerefMut};

use event_listener::Event;
use smol::channel::{Receiver, Sender, bounded};
use smol::lock::{Mutex, RwLock, Semaphore};

use super::Primitives;

/// These crates. A channel with a capacity of one serves as a oneshot channel.
pub(crate) struct SmolLibraries;

impl Primitives for SmolLibraries {
    type OneshotSender<T: 'static> = Sender<T>;
    type OneshotReceiver<T: 'static> = Receiver<T>;
    type MpscSender = Sender<u64>;
    type MpscReceiver = Receiver<u64>;
    type Mutex = Mutex<u64>;
    type RwLock = RwLock<u64>;
    type Semaphore = Semaphore;
    type Notify = Event;

    fn oneshot<T: 'static>() -> (Self::OneshotSender<T>, Self::OneshotReceiver<T>) {
        bounded(1)
    }

    fn oneshot_send<T: 'static>(sender: Self::OneshotSender<T>, message: T) {
        assert!(sender.try_send(message).is_ok(), "the receiver exists");
    }

    async fn oneshot_receive<T: 'static>(receiver: Self::OneshotReceiver<T>) -> T {
        receiver.recv().await.expect("the sender sends")
    }

    fn mpsc(capacity: usize) -> (Self::MpscSender, Self::MpscReceiver) {
        bounded(capacity)
    }

    async fn mpsc_send(sender: &Self::MpscSender, message: u64) {
        sender.send(message).await.expect("the receiver exists");
    }

    async fn mpsc_receive(receiver: &mut Self::MpscReceiver) -> Option<u64> {
        receiver.recv().await.ok()
    }

    fn mutex() -> Self::Mutex {
        Mutex::new(0)
    }

    fn lock(mutex: &Self::Mutex) -> impl Future<Output = impl DerefMut<Target = u64>> {
        mutex.lock()
    }

    fn rwlock() -> Self::RwLock {
        RwLock::new(1)
    }

    fn read(rwlock: &Self::RwLock) -> impl Future<Output = impl Deref<Target = u64>> {
        rwlock.read()
    }

    fn semaphore(permits: usize) -> Self::Semaphore {
        Semaphore::new(permits)
    }

    fn acquire(semaphore: &Self::Semaphore) -> impl Future<Output = impl Sized> {
        semaphore.acquire()
    }

    fn notify() -> Self::Notify {
        Event::new()
    }

    fn notified(notify: &Self::Notify) -> impl Future<Output = ()> {
        notify.listen()
    }

    fn notify_one(notify: &Self::Notify) {
        notify.notify(1);
    }
}
