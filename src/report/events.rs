//! With the feature `tracing`: reports are events, too.

use tracing::field;

use super::{Report, TaskMeta};
use crate::trace;

/// Sends a report to the subscriber of this thread.
pub(super) fn send(report: &Report) {
    trace::contained(|| match report {
        Report::TaskPanicked { .. }
        | Report::DestructorPanicked { .. }
        | Report::WakerPanicked { .. }
        | Report::HookPanicked { .. } => error(report),
        Report::Stalled { .. }
        | Report::JobLeftBehind { .. }
        | Report::PoolStarved { .. }
        | Report::Blocked { .. }
        | Report::ServeFailed { .. } => warn(report),
        Report::Dump { .. } => info(report),
    });
}

/// Makes a function that sends a report as an event of one level, since the level and the names of
/// fields are constants for `tracing`.
macro_rules! sender {
    ($level:ident) => {
        fn $level(report: &Report) {
            tracing::$level!(
                target: "quintet::report",
                report = report.kind(),
                task.id = report.task().map(|task| task.id().0),
                task.name = report.task().and_then(TaskMeta::name),
                "{}",
                field::display(report),
            );
        }
    };
}

sender!(error);
sender!(warn);
sender!(info);

impl Report {
    /// Its kind, as the events call it.
    fn kind(&self) -> &'static str {
        match self {
            Report::TaskPanicked { .. } => "task_panicked",
            Report::DestructorPanicked { .. } => "destructor_panicked",
            Report::WakerPanicked { .. } => "waker_panicked",
            Report::HookPanicked { .. } => "hook_panicked",
            Report::Stalled { .. } => "stalled",
            Report::Dump { .. } => "dump",
            Report::JobLeftBehind { .. } => "job_left_behind",
            Report::PoolStarved { .. } => "pool_starved",
            Report::Blocked { .. } => "blocked",
            Report::ServeFailed { .. } => "serve_failed",
        }
    }

    /// The task that it is about.
    fn task(&self) -> Option<&TaskMeta> {
        match self {
            Report::TaskPanicked { task, .. } => Some(task),
            Report::DestructorPanicked { task, .. } | Report::Blocked { task, .. } => task.as_ref(),
            Report::WakerPanicked { .. }
            | Report::HookPanicked { .. }
            | Report::Stalled { .. }
            | Report::Dump { .. }
            | Report::JobLeftBehind { .. }
            | Report::PoolStarved { .. }
            | Report::ServeFailed { .. } => None,
        }
    }
}
