//! The queue of a pool: where a job waits between its push and its worker.
//!
//! Jobs enter an injector at one end. Workers take them from there in small batches, each into a
//! deque of its own, from which the others may steal, so no job is tied to the worker that took it
//! along. Pushers and workers use it; who of them sleeps and who is woken, it does not know.

use std::iter;

use crossbeam_deque::{Injector, Steal, Stealer, Worker as Deque};

use super::job::QueuedJob;

/// How many jobs a worker takes along at once.
///
/// A batch saves trips to the ends of the queue that all workers share. But its jobs stand behind
/// each other, and should one of them hang, the others wait for a thief: eight keeps that short.
const BATCH_MAX: usize = 8;

/// The shared ends of the queue.
pub(super) struct JobQueue {
    /// What no worker has taken along yet, oldest first.
    injector: Injector<QueuedJob>,
    /// The thieves' ends of the workers' deques, by slot.
    stealers: Box<[Stealer<QueuedJob>]>,
}

/// One worker's end of the queue.
pub(super) type LocalQueue = Deque<QueuedJob>;

impl JobQueue {
    /// Makes a queue for so many workers, and the end of each.
    pub(super) fn new(workers: usize) -> (JobQueue, Vec<LocalQueue>) {
        let local_queues: Vec<LocalQueue> = (0..workers).map(|_| Deque::new_fifo()).collect();
        let queue = JobQueue {
            injector: Injector::new(),
            stealers: local_queues.iter().map(Deque::stealer).collect(),
        };
        (queue, local_queues)
    }

    pub(super) fn push(&self, job: QueuedJob) {
        self.injector.push(job);
    }

    /// Takes a job from what is shared, for the worker on `slot`, and perhaps a few more into
    /// `local_queue`, which is empty.
    ///
    /// The oldest first, then what others took along and have not begun. With a single worker
    /// there are no others, and jobs begin in the order in which they were pushed.
    pub(super) fn take(&self, slot: usize, local_queue: &LocalQueue) -> Option<QueuedJob> {
        debug_assert!(local_queue.is_empty());
        let batch = || {
            self.injector
                .steal_batch_with_limit_and_pop(local_queue, BATCH_MAX)
        };
        retry_steal(batch).or_else(|| self.steal(slot, local_queue))
    }

    /// Robs the others. Each worker begins with its neighbour, so that not all go to the same.
    fn steal(&self, slot: usize, local_queue: &LocalQueue) -> Option<QueuedJob> {
        let (before, from_here) = self.stealers.split_at(slot);
        let mut others = from_here[1..].iter().chain(before);
        others.find_map(|other| {
            retry_steal(|| other.steal_batch_with_limit_and_pop(local_queue, BATCH_MAX))
        })
    }

    /// Whether there are jobs that no worker has taken along.
    pub(super) fn has_injected(&self) -> bool {
        !self.injector.is_empty()
    }

    /// Whether nothing can be seen in it. A batch that is on its way from one end to another is
    /// not seen; the workers's rule of waking reckons with that.
    pub(super) fn is_empty(&self) -> bool {
        self.injector.is_empty() && self.stealers.iter().all(Stealer::is_empty)
    }

    /// How many jobs can be seen in it.
    pub(super) fn len(&self) -> usize {
        self.injector.len() + self.stealers.iter().map(Stealer::len).sum::<usize>()
    }

    /// Takes out all jobs that can be seen.
    pub(super) fn drain(&self) -> Vec<QueuedJob> {
        let injected = iter::from_fn(|| retry_steal(|| self.injector.steal()));
        let taken_along = self
            .stealers
            .iter()
            .flat_map(|stealer| iter::from_fn(|| retry_steal(|| stealer.steal())));
        taken_along.chain(injected).collect()
    }
}

/// Repeats a steal until it has an answer: "retry" only means that another thread was quicker, and
/// says nothing of whether there is more.
fn retry_steal<T>(steal: impl Fn() -> Steal<T>) -> Option<T> {
    loop {
        match steal() {
            Steal::Success(value) => return Some(value),
            Steal::Empty => return None,
            Steal::Retry => {}
        }
    }
}
