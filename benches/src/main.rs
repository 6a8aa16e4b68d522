//! Measures quintet beside its peers, in one run on one machine.
//!
//! ```text
//! cargo run --release -p quintet-benches
//! ```
//!
//! Each workload runs on each runtime in turn, several rounds of it; what is shown is the best round,
//! in nanoseconds per operation, and its ratio to tokio. Read the ratios: the nanoseconds are those of
//! this machine on this day. Not measured here: latency, and anything across processes.

mod runtimes;
mod workloads;

use std::time::{Duration, Instant};

use runtimes::{OnQuintet, OnSmol, OnTokio, Runtime};

/// Rounds of each pair of workload and runtime, interleaved so that what else the machine does hits
/// all of them.
const ROUNDS: usize = 7;

/// One workload on one runtime.
type Run = fn() -> Duration;

/// A workload: its name, how many operations it does, and how each runtime does them.
struct Workload {
    name: &'static str,
    operations: u32,
    runs: [Run; 3],
}

/// Times `work` from inside the runtime, so that making and ending it does not count.
fn time<R: Runtime, F: Future<Output = ()> + 'static>(work: fn() -> F) -> Duration {
    R::block_on(async move {
        let start = Instant::now();
        work().await;
        start.elapsed()
    })
}

macro_rules! workload {
    ($name:literal, $operations:expr, $work:ident) => {
        Workload {
            name: $name,
            operations: $operations,
            runs: [
                || time::<OnQuintet, _>(workloads::$work::<OnQuintet>),
                || time::<OnTokio, _>(workloads::$work::<OnTokio>),
                || time::<OnSmol, _>(workloads::$work::<OnSmol>),
            ],
        }
    };
}

fn main() {
    let names = [OnQuintet::NAME, OnTokio::NAME, OnSmol::NAME];
    print!("{:<34}", "ns per operation (ratio to tokio)");
    for name in names {
        print!("{name:>18}");
    }
    println!();
    for workload in [
        workload!(
            "spawn and join, one by one",
            workloads::TASKS,
            spawn_one_by_one
        ),
        workload!(
            "spawn and join, 1000 in flight",
            workloads::TASKS,
            spawn_many
        ),
        workload!("a task that wakes itself", workloads::WAKES, wake_itself),
        workload!("two tasks over a channel", workloads::MESSAGES, ping_pong),
        workload!("sleep made and dropped", workloads::SLEEPS, sleep_cancelled),
        workload!(
            "spawn_blocking, one by one",
            workloads::JOBS,
            blocking_one_by_one
        ),
        workload!(
            "spawn_blocking, 1000 in flight",
            workloads::JOBS,
            blocking_many
        ),
        workload!("TCP echo, 64 bytes", workloads::ECHOES, echo),
    ] {
        report(&workload);
    }
}

fn report(workload: &Workload) {
    let mut best = [Duration::MAX; 3];
    for _ in 0..ROUNDS {
        for (best, run) in best.iter_mut().zip(workload.runs) {
            *best = run().min(*best);
        }
    }
    let tokio = best[1].as_secs_f64();
    print!("{:<34}", workload.name);
    for time in best {
        let nanos = time.as_nanos() / u128::from(workload.operations);
        let ratio = time.as_secs_f64() / tokio;
        print!("{:>18}", format!("{nanos} ({ratio:.2})"));
    }
    println!();
}
