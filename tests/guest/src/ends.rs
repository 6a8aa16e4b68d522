//! How runs end, and what does not end them.

use std::cell::Cell;
use std::future::pending;
use std::panic::{self, AssertUnwindSafe};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use quintet::runtime::{Builder, before_exit};
use quintet::time::{self, Instant};

use crate::contexts::guest;

fn panic_message(f: impl FnOnce()) -> String {
    let payload = panic::catch_unwind(AssertUnwindSafe(f)).unwrap_err();
    match payload.downcast::<String>() {
        Ok(message) => *message,
        Err(payload) => (*payload.downcast::<&str>().unwrap()).to_owned(),
    }
}

#[test]
fn run_waits_for_tasks_that_wait_for_tokio() {
    let runtime = guest();
    let ended = Rc::new(Cell::new(0));
    let counted = Rc::clone(&ended);
    runtime.spawn(async move {
        tokio::time::sleep(Duration::from_millis(2)).await;
        counted.set(counted.get() + 1);
        tokio::time::sleep(Duration::from_millis(2)).await;
        counted.set(counted.get() + 1);
    });
    runtime.run().unwrap();
    assert_eq!(ended.get(), 2);
}

#[test]
fn a_task_of_tokio_does_not_keep_run_alive() {
    let runtime = guest();
    let hooks = Rc::new(Cell::new(0));
    let counted = Rc::clone(&hooks);
    runtime.spawn(async move {
        before_exit(move || {
            counted.set(counted.get() + 1);
            if counted.get() == 1 {
                quintet::spawn(tokio::time::sleep(Duration::from_millis(1)));
            }
        });
        tokio::spawn(pending::<()>());
    });
    runtime.run().unwrap();
    assert_eq!(hooks.get(), 2, "once more after the task of the first hook");
    runtime.run().unwrap();
    assert_eq!(hooks.get(), 3);
}

#[test]
fn nothing_is_reported_of_a_root_that_waits_for_tokio() {
    let reports = Arc::new(Mutex::new(Vec::new()));
    let collected = Arc::clone(&reports);
    let runtime = Builder::new()
        .tokio(true)
        .on_report(move |report| collected.lock().unwrap().push(report.to_string()))
        .build()
        .unwrap();
    // For longer than it takes until a root that waits for nothing is reported.
    runtime.block_on(async { tokio::time::sleep(Duration::from_millis(700)).await });
    assert_eq!(*reports.lock().unwrap(), Vec::<String>::new());
}

#[test]
fn paused_time_does_not_run_past_a_wait_of_tokio() {
    let runtime = Builder::new()
        .tokio(true)
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let begun = Instant::now();
        let sleep = quintet::spawn(time::sleep(Duration::from_secs(60)));
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert!(!sleep.is_finished());
        assert_eq!(begun.elapsed(), Duration::ZERO);
        time::advance(Duration::from_secs(60)).await;
        sleep.await.unwrap();
        assert_eq!(begun.elapsed(), Duration::from_secs(60));
    });
}

#[test]
fn a_panic_of_the_root_is_passed_on_and_the_runtime_is_usable() {
    let runtime = guest();
    let message = panic_message(|| runtime.block_on(async { panic!("the root fails") }));
    assert_eq!(message, "the root fails");
    let task = runtime.block_on(async { tokio::spawn(async { panic!("a task fails") }).await });
    assert!(task.unwrap_err().is_panic());
    assert_eq!(runtime.block_on(async { 1 }), 1);
    assert!(quintet::testing::leaks(&runtime).is_empty());
}

#[test]
fn a_guest_does_not_run_within_another_runtime() {
    let outer = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let message = panic_message(|| outer.block_on(async { guest().block_on(async {}) }));
    assert!(message.contains("within a runtime"), "{message}");

    let message = panic_message(|| guest().block_on(async { guest().block_on(async {}) }));
    assert!(
        message.contains("a quintet runtime is running"),
        "{message}"
    );
}

#[test]
fn stop_ends_a_run() {
    let runtime = guest();
    let handle = runtime.handle().clone();
    runtime.spawn(pending::<()>());
    runtime.spawn(async move {
        tokio::time::sleep(Duration::from_millis(1)).await;
        handle.stop();
    });
    let alive = runtime.handle().keep_alive();
    runtime.run().unwrap();
    drop(alive);
}

#[test]
fn another_thread_wakes_a_waiting_guest() {
    let runtime = guest();
    let handle = runtime.handle().clone();
    let (send, receive) = quintet::sync::oneshot::channel();
    let thread = std::thread::spawn(move || {
        handle.spawn(async move { send.send(3).unwrap() });
    });
    assert_eq!(runtime.block_on(receive).unwrap(), 3);
    thread.join().unwrap();
}
