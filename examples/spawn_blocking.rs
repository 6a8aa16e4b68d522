//! Heavy work beside a live timer: the work runs on worker threads, the loop goes on ticking.
//!
//! ```text
//! cargo run --release --example spawn_blocking
//! ```
//!
//! Watch the clock: it ticks every 100 ms, whatever the workers do.

use std::time::Duration;

use quintet::time::interval;

#[quintet::main]
async fn main() {
    let clock = quintet::spawn(async {
        let mut beat = interval(Duration::from_millis(100));
        let start = beat.tick().await;
        loop {
            let now = beat.tick().await;
            println!("  tick at {:>4} ms", (now - start).as_millis());
        }
    });

    let jobs = [27, 29, 31, 33, 35, 37].map(|n| {
        let job = quintet::spawn_blocking(move || fibonacci(n));
        (n, job)
    });
    for (n, job) in jobs {
        match job.await {
            Ok(result) => println!("fibonacci({n}) = {result}"),
            Err(error) => eprintln!("fibonacci({n}): {error}"),
        }
    }
    clock.abort();
}

/// Takes its time, on purpose.
fn fibonacci(n: u32) -> u64 {
    match n {
        0 | 1 => u64::from(n),
        _ => fibonacci(n - 1) + fibonacci(n - 2),
    }
}
