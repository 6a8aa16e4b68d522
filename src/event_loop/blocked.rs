//! How the polls of a loop are observed: they are measured, or a watcher looks at the loop.
//!
//! In debug builds without a watcher, the loop notices a poll that blocks it at its end.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{EventLoop, Settings};
use crate::blocked::{NowRunning, RecentReports, StartWatcher, Watch, WatchedDrive};
use crate::clock::{self, ThreadTimer};
use crate::counts::LoopCounts;
use crate::report::{Reporter, TaskMeta};
use crate::tasks::Identity;

/// After what time a poll counts as blocking in debug builds.
const DEBUG_LIMIT: Duration = Duration::from_millis(200);

/// How a loop that is blocked is noticed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum BlockedCheck {
    Off,
    /// The loop measures each poll.
    AtEnd(Duration),
    /// A watcher looks at the loop.
    Watched(Duration, StartWatcher),
}

/// The default in debug builds is to measure each poll, because that needs no thread.
impl Default for BlockedCheck {
    fn default() -> Self {
        if cfg!(debug_assertions) {
            BlockedCheck::AtEnd(DEBUG_LIMIT)
        } else {
            BlockedCheck::Off
        }
    }
}

impl BlockedCheck {
    /// Makes the watch of a loop that is watched.
    fn watch(self, now: &Arc<NowRunning>, reporter: &Reporter) -> Option<Box<Watch>> {
        match self {
            BlockedCheck::Watched(limit, start) => {
                Some(Box::new(Watch::new(now, limit, start, reporter.clone())))
            }
            BlockedCheck::Off | BlockedCheck::AtEnd(_) => None,
        }
    }
}

/// How polls are observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ObservedPolls {
    None,
    /// A watcher looks at them.
    Watched,
    /// Each is measured, and there may be a watcher as well.
    Timed,
}

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Observation {
    /// Of what follows, what each poll looks at.
    pub(super) polls: ObservedPolls,
    /// Whether the duration of each poll is added up for its task.
    pub(super) is_measuring: bool,
    pub(super) poll_check: PollCheck,
    /// If the CPU time of a poll is limited.
    pub(super) cpu_limit: Option<CpuLimit>,
    /// What the loop runs, if it is watched.
    pub(super) now: Arc<NowRunning>,
    /// Present if a watcher looks at that.
    pub(super) watch: Option<Box<Watch>>,
}

impl Observation {
    pub(super) fn new(settings: &Settings, counts: Arc<LoopCounts>) -> Self {
        let Settings {
            is_measuring,
            blocked,
            ..
        } = *settings;
        let now = Arc::new(NowRunning::new(counts));
        let mut observation = Observation {
            polls: ObservedPolls::None,
            is_measuring,
            poll_check: PollCheck::new(blocked),
            cpu_limit: settings.poll_limit.map(CpuLimit::new),
            watch: blocked.watch(&now, &settings.reporter),
            now,
        };
        observation.polls = if is_measuring || observation.needs_identity() {
            ObservedPolls::Timed
        } else if observation.watch.is_some() {
            ObservedPolls::Watched
        } else {
            ObservedPolls::None
        };
        observation
    }

    /// Whether it may be said of a poll of which task it was.
    pub(super) fn needs_identity(&self) -> bool {
        self.poll_check.is_on() || self.cpu_limit.is_some()
    }

    /// A poll is about to begin. Returns the time.
    pub(super) fn begin_timed(&self) -> Instant {
        if let Some(cpu_limit) = &self.cpu_limit {
            cpu_limit.begun.set(clock::thread_cpu_time());
        }
        if self.poll_check.is_on() {
            self.poll_check.timer.start()
        } else {
            Instant::now()
        }
    }
}

/// Finds the poll that takes the most CPU time, if that is too much.
#[derive(Debug)]
pub(super) struct CpuLimit {
    limit: Duration,
    begun: Cell<Duration>,
    longest: RefCell<Option<(Identity, Duration)>>,
}

impl CpuLimit {
    fn new(limit: Duration) -> Self {
        CpuLimit {
            limit,
            begun: Cell::default(),
            longest: RefCell::default(),
        }
    }

    /// A poll of this task has ended.
    pub(super) fn end(&self, identity: &Identity) {
        let took = clock::thread_cpu_time().saturating_sub(self.begun.get());
        let mut longest = self.longest.borrow_mut();
        let before = longest.as_ref().map_or(self.limit, |(_, took)| *took);
        if took > before {
            *longest = Some((identity.clone(), took));
        }
    }
}

/// Finds polls that have taken long.
#[derive(Debug)]
pub(super) struct PollCheck {
    /// How long a poll may take, if that is checked.
    limit: Option<Duration>,
    pub(super) timer: ThreadTimer,
    recent: RefCell<RecentReports>,
}

impl PollCheck {
    pub(super) fn new(check: BlockedCheck) -> Self {
        let limit = match check {
            BlockedCheck::AtEnd(limit) => Some(limit),
            BlockedCheck::Off | BlockedCheck::Watched(..) => None,
        };
        PollCheck {
            limit,
            timer: ThreadTimer::new(limit.unwrap_or(DEBUG_LIMIT)),
            recent: RefCell::default(),
        }
    }

    pub(super) fn is_on(&self) -> bool {
        self.limit.is_some()
    }

    /// Whether a poll of this duration blocks the loop.
    pub(super) fn is_long(&self, duration: Duration) -> bool {
        self.limit.is_some_and(|limit| duration > limit)
    }

    /// Notes a report of this task, and returns false if there was one in the last second.
    pub(super) fn may_report(&self, task: u64) -> bool {
        self.recent.borrow_mut().may_report(task, Instant::now())
    }
}

impl EventLoop {
    /// The task of the poll that has taken the most CPU time, and that time, if it was too much.
    pub(crate) fn longest_poll(&self) -> Option<(TaskMeta, Duration)> {
        let longest = self.observation.cpu_limit.as_ref()?.longest.borrow();
        let (identity, took) = longest.as_ref()?;
        Some((TaskMeta::new(identity.clone()), *took))
    }

    /// The loop begins to run. If it is watched, the watcher sees this until the guard is dropped.
    pub(super) fn begin_drive(&self) -> Option<WatchedDrive> {
        let watch = self
            .observation
            .watch
            .as_ref()
            .filter(|_| !self.is_closed());
        watch.map(|watch| watch.begin_drive())
    }
}
