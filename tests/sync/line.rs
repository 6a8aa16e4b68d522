//! A task whose budget is spent takes its place in line, like any other.

use std::pin::Pin;
use std::sync::{Arc, Mutex as StdMutex};
use std::task::{Context, Poll, Wake, Waker};

use futures::future::LocalBoxFuture;
use quintet::spawn;
use quintet::sync::{
    Barrier, Mutex, Notify, OnceCell, RwLock, Semaphore, SetOnce, broadcast, mpsc, watch,
};
use quintet::task::coop::{consume_budget, has_budget_remaining};
use quintet::task::{unconstrained, yield_now};

use crate::support::strict::block_on;
use crate::support::wakers::poll;

use super::watched;

/// Logs its name when it is woken.
struct Named {
    name: &'static str,
    log: Arc<StdMutex<Vec<&'static str>>>,
}

impl Wake for Named {
    fn wake(self: Arc<Self>) {
        self.log.lock().unwrap().push(self.name);
    }
}

/// Two waits. The first is polled when the task's budget is spent, then the second as if by a task
/// that has one.
struct Line {
    first: LocalBoxFuture<'static, ()>,
    second: LocalBoxFuture<'static, ()>,
    log: Arc<StdMutex<Vec<&'static str>>>,
}

impl Line {
    async fn new(wait: impl AsyncFn() + Clone + 'static) -> Self {
        let [first, second] = [wait.clone(), wait];
        let mut line = Line {
            first: Box::pin(async move { first().await }),
            second: Box::pin(unconstrained(async move { second().await })),
            log: Arc::default(),
        };
        while has_budget_remaining() {
            consume_budget().await;
        }
        assert!(line.poll_first().is_pending(), "it is over the budget");
        assert!(line.poll_second().is_pending(), "it should wait");
        assert_eq!(line.take_log(), ["first"], "it is polled again");
        yield_now().await;
        assert!(has_budget_remaining());
        line
    }

    fn poll_first(&mut self) -> Poll<()> {
        poll("first", self.first.as_mut(), &self.log)
    }

    fn poll_second(&mut self) -> Poll<()> {
        poll("second", self.second.as_mut(), &self.log)
    }

    fn take_log(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.log.lock().unwrap())
    }
}

fn poll(
    name: &'static str,
    future: Pin<&mut dyn Future<Output = ()>>,
    log: &Arc<StdMutex<Vec<&'static str>>>,
) -> Poll<()> {
    let log = Arc::clone(log);
    let waker = Waker::from(Arc::new(Named { name, log }));
    future.poll(&mut Context::from_waker(&waker))
}

/// Runs `test` in a task.
fn in_task(test: impl AsyncFnOnce() + 'static) {
    watched(|| block_on(async { spawn(async move { test().await }).await.unwrap() }));
}

/// One `serve` after the waits: it wakes the first alone.
async fn serves_in_order(name: &str, wait: impl AsyncFn() + Clone + 'static, serve: impl FnOnce()) {
    let mut line = Line::new(wait).await;
    assert!(line.poll_first().is_pending(), "{name}");
    serve();
    assert_eq!(line.take_log(), ["first"], "{name}");
    assert!(line.poll_second().is_pending(), "{name}");
    assert!(line.poll_first().is_ready(), "{name}");
}

/// There is something for one before the waits: it is the first's.
async fn sets_aside(name: &str, wait: impl AsyncFn() + Clone + 'static) {
    let mut line = Line::new(wait.clone()).await;
    assert!(line.poll_second().is_pending(), "{name}");
    assert!(line.poll_first().is_ready(), "{name}");
    drop(line);

    // A waiter that is dropped passes it on.
    let mut line = Line::new(wait).await;
    line.first = Box::pin(async {});
    assert_eq!(line.take_log(), ["second"], "{name}");
    assert!(line.poll_second().is_ready(), "{name}");
}

/// A change after the waits wakes both, in order.
async fn wakes_in_order(name: &str, wait: impl AsyncFn() + Clone + 'static, change: impl FnOnce()) {
    let mut line = Line::new(wait).await;
    assert!(line.poll_first().is_pending(), "{name}");
    change();
    assert_eq!(line.take_log(), ["first", "second"], "{name}");
    assert!(line.poll_first().is_ready(), "{name}");
    assert!(line.poll_second().is_ready(), "{name}");
}

/// Keeps what it is given for good.
fn keep<T>(value: T) {
    Box::leak(Box::new(value));
}

#[test]
fn locks_are_given_in_the_order_of_first_polls() {
    in_task(async || {
        let mutex = Arc::new(Mutex::new(()));
        let guard = mutex.try_lock().unwrap();
        let other = Arc::clone(&mutex);
        let wait = async move || keep(Arc::clone(&other).lock_owned().await);
        serves_in_order("Mutex", wait, || drop(guard)).await;

        let lock = Arc::new(RwLock::new(()));
        let guard = lock.try_write().unwrap();
        let other = Arc::clone(&lock);
        let wait = async move || keep(Arc::clone(&other).write_owned().await);
        serves_in_order("RwLock", wait, || drop(guard)).await;

        let semaphore = Arc::new(Semaphore::new(1));
        let other = Arc::clone(&semaphore);
        let wait = async move || other.acquire_many(2).await.unwrap().forget();
        serves_in_order("Semaphore", wait, || semaphore.add_permits(1)).await;

        let cell: &OnceCell<()> = Box::leak(Box::default());
        let mut filling = Box::pin(cell.get_or_init(std::future::pending));
        assert!(poll!(&mut filling).is_pending());
        let wait = async move || {
            cell.get_or_init(std::future::pending).await;
        };
        let mut line = Line::new(wait).await;
        assert!(line.poll_first().is_pending());
        drop(filling);
        assert_eq!(line.take_log(), ["first"], "OnceCell");
    });
}

#[test]
fn what_is_free_is_set_aside() {
    in_task(async || {
        let mutex = Arc::new(Mutex::new(()));
        let wait = async move || drop(mutex.lock().await);
        sets_aside("Mutex", wait).await;

        let lock = Arc::new(RwLock::new(()));
        let wait = async move || drop(lock.write().await);
        sets_aside("RwLock", wait).await;

        let semaphore = Arc::new(Semaphore::new(3));
        let other = Arc::clone(&semaphore);
        let wait = async move || drop(other.acquire_many(2).await.unwrap());
        sets_aside("Semaphore", wait).await;
        assert_eq!(semaphore.available_permits(), 3);

        let (sender, receiver) = mpsc::channel::<()>(1);
        let wait = async move || drop(sender.reserve().await.unwrap());
        sets_aside("mpsc", wait).await;
        drop(receiver);

        let notify = Arc::new(Notify::new());
        let other = Arc::clone(&notify);
        let wait = async move || {
            other.notified().await;
            other.notify_one();
        };
        notify.notify_one();
        sets_aside("Notify", wait).await;
    });
}

#[test]
fn room_is_given_in_the_order_of_first_polls() {
    in_task(async || {
        let (sender, receiver) = mpsc::channel(1);
        sender.try_send(()).unwrap();
        let mut receiver = receiver;
        let reserving = sender.clone();
        let wait = async move || reserving.send(()).await.unwrap();
        serves_in_order("mpsc", wait, || receiver.try_recv().unwrap()).await;

        let (sender, mut receiver) = mpsc::channel(1);
        let next = Arc::new(StdMutex::new(1..3));
        let wait = async move || {
            let message = next.lock().unwrap().next().unwrap();
            sender.send(message).await.unwrap();
        };
        let mut line = Line::new(wait).await;
        assert!(line.poll_first().is_ready());
        assert_eq!(receiver.try_recv(), Ok(1));
        assert!(line.poll_second().is_ready());
        assert_eq!(receiver.try_recv(), Ok(2));
    });
}

#[test]
fn notifications_go_in_the_order_of_first_polls() {
    in_task(async || {
        let notify = Arc::new(Notify::new());
        let other = Arc::clone(&notify);
        let wait = async move || other.notified().await;
        serves_in_order("notify_one", wait.clone(), || notify.notify_one()).await;
        wakes_in_order("notify_waiters", wait.clone(), || notify.notify_waiters()).await;

        let mut line = Line::new(wait).await;
        notify.notify_last();
        assert_eq!(line.take_log(), ["second"]);
        assert!(line.poll_first().is_pending());
    });
}

#[test]
fn tasks_that_wait_for_a_change_are_woken_in_the_order_of_first_polls() {
    in_task(async || {
        let (sender, receiver) = watch::channel(0);
        let watcher = receiver.clone();
        let wait = async move || watcher.clone().changed().await.unwrap();
        wakes_in_order("changed", wait, || sender.send(1).unwrap()).await;
        let wait = async move || {
            let mut watcher = receiver.clone();
            drop(watcher.wait_for(|value| *value == 2).await.unwrap());
        };
        wakes_in_order("wait_for", wait, || sender.send(2).unwrap()).await;

        let sender = broadcast::Sender::new(1);
        let other = sender.clone();
        let wait = async move || other.subscribe().recv().await.unwrap();
        wakes_in_order("broadcast", wait, || drop(sender.send(()))).await;

        let set_once = Arc::new(SetOnce::new());
        let other = Arc::clone(&set_once);
        let wait = async move || *other.wait().await;
        wakes_in_order("SetOnce", wait, || set_once.set(()).unwrap()).await;
    });
}

#[test]
fn the_end_of_receivers_wakes_senders_in_the_order_of_first_polls() {
    in_task(async || {
        let (sender, receiver) = watch::channel(());
        let sender = Arc::new(sender);
        let wait = async move || sender.closed().await;
        wakes_in_order("watch", wait, || drop(receiver)).await;

        let (sender, receiver) = broadcast::channel::<()>(1);
        let wait = async move || sender.closed().await;
        wakes_in_order("broadcast", wait, || drop(receiver)).await;

        let (sender, receiver) = mpsc::channel::<()>(1);
        let wait = async move || sender.closed().await;
        wakes_in_order("mpsc", wait, || drop(receiver)).await;
    });
}

#[test]
fn a_task_that_arrives_at_a_barrier_is_counted() {
    in_task(async || {
        let barrier = Arc::new(Barrier::new(3));
        let other = Arc::clone(&barrier);
        let wait = async move || assert!(!other.wait().await.is_leader());
        let mut line = Line::new(wait).await;
        assert!(line.poll_first().is_pending());
        assert!(barrier.wait().await.is_leader());
        assert_eq!(line.take_log(), ["first", "second"]);
        assert!(line.poll_first().is_ready() && line.poll_second().is_ready());
    });
}
