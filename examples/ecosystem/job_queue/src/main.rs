//! A worker of the job queue; see the README.

mod link;
mod page;
mod queue;
mod work;
mod worker;

use std::env;
use std::error::Error;
use std::process;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use quintet::net::TcpListener;
use quintet::task::CancellationToken;

use crate::queue::Queue;
use crate::worker::{Rules, Worker};

#[quintet::main(name = "worker")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let redis = args.next().unwrap_or("127.0.0.1:6379".to_owned());
    let page = args.next().unwrap_or("127.0.0.1:0".to_owned());
    let name = args
        .next()
        .unwrap_or_else(|| format!("worker-{}", process::id()));
    let rules = Rules {
        lease: millis("JOBS_LEASE_MS", 30_000)?,
        tries_max: millis("JOBS_TRIES", 5)?.as_millis() as u32,
        pause: millis("JOBS_PAUSE_MS", 1000)?,
        at_once: available_parallelism()?.get(),
    };
    let queue = Arc::new(Queue::new(&redis, &name));
    let listener = TcpListener::bind(&page).await?;
    println!("{name}: page at http://{}", listener.local_addr()?);

    let draining = CancellationToken::new();
    let server = quintet_axum::serve(listener, page::router(Arc::clone(&queue)))
        .drain_timeout(Duration::from_secs(1))
        .until(draining.clone().cancelled_owned());
    let server = quintet::spawn(server.into_future());
    let on_signal = draining.clone();
    let shutdown = quintet::shutdown()?;
    quintet::spawn(async move {
        shutdown.await;
        println!("draining");
        on_signal.cancel();
    });
    Worker::new(queue, rules).run(&draining).await?;
    server.await??;
    println!("drained");
    Ok(())
}

fn millis(name: &str, default: u64) -> Result<Duration, String> {
    let Ok(text) = env::var(name) else {
        return Ok(Duration::from_millis(default));
    };
    let number = text
        .parse()
        .map_err(|error| format!("{name} is {text:?}: {error}"))?;
    Ok(Duration::from_millis(number))
}
