//! Workloads that are only counted: server and client share one thread, so that every run takes
//! the same way.

use std::net::Ipv4Addr;
use std::time::Duration;

use quintet::net::{TcpListener, TcpStream};

use super::{Amount, CPU, Task, Workload, here};
use crate::measure::{Sample, Stopwatch};

/// What is there to count beside the workloads of the table.
pub(crate) const ALL: &[Workload] = &[
    here(
        "sleep-0",
        "sleep of no time",
        Task::SleepZero,
        (100_000, 10_000),
        CPU,
    ),
    here(
        "echo-loop",
        "echo within one loop",
        Task::EchoLoop,
        (10_000, 2_000),
        CPU,
    ),
    here(
        "churn-loop",
        "connections within one loop",
        Task::ChurnLoop,
        (2_000, 500),
        CPU,
    ),
    here(
        "idle",
        "a loop with nothing to do, per ms",
        Task::Idle,
        (100, 50),
        CPU,
    ),
];

/// Runs one of them. `None` if it is none of them.
pub(crate) fn run(task: Task, amount: Amount) -> Option<Sample> {
    let count = amount.operations;
    quintet::block_on(async move {
        let watch = Stopwatch::start();
        match task {
            Task::EchoLoop => echo(count).await,
            Task::ChurnLoop => churn(count).await,
            Task::Idle => idle(count).await,
            _ => return None,
        }
        Some(watch.stop(count))
    })
}

/// Sends back what comes.
async fn serve(stream: TcpStream) {
    // Larger than a message, so that a read is known to have emptied the socket.
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
            ended => panic!("the server does not answer: {ended:?}"),
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

/// A listener and a timer, for so many milliseconds.
async fn idle(count: u64) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .expect("a port is free");
    let server = quintet::spawn(async move { listener.accept().await.map(drop) });
    quintet::time::sleep(Duration::from_millis(count)).await;
    server.abort();
}
