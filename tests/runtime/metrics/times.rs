//! What is measured: how long polls, phases, timers and jobs take. Durations that are known are
//! those that a test blocks for, and those of paused time.

use std::thread;

use quintet::blocking::{self, Class};
use quintet::runtime::{Builder, Metrics, Phase, Runtime};
use quintet::task::yield_now;
use quintet::time::{Duration, sleep};
use quintet::{spawn_blocking, spawn_cpu};

use crate::support::patience::in_time;

const LONG: Duration = Duration::from_millis(3);

fn measuring() -> Runtime {
    Builder::new().measure(true).build().unwrap()
}

#[test]
fn polls_and_their_phases_are_measured() {
    in_time(|| {
        let runtime = measuring();
        runtime.block_on(async {
            thread::sleep(LONG);
            yield_now().await;
            thread::sleep(LONG);
            sleep(Duration::from_millis(1)).await;
        });
        let metrics = runtime.metrics();

        let polls = metrics.poll_times.as_ref().unwrap();
        assert_eq!(polls.count(), metrics.polls());
        assert!(polls.max() >= LONG && polls.sum() >= 2 * LONG);
        assert!(polls.p99() >= LONG && polls.quantile(0.0) <= polls.mean());
        let time = |phase| metrics.phase(phase).time.as_ref().unwrap();
        assert_eq!(time(Phase::Check).count(), 1, "one tick with a yield");
        assert!(time(Phase::Check).max() >= LONG);
        assert_eq!(time(Phase::Timers).count(), 1);
        for phase in [Phase::Pending, Phase::Poll, Phase::Close] {
            assert_eq!(time(phase).count(), 0, "nothing to do");
        }
        assert_eq!(metrics.start.time, None);
    });
}

#[test]
fn a_wait_is_not_part_of_its_phase() {
    in_time(|| {
        let runtime = measuring();
        runtime.block_on(async {
            spawn_blocking(|| thread::sleep(Duration::from_millis(50)))
                .await
                .unwrap();
            yield_now().await;
        });
        let metrics = runtime.metrics();
        let poll = metrics.phase(Phase::Poll).time.as_ref().unwrap();
        assert_eq!(poll.count(), 1);
        let active = metrics.utilization.active;
        assert!(poll.sum() <= active, "{poll:?} of {active:?}");
    });
}

#[test]
fn each_tasks_longest_poll_is_in_its_dump() {
    let runtime = measuring();
    let task = runtime.spawn(async {
        thread::sleep(2 * LONG);
        yield_now().await;
        thread::sleep(LONG);
        std::future::pending::<()>().await;
    });
    runtime.block_on(async {
        for _ in 0..3 {
            yield_now().await;
        }
    });
    let dump = runtime.dump();
    let dumped = dump
        .tasks()
        .iter()
        .find(|dumped| dumped.id() == task.id())
        .unwrap();
    let longest = dumped.longest_poll().unwrap();
    assert!(longest >= 2 * LONG);
    assert!(dumped.busy().unwrap() >= longest + LONG);
    assert!(dump.to_json().contains("\"longest_poll_ns\":"));
}

#[test]
fn lateness_counts_from_the_deadline() {
    let runtime = Builder::new()
        .measure(true)
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        sleep(Duration::from_secs(1)).await;
        let late = quintet::spawn(sleep(Duration::from_secs(1)));
        yield_now().await;
        quintet::time::advance(Duration::from_secs(5)).await;
        late.await.unwrap();
    });
    let lateness = runtime.metrics().timers.lateness.unwrap();
    assert_eq!(lateness.count(), 3, "`advance` has a timer, too");
    let four = Duration::from_secs(4);
    assert_eq!((lateness.max(), lateness.sum()), (four, four));
    assert!(lateness.p50() < Duration::from_nanos(16));
}

#[test]
fn jobs_are_measured_by_class() {
    in_time(|| {
        let mut builder = Builder::new();
        let runtime = builder.measure(true).worker_threads(1).build().unwrap();
        runtime.block_on(async {
            let first = spawn_blocking(|| thread::sleep(LONG));
            let second = spawn_blocking(|| ());
            let lookup = blocking::Builder::new().class(Class::Dns).spawn(|| ());
            first.await.unwrap();
            second.await.unwrap();
            lookup.await.unwrap();
            spawn_cpu(|| thread::sleep(2 * LONG)).await.unwrap();
        });
        let metrics = runtime.metrics();
        let times = |class| metrics.job_times(class).unwrap();
        let plain = times(Class::Plain);
        assert_eq!((plain.waiting.count(), plain.running.count()), (2, 2));
        assert!(plain.running.max() >= LONG);
        assert_eq!(Some(plain.waiting.sum()), metrics.pool.plain.waited);
        assert_eq!(times(Class::Dns).running.count(), 1);
        assert_eq!(times(Class::Cpu).running.count(), 1);
        assert!(times(Class::Cpu).running.p50() >= 2 * LONG);
    });
}

#[test]
fn a_window_has_the_times_of_the_window() {
    let runtime = measuring();
    runtime.block_on(async { thread::sleep(LONG) });
    let before = runtime.metrics();
    runtime.block_on(yield_now());
    let window: Metrics = runtime.metrics().since(&before);
    assert_eq!(window.poll_times.as_ref().unwrap().count(), 2);
    assert_eq!(window.phase(Phase::Check).time.as_ref().unwrap().count(), 1);
    assert_eq!(window.timers.lateness.as_ref().unwrap().count(), 0);
    assert_eq!(window.job_times(Class::Plain).unwrap().running.count(), 0);
}

#[test]
fn without_measuring_there_are_no_times() {
    let runtime = Builder::new().measure(false).build().unwrap();
    runtime.block_on(async { spawn_blocking(|| ()).await.unwrap() });
    let metrics = runtime.metrics();
    assert_eq!(metrics.poll_times, None);
    assert_eq!(metrics.timers.lateness, None);
    assert_eq!(metrics.phase(Phase::Poll).time, None);
    assert_eq!(metrics.job_times(Class::Plain), None);
    assert_eq!(metrics.pool.plain.waited, None);
}
