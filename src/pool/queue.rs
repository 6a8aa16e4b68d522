//! The queue of a pool.
//!
//! Jobs enter a shared injector. A worker moves them in small batches into its local queue, from
//! which other workers can steal, so no job is bound to the worker that fetched it. Which worker is
//! woken for a job is decided in [`workers`](super::workers).

use std::iter;

use crossbeam_deque::{Injector, Steal, Stealer, Worker as Deque};

use super::job::QueuedJob;

/// The maximum number of jobs that a worker takes at once.
///
/// A batch saves accesses to the injector, which all workers share. But if one of its jobs blocks,
/// those behind it wait until another worker steals them, so batches are small.
const BATCH_MAX: usize = 8;

/// The parts of the queue that all workers share.
pub(super) struct JobQueue {
    /// The jobs that no worker has fetched, oldest first.
    injector: Injector<QueuedJob>,
    /// The stealers of the workers' local queues, by slot.
    stealers: Box<[Stealer<QueuedJob>]>,
}

/// The queue of one worker.
pub(super) type LocalQueue = Deque<QueuedJob>;

impl JobQueue {
    /// Creates a queue, and a local queue for each worker.
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

    /// Takes a job for the worker on `slot`, and may move a few more into its `local_queue`, which
    /// is empty.
    ///
    /// Takes the oldest job of the injector, or else steals from another worker. With a single
    /// worker jobs begin in the order of their pushes.
    pub(super) fn take(&self, slot: usize, local_queue: &LocalQueue) -> Option<QueuedJob> {
        debug_assert!(local_queue.is_empty());
        let batch = || {
            self.injector
                .steal_batch_with_limit_and_pop(local_queue, BATCH_MAX)
        };
        retry_steal(batch).or_else(|| self.steal(slot, local_queue))
    }

    /// Steals from another worker. Each worker begins with the next slot, so that they do not all
    /// steal from the same one.
    fn steal(&self, slot: usize, local_queue: &LocalQueue) -> Option<QueuedJob> {
        let (before, from_here) = self.stealers.split_at(slot);
        let mut others = from_here[1..].iter().chain(before);
        others.find_map(|other| {
            retry_steal(|| other.steal_batch_with_limit_and_pop(local_queue, BATCH_MAX))
        })
    }

    /// Returns whether there are jobs that no worker has fetched.
    pub(super) fn has_injected(&self) -> bool {
        !self.injector.is_empty()
    }

    /// Returns whether no job is visible in the queue. A batch is not visible while it is moved
    /// into a local queue; the wake-up protocol of [`workers`](super::workers) allows for that.
    pub(super) fn is_empty(&self) -> bool {
        self.injector.is_empty() && self.stealers.iter().all(Stealer::is_empty)
    }

    /// Returns the number of visible jobs.
    pub(super) fn len(&self) -> usize {
        self.injector.len() + self.stealers.iter().map(Stealer::len).sum::<usize>()
    }

    /// Removes all visible jobs.
    pub(super) fn drain(&self) -> Vec<QueuedJob> {
        let injected = iter::from_fn(|| retry_steal(|| self.injector.steal()));
        let fetched = self
            .stealers
            .iter()
            .flat_map(|stealer| iter::from_fn(|| retry_steal(|| stealer.steal())));
        fetched.chain(injected).collect()
    }
}

/// Repeats a steal until it succeeds or finds the queue empty. [`Steal::Retry`] means only that
/// another thread was faster; there may be more jobs.
fn retry_steal<T>(steal: impl Fn() -> Steal<T>) -> Option<T> {
    loop {
        match steal() {
            Steal::Success(value) => return Some(value),
            Steal::Empty => return None,
            Steal::Retry => {}
        }
    }
}
