//! Workloads that are only counted. Server and client share one loop, so that each run takes the
//! same path. They run on quintet alone, except those of `http_loop`.

use std::net::Ipv4Addr;
use std::time::Duration;

use quintet::net::{TcpListener, TcpStream};
use quintet::runtime::Runtime;

use super::http_loop::HttpLoop;
use super::list::{CPU, in_process};
use super::{Amount, InProcess, Workload};
use crate::measure::{Sample, Stopwatch};

/// The workloads that `compare` does not measure.
pub(crate) const ALL: &[Workload] = &[
    in_process(
        "sleep-0",
        "sleep of zero duration",
        InProcess::SleepZero,
        (100_000, 10_000),
        CPU,
    ),
    in_process(
        "echo-loop",
        "echo on one loop",
        InProcess::EchoLoop,
        (10_000, 2_000),
        CPU,
    ),
    unreferenced("unref-timers-10", 10),
    unreferenced("unref-timers-1000", 1000),
    unreferenced("unref-timers-100k", 100_000),
    in_process(
        "churn-loop",
        "connections on one loop",
        InProcess::ChurnLoop,
        (2_000, 500),
        CPU,
    ),
    http("http-1-loop", HttpLoop::Requests { connections: 1 }),
    http("http-64-loop", HttpLoop::Requests { connections: 64 }),
    http("http-1000-loop", HttpLoop::Requests { connections: 1000 }),
    http("http-churn-loop", HttpLoop::Churn),
    http("http2-100-loop", HttpLoop::Streams),
    in_process("idle", "idle loop, per ms", InProcess::Idle, (100, 50), CPU),
];

/// Makes an entry of the list above.
const fn unreferenced(id: &'static str, timers: u64) -> Workload {
    in_process(
        id,
        "echo on one loop beside unreferenced timers",
        InProcess::UnreferencedTimers { timers },
        (10_000, 2_000),
        CPU,
    )
}

/// Makes an entry of the list above.
const fn http(id: &'static str, work: HttpLoop) -> Workload {
    in_process(
        id,
        "HTTP with limits, on one loop",
        InProcess::Http(work),
        (10_000, 2_000),
        CPU,
    )
}

/// Runs one of these workloads. Returns `None` for others.
pub(crate) fn run(workload: InProcess, amount: Amount) -> Option<Sample> {
    let count = amount.operations;
    if let InProcess::UnreferencedTimers { timers } = workload {
        return unreferenced_timers(count, amount.live.unwrap_or(timers));
    }
    quintet::block_on(async move {
        let watch = Stopwatch::start();
        match workload {
            InProcess::EchoLoop => echo(count).await,
            InProcess::ChurnLoop => churn(count).await,
            InProcess::Idle => idle(count).await,
            _ => return None,
        }
        Some(watch.stop(count))
    })
}

/// Echoes until the client closes the connection.
async fn serve(stream: TcpStream) {
    // Larger than a message, so that a short read shows that the socket is empty.
    let mut buffer = [0; 128];
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        if stream.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

/// Sends a message and reads it back.
async fn exchange(client: &TcpStream) {
    let message = [7; 64];
    client.write_all(&message).await.expect("the server reads");
    let mut buffer = [0; 128];
    let mut left = message.len();
    while left > 0 {
        match client.read(&mut buffer).await {
            Ok(count @ 1..) => left = left.saturating_sub(count),
            ended => panic!("the server does not reply: {ended:?}"),
        }
    }
}

async fn echo(count: u64) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .expect("a port is free");
    let addr = listener.local_addr().expect("it is bound");
    let server = quintet::spawn(async move {
        let (stream, _) = listener.accept().await.expect("the client connects");
        serve(stream).await;
    });
    let client = TcpStream::connect(addr).await.expect("the server listens");
    for _ in 0..count {
        exchange(&client).await;
    }
    drop(client);
    server.await.expect("the server does not panic");
}

/// Runs the echo under [`Runtime::run`] while `timers` unreferenced tasks sleep for an hour. Each
/// time before the loop waits for the socket, it checks that something referenced is alive.
fn unreferenced_timers(count: u64, timers: u64) -> Option<Sample> {
    let runtime = Runtime::new().expect("a runtime can be built");
    for _ in 0..timers {
        let sleeper = runtime.spawn(quintet::time::sleep(Duration::from_secs(3600)));
        sleeper.unref();
    }
    // This task is polled after the sleeping tasks: their timers are armed when the clock starts.
    let work = runtime.spawn(async move {
        let watch = Stopwatch::start();
        echo(count).await;
        watch.stop(count)
    });
    runtime.run().expect("no task stalls");
    runtime.block_on(work).ok()
}

async fn churn(count: u64) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .expect("a port is free");
    let addr = listener.local_addr().expect("it is bound");
    let server = quintet::spawn(async move {
        for _ in 0..count {
            let (stream, _) = listener.accept().await.expect("the client connects");
            serve(stream).await;
        }
    });
    for _ in 0..count {
        let client = TcpStream::connect(addr).await.expect("the server listens");
        exchange(&client).await;
    }
    server.await.expect("the server does not panic");
}

/// Waits for a listener and a timer of `count` milliseconds.
async fn idle(count: u64) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .expect("a port is free");
    let server = quintet::spawn(async move { listener.accept().await.map(drop) });
    quintet::time::sleep(Duration::from_millis(count)).await;
    server.abort();
}
