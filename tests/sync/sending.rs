//! What may go to other threads: the futures of all functions, where what they carry may.

use std::cell::Cell;
use std::future::ready;
use std::sync::Arc;

use quintet::sync::{
    Barrier, Mutex, Notify, OnceCell, RwLock, Semaphore, SetOnce, broadcast, mpsc, oneshot, watch,
};
use quintet::time::Duration;

fn is_send<T: Send>(_: T) {}

#[test]
fn futures_of_locks_and_signals_are_send() {
    let mutex = Arc::new(Mutex::new(Cell::new(0)));
    is_send(mutex.lock());
    is_send(Arc::clone(&mutex).lock_owned());
    let lock = Arc::new(RwLock::new(0));
    is_send(lock.read());
    is_send(lock.write());
    is_send(Arc::clone(&lock).read_owned());
    is_send(Arc::clone(&lock).write_owned());
    let semaphore = Arc::new(Semaphore::new(1));
    is_send(semaphore.acquire());
    is_send(Arc::clone(&semaphore).acquire_many_owned(1));
    let notify = Arc::new(Notify::new());
    is_send(notify.notified());
    is_send(Arc::clone(&notify).notified_owned());
    is_send(Barrier::new(1).wait());
    is_send(OnceCell::new().get_or_init(|| ready(0)));
    is_send(OnceCell::new().get_or_try_init(|| ready(Err::<u8, u8>(0))));
    is_send(SetOnce::<u8>::new().wait());
}

#[test]
fn futures_of_channels_are_send() {
    let (sender, mut receiver) = mpsc::channel(1);
    is_send(sender.send(Cell::new(0)));
    is_send(sender.send_timeout(Cell::new(0), Duration::ZERO));
    is_send(sender.reserve());
    is_send(sender.reserve_many(1));
    is_send(sender.closed());
    is_send(receiver.recv());
    is_send(receiver.recv_many(&mut Vec::new(), 1));
    is_send(sender.reserve_owned());

    let (mut sender, receiver) = oneshot::channel::<Cell<u8>>();
    is_send(sender.closed());
    is_send(receiver);

    let (sender, mut receiver) = broadcast::channel::<Cell<u8>>(1);
    is_send(sender.closed());
    is_send(receiver.recv());

    let (sender, mut receiver) = watch::channel(0);
    is_send(sender.closed());
    is_send(receiver.changed());
}
