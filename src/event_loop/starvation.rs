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
use crate::pool::Class;
use crate::report::{JobMeta, Report};

/// For how long no plain job has begun, while some wait for a worker, before that is reported.
const STARVED_AFTER: Duration = Duration::from_secs(1);

/// The same for computations, which may take long, and for name lookups, of which one takes as long
/// as the resolver waits for a server: twice 5 s by default.
const STARVED_AFTER_LONG: Duration = Duration::from_secs(10);

/// What the loop has seen of its pool.
#[derive(Debug, Default)]
pub(super) struct Starvation {
    /// By the index of the class.
    watches: [Cell<PoolWatch>; Class::ALL.len()],
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

impl PoolSleep {
    fn shorter(self, other: PoolSleep) -> PoolSleep {
        match (self, other) {
            (PoolSleep::No, _) | (_, PoolSleep::No) => PoolSleep::No,
            (PoolSleep::Any, sleep) | (sleep, PoolSleep::Any) => sleep,
            (PoolSleep::AtMost(one), PoolSleep::AtMost(other)) => PoolSleep::AtMost(one.min(other)),
        }
    }
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
        let sleeps = Class::ALL.map(|class| self.watch_class(class));
        sleeps.into_iter().fold(PoolSleep::Any, PoolSleep::shorter)
    }

    fn watch_class(&self, class: Class) -> PoolSleep {
        let watch = &self.starvation.watches[class.index()];
        if !self.shared.pool.has_backlog_of(class) {
            watch.set(PoolWatch::NoBacklog);
            return PoolSleep::Any;
        }
        let begun = self.shared.pool.begun(class);
        let limit = match class {
            Class::Plain => STARVED_AFTER,
            Class::Dns | Class::Cpu => STARVED_AFTER_LONG,
        };
        match watch.get() {
            PoolWatch::Reported(then) if then == begun => PoolSleep::Any,
            PoolWatch::Since(since, then) if then == begun => {
                match limit.checked_sub(since.elapsed()) {
                    Some(left) if !left.is_zero() => PoolSleep::AtMost(left),
                    _ => {
                        watch.set(PoolWatch::Reported(begun));
                        self.report_starvation(class)
                    }
                }
            }
            _ => {
                watch.set(PoolWatch::Since(Instant::now(), begun));
                PoolSleep::AtMost(limit)
            }
        }
    }

    /// Reports the jobs that keep others from a worker, once for each spawn site.
    fn report_starvation(&self, class: Class) -> PoolSleep {
        let Some(starved) = self.shared.pool.starved(class) else {
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
            class,
            running: running
                .map(|job| JobMeta::new(job.name, job.location))
                .collect(),
            queued: starved.queued,
        });
        PoolSleep::No
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, mpsc};

    use super::*;
    use crate::blocking;
    use crate::context;
    use crate::runtime::Builder;

    #[test]
    fn look_ups_and_computations_that_wait_are_reported_after_ten_seconds() {
        for class in [Class::Dns, Class::Cpu] {
            let (sender, reports) = mpsc::channel();
            let mut builder = Builder::new();
            builder.worker_threads(4).cpu_threads(2);
            builder.on_report(move |report| sender.send(report.clone()).unwrap());
            let runtime = builder.build().unwrap();
            runtime.block_on(async {
                let (started, starts) = mpsc::channel();
                let (release, released) = mpsc::channel::<()>();
                let released = Arc::new(Mutex::new(released));
                let jobs = [(); 3].map(|()| {
                    let (started, released) = (started.clone(), Arc::clone(&released));
                    blocking::Builder::new().class(class).spawn(move || {
                        started.send(()).unwrap();
                        assert!(released.lock().unwrap().recv().is_err());
                    })
                });
                starts.iter().take(2).for_each(drop);
                let event_loop = context::expect_current();

                let PoolSleep::AtMost(sleep) = event_loop.watch_class(class) else {
                    panic!("a job waits");
                };
                assert!(sleep > Duration::from_secs(1));
                assert!(reports.try_recv().is_err());
                // As if the time had passed.
                let watch = &event_loop.starvation.watches[class.index()];
                let PoolWatch::Since(since, begun) = watch.get() else {
                    panic!("it is watched");
                };
                let earlier = since.checked_sub(STARVED_AFTER_LONG).unwrap();
                watch.set(PoolWatch::Since(earlier, begun));
                assert_eq!(event_loop.watch_pool(), PoolSleep::No, "it is reported");

                let report = reports.recv().unwrap();
                assert!(report.to_string().contains("ten seconds"), "{report}");
                let Report::PoolStarved {
                    class: reported,
                    running,
                    queued,
                } = report
                else {
                    panic!("another report");
                };
                assert_eq!((reported, running.len(), queued), (class, 2, 1));
                assert!(!matches!(event_loop.watch_pool(), PoolSleep::No), "once");
                drop(release);
                for job in jobs {
                    job.await.unwrap();
                }
            });
        }
    }
}
