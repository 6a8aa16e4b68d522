//! The workloads, each once for all runtimes.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures::channel::mpsc;
use futures::{SinkExt, StreamExt};

use crate::runtimes::{Listener, Runtime, Stream};

pub(crate) const TASKS: u32 = 100_000;
pub(crate) const WAKES: u32 = 500_000;
pub(crate) const MESSAGES: u32 = 100_000;
pub(crate) const SLEEPS: u32 = 100_000;
pub(crate) const JOBS: u32 = 5_000;
pub(crate) const ECHOES: u32 = 10_000;

/// Tasks or jobs that are there at a time.
const IN_FLIGHT: u32 = 1000;

pub(crate) async fn spawn_one_by_one<R: Runtime>() {
    for _ in 0..TASKS {
        R::spawn(async {}).await;
    }
}

pub(crate) async fn spawn_many<R: Runtime>() {
    for _ in 0..TASKS / IN_FLIGHT {
        let tasks: Vec<_> = (0..IN_FLIGHT).map(|_| R::spawn(async {})).collect();
        for task in tasks {
            task.await;
        }
    }
}

pub(crate) async fn wake_itself<R: Runtime>() {
    let mut left = WAKES;
    let wakes = poll_fn(move |cx| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    });
    R::spawn(wakes).await;
}

pub(crate) async fn ping_pong<R: Runtime>() {
    let (mut ping, mut pings) = mpsc::channel::<u32>(0);
    let (mut pong, mut pongs) = mpsc::channel::<u32>(0);
    let other = R::spawn(async move {
        while let Some(n) = pings.next().await {
            if pong.send(n).await.is_err() {
                return;
            }
        }
    });
    for n in 0..MESSAGES {
        if ping.send(n).await.is_err() {
            break;
        }
        pongs.next().await;
    }
    drop(ping);
    other.await;
}

pub(crate) async fn sleep_cancelled<R: Runtime>() {
    for _ in 0..SLEEPS {
        let mut sleep = pin!(R::sleep(Duration::from_secs(10)));
        // Polled once, so that it is armed.
        poll_fn(|cx| Poll::Ready(sleep.as_mut().poll(cx).is_ready())).await;
    }
}

pub(crate) async fn blocking_one_by_one<R: Runtime>() {
    for _ in 0..JOBS {
        R::spawn_blocking(|| ()).await;
    }
}

pub(crate) async fn blocking_many<R: Runtime>() {
    for _ in 0..JOBS / IN_FLIGHT {
        let jobs: Vec<_> = (0..IN_FLIGHT).map(|_| R::spawn_blocking(|| ())).collect();
        for job in jobs {
            job.await;
        }
    }
}

/// Client and server on one loop.
pub(crate) async fn echo<R: Runtime>() {
    let (mut listener, addr) = R::Listener::bind().await.expect("a port is free");
    let server = R::spawn(async move {
        let mut stream = listener.accept().await.expect("the client connects");
        let mut buf = [0; 1024];
        while let Ok(n @ 1..) = stream.read(&mut buf).await {
            if stream.write_all(&buf[..n]).await.is_err() {
                return;
            }
        }
    });
    let mut client = R::Stream::connect(addr).await.expect("the server listens");
    let mut buf = [0; 64];
    for _ in 0..ECHOES {
        client.write_all(&[7; 64]).await.expect("the server reads");
        let mut left = buf.len();
        while left > 0 {
            left -= client.read(&mut buf).await.expect("the server answers");
        }
    }
    drop(client);
    server.await;
}
