//! The channels and locks that are compared: quintet's `sync`, tokio's `sync`, and the crates that
//! users of smol take (async-channel, async-lock, event-listener).
//!
//! They do not depend on a runtime, so each can run on any loop.

#[cfg(feature = "peers")]
mod smol;

use std::ops::{Deref, DerefMut};

#[cfg(feature = "peers")]
pub(crate) use self::smol::SmolLibraries;

/// The channels and locks that all libraries have.
///
/// A function returns the future of the library itself where the output type allows it.
pub(crate) trait Primitives: 'static {
    type OneshotSender<T: 'static>: 'static;
    type OneshotReceiver<T: 'static>: 'static;
    type MpscSender: 'static;
    type MpscReceiver: 'static;
    type Mutex: 'static;
    type RwLock: 'static;
    type Semaphore: 'static;
    type Notify: 'static;

    /// Makes a channel for one message.
    fn oneshot<T: 'static>() -> (Self::OneshotSender<T>, Self::OneshotReceiver<T>);
    /// Sends the message. The receiver exists.
    fn oneshot_send<T: 'static>(sender: Self::OneshotSender<T>, message: T);
    /// Receives the message.
    fn oneshot_receive<T: 'static>(receiver: Self::OneshotReceiver<T>) -> impl Future<Output = T>;

    /// Makes a channel that holds up to `capacity` messages.
    fn mpsc(capacity: usize) -> (Self::MpscSender, Self::MpscReceiver);
    /// Waits for room and sends. The receiver exists.
    fn mpsc_send(sender: &Self::MpscSender, message: u64) -> impl Future<Output = ()>;
    /// Receives a message. Resolves to `None` once the sender is dropped.
    fn mpsc_receive(receiver: &mut Self::MpscReceiver) -> impl Future<Output = Option<u64>>;

    fn mutex() -> Self::Mutex;
    fn lock(mutex: &Self::Mutex) -> impl Future<Output = impl DerefMut<Target = u64>>;

    fn rwlock() -> Self::RwLock;
    fn read(rwlock: &Self::RwLock) -> impl Future<Output = impl Deref<Target = u64>>;

    fn semaphore(permits: usize) -> Self::Semaphore;
    /// Acquires one permit. Dropping the output releases it.
    fn acquire(semaphore: &Self::Semaphore) -> impl Future<Output = impl Sized>;

    fn notify() -> Self::Notify;
    /// Waits for a notification that is sent after this call.
    fn notified(notify: &Self::Notify) -> impl Future<Output = ()>;
    /// Wakes one task that waits.
    fn notify_one(notify: &Self::Notify);
}

/// Channels in which each receiver sees each value. The crates of smol's users have none.
pub(crate) trait Broadcasts: Primitives {
    type WatchSender: 'static;
    type WatchReceiver: 'static;
    type BroadcastSender: 'static;
    type BroadcastReceiver: 'static;

    fn watch() -> Self::WatchSender;
    fn watch_subscribe(sender: &Self::WatchSender) -> Self::WatchReceiver;
    fn watch_send(sender: &Self::WatchSender, value: u64);
    /// Waits for a new value. Resolves to `None` once the sender is dropped.
    fn watch_changed(receiver: &mut Self::WatchReceiver) -> impl Future<Output = Option<u64>>;

    fn broadcast(capacity: usize) -> Self::BroadcastSender;
    fn broadcast_subscribe(sender: &Self::BroadcastSender) -> Self::BroadcastReceiver;
    fn broadcast_send(sender: &Self::BroadcastSender, message: u64);
    /// Receives a message. Resolves to `None` once the sender is dropped.
    fn broadcast_receive(
        receiver: &mut Self::BroadcastReceiver,
    ) -> impl Future<Output = Option<u64>>;
}

/// Quintet's `sync`.
pub(crate) struct QuintetSync;

/// tokio's `sync`.
pub(crate) struct TokioSync;

/// Implements both traits for a module that has tokio's names.
macro_rules! primitives {
    ($library:ty, $sync:ident) => {
        impl Primitives for $library {
            type OneshotSender<T: 'static> = $sync::oneshot::Sender<T>;
            type OneshotReceiver<T: 'static> = $sync::oneshot::Receiver<T>;
            type MpscSender = $sync::mpsc::Sender<u64>;
            type MpscReceiver = $sync::mpsc::Receiver<u64>;
            type Mutex = $sync::Mutex<u64>;
            type RwLock = $sync::RwLock<u64>;
            type Semaphore = $sync::Semaphore;
            type Notify = $sync::Notify;

            fn oneshot<T: 'static>() -> (Self::OneshotSender<T>, Self::OneshotReceiver<T>) {
                $sync::oneshot::channel()
            }

            fn oneshot_send<T: 'static>(sender: Self::OneshotSender<T>, message: T) {
                assert!(sender.send(message).is_ok(), "the receiver exists");
            }

            async fn oneshot_receive<T: 'static>(receiver: Self::OneshotReceiver<T>) -> T {
                receiver.await.expect("the sender sends")
            }

            fn mpsc(capacity: usize) -> (Self::MpscSender, Self::MpscReceiver) {
                $sync::mpsc::channel(capacity)
            }

            async fn mpsc_send(sender: &Self::MpscSender, message: u64) {
                sender.send(message).await.expect("the receiver exists");
            }

            fn mpsc_receive(
                receiver: &mut Self::MpscReceiver,
            ) -> impl Future<Output = Option<u64>> {
                receiver.recv()
            }

            fn mutex() -> Self::Mutex {
                $sync::Mutex::new(0)
            }

            fn lock(mutex: &Self::Mutex) -> impl Future<Output = impl DerefMut<Target = u64>> {
                mutex.lock()
            }

            fn rwlock() -> Self::RwLock {
                $sync::RwLock::new(1)
            }

            fn read(rwlock: &Self::RwLock) -> impl Future<Output = impl Deref<Target = u64>> {
                rwlock.read()
            }

            fn semaphore(permits: usize) -> Self::Semaphore {
                $sync::Semaphore::new(permits)
            }

            fn acquire(semaphore: &Self::Semaphore) -> impl Future<Output = impl Sized> {
                semaphore.acquire()
            }

            fn notify() -> Self::Notify {
                $sync::Notify::new()
            }

            fn notified(notify: &Self::Notify) -> impl Future<Output = ()> {
                notify.notified()
            }

            fn notify_one(notify: &Self::Notify) {
                notify.notify_one();
            }
        }

        impl Broadcasts for $library {
            type WatchSender = $sync::watch::Sender<u64>;
            type WatchReceiver = $sync::watch::Receiver<u64>;
            type BroadcastSender = $sync::broadcast::Sender<u64>;
            type BroadcastReceiver = $sync::broadcast::Receiver<u64>;

            fn watch() -> Self::WatchSender {
                $sync::watch::Sender::new(0)
            }

            fn watch_subscribe(sender: &Self::WatchSender) -> Self::WatchReceiver {
                sender.subscribe()
            }

            fn watch_send(sender: &Self::WatchSender, value: u64) {
                sender.send(value).expect("there are receivers");
            }

            async fn watch_changed(receiver: &mut Self::WatchReceiver) -> Option<u64> {
                receiver.changed().await.ok()?;
                Some(*receiver.borrow_and_update())
            }

            fn broadcast(capacity: usize) -> Self::BroadcastSender {
                $sync::broadcast::Sender::new(capacity)
            }

            fn broadcast_subscribe(sender: &Self::BroadcastSender) -> Self::BroadcastReceiver {
                sender.subscribe()
            }

            fn broadcast_send(sender: &Self::BroadcastSender, message: u64) {
                sender.send(message).expect("there are receivers");
            }

            async fn broadcast_receive(receiver: &mut Self::BroadcastReceiver) -> Option<u64> {
                receiver.recv().await.ok()
            }
        }
    };
}

mod quintet_sync {
    use quintet::sync;

    use super::{Broadcasts, Deref, DerefMut, Primitives, QuintetSync};

    primitives!(QuintetSync, sync);
}

mod tokio_sync {
    use tokio::sync;

    use super::{Broadcasts, Deref, DerefMut, Primitives, TokioSync};

    primitives!(TokioSync, sync);
}
