//! Waiting for timers, worker threads and other threads.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::mpsc;
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::channel::mpsc::unbounded;

use super::Amount;
use super::tasks::timed;
use crate::measure::{Percentiles, Sample, Stopwatch, nanos};
use crate::runtimes::Runtime;

/// The number of live timers while others are set and cancelled.
const LIVE: u64 = 10_000;
/// The number of jobs in flight.
const IN_FLIGHT: u64 = 1000;

/// Pseudorandom durations, the same in each run (xorshift).
struct RandomDurations(u64);

impl RandomDurations {
    fn new() -> Self {
        RandomDurations(0x9E37_79B9_7F4A_7C15)
    }

    /// Returns `count` durations below `limit`.
    fn durations(count: usize, limit: Duration) -> Vec<Duration> {
        let mut random = RandomDurations::new();
        (0..count).map(|_| random.below(limit)).collect()
    }

    /// Returns a duration below `limit`.
    fn below(&mut self, limit: Duration) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        Duration::from_nanos(self.0 % nanos(limit))
    }
}

/// Spawns tasks that sleep for different times up to a second, and joins them. The figure includes
/// the spawning.
pub(super) fn fire<R: Runtime>(amount: Amount) -> Sample {
    let durations = RandomDurations::durations(1 << 16, Duration::from_secs(1));
    R::block_on(async move {
        let watch = Stopwatch::start();
        let tasks: Vec<_> = (0..amount.operations)
            .zip(durations.into_iter().cycle())
            .map(|(_, duration)| R::spawn(async move { R::sleep(duration).await }))
            .collect();
        for task in tasks {
            task.await;
        }
        watch.stop(amount.operations)
    })
}

/// Polls sleeps once and drops them, while others are live whose deadlines are up to a minute
/// apart.
pub(super) fn cancel<R: Runtime>(amount: Amount) -> Sample {
    R::block_on(async move {
        let mut random = RandomDurations::new();
        let mut sleepers = Vec::new();
        for _ in 0..amount.live.unwrap_or(LIVE) {
            let duration = Duration::from_secs(60) + random.below(Duration::from_secs(60));
            sleepers.push(R::spawn(async move { R::sleep(duration).await }));
        }
        // This task is behind them in the queue: once it has run, each timer is armed.
        R::spawn(async {}).await;
        let durations = RandomDurations::durations(1024, Duration::from_secs(60));
        let work = async |count: u64| {
            for (_, duration) in (0..count).zip(durations.iter().cycle()) {
                let mut sleep = pin!(R::sleep(*duration));
                poll_fn(|cx| Poll::Ready(sleep.as_mut().poll(cx).is_ready())).await;
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

/// Sleeps repeatedly with nothing else to do, and measures how late each sleep ends.
pub(super) fn late<R: Runtime>(micros: u64, amount: Amount) -> Sample {
    R::block_on(async move {
        let duration = Duration::from_micros(micros);
        let mut lateness = Vec::new();
        // Warm up: the first sleeps fault in pages and start the ring.
        for _ in 0..10 {
            R::sleep(duration).await;
        }
        let watch = Stopwatch::start();
        for _ in 0..amount.operations {
            let start = Instant::now();
            R::sleep(duration).await;
            lateness.push(nanos(start.elapsed().saturating_sub(duration)));
        }
        Sample {
            latency: Percentiles::of(&mut lateness),
            ..watch.stop(amount.operations)
        }
    })
}

/// Sleeps for zero time repeatedly.
pub(super) fn sleep_zero<R: Runtime>(amount: Amount) -> Sample {
    timed::<R, _>(amount, async |count| {
        for _ in 0..count {
            R::sleep(Duration::ZERO).await;
        }
    })
}

/// Runs an empty job on a worker thread and waits for it, repeatedly.
pub(super) fn blocking_one<R: Runtime>(amount: Amount) -> Sample {
    timed::<R, _>(amount, |count| {
        one_by_one(count, || R::spawn_blocking(|| ()))
    })
}

/// The same with a job that computes.
pub(super) fn cpu_one<R: Runtime>(amount: Amount) -> Sample {
    timed::<R, _>(amount, |count| one_by_one(count, || R::spawn_cpu(|| ())))
}

async fn one_by_one<J: Future<Output = ()>>(count: u64, spawn: impl Fn() -> J) {
    for _ in 0..count {
        spawn().await;
    }
}

/// Starts a thousand empty jobs, then waits for them in the same order.
pub(super) fn blocking_many<R: Runtime>(amount: Amount) -> Sample {
    timed::<R, _>(amount, |count| {
        in_batches(count, || R::spawn_blocking(|| ()))
    })
}

/// The same with jobs that compute.
pub(super) fn cpu_many<R: Runtime>(amount: Amount) -> Sample {
    timed::<R, _>(amount, |count| in_batches(count, || R::spawn_cpu(|| ())))
}

async fn in_batches<J: Future<Output = ()>>(count: u64, spawn: impl Fn() -> J) {
    let mut left = count;
    while left > 0 {
        let batch = left.min(IN_FLIGHT);
        left -= batch;
        let jobs: Vec<_> = (0..batch).map(|_| spawn()).collect();
        for job in jobs {
            job.await;
        }
    }
}

/// Starts all jobs, then waits for them.
pub(super) fn blocking_queued<R: Runtime>(amount: Amount) -> Sample {
    timed::<R, _>(amount, async |count| {
        let jobs: Vec<_> = (0..count).map(|_| R::spawn_blocking(|| ())).collect();
        for job in jobs {
            job.await;
        }
    })
}

/// Sends a message to a thread and waits for its reply. The thread sleeps when the message arrives,
/// and so does the loop when the reply arrives. The channels are the same for all runtimes.
pub(super) fn thread_wake<R: Runtime>(amount: Amount) -> Sample {
    timed::<R, _>(amount, async |count| {
        let (request, requests) = mpsc::channel::<u64>();
        let (reply, mut replies) = unbounded::<u64>();
        let thread = thread::spawn(move || {
            for number in requests {
                // The loop may have ended early.
                if reply.unbounded_send(number).is_err() {
                    return;
                }
            }
        });
        for number in 0..count {
            request.send(number).expect("the thread listens");
            let received = replies.next().await;
            assert_eq!(received, Some(number));
        }
        drop(request);
        thread.join().expect("the thread does not panic");
    })
}
