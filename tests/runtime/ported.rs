//! What programs that are ported from tokio ask of a runtime: `Handle::enter`, ids, hooks of
//! threads, and names.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::cell::RefCell;
use std::collections::HashSet;
use std::io::{self, Write};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use quintet::net::{TcpListener, TcpStream};
use quintet::runtime::{
    Builder, Handle, LocalOptions, LocalRuntime, Report, Runtime, RuntimeFlavor,
    is_rt_shutdown_err, worker_index,
};
use quintet::sync::Notify;
use quintet::task::{set_immediate, yield_now};
use quintet::time::{Duration, Instant, advance, is_paused, sleep};
use quintet::{block_on, spawn, spawn_blocking};

use crate::support::panics::{panic_message, panic_of};
use crate::support::patience::in_time;
use crate::support::tcp::connection;

fn runtime() -> Runtime {
    Runtime::new().unwrap()
}

// ------------------------------------------------------------------------------------- handles

#[test]
fn ids_are_those_of_the_runtimes() {
    let (one, other) = (runtime(), runtime());
    let handle = one.handle().clone();
    let ids = HashSet::from([one.handle().id(), other.handle().id(), handle.id()]);
    assert_eq!(ids.len(), 2);
    assert_ne!(
        one.handle().id().to_string(),
        other.handle().id().to_string()
    );
    drop(one);
    assert!(!ids.contains(&runtime().handle().id()));
    assert_eq!(handle.runtime_flavor(), RuntimeFlavor::CurrentThread);
}

#[test]
fn a_handle_is_entered_on_the_thread_of_its_runtime() {
    let (one, other) = (runtime(), runtime());
    let (handle, other_handle) = (one.handle().clone(), other.handle().clone());
    let guard = handle.enter();
    let task = spawn(async { Handle::current().id() });
    let other_guard = other_handle.enter();
    assert_eq!(Handle::current().id(), other.handle().id());
    // In any order.
    drop(guard);
    assert_eq!(Handle::current().id(), other.handle().id());
    drop(other_guard);
    assert!(Handle::try_current().is_err());
    assert_eq!(one.block_on(task).unwrap(), one.handle().id());
}

#[test]
fn a_runtime_that_ends_while_it_is_entered_refuses_tasks() {
    let runtime = runtime();
    let handle = runtime.handle().clone();
    let guard = handle.enter();
    drop(runtime);
    let task = spawn(async {});
    assert!(block_on(task).unwrap_err().is_cancelled());
    drop(guard);
    // It is no longer there to be entered.
    let _guard = handle.enter();
    assert_eq!(Handle::current().id(), handle.id());
    let task = Handle::current().spawn(async {});
    assert!(block_on(task).unwrap_err().is_cancelled());
}

#[test]
fn a_handle_is_entered_on_another_thread() {
    let runtime = Builder::new().start_paused(true).build().unwrap();
    let start = runtime.block_on(async {
        let start = Instant::now();
        advance(Duration::from_secs(3600)).await;
        start
    });
    let handle = runtime.handle().clone();
    let own = thread::spawn(move || {
        let guard = handle.enter();
        assert_eq!(Handle::current().id(), handle.id());
        assert!(is_paused());
        assert_eq!(start.elapsed(), Duration::from_secs(3600));
        assert_eq!(worker_index(), None);
        let message = panic_message(|| spawn(async {}));
        assert!(message.contains("Handle::current().spawn"), "{message}");
        let job = spawn_blocking(|| Handle::current().id());
        let task = Handle::current().spawn(async { Handle::current().id() });

        // A runtime of this thread inside, and again without.
        let own = Runtime::new().unwrap();
        own.block_on(async {
            assert_eq!(Handle::current().id(), own.handle().id());
            assert!(!is_paused());
        });
        let own_guard = own.enter();
        drop(guard);
        assert_eq!(Handle::current().id(), own.handle().id());
        drop(own_guard);
        assert!(Handle::try_current().is_err());
        (job, task)
    });
    let (job, task) = own.join().unwrap();
    let id = runtime.handle().id();
    assert_eq!(
        runtime.block_on(async { (job.await.unwrap(), task.await.unwrap()) }),
        (id, id)
    );
}

#[test]
fn a_thread_that_runs_tasks_has_an_index() {
    assert_eq!(worker_index(), None);
    let runtime = runtime();
    let guard = runtime.enter();
    assert_eq!(worker_index(), None, "it does not run");
    drop(guard);
    runtime.block_on(async {
        assert_eq!(worker_index(), Some(0));
        assert_eq!(spawn(async { worker_index() }).await.unwrap(), Some(0));
        assert_eq!(spawn_blocking(worker_index).await.unwrap(), None);
    });
}

#[test]
fn a_socket_says_that_its_runtime_has_ended() {
    let (one, other) = (runtime(), runtime());
    let listener = one.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        // It belongs to the loop on which it has waited.
        let waiting = quintet::time::timeout(Duration::from_millis(1), listener.accept());
        waiting.await.unwrap_err();
        listener
    });
    let error = other.block_on(listener.accept()).unwrap_err();
    assert!(!is_rt_shutdown_err(&error), "{error}");
    drop(one);
    let error = other.block_on(listener.accept()).unwrap_err();
    assert!(is_rt_shutdown_err(&error), "{error}");
    assert!(error.to_string().contains("has ended"), "{error}");
    assert!(!is_rt_shutdown_err(&io::Error::other(error.to_string())));
    assert!(!is_rt_shutdown_err(&io::ErrorKind::Other.into()));
}

#[test]
fn a_local_runtime_is_a_runtime() {
    let options = LocalOptions::default();
    let runtime: LocalRuntime = Builder::new_current_thread()
        .event_interval(10)
        .global_queue_interval(10)
        .build_local(options)
        .unwrap();
    let text = Rc::new("not Send");
    let task = runtime.spawn_local(async move { *text });
    assert_eq!(runtime.block_on(task).unwrap(), "not Send");
    for panicked in [
        panic_of(|| drop(Builder::new().global_queue_interval(0).clone())),
        panic_of(|| drop(Builder::new().event_interval(0).clone())),
        panic_of(|| drop(Builder::new().max_io_events_per_tick(0).clone())),
    ] {
        assert!(panicked.file.ends_with("ported.rs"), "{panicked:?}");
    }
}

// ------------------------------------------------------------------------------------- threads

#[test]
fn each_worker_thread_calls_the_hooks() {
    in_time(|| {
        let (sender, events) = mpsc::channel();
        let hook = |event: &'static str| {
            let sender = sender.clone();
            move || {
                let name = thread::current().name().map(str::to_owned);
                sender.send((event, name.unwrap())).unwrap();
            }
        };
        let runtime = Builder::new()
            .worker_threads(1)
            .on_thread_start(hook("start"))
            .on_thread_stop(hook("stop"))
            .build()
            .unwrap();
        let job = runtime.spawn_blocking(hook("job"));
        runtime.block_on(job).unwrap();
        drop(runtime);
        for event in ["start", "job", "stop"] {
            assert_eq!(
                events.recv().unwrap(),
                (event, "quintet-worker-0".to_owned())
            );
        }
        assert!(events.try_recv().is_err());
    });
}

#[test]
fn a_hook_that_panics_is_reported_and_jobs_run() {
    in_time(|| {
        let (sender, reports) = mpsc::channel();
        let runtime = Builder::new()
            .on_report(move |report| {
                if let Report::HookPanicked { message, .. } = report {
                    sender.send(message.clone()).unwrap();
                }
            })
            .on_thread_start(|| panic!("start on purpose"))
            .on_thread_park(|| panic!("park on purpose"))
            .build()
            .unwrap();
        let job = runtime.spawn_blocking(|| 7);
        assert_eq!(runtime.block_on(job).unwrap(), 7);
        runtime.block_on(sleep(Duration::from_millis(1)));
        drop(runtime);
        let messages: HashSet<String> = reports.iter().collect();
        let expected = ["start on purpose", "park on purpose"].map(str::to_owned);
        assert_eq!(messages, HashSet::from(expected));
    });
}

#[test]
fn a_function_names_the_threads() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&calls);
    let name = move || format!("thread {}", counter.fetch_add(1, Ordering::Relaxed));
    let mut builder = Builder::new();
    builder
        .worker_threads(3)
        .cpu_threads(2)
        .thread_name_fn(name);
    let runtime = builder.build().unwrap();
    let job = runtime.spawn_blocking(|| thread::current().name().map(str::to_owned));
    assert_eq!(runtime.block_on(job).unwrap().as_deref(), Some("thread 0"));
    assert_eq!(calls.load(Ordering::Relaxed), 5);

    // The last one counts.
    let runtime = builder.thread_name("prefix").build().unwrap();
    let job = runtime.spawn_blocking(|| thread::current().name().map(str::to_owned));
    assert_eq!(runtime.block_on(job).unwrap().as_deref(), Some("prefix-0"));
    let error = builder
        .thread_name_fn(|| "a\0b".to_owned())
        .build()
        .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn a_loop_that_is_about_to_wait_calls_the_hook_which_may_make_work() {
    in_time(|| {
        let notify = Arc::new(Notify::new());
        let log = Arc::new(Mutex::new(Vec::new()));
        let (waker, parks, unparks) = (Arc::clone(&notify), Arc::clone(&log), Arc::clone(&log));
        let runtime = Builder::new()
            .on_thread_park(move || {
                parks.lock().unwrap().push("park");
                let waker = Arc::clone(&waker);
                // Once by a wake, once by a task.
                match parks.lock().unwrap().len() {
                    1 => waker.notify_one(),
                    _ => drop(spawn(async move { waker.notify_one() })),
                }
            })
            .on_thread_unpark(move || unparks.lock().unwrap().push("unpark"))
            .build()
            .unwrap();
        runtime.block_on(async {
            // What is ready needs no wait.
            yield_now().await;
            spawn(async {}).await.unwrap();
            assert!(log.lock().unwrap().is_empty());
            notify.notified().await;
            notify.notified().await;
        });
        assert_eq!(*log.lock().unwrap(), ["park", "unpark", "park", "unpark"]);
    });
}

#[test]
fn a_tick_fetches_as_many_events_as_it_may() {
    /// What two readers, whose data has come, and an immediate do in turn.
    async fn order() -> Vec<&'static str> {
        let log = Rc::new(RefCell::new(Vec::new()));
        let mut peers = Vec::new();
        let mut tasks = Vec::new();
        for _ in 0..2 {
            let (stream, peer): (TcpStream, TcpStream) = connection().await;
            peers.push(peer.into_std().unwrap());
            let log = Rc::clone(&log);
            tasks.push(spawn(async move {
                stream.read(&mut [0]).await.unwrap();
                log.borrow_mut().push("read");
            }));
        }
        for _ in 0..3 {
            yield_now().await;
        }
        for peer in &mut peers {
            peer.write_all(b"x").unwrap();
        }
        let noted = Rc::clone(&log);
        tasks.push(set_immediate(move || noted.borrow_mut().push("immediate")));
        for task in tasks {
            task.await.unwrap();
        }
        log.take()
    }
    let run = |count| {
        let mut builder = Builder::new();
        // So that each tick asks the OS, also if there is other work.
        builder.start_paused(true);
        let runtime = builder.max_io_events_per_tick(count).build().unwrap();
        in_time(|| runtime.block_on(order()))
    };
    assert_eq!(run(1), ["read", "immediate", "read"]);
    assert_eq!(run(2), ["read", "read", "immediate"]);
}
