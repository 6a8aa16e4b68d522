//! The thread that looks at a loop.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::now_running::{LoopState, NowRunning};
use super::observer::{BlockedScope, Observer, Sighting};
use super::thread_probe::ThreadProbe;
use crate::report::{Report, Reporter, TaskMeta};

/// The time between two looks is a quarter of the limit, within these bounds. Each look at a busy
/// loop reads two small files.
const INTERVAL_MIN: Duration = Duration::from_millis(1);
const INTERVAL_MAX: Duration = Duration::from_millis(250);

/// After so many looks at which the loop slept and nothing had run since the last one, the watcher
/// parks. Then the next run costs the loop a system call, so a loop that sleeps only shortly is
/// looked at instead.
const QUIET_LOOKS: u32 = 4;

/// The name of the thread.
const NAME: &str = "quintet-watch";

/// See the [module](self).
#[derive(Debug)]
struct Watcher {
    now: Arc<NowRunning>,
    interval: Duration,
    probe: ThreadProbe,
    observer: Observer,
    reporter: Reporter,
    /// The task of the block that was reported last. It may have ended when the block is over.
    reported: Option<TaskMeta>,
}

/// Starts the watcher of the loop of this thread.
///
/// # Errors
///
/// Returns the error of the OS if it starts no thread.
pub(crate) fn start(now: &Arc<NowRunning>, limit: Duration, reporter: Reporter) -> io::Result<()> {
    let interval = (limit / 4).clamp(INTERVAL_MIN, INTERVAL_MAX);
    let watcher = Watcher {
        now: Arc::clone(now),
        interval,
        probe: ThreadProbe::of_this_thread(),
        observer: Observer::new(limit, interval),
        reporter,
        reported: None,
    };
    let thread = thread::Builder::new().name(NAME.to_owned());
    let thread = thread.spawn(move || watcher.run())?;
    // It is not joined: it ends soon after the loop, unless the user's report function, which it
    // may be calling, waits for something.
    now.set_watcher(Some(thread.thread().clone()));
    Ok(())
}

impl Watcher {
    fn run(mut self) {
        let mut quiet_looks = 0;
        let mut last = self.now.running();
        loop {
            thread::park_timeout(self.interval);
            match self.now.state() {
                LoopState::Busy => {
                    quiet_looks = 0;
                    self.look();
                }
                LoopState::Idle => {
                    let sighting = self.observer.sees_nothing();
                    self.report(sighting);
                    let running = self.now.running();
                    quiet_looks = if running == last { quiet_looks + 1 } else { 0 };
                    last = running;
                    if quiet_looks >= QUIET_LOOKS && self.now.park() {
                        while self.now.is_parked() {
                            thread::park();
                        }
                        quiet_looks = 0;
                    }
                }
                LoopState::Ended => {
                    let sighting = self.observer.sees_nothing();
                    self.report(sighting);
                    return;
                }
            }
        }
    }

    /// Looks at a loop that runs.
    fn look(&mut self) {
        let thread = self.probe.look();
        let running = self.now.running();
        let sighting = self.observer.sees(Instant::now(), running, thread);
        self.report(sighting);
    }

    fn report(&mut self, sighting: Option<Sighting>) {
        let Some(sighting) = sighting else { return };
        let Sighting {
            running,
            scope,
            duration,
            is_over,
        } = sighting;
        if !is_over {
            self.reported = self.now.task_of(running);
        }
        let task = self.reported.clone();
        let activity = if is_over { None } else { self.probe.activity() };
        // It may be that of something else meanwhile.
        let activity = activity.filter(|_| self.now.running().is_same(running));
        self.reporter.report(&Report::Blocked {
            what: match scope {
                BlockedScope::Call => running.what().name(),
                BlockedScope::Stretch => "a row of several polls, the last one",
            },
            woken_by: running.woken_by(),
            task,
            phase: running.phase(),
            duration,
            activity,
            is_over,
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{self, Receiver};

    use super::*;
    use crate::blocked::{TickPosition, UserCode, Watch};
    use crate::counts::TickStage;

    const LIMIT: Duration = Duration::from_millis(4);

    /// How long a test may take. All are through in a small part of it.
    const PATIENCE: Duration = Duration::from_secs(60);

    /// Waits until `is_so`.
    fn wait_until(is_so: impl Fn() -> bool) {
        let start = Instant::now();
        while !is_so() {
            assert!(start.elapsed() < PATIENCE, "it never is so");
            thread::yield_now();
        }
    }

    fn watch() -> (Watch, Receiver<bool>) {
        let (sender, reports) = mpsc::channel();
        let mut reporter = Reporter::default();
        reporter.set_function(Box::new(move |report| {
            let Report::Blocked { is_over, .. } = report else {
                panic!("another report: {report}");
            };
            let _test_is_over = sender.send(*is_over);
        }));
        (Watch::new(&Arc::default(), LIMIT, start, reporter), reports)
    }

    /// Runs until this is reported.
    fn block(watch: &Watch, reports: &Receiver<bool>) {
        let position = TickPosition {
            budget: 1,
            stage: TickStage::Timers,
        };
        watch.now.begin_outside(position, UserCode::MESSAGE);
        assert_eq!(reports.recv_timeout(PATIENCE), Ok(false));
    }

    #[test]
    fn the_watcher_parks_while_the_loop_sleeps_and_looks_when_it_runs() {
        let (watch, reports) = watch();
        assert!(!watch.now.has_watcher(), "it starts with the first run");
        let drive = watch.begin_drive();
        for _ in 0..3 {
            block(&watch, &reports);
            watch.sleeps();
            assert_eq!(reports.recv_timeout(PATIENCE), Ok(true));
            wait_until(|| watch.now.is_parked());
            watch.wakes();
        }
        drop(drive);
        wait_until(|| watch.now.is_parked());

        watch.end();
        wait_until(|| Arc::strong_count(&watch.now) == 1);
    }

    #[test]
    fn the_watcher_ends_with_a_loop_that_runs_and_says_that_a_block_is_over() {
        let (watch, reports) = watch();
        let drive = watch.begin_drive();
        block(&watch, &reports);

        watch.end();

        assert_eq!(reports.recv_timeout(PATIENCE), Ok(true));
        watch.sleeps();
        watch.wakes();
        drop(drive);
        wait_until(|| Arc::strong_count(&watch.now) == 1);
    }
}
