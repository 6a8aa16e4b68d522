//! Tasks: making them, waking them, keeping them.

use std::future::{pending, poll_fn};
use std::task::Poll;

use super::Amount;
use super::local_channel::{Receiver, Sender, channel};
use crate::measure::{Sample, Stopwatch, resident_bytes};
use crate::runtimes::Runtime;

/// Tasks that are there at a time.
const IN_FLIGHT: u64 = 1000;
/// Tasks of the ring.
const RING: usize = 100;

/// Runs `work` on a new runtime: once with a twentieth of the operations, and then under the clock.
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

/// Each task ends before the next is spawned. With `live`, so many others are there, waiting.
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

/// A thousand tasks are spawned, then joined in the same order.
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

/// `tasks` tasks wake themselves, so often in all.
pub(super) fn self_wake<R: Runtime>(tasks: u64, amount: Amount) -> Sample {
    timed::<R, _>(amount, move |count| {
        split_among::<R, _>(tasks, count, wake_self)
    })
}

/// Wakes its own task and waits to be polled again, `count` times.
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

/// The same by the runtime's own function, which may do more: let the OS be asked, for one.
pub(super) fn yield_now<R: Runtime>(tasks: u64, amount: Amount) -> Sample {
    timed::<R, _>(amount, move |count| {
        split_among::<R, _>(tasks, count, async |count| {
            for _ in 0..count {
                R::yield_now().await;
            }
        })
    })
}

/// Gives each of `tasks` tasks its share of `count`.
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

/// Two tasks send each other a message. One operation is there and back: two wakes, two polls.
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

/// A message goes round a ring of tasks. One operation is one hop: one wake, one poll.
pub(super) fn ring<R: Runtime>(amount: Amount) -> Sample {
    timed::<R, _>(amount, async |count| {
        let (senders, mut receivers): (Vec<_>, Vec<_>) = (0..RING).map(|_| channel()).unzip();
        // What a task sends, the one before it receives.
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

/// Receives from one neighbour how many hops are to go, and passes it on to the other.
async fn hop(mut left: Receiver, right: Sender) {
    loop {
        let hops = left.receive().await;
        // At the end everyone is told once.
        right.send(hops.saturating_sub(1));
        if hops == 0 {
            return;
        }
    }
}

/// So many tasks that wait for ever: what each keeps in memory.
pub(super) fn idle<R: Runtime>(amount: Amount) -> Sample {
    R::block_on(async move {
        // The list of handles is there, touched, before the first look.
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
        // Behind all of them in the queue: so each was polled.
        R::spawn(async {}).await;
        let bytes = resident_bytes().saturating_sub(before);
        Sample {
            bytes,
            ..watch.stop(amount.operations)
        }
    })
}
