//! Detection of a blocked loop while it is blocked.
//!
//! A loop that is watched writes what it is about to run to a [`NowRunning`], with a few plain
//! stores. A thread, the *watcher*, looks at it four times within the limit, and at what the kernel
//! says about the loop's thread. It reports what it has seen running for longer than the limit.
//!
//! Each watched loop has a watcher of its own. It starts with the first run of the loop and ends
//! with the loop, so there is no global state, and a loop that is blocked in a report function
//! delays the reports of no other loop. While the loop sleeps, its watcher parks: an idle program
//! makes no system call.

mod now_running;
mod observer;
mod origins;
mod recent;
mod thread_look;
#[cfg_attr(
    any(quintet_portable, not(any(target_os = "linux", target_os = "android"))),
    path = "blocked/thread_probe/portable.rs"
)]
mod thread_probe;
mod user_code;
mod watcher;

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use crate::identity::Origin;
use crate::report::Reporter;
use crate::scope_guard::on_drop;
use now_running::NowRunning;
use origins::OriginCache;

pub(crate) use now_running::{Place, PollCause};
pub(crate) use recent::RecentReports;
pub(crate) use user_code::UserCode;

thread_local! {
    /// What the watched loop that runs on this thread writes to.
    static CURRENT: RefCell<Option<Arc<NowRunning>>> = const { RefCell::new(None) };
}

/// The loop's side: what it does so that it can be watched. It stays on the loop's thread.
#[derive(Debug)]
pub(crate) struct Watch {
    now: Arc<NowRunning>,
    origins: OriginCache,
    limit: Duration,
    reporter: Reporter,
}

impl Watch {
    /// Watches for what runs longer than `limit`.
    pub(crate) fn new(limit: Duration, reporter: Reporter) -> Self {
        Watch {
            now: Arc::default(),
            origins: OriginCache::default(),
            limit,
            reporter,
        }
    }

    /// The loop begins to run, until the guard is dropped. The first time, this starts the watcher.
    pub(crate) fn begin_drive(&self) -> WatchedDrive {
        if !self.now.has_watcher() {
            self.start_watcher();
        }
        self.now.wakes();
        let now = Some(Arc::clone(&self.now));
        // During the end of the thread, this thread-local may be destroyed.
        let outer = CURRENT.try_with(|current| current.replace(now));
        WatchedDrive {
            now: Arc::clone(&self.now),
            outer: outer.ok().flatten(),
        }
    }

    #[cold]
    fn start_watcher(&self) {
        let started = watcher::start(&self.now, self.limit, self.reporter.clone());
        if let Err(error) = started {
            // The loop runs without.
            self.now.set_watcher(None);
            crate::report::print(format_args!(
                "cannot start the thread that watches a loop: {error}"
            ));
        }
    }

    /// What observes the next poll.
    #[inline]
    pub(crate) fn mark(&self, run: u64, place: Place) -> Mark<'_> {
        Mark {
            watch: self,
            run,
            place,
        }
    }

    /// The loop runs user code that is no poll.
    pub(crate) fn begin_outside(&self, run: u64, place: Place, what: UserCode) {
        self.now.begin(run, 0, place.with_what(what));
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
        let ended = CURRENT.try_with(|current| current.replace(outer));
        drop(ended);
    }
}

/// What is told of a poll before it begins.
pub(crate) trait PollObserver: Copy {
    /// A task is polled. `origin` is what the last call for this task returned, or zero.
    fn begins(self, task: u64, origin: u16, full: impl FnOnce() -> Origin) -> u16;
}

/// Of a loop that is not watched.
impl PollObserver for () {
    #[inline]
    fn begins(self, _task: u64, origin: u16, _full: impl FnOnce() -> Origin) -> u16 {
        origin
    }
}

/// Of a loop that may be watched.
impl<O: PollObserver> PollObserver for Option<O> {
    #[inline]
    fn begins(self, task: u64, origin: u16, full: impl FnOnce() -> Origin) -> u16 {
        match self {
            Some(observer) => observer.begins(task, origin, full),
            None => origin,
        }
    }
}

/// A poll of a watched loop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark<'a> {
    watch: &'a Watch,
    run: u64,
    place: Place,
}

impl PollObserver for Mark<'_> {
    #[inline]
    fn begins(self, task: u64, origin: u16, full: impl FnOnce() -> Origin) -> u16 {
        let Watch { now, origins, .. } = self.watch;
        let origin = match origin {
            0 => origins.index(now, full()),
            known => known,
        };
        now.begin(self.run, task, self.place.with_origin(origin));
        origin
    }
}

/// Calls `f`, which runs the user code `what` within a poll, or outside of all loops.
#[inline]
pub(crate) fn doing<R>(what: &'static str, f: impl FnOnce() -> R) -> R {
    let now = CURRENT.try_with(|current| current.borrow().clone());
    let Ok(Some(now)) = now else {
        return f();
    };
    let outer = now.enter(UserCode::named(what));
    let _restore = on_drop(|| now.leave(outer));
    f()
}
