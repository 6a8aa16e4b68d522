//! The error of a run that leaves tasks which nothing can wake.

use std::error::Error;
use std::fmt;

use super::Dump;

/// The error of [`Runtime::run`](super::Runtime::run) if it leaves tasks that nothing can wake.
///
/// Its message names the [cycles](super::Cycle) first, and lists the tasks, where they were
/// spawned, and what they wait for.
pub struct Stalled {
    dump: Dump,
}

impl Stalled {
    pub(super) fn new(dump: Dump) -> Self {
        Stalled { dump }
    }

    /// Returns the tasks that nothing can wake.
    pub fn tasks(&self) -> &[super::TaskDump] {
        self.dump.tasks()
    }

    /// Returns the cycles of tasks that wait for each other; see
    /// [`Dump::cycles`](super::Dump::cycles).
    pub fn cycles(&self) -> &[super::Cycle] {
        self.dump.cycles()
    }
}

impl fmt::Display for Stalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing can wake ")?;
        match self.tasks() {
            [_] => f.write_str("a task")?,
            tasks => write!(f, "{} tasks", tasks.len())?,
        }
        self.dump.fmt_tasks(f)
    }
}

// The output of `fn main() -> Result<(), Stalled>`.
impl fmt::Debug for Stalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for Stalled {}
