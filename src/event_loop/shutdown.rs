//! The end of a loop.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::EventLoop;
use super::turn::{Turn, WaitLimit};
use crate::counts::TickStage;
use crate::panics;
use crate::report::{JobMeta, Report};
use crate::tasks::wake_contained;

/// How many rounds of the close phase a shutdown runs at most. Destructors may close more sources.
const CLOSE_ROUNDS_MAX: usize = 100;

impl EventLoop {
    /// Ends all tasks, and releases what the loop holds. The loop must be the running one of this
    /// thread.
    pub(crate) fn shut_down(&self, grace: Duration) {
        if self.shared.closed.swap(true, Ordering::Relaxed) {
            return;
        }
        if let Some(watch) = &self.observation.watch {
            watch.end();
        }
        // First: the end of a task may free a worker, which must not begin another job.
        self.shared.pool.close();
        let wakers = self.shared.pool.close_room();
        wakers.into_iter().for_each(wake_contained);
        self.tasks.cancel_all();
        let mut turn = Turn::new(self, None, WaitLimit::ENDLESS);
        for _ in 0..CLOSE_ROUNDS_MAX {
            if self.close.is_empty() {
                break;
            }
            turn.begin_phase(TickStage::Close);
            self.close
                .run(&mut turn, |source| self.poll.release(source));
        }
        for message in self.shared.inbox.close() {
            message.discard();
        }
        for callback in self.pending.take_all() {
            panics::drop_contained(callback, "the destructor of an undelivered event");
        }
        self.tasks.release_all();
        self.drop_waiters();
        self.update_counts();
        self.shared.counts.pending.set(0);
        // What is left belongs to sockets that exist, of which the loop has no use.
        self.shared.counts.sources.set(0);
        for job in self.shared.pool.shut_down(grace) {
            let job = JobMeta::new(job.name, job.location);
            let report = Report::JobLeftBehind { job, grace };
            self.shared.reporter.report(&report);
        }
    }

    /// Drops the wakers of other executors, while these can still use the loop.
    fn drop_waiters(&self) {
        let mut waiters = self.timers.take_waiters();
        self.poll.sources.take_waiters(&mut waiters);
        self.check.take_waiters(&mut waiters);
        for waiter in waiters {
            panics::drop_contained(waiter, "the destructor of a waker");
        }
    }
}
