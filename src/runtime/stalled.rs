//! The error of a run that can come to no end.

use std::error::Error;
use std::fmt;

use super::Dump;

/// Nothing is left that could wake the tasks which are left; see [`Runtime::run`](super::Runtime::run).
///
/// It says which tasks these are, where they were spawned, and what they wait for.
pub struct Stalled {
    dump: Dump,
}

impl Stalled {
    pub(super) fn new(dump: Dump) -> Self {
        Stalled { dump }
    }

    /// Returns the tasks that can never end.
    pub fn tasks(&self) -> &[super::TaskDump] {
        self.dump.tasks()
    }
}

impl fmt::Display for Stalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing is left that could wake ")?;
        match self.tasks() {
            [_] => f.write_str("a task")?,
            tasks => write!(f, "{} tasks", tasks.len())?,
        }
        self.dump.fmt_tasks(f)
    }
}

// What `fn main() -> Result<(), Stalled>` prints.
impl fmt::Debug for Stalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for Stalled {}
