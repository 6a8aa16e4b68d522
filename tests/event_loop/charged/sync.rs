//! Channels, locks and the like.

use std::sync::Arc;

use futures::future::poll_fn;
use quintet::sync::{
    Barrier, Mutex, Notify, OnceCell, RwLock, Semaphore, SetOnce, broadcast, mpsc, oneshot, watch,
};
use quintet::time::Duration;

use super::{TIMES, check};

const ROOM: usize = TIMES as usize;

#[test]
fn bounded_channels() {
    check(async |table| {
        let (sender, mut receiver) = mpsc::channel(ROOM);
        table
            .row("send", async || sender.send(0).await.unwrap())
            .await;
        table
            .row("recv", async || assert_eq!(receiver.recv().await, Some(0)))
            .await;
        table
            .row("send_timeout", async || {
                sender.send_timeout(0, Duration::MAX).await.unwrap();
            })
            .await;
        table
            .row("poll_recv", async || {
                assert_eq!(poll_fn(|cx| receiver.poll_recv(cx)).await, Some(0));
            })
            .await;
        table
            .row("reserve", async || sender.reserve().await.unwrap())
            .await;
        table
            .row("reserve_many", async || {
                drop(sender.reserve_many(2).await.unwrap());
            })
            .await;
        table
            .row("reserve_owned", async || {
                drop(sender.clone().reserve_owned().await.unwrap());
            })
            .await;
        for _ in 0..ROOM {
            sender.send(0).await.unwrap();
        }
        table
            .row("recv_many", async || {
                assert_eq!(receiver.recv_many(&mut Vec::new(), 1).await, 1);
            })
            .await;
        table
            .row("recv_many of none", async || {
                assert_eq!(receiver.recv_many(&mut Vec::new(), 0).await, 0);
            })
            .await;
        receiver.close();
        table.row("closed", async || sender.closed().await).await;
        table
            .row("send to none", async || sender.send(0).await.unwrap_err())
            .await;
        table
            .row("reserve where none receives", async || {
                sender.reserve().await.unwrap_err();
            })
            .await;
        drop(sender);
        table
            .row("recv at the end", async || {
                assert_eq!(receiver.recv().await, None);
            })
            .await;
        table
            .row("recv_many at the end", async || {
                assert_eq!(receiver.recv_many(&mut Vec::new(), 1).await, 0);
            })
            .await;
    });
}

#[test]
fn unbounded_channels() {
    check(async |table| {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        (0..TIMES).for_each(|_| sender.send(0).unwrap());
        table
            .row("recv", async || assert_eq!(receiver.recv().await, Some(0)))
            .await;
        (0..TIMES).for_each(|_| sender.send(0).unwrap());
        table
            .row("recv_many", async || {
                assert_eq!(receiver.recv_many(&mut Vec::new(), 1).await, 1);
            })
            .await;
        receiver.close();
        table.row("closed", async || sender.closed().await).await;
        drop(sender);
        table
            .row("recv at the end", async || {
                assert_eq!(receiver.recv().await, None);
            })
            .await;
    });
}

#[test]
fn one_message() {
    check(async |table| {
        let mut receivers: Vec<_> = (0..TIMES)
            .map(|_| {
                let (sender, receiver) = oneshot::channel();
                sender.send(()).unwrap();
                receiver
            })
            .collect();
        table
            .row("oneshot", async || receivers.pop().unwrap().await.unwrap())
            .await;
        let mut receivers: Vec<_> = (0..TIMES).map(|_| oneshot::channel::<()>().1).collect();
        table
            .row("oneshot without a sender", async || {
                receivers.pop().unwrap().await.unwrap_err();
            })
            .await;
        let (mut sender, receiver) = oneshot::channel::<()>();
        drop(receiver);
        table
            .row("oneshot closed", async || sender.closed().await)
            .await;
        table
            .row("oneshot poll_closed", async || {
                poll_fn(|cx| sender.poll_closed(cx)).await;
            })
            .await;
    });
}

#[test]
fn broadcasts() {
    check(async |table| {
        let (sender, mut receiver) = broadcast::channel(ROOM);
        for _ in 0..TIMES {
            sender.send(0).unwrap();
        }
        table
            .row("recv", async || assert_eq!(receiver.recv().await, Ok(0)))
            .await;
        let (lossy, mut late) = broadcast::channel(1);
        table
            .row("recv of what is lost", async || {
                for _ in 0..2 {
                    lossy.send(0).unwrap();
                }
                assert!(late.recv().await.is_err());
                assert_eq!(late.try_recv(), Ok(0));
            })
            .await;
        let closing = sender.clone();
        drop(sender);
        drop(receiver);
        table.row("closed", async || closing.closed().await).await;
        let mut last = closing.subscribe();
        drop(closing);
        table
            .row("recv at the end", async || {
                assert!(last.recv().await.is_err());
            })
            .await;
    });
}

#[test]
fn watches() {
    check(async |table| {
        let (sender, mut receiver) = watch::channel(0);
        table
            .row("changed", async || {
                sender.send(0).unwrap();
                receiver.changed().await.unwrap();
            })
            .await;
        table
            .row("wait_for", async || {
                drop(receiver.wait_for(|value| *value == 0).await.unwrap());
            })
            .await;
        drop(sender);
        table
            .row("changed at the end", async || {
                receiver.changed().await.unwrap_err();
            })
            .await;
        table
            .bounded("wait_for at the end", async || {
                assert!(receiver.wait_for(|value| *value == 1).await.is_err());
            })
            .await;
        let (sender, receiver) = watch::channel(0);
        drop(receiver);
        table.row("closed", async || sender.closed().await).await;
    });
}

#[test]
fn locks() {
    check(async |table| {
        let mutex = Arc::new(Mutex::new(()));
        table.row("lock", async || mutex.lock().await).await;
        table
            .row("lock_owned", async || Arc::clone(&mutex).lock_owned().await)
            .await;
        let lock = Arc::new(RwLock::new(()));
        table.row("read", async || lock.read().await).await;
        table.row("write", async || lock.write().await).await;
        table
            .row("read_owned", async || Arc::clone(&lock).read_owned().await)
            .await;
        table
            .row("write_owned", async || {
                drop(Arc::clone(&lock).write_owned().await);
            })
            .await;
    });
}

#[test]
fn permits() {
    check(async |table| {
        let semaphore = Arc::new(Semaphore::new(2));
        table
            .row("acquire", async || semaphore.acquire().await.unwrap())
            .await;
        table
            .row("acquire_many", async || {
                drop(semaphore.acquire_many(2).await.unwrap());
            })
            .await;
        table
            .row("acquire of none", async || {
                drop(semaphore.acquire_many(0).await.unwrap());
            })
            .await;
        table
            .row("acquire_owned", async || {
                drop(Arc::clone(&semaphore).acquire_owned().await.unwrap());
            })
            .await;
        table
            .row("acquire_many_owned", async || {
                drop(Arc::clone(&semaphore).acquire_many_owned(2).await.unwrap());
            })
            .await;
        semaphore.close();
        table
            .row("acquire of what is closed", async || {
                semaphore.acquire().await.unwrap_err();
            })
            .await;
    });
}

#[test]
fn notes_and_cells() {
    check(async |table| {
        let notify = Arc::new(Notify::new());
        table
            .row("notified", async || {
                notify.notify_one();
                notify.notified().await;
            })
            .await;
        table
            .row("notified_owned", async || {
                notify.notify_one();
                Arc::clone(&notify).notified_owned().await;
            })
            .await;
        let barrier = Barrier::new(1);
        table
            .row("wait at a barrier", async || barrier.wait().await)
            .await;
        let cell = OnceCell::new();
        cell.set(7).unwrap();
        table
            .row("get_or_init", async || {
                assert_eq!(*cell.get_or_init(async || 0).await, 7);
            })
            .await;
        table
            .row("get_or_try_init", async || {
                assert_eq!(
                    cell.get_or_try_init(async || Err::<i32, ()>(())).await,
                    Ok(&7)
                );
            })
            .await;
        let failing = OnceCell::new();
        table
            .row("get_or_try_init in vain", async || {
                assert_eq!(
                    failing.get_or_try_init(async || Err::<i32, ()>(())).await,
                    Err(())
                );
            })
            .await;
        let set = SetOnce::new();
        set.set(7).unwrap();
        table
            .row("wait for a SetOnce", async || {
                assert_eq!(*set.wait().await, 7);
            })
            .await;
    });
}
