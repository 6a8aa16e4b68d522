//! Says that the pool is starved: its workers wait, perhaps for jobs that wait for a worker.
//!
//! The pool has no thread that could look at the clock: all are busy. So the loop looks, and only while
//! jobs wait for a worker: before it sleeps, and at times when it does not. It then sleeps no longer
//! than until the pool has been without progress for so long that this is worth a word.

use std::cell::{Cell, RefCell};
use std::panic::Location;
use std::time::{Duration, Instant};

use super::EventLoop;
use crate::report::{JobMeta, Report};

/// For how long no job must have begun, while jobs wait for a worker.
const STARVED_AFTER: Duration = Duration::from_secs(1);

/// What the loop knows of its pool.
#[derive(Debug, Default)]
pub(super) struct Starvation {
    watch: Cell<PoolWatch>,
    /// Where the jobs were spawned that were spoken of.
    reported: RefCell<Vec<&'static Location<'static>>>,
}

#[derive(Clone, Copy, Debug, Default)]
enum PoolWatch {
    /// No job waits for a worker.
    #[default]
    NoBacklog,
    /// Jobs wait since then, by the system's clock, and so many had begun.
    Since(Instant, u64),
    /// It was looked into when so many had begun.
    Reported(u64),
}

/// What the loop is to do before it sleeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PoolSleep {
    /// As long as it likes.
    Any,
    /// No longer than this, by the system's clock.
    AtMost(Duration),
    /// Not now: users' code has been called.
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

    /// Says which jobs keep others from a worker, once for each place where they are spawned.
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
