//! The five phases of a tick, in order, in a program that prints them.
//!
//! ```text
//! cargo run --example tick_order
//! ```
//!
//! Every line comes from another place of the loop. Guess the order before you run it; the
//! comments tell why it is so, and it is the same each time.

use std::io;

use quintet::net::TcpListener;
use quintet::task::{JoinError, set_immediate};
use quintet::time::{Duration, sleep};

#[quintet::main]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;

    // To begin in the poll phase, await something that poll delivers: a worker's result.
    quintet::spawn_blocking(|| ()).await?;
    println!("poll:    a worker's result has come; this task runs in the poll phase");

    // Now ask for one thing from each of the other phases, in no particular order.

    // Closed at once; those who wait for it are told in the close phase.
    let closed = quintet::spawn(async {
        listener.close().await;
        println!("close:   the listener's slot is released; the tick is over");
    });

    // Due at once, however early that is: timers come first in the *next* tick.
    let timer = quintet::spawn(async {
        sleep(Duration::ZERO).await;
        println!("timers:  sleep(0) is due; a new tick has begun");
    });

    // More than a task may do in one poll, which is 128 operations: the rest is left to the next
    // tick's pending phase, so that the others have their turn.
    let small: Vec<_> = (0..200).map(|n| quintet::spawn(async move { n })).collect();
    let greedy = quintet::spawn(async {
        for task in small {
            task.await?;
        }
        println!("pending: the task that had used up its budget goes on, and ends");
        Ok::<_, JoinError>(())
    });

    // For the check phase, right after poll.
    let immediate = set_immediate(|| {
        println!("check:   what was set as an immediate");
        // A task that is made ready by a callback runs at the checkpoint behind that callback,
        // before the next callback of any kind.
        quintet::spawn(async { println!("         and the task it has spawned") });
    });

    // A worker's result again. However fast the worker is: poll delivers what it has fetched when
    // it began, so this comes with the next tick.
    let job = quintet::spawn_blocking(|| ());

    println!("         (still in the same callback: nothing of the above has run)");

    closed.await?;
    immediate.await?;
    timer.await?;
    greedy.await??;
    job.await?;
    println!("poll:    the second worker's result");
    Ok(())
}
