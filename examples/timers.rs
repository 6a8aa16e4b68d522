//! Sleeping, timeouts and intervals.
//!
//! ```text
//! cargo run --example timers
//! ```

use std::future::pending;
use std::time::Duration;

use quintet::time::{Instant, interval, sleep, sleep_until, timeout};

#[quintet::main]
async fn main() {
    let start = Instant::now();
    let say = move |what: &str| println!("{:>7.3} ms  {what}", start.elapsed().as_secs_f64() * 1e3);

    sleep(Duration::from_micros(250)).await;
    say("slept for 250 microseconds: timers are not rounded to milliseconds");

    // Timers fire in the order of their deadlines, not in the order of creation.
    let tasks = [30, 10, 20].map(|ms| {
        quintet::spawn(async move {
            sleep(Duration::from_millis(ms)).await;
            say(&format!("slept for {ms} ms in a task"));
        })
    });
    for task in tasks {
        if let Err(error) = task.await {
            eprintln!("{error}");
        }
    }

    // `timeout` drops a future that takes too long.
    if let Err(elapsed) = timeout(Duration::from_millis(20), pending::<()>()).await {
        say(&format!("timeout: {elapsed}"));
    }

    // The first tick of an interval is immediate, and the others stay aligned to it. Missed ticks,
    // here because the thread is blocked, are skipped.
    let mut beat = interval(Duration::from_millis(10));
    for _ in 0..3 {
        beat.tick().await;
        say("tick");
    }
    std::thread::sleep(Duration::from_millis(35));
    for _ in 0..3 {
        beat.tick().await;
        say("tick, after the loop was blocked for 35 ms");
    }

    sleep_until(start + Duration::from_millis(200)).await;
    say("the end, 200 ms after the start");
}
