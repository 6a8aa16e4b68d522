//! Detection of a blocked loop while it is blocked.
//!
//! A loop that is watched writes what it is about to run to a [`NowRunning`], with four plain
//! stores. A thread, the *watcher*, looks at it four times within the limit, and at what the kernel
//! says about the loop's thread. It reports what it has seen running for longer than the limit.
//!
//! Each watched loop has a watcher of its own. It starts with the first run of the loop and ends
//! with the loop, so there is no global state, and a loop that is blocked in a report function
//! delays the reports of no other loop. While the loop sleeps, its watcher parks: an idle program
//! makes no system call.

mod now_running;
#[cfg(feature = "watch")]
mod observer;
mod origins;
mod recent;
#[cfg(feature = "watch")]
mod thread_look;
#[cfg(feature = "watch")]
#[cfg_attr(
    any(quintet_portable, not(any(target_os = "linux", target_os = "android"))),
    path = "blocked/thread_probe/portable.rs"
)]
mod thread_probe;
mod user_call;
mod user_code;
#[cfg(feature = "watch")]
mod watcher;

use std::cell::Cell;
use std::io;
use std::mem::{self, ManuallyDrop};
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use crate::report::Reporter;

pub(crate) use now_running::NowRunning;
pub(crate) use origins::{KnownName, OriginRecorder};
pub(crate) use recent::RecentReports;
pub(crate) use user_call::{PollCause, TickPosition, cause_in_words, phase_name};
pub(crate) use user_code::UserCode;
#[cfg(feature = "watch")]
pub(crate) use watcher::start;

thread_local! {
    /// What the watched loop that runs on this thread writes to. Absent in [`doing`].
    // Without a destructor it needs no registration and no liveness check. Nothing leaks: a
    // `WatchedDrive` takes it out.
    static CURRENT: ManuallyDrop<Cell<Option<Arc<NowRunning>>>> =
        const { ManuallyDrop::new(Cell::new(None)) };
}

/// Starts the watcher of the loop of this thread, or returns the error of the OS if it starts no
/// thread. Only what sets that a loop is watched names the watcher.
pub(crate) type StartWatcher = fn(&Arc<NowRunning>, Duration, Reporter) -> io::Result<()>;

/// The loop's side: what it does so that it can be watched. It stays on the loop's thread.
#[derive(Debug)]
pub(crate) struct Watch {
    now: Arc<NowRunning>,
    limit: Duration,
    start: StartWatcher,
    reporter: Reporter,
}

impl Watch {
    /// Watches `now` for what runs longer than `limit`.
    pub(crate) fn new(
        now: &Arc<NowRunning>,
        limit: Duration,
        start: StartWatcher,
        reporter: Reporter,
    ) -> Self {
        Watch {
            now: Arc::clone(now),
            limit,
            start,
            reporter,
        }
    }

    /// What the tasks of the loop are recorded by.
    pub(crate) fn recorder(&self) -> OriginRecorder {
        OriginRecorder::new(Arc::clone(&self.now))
    }

    /// The loop begins to run, until the guard is dropped. The first time, this starts the watcher.
    pub(crate) fn begin_drive(&self) -> WatchedDrive {
        if !self.now.has_watcher() {
            self.start_watcher();
        }
        self.now.begin_drive();
        let now = Some(Arc::clone(&self.now));
        WatchedDrive {
            now: Arc::clone(&self.now),
            outer: CURRENT.with(|current| current.replace(now)),
        }
    }

    #[cold]
    fn start_watcher(&self) {
        let started = (self.start)(&self.now, self.limit, self.reporter.clone());
        if let Err(error) = started {
            // The loop runs without.
            self.now.set_watcher(None);
            crate::report::print(format_args!(
                "cannot start the thread that watches a loop: {error}"
            ));
        }
    }

    /// The loop is about to wait for events.
    pub(crate) fn sleeps(&self) {
        self.now.sleeps();
    }

    /// The loop has waited.
    pub(crate) fn wakes(&self) {
        self.now.wakes();
    }

    /// The loop ends, and with it the watcher.
    pub(crate) fn end(&self) {
        self.now.end();
    }
}

/// The run of a watched loop. When it is dropped, the loop is idle.
#[derive(Debug)]
pub(crate) struct WatchedDrive {
    now: Arc<NowRunning>,
    outer: Option<Arc<NowRunning>>,
}

impl Drop for WatchedDrive {
    fn drop(&mut self) {
        self.now.sleeps();
        let outer = self.outer.take();
        drop(CURRENT.with(|current| current.replace(outer)));
    }
}

/// What is told of a poll before it begins.
pub(crate) trait PollObserver: Copy {
    /// The task with this id and spawn site is polled.
    fn begins(self, task: u64, location: &'static Location<'static>);
}

/// Of a loop that is not watched.
impl PollObserver for () {
    #[inline]
    fn begins(self, _task: u64, _location: &'static Location<'static>) {}
}

/// Of a loop that may be watched.
impl<O: PollObserver> PollObserver for Option<O> {
    #[inline]
    fn begins(self, task: u64, location: &'static Location<'static>) {
        if let Some(observer) = self {
            observer.begins(task, location);
        }
    }
}

/// Of a loop that is watched.
impl PollObserver for &NowRunning {
    #[inline]
    fn begins(self, task: u64, location: &'static Location<'static>) {
        self.poll(task, location);
    }
}

/// Calls `f`, which runs the user code `what` within a poll, or outside of all loops. Of calls of
/// this within `f` the watcher sees nothing.
#[inline]
pub(crate) fn doing<R>(what: impl Into<UserCode>, f: impl FnOnce() -> R) -> R {
    let _doing = Doing::begin(what.into());
    f()
}

/// A call of [`doing`]: its part that is compiled once.
struct Doing(Option<Arc<NowRunning>>);

impl Doing {
    #[inline]
    fn begin(what: UserCode) -> Self {
        let now = CURRENT.with(|current| current.take());
        if let Some(now) = &now {
            now.enter(what);
        }
        Doing(now)
    }
}

impl Drop for Doing {
    #[inline]
    fn drop(&mut self) {
        if let Some(now) = self.0.take() {
            now.leave();
            // It is none: whatever runs a loop meanwhile has restored that.
            mem::forget(CURRENT.with(|current| current.replace(Some(now))));
        }
    }
}
