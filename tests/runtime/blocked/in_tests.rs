//! `#[quintet::test(blocked = "…")]`: a test fails if a poll takes too much CPU time.

use std::hint;
use std::thread;
use std::time::Duration;

use quintet::task::{self, yield_now};
use rustix::time::{ClockId, clock_gettime};

/// Computes until the thread has used a processor for so many milliseconds more.
fn compute(millis: i64) {
    let now = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    };
    let start = now();
    while now() <= start + millis {
        hint::spin_loop();
    }
}

#[quintet::test(blocked = "20ms")]
#[should_panic(expected = "a poll of task `slow` (id ")]
async fn a_poll_that_computes_for_longer_fails_the_test_and_is_named() {
    for (name, millis) in [("quick", 0), ("slow", 60), ("less slow", 30)] {
        let task = task::Builder::new().name(name);
        task.spawn(async move { compute(millis) }).await.unwrap();
    }
}

#[quintet::test(blocked = "20ms", seeds = 2, start_paused)]
#[should_panic(expected = "of CPU time, and this test allows 20ms; divide it with")]
async fn so_does_one_of_the_test_itself() {
    compute(30);
}

#[quintet::test(blocked = "200ms")]
async fn short_polls_and_sleeps_of_the_thread_do_not() {
    // In total they take longer.
    for _ in 0..30 {
        compute(10);
        yield_now().await;
    }
    thread::sleep(Duration::from_millis(300));
}

#[quintet::test(blocked = "10s")]
#[should_panic(expected = "of the body")]
async fn a_test_that_fails_says_why() {
    compute(1);
    panic!("of the body");
}

#[quintet::test(blocked = "20ms", leaks = "deny")]
#[should_panic(expected = "left")]
async fn leaks_are_found_as_well() {
    drop(quintet::spawn(std::future::pending::<()>()));
}
