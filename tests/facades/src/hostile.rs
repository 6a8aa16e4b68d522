//! Subscribers that use the runtime that calls them, or that panic.

use std::cell::Cell;
use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use quintet::runtime::{Builder, Handle, metrics};
use quintet::sync::{Notify, mpsc};
use quintet::task::{set_immediate, yield_now};
use quintet::time::sleep;
use quintet::{spawn, spawn_blocking};

use crate::panics::on_panic;
use crate::subscriber::{Call, Notebook, SeenSpan};

/// Tasks that do some of everything.
async fn work() {
    let bell = Arc::new(Notify::new());
    let rung = Arc::clone(&bell);
    let listener = spawn(async move { rung.notified().await });
    let sleeper = spawn(sleep(Duration::from_millis(1)));
    let (sender, mut receiver) = mpsc::channel(1);
    let producer = spawn(async move {
        for i in 0..4 {
            sender.send(i).await.unwrap();
        }
    });
    let consumer = spawn(async move {
        let mut sum = 0;
        while let Some(i) = receiver.recv().await {
            sum += i;
        }
        sum
    });
    let aborted = spawn(std::future::pending::<()>());
    yield_now().await;
    aborted.abort();
    set_immediate(|| ()).await.unwrap();
    bell.notify_one();
    listener.await.unwrap();
    sleeper.await.unwrap();
    producer.await.unwrap();
    assert_eq!(consumer.await.unwrap(), 6);
    assert_eq!(spawn_blocking(|| 7).await.unwrap(), 7);
    assert!(aborted.await.unwrap_err().is_cancelled());
    assert_eq!(Handle::current().spawn(ready(8)).await.unwrap(), 8);
}

#[test]
fn a_subscriber_may_use_the_runtime_that_calls_it() {
    thread_local! {
        static BELL: Arc<Notify> = Arc::new(Notify::new());
    }
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let notes = Notebook::calling(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        if Handle::try_current().is_ok() && quintet::runtime::worker_index().is_none() {
            let task = spawn(ready(()));
            drop(spawn(async move { task.await.unwrap() }));
            drop(spawn(sleep(Duration::from_millis(1))));
            assert!(metrics().tasks.spawned > 0);
        }
        BELL.with(|bell| bell.notify_waiters());
    });
    notes.during(|| {
        let runtime = Builder::new().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let bell = BELL.with(Arc::clone);
            let listener = spawn(async move { bell.notified().await });
            work().await;
            listener.await.unwrap();
        });
    });

    assert!(calls.load(Ordering::Relaxed) > 100);
    assert!(notes.spans().iter().all(SeenSpan::is_closed));
}

#[test]
fn the_panic_of_a_subscriber_loses_nothing() {
    thread_local! {
        static PANICS: Cell<usize> = const { Cell::new(0) };
    }
    on_panic(|_| PANICS.set(PANICS.get() + 1));
    let calls = [
        Call::NewSpan,
        Call::Enter,
        Call::Exit,
        Call::Close,
        Call::Event,
    ];
    for panicking in calls {
        PANICS.set(0);
        let notes = Notebook::calling(move |call| {
            assert_ne!(call, panicking, "the subscriber fails");
        });
        notes.during(|| {
            let runtime = Builder::new().start_paused(true).build().unwrap();
            runtime.block_on(work());
            let left = runtime.metrics().tasks.alive;
            assert_eq!(left, 0, "{panicking:?}");
        });
        assert!(PANICS.get() > 1, "{panicking:?}");
    }
}
