//! Prints the five phases of a tick in the order in which they run.
//!
//! ```text
//! cargo run --example tick_order
//! ```
//!
//! The program schedules one callback per phase. The order of its lines is the same in each run;
//! the comments explain it.

use std::io;

use quintet::net::TcpListener;
use quintet::task::{JoinError, set_immediate};
use quintet::time::{Duration, sleep};

#[quintet::main]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;

    // Await a worker's result, so that this task continues in the poll phase.
    quintet::spawn_blocking(|| ()).await?;
    println!("poll:    a worker's result is ready; this task runs in the poll phase");

    // Now schedule something for each of the other phases, in any order.

    // The listener is closed at once; tasks that wait for this are woken in the close phase.
    let closed = quintet::spawn(async {
        listener.close().await;
        println!("close:   the listener's slot is released; the tick is over");
    });

    // This timer is due at once, but the timers phase of this tick is over: it fires in the next
    // tick.
    let timer = quintet::spawn(async {
        sleep(Duration::ZERO).await;
        println!("timers:  sleep(0) is due; a new tick has begun");
    });

    // This task exceeds its budget of 128 operations per poll. It continues in the pending phase of
    // the next tick, so that other tasks can run before it does.
    let small: Vec<_> = (0..200).map(|n| quintet::spawn(async move { n })).collect();
    let greedy = quintet::spawn(async {
        for task in small {
            task.await?;
        }
        println!("pending: the task that used up its budget continues, and completes");
        Ok::<_, JoinError>(())
    });

    // Immediates run in the check phase, right after poll.
    let immediate = set_immediate(|| {
        println!("check:   an immediate runs");
        // A task that a callback spawns or wakes runs at the checkpoint after that callback, before
        // the next callback of any kind.
        quintet::spawn(async { println!("         and then the task that it spawned") });
    });

    // The poll phase only delivers the events that it fetched when it began, so this result arrives
    // in the next tick even if the worker is done before the phase ends.
    let job = quintet::spawn_blocking(|| ());

    println!("         (still in the same callback: none of the above has run)");

    closed.await?;
    immediate.await?;
    timer.await?;
    greedy.await??;
    job.await?;
    println!("poll:    the second worker's result");
    Ok(())
}
