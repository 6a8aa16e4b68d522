//! The report that the pool is starved: all workers are busy, perhaps with jobs that wait for jobs
//! in the queue.
//!
//! The pool has no thread that could look at the clock, because all are busy. So the loop looks,
//! only while jobs wait for a worker: before it sleeps, and in every 32nd tick. It then sleeps no
//! longer than until the report is due.

use std::cell::{Cell, RefCell};
use std::panic::Location;
use std::time::{Duration, Instant};

use super::EventLoop;
use crate::report::{JobMeta, Report};

/// For how long no job has begun, while jobs wait for a worker, before that is reported.
const STARVED_AFTER: Duration = Duration::from_secs(1);

/// What the loop has seen of its pool.
#[derive(Debug, Default)]
pub(super) struct Starvation {
    watch: Cell<PoolWatch>,
    /// The spawn sites of the jobs that have been reported.
    reported: RefCell<Vec<&'static Location<'static>>>,
}

#[derive(Clone, Copy, Debug, Default)]
enum PoolWatch {
    /// No job waits for a worker.
    #[default]
    NoBacklog,
    /// Jobs have waited since this time of the system's clock, when so many jobs had begun.
    Since(Instant, u64),
    /// It was looked into when so many jobs had begun.
    Reported(u64),
}

/// How long the loop may sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PoolSleep {
    /// Without limit.
    Any,
    /// No longer than this, by the system's clock.
    AtMost(Duration),
    /// Not at all: user code has run, which may have woken tasks.
    No,
}

impl EventLoop {
    /// Looks at the pool if jobs wait there, and reports it if it has been starved for long.
    #[inline]
    pub(super) fn watch_pool(&self) -> PoolSleep {
        if !self.shared.pool.has_backlog() {
            return PoolSleep::Any;
        }
        self.watch_backlog()
    }

    #[cold]
    fn watch_backlog(&self) -> PoolSleep {
        let begun = self.shared.pool.begun();
        match self.starvation.watch.get() {
            PoolWatch::Reported(then) if then == begun => PoolSleep::Any,
            PoolWatch::Since(since, then) if then == begun => {
                match STARVED_AFTER.checked_sub(since.elapsed()) {
                    Some(left) if !left.is_zero() => PoolSleep::AtMost(left),
                    _ => {
                        self.starvation.watch.set(PoolWatch::Reported(begun));
                        self.report_starvation()
                    }
                }
            }
            _ => {
                self.starvation
                    .watch
                    .set(PoolWatch::Since(Instant::now(), begun));
                PoolSleep::AtMost(STARVED_AFTER)
            }
        }
    }

    /// Reports the jobs that keep others from a worker, once for each spawn site.
    fn report_starvation(&self) -> PoolSleep {
        let Some(starved) = self.shared.pool.starved() else {
            return PoolSleep::Any;
        };
        let mut reported = self.starvation.reported.borrow_mut();
        let before = reported.len();
        for job in &starved.running {
            if !reported.contains(&job.location) {
                reported.push(job.location);
            }
        }
        let is_new = reported.len() > before;
        drop(reported);
        if !is_new {
            return PoolSleep::Any;
        }
        let running = starved.running.into_iter();
        self.shared.reporter.report(&Report::PoolStarved {
            running: running
                .map(|job| JobMeta::new(job.name, job.location))
                .collect(),
            queued: starved.queued,
        });
        PoolSleep::No
    }
}
