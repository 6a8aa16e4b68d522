//! Spawning, waking and keeping tasks.

use std::future::{pending, poll_fn};
use std::task::Poll;

use super::Amount;
use super::local_channel::{Receiver, Sender, channel};
use crate::measure::{Sample, Stopwatch, resident_bytes};
use crate::runtimes::Runtime;

/// The number of tasks in flight.
const IN_FLIGHT: u64 = 1000;
/// The number of tasks in the ring.
const RING: usize = 100;

/// Runs `work` on a new runtime, first with a twentieth of the operations to warm up, then
/// measured.
pub(super) fn timed<R, F>(amount: Amount, work: impl Fn(u64) -> F + 'static) -> Sample
where
    R: Runtime,
    F: Future<Output = ()> + 'static,
{
    R::block_on(async move {
        if amount.warm_up {
            work((amount.operations / 20).max(1)).await;
        }
        let watch = Stopwatch::start();
        work(amount.operations).await;
        watch.stop(amount.operations)
    })
}

/// Spawns and joins one task after the other, while `live` others wait.
pub(super) fn spawn_one<R: Runtime>(amount: Amount) -> Sample {
    R::block_on(async move {
        let mut idle = Vec::new();
        for _ in 0..amount.live.unwrap_or(0) {
            idle.push(R::spawn(pending::<()>()));
        }
        let work = async |count: u64| {
            for _ in 0..count {
                R::spawn(async {}).await;
            }
        };
        if amount.warm_up {
            work((amount.operations / 20).max(1)).await;
        }
        let watch = Stopwatch::start();
        work(amount.operations).await;
        watch.stop(amount.operations)
    })
}

/// Spawns a thousand tasks, then joins them in the same order.
pub(super) fn spawn_many<R: Runtime>(amount: Amount) -> Sample {
    timed::<R, _>(amount, async |count| {
        let mut left = count;
        while left > 0 {
            let batch = left.min(IN_FLIGHT);
            left -= batch;
            let tasks: Vec<_> = (0..batch).map(|_| R::spawn(async {})).collect();
            for task in tasks {
                task.await;
            }
        }
    })
}

/// `tasks` tasks wake themselves. One operation is one wake and one poll.
pub(super) fn self_wake<R: Runtime>(tasks: u64, amount: Amount) -> Sample {
    timed::<R, _>(amount, move |count| {
        split_among::<R, _>(tasks, count, wake_self)
    })
}

/// Wakes its own task and waits for the next poll, `count` times.
pub(super) fn wake_self(count: u64) -> impl Future<Output = ()> {
    let mut left = count;
    poll_fn(move |cx| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}

/// `tasks` tasks yield by the runtime's function, which may do more, such as poll for I/O.
pub(super) fn yield_now<R: Runtime>(tasks: u64, amount: Amount) -> Sample {
    timed::<R, _>(amount, move |count| {
        split_among::<R, _>(tasks, count, async |count| {
            for _ in 0..count {
                R::yield_now().await;
            }
        })
    })
}

/// Divides `count` operations among `tasks` tasks and joins them.
pub(super) async fn split_among<R, F>(tasks: u64, count: u64, work: impl Fn(u64) -> F)
where
    R: Runtime,
    F: Future<Output = ()> + 'static,
{
    let tasks: Vec<_> = (0..tasks)
        .map(|n| R::spawn(work(count / tasks + u64::from(n < count % tasks))))
        .collect();
    for task in tasks {
        task.await;
    }
}

/// Two tasks send each other messages. One operation is a round trip: two wakes and two polls.
pub(super) fn ping_pong<R: Runtime>(amount: Amount) -> Sample {
    timed::<R, _>(amount, async |count| {
        let (ping, mut pings) = channel();
        let (pong, mut pongs) = channel();
        let other = R::spawn(async move {
            for _ in 0..count {
                pong.send(pings.receive().await);
            }
        });
        for n in 0..count {
            ping.send(n);
            pongs.receive().await;
        }
        other.await;
    })
}

/// A message passes around a ring of tasks. One operation is one hop: one wake and one poll.
pub(super) fn ring<R: Runtime>(amount: Amount) -> Sample {
    timed::<R, _>(amount, async |count| {
        let (senders, mut receivers): (Vec<_>, Vec<_>) = (0..RING).map(|_| channel()).unzip();
        // Each task receives from the next one in the list.
        receivers.rotate_left(1);
        senders[RING - 1].send(count);
        let tasks: Vec<_> = senders
            .into_iter()
            .zip(receivers)
            .map(|(right, left)| R::spawn(hop(left, right)))
            .collect();
        for task in tasks {
            task.await;
        }
    })
}

/// Receives the number of remaining hops from one neighbour and passes it on to the other.
async fn hop(mut left: Receiver, right: Sender) {
    loop {
        let hops = left.receive().await;
        // The zero passes around the ring once more and ends each task.
        right.send(hops.saturating_sub(1));
        if hops == 0 {
            return;
        }
    }
}

/// Measures the memory of tasks that wait forever.
pub(super) fn idle<R: Runtime>(amount: Amount) -> Sample {
    R::block_on(async move {
        // Fill the list of handles before measuring, so that its pages are resident.
        let mut tasks = Vec::new();
        for _ in 0..amount.operations {
            tasks.push(None);
        }
        R::spawn(async {}).await;
        let before = resident_bytes();
        let watch = Stopwatch::start();
        for task in &mut tasks {
            *task = Some(R::spawn(pending::<()>()));
        }
        // This task is behind them in the queue: once it has run, each was polled.
        R::spawn(async {}).await;
        let bytes = resident_bytes().saturating_sub(before);
        Sample {
            bytes,
            ..watch.stop(amount.operations)
        }
    })
}
