//! A worker: takes jobs as it has threads for them, until it is told to drain.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use quintet::sync::Semaphore;
use quintet::task::{CancellationToken, TaskTracker};
use quintet::time::{Instant, sleep};
use redis::RedisResult;

use crate::queue::{Job, Queue};
use crate::work::primes_below;

/// How long a read waits in Redis, and thus at most how long a drain waits for it.
const READ_WAIT: Duration = Duration::from_millis(500);

/// How a worker treats jobs.
#[derive(Clone, Debug)]
pub struct Rules {
    /// After such a time without a sign of a worker its job is claimed by another.
    pub lease: Duration,
    /// How many times a job is begun.
    pub tries_max: u32,
    /// The pause before the second try; it doubles with each.
    pub pause: Duration,
    /// How many jobs run at once.
    pub at_once: usize,
}

/// A worker.
#[derive(Debug)]
pub struct Worker {
    queue: Arc<Queue>,
    rules: Rules,
    /// The jobs in work, by their ids.
    running: RefCell<BTreeSet<String>>,
}

impl Worker {
    /// A worker for `queue`.
    pub fn new(queue: Arc<Queue>, rules: Rules) -> Rc<Self> {
        Rc::new(Worker {
            queue,
            rules,
            running: RefCell::default(),
        })
    }

    /// Works until `draining` is cancelled, and then until the jobs that have begun are done.
    ///
    /// # Errors
    ///
    /// Returns what Redis reports, other than errors of the connection.
    pub async fn run(self: &Rc<Self>, draining: &CancellationToken) -> RedisResult<()> {
        self.queue.open().await?;
        let chores = [
            quintet::spawn(Rc::clone(self).renew_leases()),
            quintet::spawn(Rc::clone(self).promote_retries()),
        ];
        let jobs = TaskTracker::new();
        let read = self.read(draining, &jobs).await;
        jobs.close();
        jobs.wait().await;
        for chore in chores {
            chore.abort();
        }
        read?;
        self.queue.leave().await
    }

    async fn read(
        self: &Rc<Self>,
        draining: &CancellationToken,
        jobs: &TaskTracker,
    ) -> RedisResult<()> {
        let places = Arc::new(Semaphore::new(self.rules.at_once));
        let mut last_claim: Option<Instant> = None;
        while !draining.is_cancelled() {
            let place = quintet::select! {
                place = Arc::clone(&places).acquire_owned() => place.expect("it is open"),
                () = draining.cancelled() => return Ok(()),
            };
            let is_claim_due = last_claim.is_none_or(|at| at.elapsed() >= self.rules.lease / 2);
            let claimed = match is_claim_due {
                true => self.queue.claim(self.rules.lease).await?,
                false => None,
            };
            // After a job that was left there may be more of them.
            if is_claim_due && claimed.is_none() {
                last_claim = Some(Instant::now());
            }
            let next = match claimed {
                Some(job) => Some(job),
                // Not cancelled by a drain: a job that Redis has given out would wait for a claim.
                None => self.queue.next(READ_WAIT).await?,
            };
            if let Some(job) = next {
                self.running.borrow_mut().insert(job.id.clone());
                let worker = Rc::clone(self);
                jobs.spawn(async move {
                    if let Err(error) = worker.work(&job).await {
                        eprintln!("job {}: {error}", job.name);
                    }
                    worker.running.borrow_mut().remove(&job.id);
                    drop(place);
                });
            }
        }
        Ok(())
    }

    async fn work(&self, job: &Job) -> RedisResult<()> {
        println!("began {} {}", job.name, job.tries);
        if job.tries > self.rules.tries_max {
            return self.queue.bury(job, "its workers have died").await;
        }
        let input = job.input.clone();
        let reason = match quintet::spawn_cpu(move || primes_below(&input)).await {
            Ok(Ok(count)) => return self.queue.finish(job, &count.to_string()).await,
            Ok(Err(reason)) => reason,
            Err(panicked) => panicked.to_string(),
        };
        if job.tries >= self.rules.tries_max {
            return self.queue.bury(job, &reason).await;
        }
        let pause = self.rules.pause * 2_u32.saturating_pow(job.tries - 1);
        self.queue.retry(job, pause).await
    }

    async fn renew_leases(self: Rc<Self>) {
        loop {
            sleep(self.rules.lease / 4).await;
            let ids: Vec<_> = self.running.borrow().iter().cloned().collect();
            if !ids.is_empty()
                && let Err(error) = self.queue.renew(&ids).await
            {
                eprintln!("a lease could not be renewed: {error}");
            }
        }
    }

    async fn promote_retries(self: Rc<Self>) {
        loop {
            sleep(self.rules.pause / 2).await;
            if let Err(error) = self.queue.promote().await {
                eprintln!("jobs could not be tried again: {error}");
            }
        }
    }
}
