//! Computes on other threads while the loop keeps running timers.
//!
//! ```text
//! cargo run --release --example spawn_blocking
//! ```
//!
//! The clock prints a line every 100 ms meanwhile. `spawn_cpu` is for work that computes,
//! `spawn_blocking` for work that waits.

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
        let job = quintet::spawn_cpu(move || fibonacci(n));
        (n, job)
    });
    for (n, job) in jobs {
        match job.await {
            Ok(result) => println!("fibonacci({n}) = {result}"),
            Err(error) => eprintln!("fibonacci({n}): {error}"),
        }
    }
    clock.abort();

    // Reading from standard input, a database, a device: a thread waits.
    let wait = quintet::spawn_blocking(|| std::thread::sleep(Duration::from_millis(10)));
    if let Err(error) = wait.await {
        eprintln!("{error}");
    }
}

/// Slow on purpose.
fn fibonacci(n: u32) -> u64 {
    match n {
        0 | 1 => u64::from(n),
        _ => fibonacci(n - 1) + fibonacci(n - 2),
    }
}
