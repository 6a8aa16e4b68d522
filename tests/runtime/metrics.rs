//! Metrics: each number by a small program, and all of them by random ones.

#![expect(
    clippy::unwrap_used,
    reason = "the helpers are parts of tests, and say where they fail"
)]

mod programs;
mod prometheus;
mod times;
mod utilization;
mod windows;

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::thread;

use futures::stream::{FuturesUnordered, StreamExt};
use quintet::net::UdpSocket;
use quintet::runtime::{self, Builder, Handle, Metrics, Phase, Runtime, UnhandledPanic};
use quintet::signal::unix::{SignalKind, signal};
use quintet::sync::mpsc as channels;
use quintet::task::{spawn_local, yield_now};
use quintet::time::{Duration, sleep};
use quintet::{fs, spawn_blocking};
use rustix::process::{Signal, getpid, kill_process};

use crate::support::panics::{on_panic, panic_message};
use crate::support::patience::in_time;

/// Returns the metrics of a runtime of `builder` after `root`.
fn metrics_of(builder: &mut Builder, root: impl Future<Output = ()>) -> Metrics {
    in_time(|| {
        let runtime = builder.build().unwrap();
        runtime.block_on(root);
        runtime.metrics()
    })
}

#[test]
fn what_runs_before_the_first_tick_belongs_to_no_phase() {
    let runtime = Runtime::new().unwrap();
    let _task = runtime.spawn(async {});
    runtime.block_on(async { yield_now().await });

    let metrics = runtime.metrics();

    assert_eq!(metrics.start.polls, 2, "the root and the task");
    assert_eq!(metrics.start.callbacks, 0);
    assert_eq!(metrics.phase(Phase::Check).polls, 1);
    assert_eq!(metrics.ticks, 1);
    assert_eq!((metrics.polls(), metrics.callbacks()), (3, 1));
    assert_eq!(metrics.sleeps, 0);
}

#[test]
fn polls_belong_to_the_phase_whose_callback_has_made_them_ready() {
    let metrics = metrics_of(Builder::new().start_paused(true), async {
        let (send, mut receive) = channels::unbounded_channel();
        let task = spawn_local(async move { while receive.recv().await.is_some() {} });
        sleep(Duration::from_secs(1)).await;
        // In the timers phase: this task by the timer, the other from the ready queue.
        send.send(()).unwrap();
        yield_now().await;
        drop(send);
        task.await.unwrap();
    });

    let phase = |phase| (metrics.phase(phase).callbacks, metrics.phase(phase).polls);
    assert_eq!(phase(Phase::Timers), (1, 2));
    assert_eq!(phase(Phase::Pending), (0, 0));
    assert_eq!(phase(Phase::Poll), (0, 0));
    // The yield; then the task, because its channel was closed; then this task, which joins it.
    assert_eq!(phase(Phase::Check), (1, 3));
    assert_eq!(metrics.start.polls, 2, "the first polls");
    assert_eq!(
        metrics.wakes.queued, 5,
        "all but those by the timer and the yield"
    );
}

#[test]
fn a_task_that_spends_its_budget_is_counted() {
    let metrics = metrics_of(&mut Builder::new(), async {
        let (send, mut receive) = channels::unbounded_channel();
        for _ in 0..300 {
            send.send(()).unwrap();
        }
        for _ in 0..300 {
            receive.recv().await.unwrap();
        }
    });

    assert_eq!(metrics.deferred.task_budget, 2, "128 units a poll");
    assert_eq!(metrics.deferred.phase_budget, 0);
    assert_eq!(metrics.phase(Phase::Pending).callbacks, 2);
    assert_eq!(metrics.phase(Phase::Pending).polls, 2);
    assert_eq!(metrics.wakes.queued, 3);
}

#[test]
fn tasks_over_the_budget_of_a_phase_are_counted() {
    let metrics = metrics_of(Builder::new().phase_budget(4), async {
        for _ in 0..10 {
            spawn_local(async {});
        }
        assert_eq!(runtime::metrics().queues.ready, 10);
        yield_now().await;
        let metrics = runtime::metrics();
        assert_eq!(
            metrics.deferred.phase_budget, 7,
            "3 have run before the first tick"
        );
        assert_eq!(metrics.queues.pending, 3, "4 have run in the pending phase");
        yield_now().await;
        assert_eq!(runtime::metrics().queues.pending, 0);
    });

    assert_eq!(metrics.deferred.phase_budget, 7);
    assert_eq!(metrics.deferred.task_budget, 0);
}

#[test]
fn an_event_that_wakes_several_tasks_polls_none_itself() {
    let metrics = metrics_of(&mut Builder::new(), async {
        let socket = Rc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let readers = [0, 1, 2].map(|_| {
            let socket = Rc::clone(&socket);
            spawn_local(async move { socket.readable().await.map(drop) })
        });
        yield_now().await;
        let sources = runtime::metrics().sources;
        assert_eq!((sources.registered, sources.total), (1, 1));
        let peer = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        peer.send_to(b"x", socket.local_addr().unwrap()).unwrap();
        for reader in readers {
            reader.await.unwrap().unwrap();
        }
        drop(socket);
        assert_eq!(
            runtime::metrics().sources.registered,
            1,
            "until the close phase"
        );
        for _ in 0..2 {
            yield_now().await;
        }
    });

    let sources = &metrics.sources;
    assert_eq!((sources.registered, sources.total), (0, 1));
    assert!(metrics.wakes.sources >= 1);
    let direct = metrics.wakes.immediates;
    assert_eq!(metrics.polls(), metrics.wakes.queued + direct);
}

#[test]
fn a_timer_that_wakes_a_combinator_polls_nothing_itself() {
    let polls = Cell::new(0);
    let metrics = metrics_of(Builder::new().start_paused(true), async {
        let sleeps = (1..=3).map(|secs| sleep(Duration::from_secs(secs)));
        let mut sleeps: FuturesUnordered<_> = sleeps.collect();
        let all = async { while sleeps.next().await.is_some() {} };
        let mut all = pin!(all);
        poll_fn(|cx| {
            polls.set(polls.get() + 1);
            all.as_mut().poll(cx)
        })
        .await;
    });

    assert_eq!(metrics.wakes.timers, 3);
    assert_eq!(metrics.polls(), polls.get());
    assert_eq!(metrics.wakes.queued, polls.get());
    assert_eq!((metrics.timers.total, metrics.timers.armed), (3, 0));
}

#[test]
fn a_timer_counts_until_it_has_fired_or_is_dropped() {
    metrics_of(Builder::new().start_paused(true), async {
        let mut one = Box::pin(sleep(Duration::from_secs(1)));
        let mut other = Box::pin(sleep(Duration::from_secs(2)));
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(runtime::metrics().timers.armed, 0, "not polled yet");
        assert!(one.as_mut().poll(&mut cx).is_pending());
        assert!(other.as_mut().poll(&mut cx).is_pending());
        assert_eq!(runtime::metrics().timers.armed, 2);
        one.await;
        assert_eq!(runtime::metrics().timers.armed, 1);
        other
            .as_mut()
            .reset(quintet::time::Instant::now() + Duration::from_secs(9));
        drop(other);
        let timers = runtime::metrics().timers;
        assert_eq!((timers.armed, timers.total), (0, 3));
    });
}

#[test]
fn messages_of_other_threads_are_counted_when_they_are_fetched() {
    let metrics = metrics_of(&mut Builder::new(), async {
        let handle = Handle::current();
        let elsewhere = thread::spawn(move || {
            let task = handle.spawn(async { 7 });
            (task, handle.metrics())
        });
        let (task, seen) = elsewhere.join().unwrap();
        assert_eq!(seen.queues.inbox, 1, "the loop is here");
        let now = runtime::metrics();
        assert_eq!((now.queues.inbox, now.wakes.messages), (1, 0));
        assert_eq!(task.await.unwrap(), 7);
    });

    assert_eq!((metrics.queues.inbox, metrics.wakes.messages), (0, 1));
    assert_eq!((metrics.tasks.spawned, metrics.tasks.finished), (2, 2));
    assert_eq!(metrics.phase(Phase::Poll).callbacks, 1);
    // The call that spawns it polls no task: it comes from the queue, and then the root.
    assert_eq!((metrics.polls(), metrics.wakes.queued), (3, 3));
}

#[test]
fn a_wake_of_another_thread_polls_the_task_itself() {
    let metrics = metrics_of(&mut Builder::new(), async {
        let mut elsewhere = None;
        poll_fn(|cx| match &elsewhere {
            None => {
                let waker = cx.waker().clone();
                elsewhere = Some(thread::spawn(move || waker.wake()));
                Poll::Pending
            }
            Some(_) => Poll::Ready(()),
        })
        .await;
        elsewhere.unwrap().join().unwrap();
    });

    assert_eq!(metrics.wakes.messages, 1);
    assert_eq!((metrics.polls(), metrics.wakes.queued), (2, 1));
}

#[test]
fn another_thread_sees_a_loop_that_sleeps_as_it_is() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let handle = runtime.handle().clone();
        let (asleep, awaited) = mpsc::channel::<()>();
        let elsewhere = thread::spawn(move || {
            awaited.recv().unwrap();
            // It is about to sleep, or sleeps.
            loop {
                let metrics = handle.metrics();
                if metrics.sleeps > 0 {
                    handle.stop();
                    return metrics;
                }
                thread::yield_now();
            }
        });
        for _ in 0..2 {
            runtime.spawn(sleep(Duration::from_secs(1000)));
        }
        runtime.spawn(async move { asleep.send(()).unwrap() });
        runtime.run().unwrap();

        let seen = elsewhere.join().unwrap();
        assert_eq!((seen.timers.armed, seen.timers.total), (2, 2));
        assert_eq!((seen.tasks.alive, seen.tasks.finished), (2, 1));
        assert_eq!(seen.queues.ready, 0);
    });
}

#[test]
fn signals_are_no_events_of_sources() {
    let metrics = metrics_of(&mut Builder::new(), async {
        let mut stream = signal(SignalKind::user_defined1()).unwrap();
        let task = spawn_local(async move { stream.recv().await });
        yield_now().await;
        kill_process(getpid(), Signal::USR1).unwrap();
        task.await.unwrap().unwrap();
    });

    assert!(metrics.wakes.signals >= 1);
    assert_eq!(metrics.wakes.sources, 0);
}

#[test]
fn in_a_job_they_are_those_of_its_runtime() {
    metrics_of(Builder::new().name("home"), async {
        let job = spawn_blocking(|| {
            let metrics = runtime::metrics();
            (metrics.name, metrics.pool.plain.running)
        });
        assert_eq!(job.await.unwrap(), (Some("home".to_owned()), 1));
    });
}

#[test]
fn without_a_runtime_the_panic_says_so() {
    let message = panic_message(runtime::metrics);
    assert!(
        message.contains("no quintet runtime is current"),
        "{message}"
    );
}

#[test]
fn a_task_that_ends_its_own_loop_is_aborted() {
    let runtime = Runtime::new().unwrap();
    let handle = runtime.handle().clone();
    runtime.spawn(pending::<()>());
    // A task that owns its runtime, and drops it in its poll.
    let outer = Runtime::new().unwrap();
    outer.block_on(async move { drop(runtime) });

    let tasks = handle.metrics().tasks;
    assert_eq!((tasks.spawned, tasks.aborted, tasks.alive), (1, 1, 0));
}

#[test]
fn a_root_that_panics_is_a_task_that_has() {
    let runtime = Runtime::new().unwrap();
    panic_message(|| runtime.block_on(async { panic!("as expected") }));
    let tasks = runtime.metrics().tasks;
    assert_eq!((tasks.spawned, tasks.finished, tasks.panicked), (1, 1, 1));
}

#[test]
fn a_read_of_a_file_is_a_hit_or_a_miss() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    std::fs::write(&path, "contents").unwrap();
    for is_on in [true, false] {
        let metrics = metrics_of(Builder::new().cached_reads(is_on), async {
            assert_eq!(fs::read(&path).await.unwrap(), b"contents");
            let missing = fs::read(directory.path().join("other")).await;
            assert_eq!(missing.unwrap_err().kind(), io::ErrorKind::NotFound);
        });
        let cached = &metrics.cached_reads;
        let jobs = metrics.pool.plain.done;
        if is_on {
            assert_eq!(cached.hits, 2 - jobs, "what no job has done");
            assert!(cached.misses <= jobs);
        } else {
            assert_eq!((cached.hits, cached.misses, jobs), (0, 0, 2));
        }
    }
}

#[test]
fn metrics_do_not_change_the_order_of_events() {
    let run = |measure, watch: bool| {
        let mut builder = Builder::new();
        builder.seed(5).start_paused(true).measure(measure);
        let runtime = builder.build().unwrap();
        runtime.block_on(async {
            for n in 0..50 {
                spawn_local(async move {
                    sleep(Duration::from_millis(n % 7)).await;
                    spawn_blocking(move || n).await.unwrap();
                    if watch {
                        drop(runtime::metrics());
                    }
                    yield_now().await;
                });
            }
            sleep(Duration::from_secs(1)).await;
        });
        runtime.handle().order_hash().unwrap()
    };
    let hash = run(false, false);
    assert_eq!(run(true, false), hash);
    assert_eq!(run(false, true), hash);
    assert_eq!(run(true, true), hash);
}

#[test]
fn the_names_of_tokio_are_those_numbers() {
    let runtime = Runtime::new().unwrap();
    let _task = runtime.spawn(pending::<()>());
    runtime.block_on(async {
        sleep(Duration::from_millis(1)).await;
        spawn_blocking(|| ()).await.unwrap();
    });
    let metrics = runtime.metrics();
    assert_eq!(metrics.num_workers(), 1);
    assert_eq!(
        (metrics.num_alive_tasks(), metrics.spawned_tasks_count()),
        (1, 3)
    );
    assert_eq!(
        (
            metrics.num_blocking_threads(),
            metrics.blocking_queue_depth()
        ),
        (1, 0)
    );
    assert!(metrics.num_idle_blocking_threads() <= 1);
    assert_eq!(
        (
            metrics.global_queue_depth(),
            metrics.worker_local_queue_depth(0)
        ),
        (0, 0)
    );
    assert_eq!(
        metrics.worker_total_busy_duration(0),
        metrics.utilization.active
    );
    assert!(metrics.worker_park_count(0) >= 1);
    assert_eq!(metrics.worker_poll_count(0), metrics.polls());
    assert_eq!(metrics.worker_local_schedule_count(0), metrics.wakes.queued);
    assert_eq!(metrics.remote_schedule_count(), 1);
    assert_eq!(metrics.budget_forced_yield_count(), 0);
    let sources = (
        metrics.io_driver_fd_registered_count(),
        metrics.io_driver_ready_count(),
    );
    assert_eq!(sources, (0, 0));
    assert_eq!(metrics.io_driver_fd_deregistered_count(), 0);
    let message = panic_message(|| metrics.worker_park_count(1));
    assert!(message.contains("one thread for tasks"), "{message}");
}

#[test]
fn a_wake_for_a_task_that_has_ended_polls_nothing() {
    let metrics = metrics_of(&mut Builder::new(), async {
        let woken_and_ready = poll_fn(|cx| {
            let waker = cx.waker().clone();
            thread::spawn(move || waker.wake()).join().unwrap();
            Poll::Ready(())
        });
        spawn_local(woken_and_ready).await.unwrap();
        yield_now().await;
    });

    let poll = metrics.phase(Phase::Poll);
    assert_eq!((poll.callbacks, poll.polls), (1, 0));
    // The root, the task, the root that joins it, and the root after its yield.
    assert_eq!((metrics.polls(), metrics.wakes.queued), (4, 3));
}

#[test]
fn a_root_that_a_panic_ends_is_aborted() {
    on_panic(|panic| assert_eq!(panic.message, "as expected"));
    let mut builder = Builder::new();
    let runtime = builder
        .unhandled_panic(UnhandledPanic::ShutdownRuntime)
        .build()
        .unwrap();
    panic_message(|| {
        runtime.block_on(async {
            drop(spawn_local(async { panic!("as expected") }));
            pending::<()>().await;
        });
    });
    let tasks = runtime.metrics().tasks;
    assert_eq!((tasks.panicked, tasks.aborted, tasks.finished), (1, 1, 2));
}

#[test]
fn the_panic_of_a_job_is_a_callback_without_a_poll() {
    on_panic(|panic| assert_eq!(panic.message, "as expected"));
    in_time(|| {
        let mut builder = Builder::new();
        let runtime = builder
            .unhandled_panic(UnhandledPanic::ShutdownRuntime)
            .build()
            .unwrap();
        let handle = runtime.handle().clone();
        let job = thread::spawn(move || handle.spawn_blocking(|| panic!("as expected")));
        drop(job.join().unwrap());
        panic_message(|| runtime.block_on(pending::<()>()));
        let metrics = runtime.metrics();
        let poll = metrics.phase(Phase::Poll);
        assert_eq!((poll.polls, metrics.polls()), (0, 1), "{metrics:?}");
        assert!(poll.callbacks >= 1);
    });
}

#[test]
fn events_that_were_moved_to_pending_and_the_tasks_that_they_wake_are_counted() {
    let metrics = metrics_of(Builder::new().phase_budget(2), async {
        let socket = Rc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let readers = [(); 5].map(|()| {
            let socket = Rc::clone(&socket);
            spawn_local(async move { socket.readable().await.map(drop) })
        });
        for _ in 0..10 {
            yield_now().await;
        }
        let peer = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        peer.send_to(b"x", socket.local_addr().unwrap()).unwrap();
        // The OS is asked while some of these are in pending.
        for _ in 0..200 {
            spawn_local(async {});
        }
        for reader in readers {
            reader.await.unwrap().unwrap();
        }
        while runtime::metrics().queues.pending > 0 {
            yield_now().await;
        }
    });

    let deferred = &metrics.deferred;
    assert!(deferred.events >= 1 && deferred.phase_budget >= 200);
    let moved = deferred.events + deferred.phase_budget + deferred.task_budget;
    assert_eq!(metrics.phase(Phase::Pending).callbacks, moved);
}

#[test]
fn several_signals_of_one_fetch_are_several() {
    let metrics = metrics_of(&mut Builder::new(), async {
        let kinds = [SignalKind::user_defined1(), SignalKind::user_defined2()];
        let tasks = kinds.map(|kind| {
            let mut stream = signal(kind).unwrap();
            spawn_local(async move { stream.recv().await })
        });
        yield_now().await;
        for signal in [Signal::USR1, Signal::USR2] {
            kill_process(getpid(), signal).unwrap();
        }
        for task in tasks {
            task.await.unwrap().unwrap();
        }
    });

    assert!(metrics.wakes.signals >= 2);
}

#[test]
fn to_ask_the_os_is_no_sleep() {
    let metrics = metrics_of(&mut Builder::new(), async {
        // More often than the OS is left unasked.
        for _ in 0..200 {
            yield_now().await;
        }
    });
    assert_eq!((metrics.ticks, metrics.sleeps), (200, 0));
}

#[test]
fn after_the_shutdown_nothing_is_registered_or_in_pending() {
    let runtime = Builder::new().phase_budget(1).build().unwrap();
    let handle = runtime.handle().clone();
    let socket = runtime.block_on(async {
        let socket = Rc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let reader = Rc::clone(&socket);
        spawn_local(async move { reader.readable().await.map(drop) });
        for _ in 0..3 {
            yield_now().await;
        }
        for _ in 0..10 {
            spawn_local(pending::<()>());
        }
        yield_now().await;
        socket
    });
    let before = handle.metrics();
    assert_eq!(before.sources.registered, 1);
    assert!(before.queues.pending > 0);

    drop(runtime);

    let after = handle.metrics();
    assert_eq!((after.sources.registered, after.queues.pending), (0, 0));
    assert_eq!(after.tasks.alive, 0);
    drop(socket);
}
