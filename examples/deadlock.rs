//! A deadlock, and what the runtime says about it.
//!
//! ```text
//! cargo run --example deadlock            # `Runtime::run` returns an error that names it
//! cargo run --example deadlock -- live    # runs until Ctrl-C; Ctrl-\ prints the dump
//! ```
//!
//! A transfer locks the account that it takes from, and then the account that it gives to. Two
//! transfers in opposite directions can each lock one account, and wait for the other one for ever.
//! The cure is an order: whichever way the money goes, the account with the smaller number is
//! locked first.

use std::env;
use std::process::ExitCode;
use std::sync::Arc;

use quintet::runtime::Builder;
use quintet::signal::ctrl_c;
use quintet::signal::unix::SignalKind;
use quintet::sync::Mutex;
use quintet::task;
use quintet::time::{Duration, sleep};

type Account = Arc<Mutex<u64>>;

async fn transfer(amount: u64, from: Account, to: Account) {
    let mut from = from.lock().await;
    // It asks somewhere whether this transfer is allowed.
    sleep(Duration::from_millis(5)).await;
    let mut to = to.lock().await;
    *from -= amount;
    *to += amount;
}

/// Spawns two transfers, and a task that waits for both.
fn spawn_transfers() {
    let alice = Account::new(Mutex::new(100));
    let bob = Account::new(Mutex::new(100));
    let there = transfer(10, Arc::clone(&alice), Arc::clone(&bob));
    let back = transfer(20, bob, alice);
    let named = |name: &str| task::Builder::new().name(name);
    let there = named("alice to bob").spawn(there);
    let back = named("bob to alice").spawn(back);
    named("report").spawn(async move {
        let results = [there.await, back.await];
        println!("{} transfers are done", results.iter().flatten().count());
    });
}

fn main() -> ExitCode {
    let is_live = env::args().nth(1).is_some_and(|mode| mode == "live");
    let mut builder = Builder::new();
    // In release builds, holders of locks are recorded only if this is set.
    builder.name("bank").track_waits(true).measure(false);
    if is_live {
        builder.dump_on(SignalKind::quit());
    } else {
        // So that the output is always the same.
        builder.start_paused(true);
    }
    let runtime = builder.build().expect("the OS has descriptors left");
    let entered = runtime.enter();
    spawn_transfers();
    if is_live {
        drop(task::Builder::new().name("Ctrl-C").spawn(async {
            // Waiting for the signal keeps the runtime alive.
            let _failed = ctrl_c().await;
            quintet::runtime::exit(0).await
        }));
        println!("press Ctrl-\\ for a dump, and Ctrl-C to end");
    }
    drop(entered);
    match runtime.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(stalled) => {
            println!("{stalled}");
            ExitCode::FAILURE
        }
    }
}
