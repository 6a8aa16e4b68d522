//! Windows of metrics: every count is the difference of two values, and every length is the later
//! one.

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::sync::mpsc;
use std::task::Poll;
use std::thread;

use quintet::net::UnixStream;
use quintet::runtime::{Builder, Metrics, Phase};
use quintet::sync::mpsc as channels;
use quintet::task::{spawn_local, yield_now};
use quintet::time::{Duration, sleep};
use quintet::{blocking, spawn_blocking};

use crate::support::panics::on_panic;
use crate::support::patience::in_time;

const PHASES: [Phase; 5] = [
    Phase::Timers,
    Phase::Pending,
    Phase::Poll,
    Phase::Check,
    Phase::Close,
];

/// All counts, and whether the program below surely raises them.
fn counts(metrics: &Metrics) -> Vec<(String, u64, bool)> {
    let Metrics {
        tasks,
        wakes,
        deferred,
        pool,
        ..
    } = metrics;
    let mut counts = vec![
        ("ticks", metrics.ticks, true),
        ("sleeps", metrics.sleeps, true),
        ("start.polls", metrics.start.polls, true),
        ("spawned", tasks.spawned, true),
        ("finished", tasks.finished, true),
        ("panicked", tasks.panicked, true),
        ("aborted", tasks.aborted, true),
        ("queued", wakes.queued, true),
        ("timers", wakes.timers, true),
        ("sources", wakes.sources, true),
        ("signals", wakes.signals, false),
        ("messages", wakes.messages, true),
        ("immediates", wakes.immediates, true),
        ("closes", wakes.closes, true),
        ("phase_budget", deferred.phase_budget, true),
        ("task_budget", deferred.task_budget, true),
        ("deferred events", deferred.events, true),
        ("sources.total", metrics.sources.total, true),
        ("timers.total", metrics.timers.total, true),
        ("hits", metrics.cached_reads.hits, false),
        ("misses", metrics.cached_reads.misses, false),
        ("plain.done", pool.plain.done, true),
        ("plain.cancelled", pool.plain.cancelled, true),
        ("dns.done", pool.dns.done, true),
        ("cpu.done", pool.cpu.done, true),
    ];
    for phase in PHASES {
        let phase = metrics.phase(phase);
        counts.push(("callbacks of a phase", phase.callbacks, true));
        counts.push(("polls of a phase", phase.polls, true));
    }
    counts
        .into_iter()
        .map(|(name, count, is_raised)| (name.to_owned(), count, is_raised))
        .collect()
}

fn lengths(metrics: &Metrics) -> [u64; 7] {
    let queues = &metrics.queues;
    [
        metrics.tasks.alive,
        queues.ready,
        queues.pending,
        queues.inbox,
        metrics.sources.registered,
        metrics.timers.armed,
        metrics.pool.plain.queued as u64,
    ]
}

const QUIET: &str = "a panic that is expected";

/// Does something of every kind, in a runtime with a phase budget of four and one worker thread.
async fn everything() {
    sleep(Duration::from_millis(1)).await;
    jobs().await;
    let (one, other) = UnixStream::pair().unwrap();
    let reader = spawn_local(async move {
        one.read_exact(&mut [0]).await.unwrap();
        one.close().await;
    });
    yield_now().await;
    other.write_all(b"x").await.unwrap();
    reader.await.unwrap();

    assert!(spawn_local(async { panic!("{QUIET}") }).await.is_err());
    let task = spawn_local(pending::<()>());
    task.abort();
    assert!(task.await.is_err());

    let (send, mut receive) = channels::unbounded_channel();
    for _ in 0..300 {
        send.send(()).unwrap();
    }
    for _ in 0..300 {
        receive.recv().await.unwrap();
    }
    woken_while_tasks_are_pending().await;
}

async fn jobs() {
    let (release, released) = mpsc::channel::<()>();
    let first = spawn_blocking(move || released.recv());
    let second = spawn_blocking(|| ());
    second.abort();
    assert!(second.await.is_err());
    release.send(()).unwrap();
    first.await.unwrap().unwrap();
    for class in [blocking::Class::Dns, blocking::Class::Cpu] {
        let job = blocking::Builder::new().class(class).spawn(|| ());
        job.await.unwrap();
    }
}

/// A message of another thread is fetched while tasks are in pending.
async fn woken_while_tasks_are_pending() {
    let polls = Rc::new(Cell::new(0));
    let mut has_begun = false;
    poll_fn(|cx| {
        if has_begun {
            return Poll::Ready(());
        }
        has_begun = true;
        for _ in 0..20 {
            let polls = Rc::clone(&polls);
            spawn_local(async move { polls.set(polls.get() + 1) });
        }
        let waker = cx.waker().clone();
        thread::spawn(move || waker.wake()).join().unwrap();
        Poll::Pending
    })
    .await;
    while polls.get() < 20 {
        yield_now().await;
    }
}

#[test]
fn each_count_of_a_window_is_a_difference_and_each_length_the_later_one() {
    in_time(|| {
        on_panic(|panic| {
            if panic.message != QUIET {
                eprintln!("{panic:?}");
            }
        });
        let mut builder = Builder::new();
        let runtime = builder.phase_budget(4).worker_threads(1).build().unwrap();
        runtime.block_on(everything());
        let first = runtime.metrics();
        drop(runtime.spawn(sleep(Duration::from_secs(1000))));
        runtime.block_on(everything());
        let second = runtime.metrics();

        let window = second.since(&first);

        let both = counts(&first).into_iter().zip(counts(&second));
        for (((name, before, is_raised), (_, after, _)), (_, of_window, _)) in
            both.zip(counts(&window))
        {
            assert_eq!(of_window, after - before, "{name}");
            assert!(before > 0 || !is_raised, "{name}");
        }
        assert_eq!(lengths(&window), lengths(&second));
        assert_ne!(lengths(&second), lengths(&first));
    });
}
