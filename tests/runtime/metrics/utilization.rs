//! How much of its time a loop is active. Nothing here depends on how fast the machine is: each
//! test waits until time has passed for one part, and then looks at the other.

use std::future::pending;
use std::sync::mpsc;
use std::thread;

use quintet::runtime::{Builder, Handle, Runtime, Utilization};
use quintet::task::yield_now;
use quintet::time::{Duration, sleep};

use crate::support::patience::in_time;

/// Reads until the loop has been active for longer than in `before`.
fn until_active(handle: &Handle, before: Utilization) -> Utilization {
    loop {
        let now = handle.utilization();
        if now.active > before.active {
            return now;
        }
    }
}

#[test]
fn a_loop_that_runs_is_active() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let handle = runtime.handle();
        runtime.block_on(async {
            let before = handle.utilization();
            let after = until_active(handle, before);
            assert_eq!(after.idle, before.idle, "in the first poll");
            sleep(Duration::from_millis(1)).await;
            let slept = handle.utilization();
            assert!(slept.idle > after.idle);
            let after = until_active(handle, slept);
            assert_eq!(after.idle, slept.idle, "after a wait");
            yield_now().await;
            assert_eq!(
                handle.utilization().idle,
                slept.idle,
                "a tick that does not wait"
            );
        });
    });
}

#[test]
fn a_loop_that_waits_is_idle_and_other_threads_see_that_meanwhile() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let handle = runtime.handle().clone();
        let (send, sent) = mpsc::channel();
        let watch = thread::spawn(move || {
            sent.recv().unwrap();
            let mut before = handle.utilization();
            loop {
                let now = handle.utilization();
                if now.active == before.active && now.idle > before.idle {
                    break;
                }
                before = now;
            }
            handle.stop();
        });
        let guard = runtime.handle().keep_alive();
        runtime.spawn(async move {
            send.send(()).unwrap();
            pending::<()>().await;
        });
        let _stalled = runtime.run();
        watch.join().unwrap();
        drop(guard);
    });
}

#[test]
fn a_loop_that_nothing_runs_is_idle() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let handle = runtime.handle();
        assert_eq!(handle.utilization().active, Duration::ZERO, "not yet");
        for _ in 0..2 {
            runtime.block_on(async { until_active(handle, handle.utilization()) });
            let before = handle.utilization();
            let mut after = before;
            while after.idle == before.idle {
                after = handle.utilization();
            }
            assert_eq!(after.active, before.active);
        }
        let handle = handle.clone();
        drop(runtime);
        let ended = handle.utilization();
        while handle.utilization().idle == ended.idle {}
        assert_eq!(handle.utilization().active, ended.active);
    });
}

#[test]
fn paused_time_does_not_count() {
    in_time(|| {
        let runtime = Builder::new().start_paused(true).build().unwrap();
        let day = Duration::from_secs(24 * 60 * 60);
        runtime.block_on(async {
            sleep(100 * day).await;
            quintet::time::resume();
            sleep(Duration::from_millis(1)).await;
            let handle = Handle::current();
            let before = handle.utilization();
            let after = until_active(&handle, before);
            assert_eq!(after.idle, before.idle);
        });
        let utilization = runtime.metrics().utilization;
        assert!(utilization.active + utilization.idle < day);
    });
}

#[test]
fn a_window_is_the_difference_and_its_ratio_a_part_of_one() {
    let runtime = Runtime::new().unwrap();
    assert!(Utilization::default().ratio().abs() < f64::EPSILON);
    runtime.block_on(async { until_active(runtime.handle(), Utilization::default()) });
    let first = runtime.metrics();
    assert!(first.utilization.active > Duration::ZERO);
    runtime.block_on(async { until_active(runtime.handle(), first.utilization) });
    let second = runtime.metrics();

    let window = second.since(&first).utilization;

    assert_eq!(window, second.utilization.since(&first.utilization));
    assert_eq!(
        window.active,
        second.utilization.active - first.utilization.active
    );
    assert_eq!(
        window.idle,
        second.utilization.idle - first.utilization.idle
    );
    assert!(window.ratio() > 0.0 && window.ratio() <= 1.0);
    let sum = window.active + window.idle;
    let ratio = window.active.as_secs_f64() / sum.as_secs_f64();
    assert!((window.ratio() - ratio).abs() < 1e-9);
}
