//! No guard outlives what it borrows from: not a temporary, and not what is dropped before it.

use quintet::runtime::Runtime;
use quintet::sync::{Mutex, MutexGuard, Notify, RwLock, RwLockReadGuard, RwLockWriteGuard};
use quintet::sync::{Semaphore, mpsc, watch};
use quintet::task::{CancellationToken, TaskTracker};

fn temporary_runtime() {
    let _guard = Runtime::new().unwrap().enter();
    quintet::spawn(async {});
}

fn runtime() {
    let runtime = Runtime::new().unwrap();
    let _guard = runtime.enter();
    drop(runtime);
    quintet::spawn(async {});
}

fn runtime_in_a_box() {
    let runtime = Box::new(Runtime::new().unwrap());
    let _guard = runtime.enter();
    drop(runtime);
}

fn mutex() {
    let mutex = Mutex::new(1);
    let _guard = mutex.try_lock().unwrap();
    drop(mutex);
}

async fn temporary_mutex() {
    let _guard = Mutex::new(1).lock().await;
    quintet::task::yield_now().await;
}

fn mapped_mutex() {
    let mutex = Mutex::new((1, 2));
    let _guard = MutexGuard::map(mutex.try_lock().unwrap(), |pair| &mut pair.0);
    drop(mutex);
}

fn read() {
    let lock = RwLock::new(1);
    let _guard: RwLockReadGuard<'_, i32> = lock.try_read().unwrap();
    drop(lock);
}

fn write() {
    let lock = RwLock::new(1);
    let _guard: RwLockWriteGuard<'_, i32> = lock.try_write().unwrap();
    drop(lock);
}

fn downgraded() {
    let lock = RwLock::new(1);
    let _guard = RwLockWriteGuard::downgrade(lock.try_write().unwrap());
    drop(lock);
}

fn semaphore() {
    let semaphore = Semaphore::new(1);
    let _permit = semaphore.try_acquire().unwrap();
    drop(semaphore);
}

fn permit() {
    let (sender, _receiver) = mpsc::channel::<u8>(1);
    let _permit = sender.try_reserve().unwrap();
    drop(sender);
}

fn permits() {
    let (sender, _receiver) = mpsc::channel::<u8>(2);
    let _permits = sender.try_reserve_many(2).unwrap();
    drop(sender);
}

fn looks_of_the_sender() {
    let sender = watch::Sender::new(1);
    let _look = sender.borrow();
    drop(sender);
}

fn looks_of_a_receiver() {
    let (_sender, receiver) = watch::channel(1);
    let _look = receiver.borrow();
    drop(receiver);
}

fn new_looks_of_a_receiver() {
    let (_sender, mut receiver) = watch::channel(1);
    let _look = receiver.borrow_and_update();
    drop(receiver);
}

fn notified() {
    let notify = Notify::new();
    let _notified = notify.notified();
    drop(notify);
}

fn cancelled() {
    let token = CancellationToken::new();
    let _cancelled = token.cancelled();
    drop(token);
}

fn cancels_on_drop() {
    let token = CancellationToken::new();
    let _guard = token.drop_guard_ref();
    drop(token);
}

fn tracked() {
    let tracker = TaskTracker::new();
    let _wait = tracker.wait();
    drop(tracker);
}

fn main() {}
