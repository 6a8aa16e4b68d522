//! Waiting for time, for worker threads, for other threads.

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

/// Timers that are there while others are set and cancelled.
const LIVE: u64 = 10_000;
/// Jobs that are there at a time.
const IN_FLIGHT: u64 = 1000;

/// Numbers that look random and are the same in every run (xorshift).
struct RandomDurations(u64);

impl RandomDurations {
    fn new() -> Self {
        RandomDurations(0x9E37_79B9_7F4A_7C15)
    }

    /// So many durations below `limit`, made before the clock is started.
    fn durations(count: usize, limit: Duration) -> Vec<Duration> {
        let mut random = RandomDurations::new();
        (0..count).map(|_| random.below(limit)).collect()
    }

    /// A duration below `limit`.
    fn below(&mut self, limit: Duration) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        Duration::from_nanos(self.0 % nanos(limit))
    }
}

/// Tasks that sleep for different times up to a second, all spawned at once. Counts the spawning.
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

/// Sleeps are polled once and dropped, while others, within the same minute, go on.
pub(super) fn cancel<R: Runtime>(amount: Amount) -> Sample {
    R::block_on(async move {
        let mut random = RandomDurations::new();
        let mut sleepers = Vec::new();
        for _ in 0..amount.live.unwrap_or(LIVE) {
            let duration = Duration::from_secs(60) + random.below(Duration::from_secs(60));
            sleepers.push(R::spawn(async move { R::sleep(duration).await }));
        }
        // Behind all of them in the queue: so each is armed.
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

/// One sleep after the other, nothing else to do: how late each ends.
pub(super) fn late<R: Runtime>(micros: u64, amount: Amount) -> Sample {
    R::block_on(async move {
        let duration = Duration::from_micros(micros);
        let mut lateness = Vec::new();
        // What the first ones meet, they alone do: pages, a ring's start.
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

/// A sleep of no time, again and again.
pub(super) fn sleep_zero<R: Runtime>(amount: Amount) -> Sample {
    timed::<R, _>(amount, async |count| {
        for _ in 0..count {
            R::sleep(Duration::ZERO).await;
        }
    })
}

/// An empty job on a worker thread, and back.
pub(super) fn blocking_one<R: Runtime>(amount: Amount) -> Sample {
    timed::<R, _>(amount, async |count| {
        for _ in 0..count {
            R::spawn_blocking(|| ()).await;
        }
    })
}

/// A thousand empty jobs are handed over, then awaited in the same order.
pub(super) fn blocking_many<R: Runtime>(amount: Amount) -> Sample {
    timed::<R, _>(amount, async |count| {
        let mut left = count;
        while left > 0 {
            let batch = left.min(IN_FLIGHT);
            left -= batch;
            let jobs: Vec<_> = (0..batch).map(|_| R::spawn_blocking(|| ())).collect();
            for job in jobs {
                job.await;
            }
        }
    })
}

/// All jobs are handed over at once.
pub(super) fn blocking_queued<R: Runtime>(amount: Amount) -> Sample {
    timed::<R, _>(amount, async |count| {
        let jobs: Vec<_> = (0..count).map(|_| R::spawn_blocking(|| ())).collect();
        for job in jobs {
            job.await;
        }
    })
}

/// A message to a thread and its answer. The thread sleeps when the message comes, and so does the
/// loop when the answer does. The channels are the same for all runtimes.
pub(super) fn thread_wake<R: Runtime>(amount: Amount) -> Sample {
    timed::<R, _>(amount, async |count| {
        let (ask, asked) = mpsc::channel::<u64>();
        let (answer, mut answers) = unbounded::<u64>();
        let thread = thread::spawn(move || {
            for number in asked {
                // The loop may be gone when the run is cut short.
                if answer.unbounded_send(number).is_err() {
                    return;
                }
            }
        });
        for number in 0..count {
            ask.send(number).expect("the thread listens");
            let answer = answers.next().await;
            assert_eq!(answer, Some(number));
        }
        drop(ask);
        thread.join().expect("the thread does not panic");
    })
}
