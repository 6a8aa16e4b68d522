//! The report that user code blocks a loop.

use std::fmt;
use std::time::Duration;

use super::Report;

impl Report {
    /// Writes a [`Report::Blocked`].
    pub(super) fn write_blocked(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report::Blocked {
            what,
            task,
            phase,
            woken_by,
            duration,
        } = self
        else {
            return Ok(());
        };
        write!(f, "{what}")?;
        if let Some(task) = task {
            write!(f, " of {task}")?;
        }
        write!(f, " has blocked the loop for {:?}", rounded(*duration))?;
        let mut separator = " (";
        for (label, value) in [("phase: ", phase), ("woken by ", woken_by)] {
            if let Some(value) = value {
                write!(f, "{separator}{label}{value}")?;
                separator = ", ";
            }
        }
        if separator == ", " {
            f.write_str(")")?;
        }
        f.write_str("; divide it with `yield_now`, or move it to `spawn_blocking` or `spawn_cpu`")
    }
}

/// A duration with three digits or so.
fn rounded(duration: Duration) -> Duration {
    if duration < Duration::from_millis(10) {
        Duration::from_micros(duration.as_micros() as u64)
    } else {
        Duration::from_millis(duration.as_millis() as u64)
    }
}
