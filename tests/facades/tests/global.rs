//! A subscriber of the whole process, which `tracing` does not keep from calling itself.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "a part of it is used")]
#[path = "../src/subscriber.rs"]
mod subscriber;

use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use quintet::runtime::Builder;
use quintet::task;
use tracing::subscriber::set_global_default;

use subscriber::{Notebook, SeenSpan};

/// The only test here: there is one subscriber for the process.
#[test]
fn a_subscriber_that_wakes_a_task_is_not_called_for_its_own_wakes() {
    let waker: Arc<Mutex<Option<Waker>>> = Arc::default();
    let woken = Arc::clone(&waker);
    let notes = Notebook::calling(move |_| {
        let waker = woken.lock().unwrap().clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    });
    set_global_default(notes.clone()).unwrap();

    let runtime = Builder::new().build().unwrap();
    runtime.block_on(async {
        let mut polls = 0;
        let task = poll_fn(move |cx| {
            *waker.lock().unwrap() = Some(cx.waker().clone());
            polls += 1;
            // Each of its polls, which calls the subscriber, wakes it for the next one.
            match polls {
                100 => Poll::Ready(()),
                _ => Poll::Pending,
            }
        });
        task::Builder::new()
            .name("woken")
            .spawn(task)
            .await
            .unwrap();
        // A job on a thread with the same subscriber, which now wakes a task that has ended.
        let job = task::Builder::new().name("job").spawn_blocking(|| {
            tracing::info!(target: "jobs", "runs");
        });
        job.await.unwrap();
    });

    assert_eq!(notes.span_named("woken").entered.len(), 100);
    let job = notes.span_named("job");
    assert_eq!(notes.events_of("jobs")[0].within, [job.id]);
    assert!(notes.spans().iter().all(SeenSpan::is_closed));
}
